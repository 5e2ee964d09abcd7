"""How full each quota was when a message was counted."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from smsadmin.core import numbers
from smsadmin.quotas import rulebook, words
from smsadmin.quotas.models import Scope, Unit
from smsadmin.quotas.rulebook import Limit, Subject
from smsadmin.sending.models import Message


@dataclass(frozen=True, slots=True)
class Position:
    """How much of one limit was used before and after this message was counted; the limit is today's `rule`."""

    rule: Limit
    before: int
    after: int

    @property
    def window(self) -> str:
        return words.titled(str(words.NAMES[self.rule.window]), self.rule.unit, self.rule.zone)

    @property
    def limit(self) -> int:
        return self.rule.limit


def quota(message: Message) -> list[tuple[str, list[Position]]]:
    """For the number and the user: where each of their limits stood."""
    found = []
    for counted in message.quota:
        name = _sender(message) if counted["scope"] == Scope.NUMBER else message.send_as
        zone = counted.get("zone", rulebook.UTC_ZONE)
        limits = rulebook.limits(_subject(message, counted), timezone.now())
        its = [limit for limit in limits if limit.column in counted and limit.zone == zone]
        found.append((name, [_position(limit, counted[limit.column], message) for limit in its]))
    return found


def _sender(message: Message) -> str:
    return numbers.pretty(message.sender) or (message.number.name if message.number else "")


def _subject(message: Message, counted: dict[str, Any]) -> Subject:
    holder = message.number if counted["scope"] == Scope.NUMBER else message.agent
    if holder:
        return Subject.of(holder)
    return Subject(message.workspace_id, counted["scope"], counted["subject"])


def _position(rule: Limit, after: int, message: Message) -> Position:
    """What it was counted with is our own count of its segments; the provider's corrects the counters later."""
    share = message.segments if rule.unit == Unit.SEGMENTS else 1
    return Position(rule, max(after - share, 0), after)
