"""The end of the classic action: its owners are told 30, 7 and 1 days before the last one, each of it once."""

from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from smsadmin.classic import listing, portals
from smsadmin.classic.models import ClassicSettings
from smsadmin.notices import telling
from smsadmin.notices.models import Notice

logger = structlog.get_logger(__name__)

#: Days before the last one.
TOLD = (30, 7, 1)


def sweep(now: datetime | None = None) -> None:
    """Tells whoever is due to be told, and learns where portals' people work. What goes wrong for one workspace is
    logged."""
    now = now or timezone.now()
    for workspace_id in ClassicSettings.objects.filter(enabled=True).values_list("pk", flat=True):
        try:
            remind(workspace_id, now)
            portals.learn(workspace_id)
        except Exception:
            logger.exception("classic.sweep_failed", workspace=workspace_id)


@transaction.atomic
def remind(workspace_id: int, now: datetime) -> None:
    """One notice for all the days that passed since the one before: who sets the end for next week is told once."""
    settings = ClassicSettings.objects.select_related("workspace").select_for_update(of=("self",))
    found = settings.get(pk=workspace_id)
    workspace = found.workspace
    left = found.days_left(timezone.localdate(now, workspace.zone))
    due = [days for days in TOLD if left is not None and left <= days and days not in found.told]
    if not due or left is None or left < 0:
        return
    assert found.sunset_on
    facts = {
        "last_day": found.sunset_on.isoformat(),
        "days_left": left,
        "steps": listing.in_use(workspace, now),
    }
    key = f"classic {found.sunset_on} {min(due)}"
    telling.tell_owners(workspace, Notice.Kind.CLASSIC_SUNSET, key, facts, now)
    found.told = [*found.told, *due]
    found.save(update_fields=["told"])
