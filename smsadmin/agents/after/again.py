"""The button of a call whose end could not be dealt with: to look at it again."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from smsadmin.agents.after import running
from smsadmin.agents.models import AgentCall
from smsadmin.workspaces.access import operator_required
from smsadmin.workspaces.requests import WorkspaceRequest


@require_POST
@operator_required
def look_again(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Has the call confirmed and judged anew; what its rules ask for is sent then."""
    call = get_object_or_404(AgentCall, pk=pk, workspace=request.workspace)
    if running.look_again(call, timezone.now()):
        messages.success(
            request, _("The call is looked at again. Reload the page in a moment to see what came of it.")
        )
    else:
        messages.info(
            request, _("There is nothing to look at again: it was dealt with, or its details were deleted.")
        )
    return redirect("agent-call", pk)
