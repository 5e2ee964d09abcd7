"""Saved actions as the triggers look them up."""

from typing import Any

from smsadmin.actions.models import Action
from smsadmin.cache import remembered
from smsadmin.core.message import ActionConfig


def for_request(workspace_id: int, action_id: str) -> dict[str, Any]:
    """The fields of a SendRequest that a saved action decides. An unknown one is refused as switched off, as is
    an archived one, which never is on."""
    action = remembered(("action", workspace_id, action_id), lambda: _read(workspace_id, action_id))
    if action is None or action.current is None:
        nothing = ActionConfig(sender_kind="number", recipient_property="", message="")
        return {"config": nothing, "action_name": f"№ {action_id}"[:80], "action_enabled": False}
    return {
        "config": action.current.config(),
        "action_id": action.pk,
        "version_id": action.current_id,
        "action_name": action.name,
        "version_number": action.current.number,
        "action_enabled": action.enabled,
    }


def _read(workspace_id: int, action_id: str) -> Action | None:
    if not action_id.isdecimal() or len(action_id) > 18:
        return None
    return (
        Action.objects.filter(workspace_id=workspace_id, pk=int(action_id)).select_related("current").first()
    )
