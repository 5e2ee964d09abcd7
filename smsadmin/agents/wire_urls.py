"""What agents and their platforms call."""

from django.urls import path

from smsadmin.agents.after import views as after
from smsadmin.agents.dialects import views as dialects
from smsadmin.agents.mcp import view as protocol

urlpatterns = [
    path("mcp/", protocol.mcp, name="mcp"),
    path("agents/tools/", dialects.agent_tools, name="agent-tools"),
    path("agents/tools/<str:tool>", dialects.agent_tools, name="agent-tool"),
    path("agents/webhooks/<uuid:public_id>", after.call_ended, name="agent-webhook"),
    # With or without a slash at the end: who follows a redirect may lose the token or the body on the way.
    path("mcp", protocol.mcp),
    path("agents/tools", dialects.agent_tools),
    path("agents/tools/<str:tool>/", dialects.agent_tools),
    path("agents/webhooks/<uuid:public_id>/", after.call_ended),
]
