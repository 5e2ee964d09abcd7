"""Deleting what providers told us once it has become old: texts, numbers, or all of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from smsadmin.incoming.models import Charge, InboundMessage, OutsideMessage, ProviderCall
from smsadmin.privacy.models import Part
from smsadmin.workspaces.models import Workspace

Outcome = ProviderCall.Outcome


def purge(workspace: Workspace, before: datetime, part: Part, most: int = 1_000) -> int:
    """Deletes this of what came in before that moment, at most so many rows of each kind; returns how many rows were
    touched. To be called again until that is 0: what is gone already is not looked at again.

    Without its numbers a call keeps its event, time and message, a message from or by others its time and our number.
    """
    texts = [model.objects.filter(workspace=workspace, at__lt=before) for model in _KEPT]
    calls = ProviderCall.objects.filter(workspace=workspace, at__lt=before)
    gone = _DELETING[part](texts, calls, most)
    if part == Part.MESSAGE:  # prices name nobody, and stay as long as their messages
        gone += _deleted(_some(Charge.objects.filter(workspace=workspace, at__lt=before), most))
    return gone


#: Where texts that are not our messages are kept, and the column that holds the number of the other side.
_KEPT: dict[Any, str] = {InboundMessage: "sender", OutsideMessage: "party"}
_Rows = Sequence[QuerySet[Any]]


def _texts(texts: _Rows, calls: QuerySet[ProviderCall], most: int) -> int:
    """A call holds its text until it is handled: those that wait still do, and those that we failed at."""
    now = timezone.now()
    gone = sum(
        _updated(rows.filter(values_gone_at=None), most, body="", values_gone_at=now) for rows in texts
    )
    return gone + _emptied(calls.filter(values_gone_at=None), most, now)


def _numbers(texts: _Rows, calls: QuerySet[ProviderCall], most: int) -> int:
    now, gone = timezone.now(), 0
    for rows in texts:
        column = {_KEPT[rows.model]: ""}
        gone += _updated(rows.filter(number_gone_at=None), most, number_gone_at=now, **column)
    return gone + _emptied(calls.filter(number_gone_at=None), most, now)


def _rows(texts: _Rows, calls: QuerySet[ProviderCall], most: int) -> int:
    # Every outcome there is: so that the index on it leads to the old ones, in whatever order.
    calls = calls.filter(outcome__in=Outcome.values)
    return sum(_deleted(_some(rows, most)) for rows in (*texts, calls))


def _deleted(rows: QuerySet[Any]) -> int:
    """How many of these rows, and not of those that go with them."""
    return rows.delete()[1].get(rows.model._meta.label, 0)


def _emptied(calls: QuerySet[ProviderCall], most: int, now: datetime) -> int:
    return _updated(calls, most, body={}, values_gone_at=Coalesce("values_gone_at", now), number_gone_at=now)


def _updated(rows: QuerySet[Any], most: int, **columns: Any) -> int:
    """The oldest first: in that order stand the indexes of what is not gone yet."""
    return _some(rows.order_by("at", "pk"), most).update(**columns)


def _some(rows: QuerySet[Any], most: int) -> QuerySet[Any]:
    """The first of them, as rows that can be changed: an UPDATE and a DELETE take no limit."""
    return rows.model.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[:most]))


_DELETING = {Part.TEXT: _texts, Part.NUMBER: _numbers, Part.MESSAGE: _rows}
