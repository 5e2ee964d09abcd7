"""Slots for requests to one account: every process takes its turns from the same row (GCRA).

Aircall developer docs, "Rate limiting": so many requests a minute for the whole company. HubSpot docs, "Usage
guidelines": so many in ten seconds for an app and account. Each is one budget, whatever the requests are for.
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
        begins = _next(pace, now)
        _move(pace, begins + rate.spacing * requests)
    return _leaves(pace, begins, rate, now)


def take(
    connection_id: int,
    rate: Rate,
    within: timedelta = _NONE,
    now: datetime | None = None,
    requests: int = 1,
) -> datetime | None:
    """The next slots as `reserve` takes them, if they begin `within` that time, else none. Returns when they begin."""
    now = now or timezone.now()
    with transaction.atomic():
        pace = _locked(connection_id)
        begins = _next(pace, now)
        leaves = _leaves(pace, begins, rate, now)
        if leaves > now + within:
            return None
        _move(pace, begins + rate.spacing * requests)
    return leaves


def pause(connection_id: int, until: datetime, why: str) -> None:
    """No request leaves before that moment: the other side said so. An earlier and longer pause stays.

    The slots after it follow one another as ever. Who was promised one before it has to take another.
    """
    with transaction.atomic():
        pace = _locked(connection_id)
        if pace.paused_until is None or pace.paused_until < until:
            pace.paused_until, pace.paused_for = until, why[:120]
            pace.save(update_fields=["paused_until", "paused_for"])


def leave(
    connection_id: int, rate: Rate, requests: int, until: datetime, now: datetime | None = None
) -> None:
    """The other side takes no more than so many requests before that moment: the next slot is put off until those that
    remain fit in. What was promised a slot and has not left yet is among them. So is the time for which an earlier
    answer put it off, as the row does not tell one from the other: it errs towards a wait, which that moment ends."""
    now = now or timezone.now()
    with transaction.atomic():
        pace = _locked(connection_id)
        ends = max(pace.next_slot_at or now, now)
        promised = max(ends - now - rate.spacing, _NONE)  # the last one that began has been answered
        earliest = min(until - rate.spacing * requests + promised, max(until, ends))
        if earliest > ends:
            _move(pace, earliest)


def forget(connection_id: int) -> None:
    """The next request may leave at once, whatever was promised or asked for."""
    Pace.objects.filter(pk=connection_id).delete()


def of(connection_id: int) -> Pace:
    """The account's pace as it stands; one that was never used where there is none."""
    return Pace.objects.filter(pk=connection_id).first() or Pace(connection_id=connection_id)


def _next(pace: Pace, now: datetime) -> datetime:
    """When the next slot begins. A pause takes up slots: else everybody who waited for its end would leave at once."""
    return max(pace.next_slot_at or now, pace.paused_until or now, now)


def _leaves(pace: Pace, begins: datetime, rate: Rate, now: datetime) -> datetime:
    return max(begins - rate.burst, pace.paused_until or now, now)


def _move(pace: Pace, next_slot_at: datetime) -> None:
    pace.next_slot_at = next_slot_at
    pace.save(update_fields=["next_slot_at"])


def _locked(connection_id: int) -> Pace:
    rows = Pace.objects.select_for_update()
    if found := rows.filter(pk=connection_id).first():
        return found
    Pace.objects.get_or_create(pk=connection_id)
    return rows.get(pk=connection_id)
