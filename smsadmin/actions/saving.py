"""Saving an action: a change is a new version, never an edit; nobody overwrites what they have not seen."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from smsadmin import cache
from smsadmin.actions.models import Action, ActionVersion
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
)


class NameTaken(Exception):
    """Another action of the workspace has this name."""


class SavedMeanwhile(Exception):
    """Somebody saved a newer version after the form was opened; `current` is theirs."""

    def __init__(self, current: ActionVersion) -> None:
        self.current = current
        super().__init__(str(current))


def config_of(version: ActionVersion) -> dict[str, Any]:
    """What a version does, as `create` and `change` take it."""
    return {name: getattr(version, name) for name in CONFIG}


def create(workspace: Workspace, name: str, config: Mapping[str, Any], note: str, by: User) -> Action:
    """A new action with its first version. Raises NameTaken."""
    try:
        with transaction.atomic():
            action = Action.objects.create(workspace=workspace, name=name)
            _add_version(action, 1, config, note, by)
    except IntegrityError as error:
        raise NameTaken from error
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
        raise NameTaken from error
    cache.forget()
    return saved


def switch(action: Action, *, on: bool, reason: str = "") -> None:
    """Switches the action on, or off with the reason that its refused messages' readers will look for."""
    action.enabled, action.disabled_reason = on, "" if on else reason
    action.save(update_fields=["enabled", "disabled_reason"])
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
