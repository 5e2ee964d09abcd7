"""Deleting what providers told us once it has become old: texts, numbers, or all of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from smsadmin.incoming.models import InboundMessage, ProviderCall
from smsadmin.workspaces.models import Workspace

Outcome = ProviderCall.Outcome


class What(StrEnum):
    TEXTS = "texts"
    NUMBERS = "numbers"
    ROWS = "rows"


def purge(workspace: Workspace, before: datetime, what: What, most: int = 1_000) -> int:
    """Deletes this of what came in before that moment, at most so many rows of each kind; returns how many rows were
    touched. To be called again until that is 0: what is gone already is not looked at again.

    Without its numbers a call keeps its event, time and message, an inbound message its time and number of ours.
    """
    inbound = InboundMessage.objects.filter(workspace=workspace, at__lt=before)
    calls = ProviderCall.objects.filter(workspace=workspace, at__lt=before)
    return _DELETING[what](inbound, calls, most)


def _texts(inbound: QuerySet[InboundMessage], calls: QuerySet[ProviderCall], most: int) -> int:
    """A call holds its text until it is handled: those that wait still do, and those that we failed at."""
    now = timezone.now()
    gone = _updated(inbound.filter(values_gone_at=None), most, body="", values_gone_at=now)
    return gone + _emptied(calls.filter(values_gone_at=None), most, now)


def _numbers(inbound: QuerySet[InboundMessage], calls: QuerySet[ProviderCall], most: int) -> int:
    now = timezone.now()
    gone = _updated(inbound.filter(number_gone_at=None), most, sender="", number_gone_at=now)
    return gone + _emptied(calls.filter(number_gone_at=None), most, now)


def _rows(inbound: QuerySet[InboundMessage], calls: QuerySet[ProviderCall], most: int) -> int:
    # Every outcome there is: so that the index on it leads to the old ones, in whatever order.
    calls = calls.filter(outcome__in=Outcome.values)
    return sum(_some(rows, most).delete()[0] for rows in (inbound, calls))


def _emptied(calls: QuerySet[ProviderCall], most: int, now: datetime) -> int:
    return _updated(calls, most, body={}, values_gone_at=Coalesce("values_gone_at", now), number_gone_at=now)


def _updated(rows: QuerySet[Any], most: int, **columns: Any) -> int:
    """The oldest first: in that order stand the indexes of what is not gone yet."""
    return _some(rows.order_by("at", "pk"), most).update(**columns)


def _some(rows: QuerySet[Any], most: int) -> QuerySet[Any]:
    """The first of them, as rows that can be changed: an UPDATE and a DELETE take no limit."""
    return rows.model.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[:most]))


_DELETING = {What.TEXTS: _texts, What.NUMBERS: _numbers, What.ROWS: _rows}
