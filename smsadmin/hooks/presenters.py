"""Hooks and their deliveries in words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from smsadmin.dashboard.templatetags.ui import Badge
from smsadmin.hooks import events
from smsadmin.hooks.models import Hook, HookDelivery
from smsadmin.keyset import Keyset
from smsadmin.notices.presenters import STATES

State = HookDelivery.State
NEWEST_FIRST = Keyset(HookDelivery)


class Standing(StrEnum):
    """How a hook stands."""

    OFF = "off"
    PAUSED = "paused"
    FAILING = "failing"
    WORKING = "working"
    UNTRIED = "untried"


LOOKS = {
    Standing.OFF: Badge(_("Off"), "player-pause", "neutral"),
    Standing.PAUSED: Badge(_("Paused"), "player-pause", "bad"),
    Standing.FAILING: Badge(_("Failing"), "alert-triangle", "warn"),
    Standing.WORKING: Badge(_("Works"), "check", "good"),
    Standing.UNTRIED: Badge(_("Nothing sent yet"), "circle-dashed", "neutral"),
}


def standing(hook: Hook, last: datetime | None) -> Standing:
    """`last` is when something arrived last."""
    if not hook.enabled:
        return Standing.OFF
    if hook.paused_at:
        return Standing.PAUSED
    if hook.failing_since:
        return Standing.FAILING
    return Standing.WORKING if last else Standing.UNTRIED


@dataclass(frozen=True, slots=True)
class Row:
    """One hook of the list: what it asks for in words, when something arrived last, and what did not."""

    hook: Hook
    events: Sequence[str]
    last: datetime | None
    waiting: int
    given_up: int

    @property
    def look(self) -> Badge:
        return LOOKS[standing(self.hook, self.last)]


def rows(hooks: QuerySet[Hook]) -> list[Row]:
    """These hooks by name; two queries, however many there are."""
    arrived = HookDelivery.objects.filter(hook=OuterRef("pk"), state=State.DELIVERED)
    newest = Subquery(arrived.order_by("-pk").values("answered_at")[:1])
    found = list(hooks.select_related("endpoint").annotate(last=newest).order_by("name", "pk"))
    left = _left(found)
    return [
        Row(
            hook,
            in_words(hook.events),
            hook.last,
            left[hook.pk, State.WAITING],
            left[hook.pk, State.GIVEN_UP],
        )
        for hook in found
    ]


def _left(hooks: Iterable[Hook]) -> Counter[tuple[int, str]]:
    """How much of each hook waits, and was given up."""
    states = [State.WAITING, State.GIVEN_UP]
    found = HookDelivery.objects.filter(hook__in=list(hooks), state__in=states).order_by()
    counted = found.values_list("hook", "state").annotate(n=Count("pk"))
    return Counter({(hook, state): n for hook, state, n in counted})


def in_words(chosen: Iterable[str]) -> list[str]:
    """What a hook asks for: whole families, and kinds by their names."""
    names = list(chosen)
    return [
        *(str(family.word) for family in events.FAMILIES if family.every in names),
        *(name for name in events.KINDS if name in names),
    ]


# --- The log of deliveries ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: when, how long it took and what was answered, in English as smsadmin.phrases knows it."""

    at: datetime
    ms: int
    answer: str


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery of the log, as its reader may see it; the newest attempt first."""

    delivery: HookDelivery
    attempts: Sequence[Attempt]
    is_being_tried: bool
    may_again: bool

    @property
    def look(self) -> Badge:
        return STATES[self.delivery.state]


def lines(shown: Iterable[HookDelivery], now: datetime, *, with_answers: bool) -> list[Line]:
    """Deliveries as lines of the log. `with_answers`: an answer may repeat what it was told, so it is shown whole to
    those alone who may see numbers and texts."""
    return [_line(each, now, whole=with_answers) for each in shown]


def _line(delivery: HookDelivery, now: datetime, *, whole: bool) -> Line:
    tried = [
        Attempt(datetime.fromisoformat(each["at"]), each["ms"], _answer(each["answer"], whole=whole))
        for each in reversed(delivery.tried)
    ]
    return Line(delivery, tried, delivery.is_being_tried(now), delivery.may_again(now))


def _answer(text: str, *, whole: bool) -> str:
    """Without its body "HTTP 500: …" is "HTTP 500"."""
    return text if whole or not text.startswith("HTTP ") else text.partition(":")[0]
