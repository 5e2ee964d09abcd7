"""The rule that every workspace begins with: its limits are told of in the list of notices."""

from typing import Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _

from smsadmin.notices.models import NoticeRule
from smsadmin.quotas.models import Rule, Unit
from smsadmin.workspaces.models import Workspace

#: What a new rule for limits waits for, unless somebody chooses otherwise.
USUAL: dict[str, Any] = {
    "thresholds": [80, 90, 100],
    "forecast": True,
    "windows": [Rule.Window.DAY.value, Rule.Window.MONTH.value],
    "units": list(Unit.values),
}


def ship_rule(workspace: Workspace) -> None:
    """Gives a new workspace a rule for its limits, by its own language. Nothing is used of them yet, so there is no
    stock to take."""
    with translation.override(workspace.language):
        name = _("Limits")
    NoticeRule.objects.create(
        workspace=workspace, name=name, when=NoticeRule.When.QUOTA, begun_at=timezone.now(), **USUAL
    )
