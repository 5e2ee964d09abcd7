"""The pages of agents, of their calls, and of what each may use."""

from django.urls import path

from smsadmin.agents import attaching, calls, importing_views, listing, views
from smsadmin.agents.after import again

urlpatterns = [
    path("", listing.agents, name="ai-agents"),
    path("new/", views.new, name="ai-agent-new"),
    path("import/", importing_views.imports, name="agents-import"),
    path("import/done/", importing_views.import_done, name="agents-import-done"),
    path("calls/", calls.calls, name="agent-calls"),
    path("calls/<int:pk>/", calls.call, name="agent-call"),
    path("calls/<int:pk>/again/", again.look_again, name="agent-call-again"),
    path("uses/", calls.uses, name="agent-uses"),
    path("attach/<int:pk>/", attaching.attach_to, name="attach-to"),
    path("<int:pk>/", views.agent, name="ai-agent"),
    path("<int:pk>/settings/", views.settings, name="ai-agent-settings"),
    path("<int:pk>/token/", views.token, name="ai-agent-token"),
    path("<int:pk>/delete/", views.delete, name="ai-agent-delete"),
    path("<int:pk>/attach/", attaching.attach, name="attach"),
    path("<int:pk>/actions/<int:tool_pk>/", attaching.attachment, name="attachment"),
    path("<int:pk>/actions/<int:tool_pk>/switch/", attaching.switch, name="attachment-switch"),
    path("<int:pk>/actions/<int:tool_pk>/remove/", attaching.remove, name="attachment-remove"),
    path("<int:pk>/actions/<int:tool_pk>/try/", attaching.try_tool, name="attachment-try"),
]
