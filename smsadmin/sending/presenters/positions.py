"""How full each quota was when a message was counted."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.core import numbers
from smsadmin.core.windows import Window
from smsadmin.quotas import counting
from smsadmin.quotas.models import Scope, Unit
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
        rules = counting.limits(message.workspace_id, counted["scope"])
        positions = [
            _position(rule, counted[rule.column], message) for rule in rules if rule.column in counted
        ]
        found.append((name, positions))
    return found


def _position(rule: counting.Limit, after: int, message: Message) -> Position:
    share = message.segments if rule.unit == Unit.SEGMENTS else 1
    return Position(_window(rule), max(after - share, 0), after, rule.limit)


def _window(rule: counting.Limit) -> str:
    words = str(WINDOWS[rule.window])
    return _("%(window)s, segments") % {"window": words} if rule.unit == Unit.SEGMENTS else words
