"""Whether an action sends, and who last decided so: read from the audit log."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from auditlog.models import LogEntry
from django.db.models import Q

from smsadmin.actions.models import Action
from smsadmin.workspaces.models import User


class State(StrEnum):
    ON = "on"
    OFF = "off"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of an action; `at` and `by` are None where nobody ever changed it, or the log has no person."""

    state: State
    at: datetime | None = None
    by: User | None = None


def state_of(action: Action) -> State:
    if action.is_archived:
        return State.ARCHIVED
    return State.ON if action.enabled else State.OFF


def standing(action: Action) -> Standing:
    """The state of an action, since when, and by whom."""
    changes = LogEntry.objects.get_for_object(action).filter(action=LogEntry.Action.UPDATE)
    decided = changes.filter(Q(changes__has_key="enabled") | Q(changes__has_key="archived_at"))
    newest = decided.select_related("actor").order_by("-timestamp", "-pk").first()
    state = state_of(action)
    return Standing(state, newest.timestamp, newest.actor) if newest else Standing(state)
