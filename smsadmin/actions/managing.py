"""What is done to an action as a whole: switched on and off (by the editor), archived and brought back."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from smsadmin.actions import saving
from smsadmin.actions.models import Action
from smsadmin.actions.standing import State, state_of
from smsadmin.workspaces.access import editor_required
from smsadmin.workspaces.requests import WorkspaceRequest


def switch_on(request: WorkspaceRequest, shown: Action) -> None:
    """Switches an action on and says so, or why not."""
    try:
        saving.switch(shown, on=True)
    except saving.Archived:
        messages.error(request, shown.why_off)
    else:
        announce(request, shown)


def switch_off(request: WorkspaceRequest, shown: Action, reason: str) -> None:
    """Switches an action off and says so."""
    saving.switch(shown, on=False, reason=reason)
    announce(request, shown)


@require_http_methods(["GET", "POST"])
@editor_required
def archive(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Archives an action or brings it back, and goes to its page, as opening the address does."""
    shown = get_object_or_404(Action, pk=pk, workspace=request.workspace)
    if request.POST.get("back") == "1":
        saving.bring_back(shown)
        announce(request, shown)
    elif request.method == "POST":
        saving.archive(shown)
        announce(request, shown)
    return redirect("action", pk)


def announce(request: WorkspaceRequest, shown: Action) -> None:
    """Says on the next page what an action's state is now."""
    words = {
        State.ON: _("“%(name)s” is on."),
        State.OFF: _("“%(name)s” is off: its messages are refused."),
        State.ARCHIVED: _(
            "“%(name)s” is archived: it is off, and only the list of archived actions shows it."
        ),
    }
    messages.success(request, words[state_of(shown)] % {"name": shown.name})
