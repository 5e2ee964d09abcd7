"""Delivering events: several at once, the oldest of each hook first, and none waits for an address that is slow.

One sweep serves every hook from threads of its own, so that events take one of a worker's threads, however many there
are; a second one while it waits for the last answers of its turn. A hook has few requests under way, one that fails a
single one, and all that fail no more than half of what there is: what they wait for with their timeouts, others do not.
A hook of which nothing has arrived for days is paused, until a person resumes it.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event as Flag
from threading import Lock

import structlog
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone, translation

from smsadmin.dashboard.housekeeping import KEPT
from smsadmin.hooks import bell, payloads
from smsadmin.hooks.models import Hook, HookDelivery
from smsadmin.hooks.payloads import About
from smsadmin.notices import attempts, telling, webhook
from smsadmin.notices.models import Notice
from smsadmin.notices.outcome import Outcome
from smsadmin.stopping import stopping

logger = structlog.get_logger(__name__)

AT_ONCE = 16  # requests of a sweep
OF_A_HOOK = 4
OF_A_FAILING_ONE = 1
OF_FAILING_ONES = AT_ONCE // 2  # together, of all workers
#: After so many seconds without an answer a sweep looks for what has come meanwhile.
LOOKS_AGAIN = 0.5
#: Answers that come within so many seconds are written together, and make room together.
TOGETHER = 0.05
#: What is not tried by then is left to the next sweep.
LONGEST_TURN = 20.0  # seconds
#: A hook of which nothing has arrived for so long is paused.
PATIENCE = timedelta(days=3)
#: After so long without an attempt, which is longer than any pause between two, nothing is known of a hook: what fails
#: then is the first to do so.
UNTRIED = timedelta(days=1)
#: Answers that the log of a delivery keeps.
MOST_KEPT = 20

_SERVED = Q(enabled=True, paused_at=None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt, and how long it took."""

    outcome: Outcome
    ms: int


UnderWay = dict[Future[Answer], HookDelivery]
#: Held by the sweep that takes what is due: of this process there is one.
_taking = Lock()
_turned_away = Flag()  # another one was rung for meanwhile, maybe for what came after the last look


def sweep() -> None:
    """Tries what is due, for a turn; nothing where this process does so already: that sweep rings for another one."""
    if not _taking.acquire(blocking=False):
        _turned_away.set()
        return
    _turned_away.clear()
    under_way: UnderWay = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hooks") as pool:
        try:
            is_over = _turn(pool, under_way)
        finally:
            _taking.release()
        if is_over or _turned_away.is_set():
            bell.ring()
        while under_way:
            _settle(under_way)


def _turn(pool: ThreadPoolExecutor, under_way: UnderWay) -> bool:
    """Takes what is due as there is room for it; whether there was no end of that in time."""
    ends, line = time.monotonic() + LONGEST_TURN, _Line()
    webhook.forget_previous(timezone.now())
    attempts.give_up_cut_off(HookDelivery.objects.all(), timezone.now())
    while time.monotonic() < ends and not stopping.is_set():
        for delivery, content in line.taken(AT_ONCE - len(under_way)):
            under_way[pool.submit(_post, delivery, content)] = delivery
        if not under_way:
            return False
        _settle(under_way, LOOKS_AGAIN)
    return not stopping.is_set()


def _settle(under_way: UnderWay, longest: float | None = None) -> None:
    """Waits for an answer, for so many seconds at most, and writes those that have come."""
    wait(under_way, longest, FIRST_COMPLETED)
    answered, _waiting = wait(under_way, TOGETHER)
    _record([(under_way.pop(each), each.result()) for each in answered], timezone.now())


# --- Whose turn it is ---------------------------------------------------------------------------------


class _Line:
    """What waits, served hook after hook: each turn begins after the hook that was served last."""

    def __init__(self) -> None:
        self.served = 0

    def taken(self, room: int) -> Iterator[tuple[HookDelivery, bytes | Outcome]]:
        """So many deliveries that are ours for the length of a lease, each with what is to be posted."""
        if not room:
            return
        now = timezone.now()
        ids = self._next(room, now)
        if not ids:
            return
        rows = HookDelivery.objects.select_related("event", "hook__endpoint", "hook__workspace")
        mine = sorted(attempts.take(rows, ids, now), key=lambda each: ids.index(each.pk))
        about = About.of(each.event for each in mine)
        for delivery in mine:
            yield delivery, _content(delivery, about)

    def _next(self, room: int, now: datetime) -> list[int]:
        """Samples, for somebody waits for them; then of each hook what has waited for longest."""
        due = attempts.due(HookDelivery.objects.all(), now)
        found = list(
            due.filter(is_sample=True).order_by("next_attempt_at").values_list("pk", flat=True)[:room]
        )
        hooks = Hook.objects.filter(_SERVED, Exists(due.filter(hook=OuterRef("pk"), is_sample=False)))
        held, of_failing = _held(now)
        for hook in sorted(hooks, key=lambda each: (each.pk <= self.served, each.pk)):
            fails = hook.failing_since is not None
            most = OF_A_FAILING_ONE if fails else OF_A_HOOK
            free = min(most - held.get(hook.pk, 0), room - len(found))
            if free > 0 and not (fails and of_failing >= OF_FAILING_ONES):
                of_failing += fails
                its = due.filter(hook=hook, is_sample=False).order_by("next_attempt_at", "pk")
                found += its.values_list("pk", flat=True)[:free]
                self.served = hook.pk
        return found


def _held(now: datetime) -> tuple[dict[int, int], int]:
    """How many deliveries of each hook are being tried, by whichever worker; and how many of those that fail."""
    rows = HookDelivery.objects.filter(HookDelivery.being_tried(now)).order_by()
    found = list(rows.values_list("hook", "hook__failing_since").annotate(n=Count("pk")))
    return {hook: n for hook, _, n in found}, sum(n for _, failing_since, n in found if failing_since)


# --- One attempt --------------------------------------------------------------------------------------


def _content(delivery: HookDelivery, about: About) -> bytes | Outcome:
    """What is posted; the outcome at once, where we fail at that ourselves."""
    workspace = delivery.hook.workspace
    try:
        with translation.override(workspace.language), timezone.override(workspace.zone):
            return payloads.body(delivery, about)
    except Exception as error:
        return attempts.ours(error, delivery=delivery.pk)


def _post(delivery: HookDelivery, content: bytes | Outcome) -> Answer:
    """In a thread that knows no database."""
    if isinstance(content, Outcome):
        return Answer(content, 0)
    endpoint, began = delivery.hook.endpoint, time.monotonic()
    try:
        outcome = webhook.post(endpoint, str(delivery.event_id), content, timezone.now())
    except Exception as error:
        outcome = attempts.ours(error, delivery=delivery.pk)
    return Answer(outcome, round((time.monotonic() - began) * 1000))


def _record(answers: Sequence[tuple[HookDelivery, Answer]], now: datetime) -> None:
    for delivery, answer in answers:
        tried = {"at": now.isoformat(), "ms": answer.ms, "answer": answer.outcome.said[:300]}
        kept = [*delivery.tried, tried][-MOST_KEPT:]
        state = attempts.record(delivery, answer.outcome, now, once=delivery.is_sample, tried=kept)
        logger.info("hooks.tried", delivery=delivery.pk, hook=delivery.hook_id, state=state)
    arrived = {delivery.hook_id for delivery, answer in answers if answer.outcome.arrived}
    failed = {each.hook_id for each, answer in answers if not (each.is_sample or answer.outcome.ours)}
    Hook.objects.filter(pk__in=arrived, failing_since__isnull=False).update(failing_since=None)
    _note_failures(Hook.objects.filter(pk__in=failed - arrived), now)


def _note_failures(hooks: QuerySet[Hook], now: datetime) -> None:
    """Attempts at these failed: what has gone on for long enough pauses them."""
    hooks.exclude(failing_since__isnull=False, failed_at__gt=now - UNTRIED).update(failing_since=now)
    hooks.update(failed_at=now)
    for hook in hooks.filter(failing_since__lte=now - PATIENCE, paused_at=None).select_related("workspace"):
        _pause(hook, now)


@transaction.atomic
def _pause(hook: Hook, now: datetime) -> None:
    """Its owners hear of it, for nobody is told of what waits any more."""
    if not Hook.objects.filter(pk=hook.pk, paused_at=None).update(paused_at=now):
        return
    assert hook.failing_since
    since = hook.failing_since.isoformat()
    facts = {"id": hook.pk, "name": hook.name, "since": since, "kept": KEPT.days}
    key = f"webhook {hook.pk} paused {now.isoformat()}"
    telling.tell_owners(hook.workspace, Notice.Kind.WEBHOOK_PAUSED, key, facts, now)
    logger.warning("hooks.paused", hook=hook.pk)


# --- What people do -----------------------------------------------------------------------------------


def again(delivery: HookDelivery, now: datetime) -> bool:
    """Sends one again at once, whether or not it had arrived; False where it is being tried just now."""
    if not attempts.begin_anew(HookDelivery.objects.filter(pk=delivery.pk), now):
        return False
    bell.ring()
    return True


def resume(hook: Hook, now: datetime) -> int:
    """Goes on with a hook that was paused: what waits is tried at once, and for another day. Returns how much waits."""
    Hook.objects.filter(pk=hook.pk).update(paused_at=None, failing_since=None)
    waiting = attempts.begin_anew(hook.deliveries.filter(state=HookDelivery.State.WAITING), now)
    bell.ring()
    return waiting
