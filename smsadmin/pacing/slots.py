"""Slots for requests to one account: every process takes its turns from the same row (GCRA).

Aircall developer docs, "Rate limiting": so many requests a minute for the whole company. HubSpot docs, "Usage
guidelines": so many in ten seconds for an app and account. Both are one budget, whatever the requests are for.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from smsadmin.pacing.models import Pace

_NONE = timedelta()


@dataclass(frozen=True, slots=True)
class Rate:
    """The time that each request takes up, and how much of that may be used ahead after a rest."""

    spacing: timedelta
    burst: timedelta = _NONE


def reserve(connection_id: int, rate: Rate, requests: int = 1, now: datetime | None = None) -> datetime:
    """Takes the next slots of an account for so many requests, made at once; returns when they may leave."""
    now = now or timezone.now()
    with transaction.atomic():
        pace = _locked(connection_id)
        begins = max(pace.next_slot_at or now, now)
        pace.next_slot_at = begins + rate.spacing * requests
        pace.save(update_fields=["next_slot_at"])
    return max(begins - rate.burst, pace.paused_until or now, now)


def take(
    connection_id: int, rate: Rate, within: timedelta = _NONE, now: datetime | None = None
) -> datetime | None:
    """One slot that begins `within` that time, or none: for somebody who cannot wait. Returns when it begins."""
    now = now or timezone.now()
    with transaction.atomic():
        pace = _locked(connection_id)
        ends = max(pace.next_slot_at or now, now)
        begins = max(ends - rate.burst, pace.paused_until or now, now)
        if begins > now + within:
            return None
        pace.next_slot_at = ends + rate.spacing
        pace.save(update_fields=["next_slot_at"])
    return begins


def pause(connection_id: int, until: datetime, why: str) -> None:
    """No request leaves before that moment: the other side said so. An earlier and longer pause stays."""
    with transaction.atomic():
        pace = _locked(connection_id)
        if pace.paused_until is None or pace.paused_until < until:
            pace.paused_until, pace.paused_for = until, why[:120]
            pace.save(update_fields=["paused_until", "paused_for"])


def of(connection_id: int) -> Pace:
    """The account's pace as it stands; one that was never used where there is none."""
    return Pace.objects.filter(pk=connection_id).first() or Pace(connection_id=connection_id)


def _locked(connection_id: int) -> Pace:
    Pace.objects.get_or_create(pk=connection_id)
    return Pace.objects.select_for_update().get(pk=connection_id)
