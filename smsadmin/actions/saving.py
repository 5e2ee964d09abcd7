"""Saving an action: a change is a new version, never an edit; nobody overwrites what they have not seen."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from smsadmin import cache
from smsadmin.actions.models import Action, ActionVersion
from smsadmin.core import naming
from smsadmin.workspaces.models import User, Workspace

#: The columns of a version that say what it does.
CONFIG = (
    "object_type",
    "sender_kind",
    "sender_number_id",
    "sender_property",
    "send_as_kind",
    "send_as_agent_id",
    "send_as_property",
    "recipient_property",
    "message",
    "at_quota",
    "hold_minutes",
    "mobile_only",
    "default_region",
    "traffic",
    "encoding",
    "wait_minutes",
    "hide_values",
    "condition",
)


class NameTaken(Exception):
    """Another action of the workspace has this name; as text, a sentence for the person who chose it."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        super().__init__(name_problem(workspace, name))


class Archived(Exception):
    """An archived action cannot be switched on."""


class SavedMeanwhile(Exception):
    """Somebody saved a newer version after the form was opened; `current` is theirs."""

    def __init__(self, current: ActionVersion) -> None:
        self.current = current
        super().__init__(str(current))


def config_of(version: ActionVersion) -> dict[str, Any]:
    """What a version does, as `create` and `change` take it."""
    return {name: getattr(version, name) for name in CONFIG}


def name_problem(workspace: Workspace, name: str, besides: Action | None = None) -> str:
    """Why an action (`besides`, or a new one) cannot have this name; "" when it can."""
    holder = Action.objects.filter(workspace=workspace, name=name).first()
    if holder is None or holder == besides:
        return ""
    if holder.is_archived:
        return _("An archived action has this name: choose a different one, or bring that one back.")
    return _("Another action has this name: choose a different one.")


def copy_name(workspace: Workspace, name: str) -> str:
    """A free name for a copy: "Copy of X", then "Copy of X (2)"."""
    return free_name(workspace, _("Copy of %(name)s") % {"name": name})


def free_name(workspace: Workspace, wanted: str) -> str:
    """The name, numbered where another action has it, and shortened to what the column holds."""
    taken = set(Action.objects.filter(workspace=workspace).values_list("name", flat=True))
    return naming.free_name(wanted, taken, Action._meta.get_field("name").max_length or 0)


def create(workspace: Workspace, name: str, config: Mapping[str, Any], note: str, by: User) -> Action:
    """A new action with its first version. Raises NameTaken."""
    try:
        with transaction.atomic():
            action = Action.objects.create(workspace=workspace, name=name)
            _add_version(action, 1, config, note, by)
    except IntegrityError as error:
        raise NameTaken(workspace, name) from error
    cache.forget()
    return action


def change(action: Action, name: str, config: Mapping[str, Any], note: str, by: User, base: int) -> bool:
    """Saves the next version unless it would do the same as the current one; whether it was saved.

    `base` is the number of the version the form was opened with. Raises SavedMeanwhile and NameTaken.
    """
    try:
        with transaction.atomic():
            saved = _change(
                Action.objects.select_for_update().get(pk=action.pk), name, config, note, by, base
            )
    except IntegrityError as error:
        raise NameTaken(action.workspace, name) from error
    cache.forget()
    return saved


def switch(action: Action, *, on: bool, reason: str = "") -> None:
    """Switches the action on, or off with the reason that its refused messages' readers will look for.

    Raises Archived for one that is archived and to be switched on.
    """
    with _locked(action):
        if on and action.is_archived:
            raise Archived
        action.enabled, action.disabled_reason = on, "" if on else reason


def archive(action: Action) -> None:
    """Switches the action off and puts it out of the way; a reason it was off for before stays."""
    with _locked(action):
        action.enabled, action.archived_at = False, action.archived_at or timezone.now()


def bring_back(action: Action) -> None:
    """Takes the action out of the archive, still off: switching it on is a decision of its own."""
    with _locked(action):
        action.archived_at = None


@contextmanager
def _locked(action: Action) -> Iterator[None]:
    """Changes of an action's state, made to what it is now and seen at once by this process."""
    state = ["enabled", "disabled_reason", "archived_at"]
    with transaction.atomic():
        action.refresh_from_db(fields=state, from_queryset=Action.objects.select_for_update())
        yield
        action.save(update_fields=state)
    cache.forget()


def _change(action: Action, name: str, config: Mapping[str, Any], note: str, by: User, base: int) -> bool:
    current = action.current
    if current is not None and current.number != base:
        raise SavedMeanwhile(current)
    if action.name != name:
        action.name = name
        action.save(update_fields=["name"])
    if current is not None and config_of(current) == config:
        return False
    _add_version(action, base + 1, config, note, by)
    return True


def _add_version(action: Action, number: int, config: Mapping[str, Any], note: str, by: User) -> None:
    action.current = ActionVersion.objects.create(
        action=action, number=number, note=note, created_by=by, **config
    )
    action.save(update_fields=["current"])
