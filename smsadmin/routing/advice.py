"""What is odd about a route as things are: where it leads to cannot text, another is before it, it goes in a circle."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from smsadmin.directory import facts
from smsadmin.directory.naming import label
from smsadmin.routing.models import Route

ALWAYS, FAILOVER = Route.When.ALWAYS, Route.When.FAILOVER


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence; `is_grave` where messages are refused, or the route does nothing at all."""

    words: str
    is_grave: bool = True


def of(route: Route, routes: Sequence[Route]) -> list[Remark]:
    """What to say of a route among all of its workspace, which are in their order and have their senders loaded."""
    if not route.enabled:
        return []
    others = [each for each in routes if each.enabled and each.when == route.when and each.pk != route.pk]
    found = [
        _via(route),
        _sender(route),
        _behind(route, others, routes),
        _circle(route, others),
        _same_account(route),
    ]
    return [each for each in found if each]


def _via(route: Route) -> Remark | None:
    why, fix = facts.why_not(route.via)
    if why:
        then = _("Texts that it fits are refused.") if route.when == ALWAYS else _("It is passed over.")
        return Remark(_("%(number)s: %(why)s") % {"number": label(route.via), "why": f"{why} {then} {fix}"})
    if route.via.connection.lost_at:
        then = _("Texts that it fits wait.") if route.when == ALWAYS else _("It is passed over.")
        words = _("The credentials of %(account)s are refused.") % {"account": route.via.connection}
        return Remark(f"{words} {then}")
    return None


def _sender(route: Route) -> Remark | None:
    """A text from a number that may not text is refused before any route is looked at."""
    if route.sender is None or not (why := facts.why_not(route.sender)[0]):
        return None
    words = _("%(number)s: %(why)s Texts from it are refused before any route is looked at.")
    return Remark(words % {"number": label(route.sender), "why": why})


def _behind(route: Route, others: Sequence[Route], order: Sequence[Route]) -> Remark | None:
    """Of routes for the same texts the first is taken; those for failover are tried one after the other."""
    place = {each.pk: index for index, each in enumerate(order)}
    before = [each for each in others if place[each.pk] < place[route.pk] and _same_texts(each, route)]
    if route.when == ALWAYS and before:
        return Remark(
            _("It never applies: “%(other)s” is for the same texts and before it.")
            % {"other": before[0].called}
        )
    if same := next((each for each in before if each.via_id == route.via_id), None):
        return Remark(
            _("It never applies: “%(other)s” leads to the same number before it.") % {"other": same.called}
        )
    return None


def _same_texts(one: Route, other: Route) -> bool:
    return one.sender_id == other.sender_id and one.country == other.country


def _circle(route: Route, others: Sequence[Route]) -> Remark | None:
    """Only one route is taken, so nothing goes round; but the two senders have changed places."""
    if route.when != ALWAYS or route.sender_id is None:
        return None
    for each in others:
        meets = not (each.country and route.country) or each.country == route.country
        if meets and each.sender_id == route.via_id and each.via_id == route.sender_id:
            words = _("“%(other)s” leads the other way: texts of each of the two leave from the other one.")
            return Remark(words % {"other": each.called}, is_grave=False)
    return None


def _same_account(route: Route) -> Remark | None:
    if route.when != FAILOVER or route.sender is None:
        return None
    if route.sender.connection_id != route.via.connection_id:
        return None
    words = _(
        "Both are of the account %(account)s, so this helps where a number is refused, not where the account is "
        "refused or cannot be reached."
    )
    return Remark(words % {"account": route.via.connection}, is_grave=False)
