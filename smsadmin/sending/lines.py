"""The lines in which held messages wait: first in, first out for each number, user and kind of message."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

from smsadmin.core.status import Status
from smsadmin.directory import book
from smsadmin.directory.models import Agent, Number
from smsadmin.sending.models import AGENT_OR_0, Message
from smsadmin.sending.quota import Demand, has_priority
from smsadmin.sending.resolve import Draft

#: So many messages of a line are read at once.
_CHUNK = 20


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

    def waiting(self, largest: int, now: datetime | None = None) -> QuerySet[Message]:
        """Its messages, without those of more than `largest` segments: what never has room stands in nobody's way."""
        ours = waiting(now).alias(agent_or_0=AGENT_OR_0).filter(number=self.number_id, traffic=self.traffic)
        return ours.filter(agent_or_0=self.agent_id or 0, segments__lte=largest)


def waiting(now: datetime | None = None) -> QuerySet[Message]:
    """The messages that are held; with a moment, only those that are not to be given up by then."""
    held = Message.objects.filter(status=Status.HELD)
    return held if now is None else held.filter(expires_at__gt=now)


def first(line: Line, largest: int) -> Message | None:
    """The first message of a line that may ever have room (quota.largest), with why and until when it is held."""
    found = line.waiting(largest).only("next_attempt_at", "error_code", "error_facts")
    return found.order_by("pk").first()


def length(line: Line, largest: int) -> int:
    """How many of these wait in a line already."""
    return line.waiting(largest).count()


def after(message: Message, largest: int, now: datetime) -> Iterator[Message]:
    """Those that stand behind a message in its line and may ever have room, read as they are asked for."""
    behind, last, found = Line.of(message).waiting(largest, now), message, [message] * _CHUNK
    while len(found) == _CHUNK:
        found = list(_to_release(behind.filter(pk__gt=last.pk))[:_CHUNK])
        yield from found
        last = found[-1] if found else last


# --- The ends of lines -----------------------------------------------------------------------------------


def all_heads(now: datetime) -> list[Message]:
    """The first message of every line of every workspace, in the order in which they came.

    It costs as much as there are lines, however many messages stand in them: the index is read from the beginning of a
    line to that of the next one. One that is released at this very moment is among them, or its line would be missing.
    """
    until = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_HEADS, [until, until])
        ids = [pk for (pk,) in cursor.fetchall()]
    return list(_to_release(Message.objects.filter(pk__in=ids)))


_IN_LINE = "number_id, COALESCE(agent_id, 0), traffic"  # as the index held_by_line has them
_HEADS = (
    "WITH RECURSIVE head (id) AS ("  # noqa: S608 (our own column names)
    "SELECT (SELECT id FROM sending_message WHERE status = 'held' AND expires_at > %s "
    f"ORDER BY {_IN_LINE}, id LIMIT 1) "
    "UNION ALL SELECT (SELECT id FROM sending_message WHERE status = 'held' AND expires_at > %s "
    f"AND ({_IN_LINE}) > (passed.number_id, COALESCE(passed.agent_id, 0), passed.traffic) "
    f"ORDER BY {_IN_LINE}, id LIMIT 1) "
    "FROM head JOIN sending_message passed ON passed.id = head.id) "
    "SELECT id FROM head WHERE id IS NOT NULL"
)


def heads(held: QuerySet[Message]) -> list[Message]:
    """The first message of every line, in the order in which they came. One query."""
    return list(_to_release(_outermost(held, "pk")))


def tails(held: QuerySet[Message]) -> list[Message]:
    """The last message of every line, likewise."""
    return list(_to_release(_outermost(held, "-pk")))


def _outermost(held: QuerySet[Message], order: str) -> QuerySet[Message]:
    place = Window(RowNumber(), partition_by=[F("number"), F("agent"), F("traffic")], order_by=order)
    return held.annotate(place=place).filter(place=1)


def _to_release(found: QuerySet[Message]) -> QuerySet[Message]:
    """With all that releasing them needs."""
    related = found.select_related("number", "agent", "action")
    return related.defer(*Message.LONG, "body").order_by("pk")


# --- What they take --------------------------------------------------------------------------------------


class Demands(dict[tuple[Line, int], Demand]):
    """What a message of a line takes from quotas, by line and segments: few, however many messages there are."""

    def __init__(self, workspace_id: int) -> None:
        super().__init__()
        self._book = book.of(workspace_id)

    def __missing__(self, key: tuple[Line, int]) -> Demand:
        line, segments = key
        self[key] = Demand(self._number(line), self._agent(line), segments, has_priority(line.traffic))
        return self[key]

    def _number(self, line: Line) -> Number:
        """From the directory as it is remembered, or as it is: a number may be newer than what is remembered."""
        return self._book.numbers.get(line.number_id) or Number.objects.get(pk=line.number_id)

    def _agent(self, line: Line) -> Agent | None:
        if line.agent_id is None:
            return None
        return self._book.agents.get(line.agent_id) or Agent.objects.get(pk=line.agent_id)
