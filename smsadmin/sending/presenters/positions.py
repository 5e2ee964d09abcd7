"""How full each quota was when a message was counted."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.core import numbers
from smsadmin.core.windows import Window
from smsadmin.quotas import rulebook
from smsadmin.quotas.models import Scope, Unit
from smsadmin.quotas.rulebook import Limit, Subject
from smsadmin.sending.models import Message

WINDOWS = {
    Window.MINUTE: gettext_lazy("Minute"),
    Window.HOUR: gettext_lazy("Hour"),
    Window.DAY: gettext_lazy("Day"),
    Window.MONTH: gettext_lazy("Month"),
}


@dataclass(frozen=True, slots=True)
class Position:
    """How much of one limit was used before and after this message was counted; the limit is today's."""

    window: str
    before: int
    after: int
    limit: int


def quota(message: Message) -> list[tuple[str, list[Position]]]:
    """For the number and the user: where each of their limits stood."""
    found = []
    for counted in message.quota:
        name = numbers.pretty(message.sender) if counted["scope"] == Scope.NUMBER else message.send_as
        zone = counted.get("zone", rulebook.UTC_ZONE)
        limits = rulebook.limits(_subject(message, counted), timezone.now())
        its = [limit for limit in limits if limit.column in counted and limit.zone == zone]
        found.append((name, [_position(limit, counted[limit.column], message) for limit in its]))
    return found


def _subject(message: Message, counted: dict[str, Any]) -> Subject:
    holder = message.number if counted["scope"] == Scope.NUMBER else message.agent
    if holder:
        return Subject.of(holder)
    return Subject(message.workspace_id, counted["scope"], counted["subject"])


def _position(rule: Limit, after: int, message: Message) -> Position:
    share = message.segments if rule.unit == Unit.SEGMENTS else 1
    return Position(_window(rule), max(after - share, 0), after, rule.limit)


def _window(rule: Limit) -> str:
    words = str(WINDOWS[rule.window])
    return _("%(window)s, segments") % {"window": words} if rule.unit == Unit.SEGMENTS else words
