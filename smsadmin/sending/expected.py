"""When held messages will leave, as far as is known now: worked out when somebody reads it, and never stored.

What is stored (`next_attempt_at`, and the reason) is kept up to date on the first of a line alone: when its line has
room again. A message far back in it leaves much later, and sooner again when others are cancelled or a limit is raised.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from smsadmin.core.status import Status
from smsadmin.sending import lines
from smsadmin.sending.lines import Line
from smsadmin.sending.models import Message
from smsadmin.sending.room import when_room

#: So many held messages are looked at, the first of each number.
MOST = 3_000


@dataclass(frozen=True, slots=True)
class Expected:
    """When a held message leaves if nothing else is sent; None: not before it is given up.

    `is_after`: later than that, for more wait before it than are looked at. `ahead`: how many of its line are before
    it, at least. `facts`: what the first of its line waits for, which is noted on that one alone.
    """

    at: datetime | None
    ahead: int
    is_after: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def is_in_vain(self) -> bool:
        """Whether it will be given up before there is room."""
        return self.at is None


def of(messages: Iterable[Message], now: datetime) -> dict[UUID, Expected]:
    """When those of a workspace's messages leave that are held, by id. One simulation, however many they are; no query
    where none is held."""
    held = [message for message in messages if message.status == Status.HELD and message.number_id]
    if not held:
        return {}
    found = _simulated(held, now)
    return {message.pk: found.of(message) for message in held}


class _Simulation:
    """What came of looking at the first messages of some numbers, in the order in which they came."""

    def __init__(self, rows: list[Message], moments: list[datetime | None]) -> None:
        self.known: dict[UUID, Expected] = {}
        self.length: Counter[Line] = Counter()
        self.latest: dict[int, datetime] = {}  # by number
        self.facts: dict[Line, Mapping[str, Any]] = {}
        for row, moment in zip(rows, moments, strict=True):
            line = Line.of(row)
            facts = self.facts.setdefault(line, row.error_facts)
            self.known[row.pk] = Expected(moment, self.length[line], facts=facts)
            self.length[line] += 1
            if moment:
                self.latest[line.number_id] = max(moment, self.latest.get(line.number_id, moment))

    def of(self, message: Message) -> Expected:
        if message.pk in self.known:
            return self.known[message.pk]
        line = Line.of(message)
        at = self.latest.get(line.number_id, message.next_attempt_at)
        facts = self.facts.get(line, message.error_facts)
        return Expected(at, self.length[line], is_after=True, facts=facts)


def _simulated(held: list[Message], now: datetime) -> _Simulation:
    """Tries what waits at the numbers and for the users of these messages."""
    workspace_id = held[0].workspace_id
    rows, demands = _waiting(held, now), lines.Demands(workspace_id)
    asked = [demands[Line.of(row), row.segments] for row in rows]
    return _Simulation(rows, when_room(workspace_id, asked, now, [row.expires_at for row in rows]))


def _waiting(held: list[Message], now: datetime) -> list[Message]:
    """At most MOST rows, the first ones of each number, in the order in which they came."""
    numbers = {message.number_id for message in held}
    agents = {message.agent_id for message in held if message.agent_id}
    place = Window(RowNumber(), partition_by=[F("number")], order_by="pk")
    found = lines.waiting(now).filter(
        Q(number__in=numbers) | Q(agent__in=agents), workspace=held[0].workspace_id
    )
    columns = ("number", "agent", "traffic", "segments", "expires_at", "error_facts")
    first = found.annotate(place=place).order_by("place", "pk").only(*columns)[:MOST]
    return sorted(first, key=lambda row: row.pk)
