"""Sending again what a hook was told of within a span of time: what did not arrive, or all of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from auditlog.models import LogEntry
from django.db import transaction
from django.db.models import QuerySet

from smsadmin.core.ids import first_uuid7
from smsadmin.hooks import bell
from smsadmin.hooks.models import Hook, HookDelivery
from smsadmin.notices import attempts


class Which(StrEnum):
    GIVEN_UP = "given_up"
    EVERY = "every"


@dataclass(frozen=True, slots=True)
class Span:
    """Events of a hook that happened from one moment until before another."""

    hook: Hook
    since: datetime
    until: datetime
    which: Which

    def deliveries(self) -> QuerySet[HookDelivery]:
        """Those that would be sent again; what waits is sent anyway. Samples tell of nothing that happened."""
        settled = [HookDelivery.State.GIVEN_UP]
        if self.which == Which.EVERY:
            settled.append(HookDelivery.State.DELIVERED)
        return HookDelivery.objects.filter(
            hook=self.hook,
            state__in=settled,
            is_sample=False,
            event__gte=first_uuid7(self.since),
            event__lt=first_uuid7(self.until),
        )


def replay(span: Span, now: datetime) -> int:
    """Has them sent again, each under the id it had; who did it goes to the audit log. Returns how many."""
    with transaction.atomic():
        number = attempts.begin_anew(span.deliveries(), now)
        changes = {
            "replayed": ["", str(number)],
            "span": ["", f"{span.since.isoformat()} – {span.until.isoformat()}"],
        }
        LogEntry.objects.log_create(span.hook, force_log=True, action=LogEntry.Action.UPDATE, changes=changes)
        transaction.on_commit(bell.ring)
    return number
