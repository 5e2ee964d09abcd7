"""What the editor does to an action as a whole: switched on and off, archived and brought back."""

from django.contrib import messages
from django.utils.translation import gettext as _

from smsadmin.actions import saving
from smsadmin.actions.models import Action
from smsadmin.actions.standing import State, state_of
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


def archive(request: WorkspaceRequest, shown: Action) -> None:
    """Archives an action and says so."""
    saving.archive(shown)
    announce(request, shown)


def bring_back(request: WorkspaceRequest, shown: Action) -> None:
    """Brings an archived action back, still off, and says so."""
    saving.bring_back(shown)
    announce(request, shown)


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
