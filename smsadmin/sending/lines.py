"""The lines in which held messages wait: first in, first out for each number, user and kind of message."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from smsadmin.core.status import Status
from smsadmin.sending.models import Message
from smsadmin.sending.resolve import Draft


@dataclass(frozen=True, slots=True)
class Line:
    """Messages from one number as one user (or as none), of one kind."""

    number_id: int
    agent_id: int | None
    traffic: str

    @classmethod
    def of(cls, message: Message) -> "Line":
        """The line that a message is or would be in."""
        assert message.number_id
        return cls(message.number_id, message.agent_id, message.traffic)

    @classmethod
    def of_draft(cls, draft: Draft) -> "Line":
        """The line that a message would wait in."""
        assert draft.number
        return cls(draft.number.pk, draft.agent.pk if draft.agent else None, draft.ask.config.traffic)

    @property
    def rows(self) -> Q:
        """Its messages, among those that are held."""
        return Q(number=self.number_id, agent=self.agent_id, traffic=self.traffic)


def waiting(now: datetime | None = None) -> QuerySet[Message]:
    """The messages that are held; with a moment, only those that are not to be given up by then."""
    held = Message.objects.filter(status=Status.HELD)
    return held if now is None else held.filter(expires_at__gt=now)


def first(line: Line) -> Message | None:
    """The first message of a line, with why and until when it is held."""
    found = waiting().filter(line.rows).only("next_attempt_at", "error_code", "error_facts")
    return found.order_by("pk").first()


def length(line: Line) -> int:
    """How many wait in a line already."""
    return waiting().filter(line.rows).count()


def heads(held: QuerySet[Message]) -> list[Message]:
    """The first message of every line, in the order in which they came. One query."""
    return list(_to_release(_outermost(held, "pk")))


def tails(held: QuerySet[Message]) -> list[Message]:
    """The last message of every line, likewise."""
    return list(_to_release(_outermost(held, "-pk")))


def _outermost(held: QuerySet[Message], order: str) -> QuerySet[Message]:
    place = Window(RowNumber(), partition_by=[F("number"), F("agent"), F("traffic")], order_by=order)
    return held.annotate(place=place).filter(place=1)


def in_order(lines: Iterable[Line], now: datetime, most: int) -> list[Message]:
    """The first messages of these lines together, in the order in which they came."""
    rows = reduce(or_, (line.rows for line in lines))
    return list(_to_release(waiting(now).filter(rows))[:most])


def _to_release(found: QuerySet[Message]) -> QuerySet[Message]:
    """With all that releasing them needs."""
    related = found.select_related("number", "agent", "action")
    return related.defer(*Message.LONG, "body").order_by("pk")
