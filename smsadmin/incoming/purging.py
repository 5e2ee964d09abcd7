"""Deleting what providers told us once it has become old: texts, numbers, or all of it."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import QuerySet
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
    touched. To be called again until that is 0.

    Without its numbers a call keeps its event, time and message, an inbound message its time and number of ours.
    """
    inbound = InboundMessage.objects.filter(workspace=workspace, at__lt=before)
    # Every outcome there is: so that the index on it leads to the old ones.
    calls = ProviderCall.objects.filter(workspace=workspace, outcome__in=Outcome.values, at__lt=before)
    return _DELETING[what](inbound, calls, most)


def _texts(inbound: QuerySet[InboundMessage], calls: QuerySet[ProviderCall], most: int) -> int:
    """A call holds its text until it is handled: those that wait still do, and those that we failed at."""
    with_text = calls.filter(outcome__in=(Outcome.WAITING, Outcome.FAILED)).exclude(body={})
    texts = inbound.filter(values_gone_at=None)
    return _updated(texts, most, body="", values_gone_at=timezone.now()) + _updated(with_text, most, body={})


def _numbers(inbound: QuerySet[InboundMessage], calls: QuerySet[ProviderCall], most: int) -> int:
    with_number, numbers = calls.exclude(body={}), inbound.filter(number_gone_at=None)
    gone = _updated(numbers, most, sender="", number_gone_at=timezone.now())
    return gone + _updated(with_number, most, body={})


def _rows(inbound: QuerySet[InboundMessage], calls: QuerySet[ProviderCall], most: int) -> int:
    found: Sequence[QuerySet[Any]] = (inbound, calls)
    return sum(_first(rows, most).delete()[0] for rows in found)


def _updated(rows: QuerySet[Any], most: int, **columns: Any) -> int:
    return _first(rows, most).update(**columns)


def _first(rows: QuerySet[Any], most: int) -> QuerySet[Any]:
    """The first of them, as rows that can be changed: an UPDATE and a DELETE take no limit."""
    return rows.model.objects.filter(pk__in=list(rows.order_by("pk").values_list("pk", flat=True)[:most]))


_DELETING = {What.TEXTS: _texts, What.NUMBERS: _numbers, What.ROWS: _rows}
