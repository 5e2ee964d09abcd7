"""Taking runs of flows: each by one worker at a time, and whatever it does outside once.

Whoever holds the lease of a row takes its steps; with every effect it writes what came of it and renews the lease. A
worker that takes a run over begins it anew, gets the stored answer of every effect that was done, and goes on from
there.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from smsadmin.core.errors import InternalError
from smsadmin.flows import bell
from smsadmin.flows.effects import Away, Effects, Rehearsal
from smsadmin.flows.language import document, engine
from smsadmin.flows.language.document import Document, Step
from smsadmin.flows.models import FlowRun, FlowVersion
from smsadmin.sending.dispatch import stopping
from smsadmin.sending.log import storable

logger = structlog.get_logger(__name__)

State = FlowRun.State

#: Longer than anything that happens between two effects: a call of a slow host, and a step with many recipients.
LEASE = timedelta(minutes=2)
#: So many workers may be killed at one run before it is given up.
MOST_ATTEMPTS = 5
#: A worker has few threads, and messages need them: no more are at runs at once.
MOST_AT_ONCE = 4
#: Seconds after which whoever was rung looks again, for runs that began while bells were quiet.
LINGER = bell.QUIET * 3
#: What expressions see of a run's context; the rest is for effects.
SEEN = ("call", "sms", "run", "scenario", "integrations", "now")


class Stopped(engine.Postponed):
    """This worker is no longer to go on: the run was taken over, or deleted."""


class HandedBack(engine.Postponed):
    """This worker is being shut down: another one goes on."""


# --- What workers do ----------------------------------------------------------------------------------


def work(*, linger: bool = False, sleep: Callable[[float], None] = time.sleep) -> int:
    """Takes every run that waits; returns how many. With `linger`, those too that begin a moment later."""
    done = _work()
    if linger:
        sleep(LINGER)
        done += _work()
    return done


def _work() -> int:
    if _held().count() >= MOST_AT_ONCE:
        return 0
    done = 0
    while not stopping.is_set() and (run := _taken(_due(timezone.now()))):
        _through(run)
        done += 1
    return done


def _held() -> QuerySet[FlowRun]:
    """The runs that workers are at."""
    return FlowRun.objects.filter(state=State.RUNNING, next_at__gt=timezone.now())


def sweep(now: datetime | None = None) -> None:
    """Takes the runs that nobody was rung for, and gives up those whose workers were killed again and again."""
    now = now or timezone.now()
    cut_off = FlowRun.objects.filter(_unheld(now), attempts__gte=MOST_ATTEMPTS)
    cut_off.update(**_ended(State.FAILED, _internal("WorkerKilled"), now))
    work()


def take(run: FlowRun) -> None:
    """Takes this run now, in this very process, unless a worker has it or it is at its end."""
    free = FlowRun.objects.filter(Q(state=State.WAITING) | _unheld(timezone.now()), pk=run.pk)
    if mine := _taken(free):
        _through(mine)


def _due(now: datetime) -> QuerySet[FlowRun]:
    return FlowRun.objects.filter(_unheld(now), attempts__lt=MOST_ATTEMPTS)


def _unheld(now: datetime) -> Q:
    return Q(next_at__lte=now)  # so that the index of those not at their end leads to them


def _taken(rows: QuerySet[FlowRun]) -> FlowRun | None:
    """The first of these runs that nobody else is taking at this moment, ours from now on; None for none."""
    with transaction.atomic():
        free = rows.select_related("flow", "version").select_for_update(skip_locked=True, of=("self",))
        run = free.order_by("next_at", "pk").first()
        if run:
            run.state, run.holder, run.next_at = State.RUNNING, uuid.uuid4(), timezone.now() + LEASE
            run.attempts += 1
            run.save(update_fields=["state", "holder", "next_at", "attempts"])
    return run


# --- One run ------------------------------------------------------------------------------------------


def _through(run: FlowRun) -> None:
    try:
        state, records, error = _ran(run)
    except Stopped:
        logger.info("flow.taken_over", run=str(run.pk))
    except HandedBack:
        _let_go(run)
    except (Away, OperationalError, InterfaceError):
        logger.warning("flow.put_off", run=str(run.pk))  # until the lease ends
    except Exception as unforeseen:
        logger.exception("flow.failed", run=str(run.pk))
        _end(run, State.FAILED, [], _internal(type(unforeseen).__name__))
    else:
        _end(run, state, records, error)


def _ran(run: FlowRun) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    """State, records and error. Raises Postponed."""
    found = _document(run.version.source)
    if found is None:
        return State.FAILED, [], {"code": "NOT_A_FLOW", "facts": {}}
    scope = {name: run.context[name] for name in SEEN if name in run.context}
    kind = Rehearsal if run.dry else Effects
    effects = kind(run, _variables(found), _go_on, partial(_keep, run))
    ran = engine.run(found, run.branch, scope, effects)
    error = _internal(effects.broke) if effects.broke else dict(ran.error)
    return State(ran.state), [each.as_json() for each in ran.records], error


@lru_cache(maxsize=64)
def _document(source: str) -> Document | None:
    """The flow that a text is; None for one with errors, which an earlier release may have let pass."""
    return document.check(source).document


def branches(version: FlowVersion) -> list[str]:
    """The branches that a run may begin with; none of a text with errors."""
    found = _document(version.source)
    return list(found.branches) if found else []


def _variables(found: Document) -> dict[str, str]:
    """The variable that the result of each step goes to, by the step's path."""
    every = (step for branch in found.branches.values() for step in _steps(branch.steps))
    return {step.path: step.result for step in every if step.result}


def _steps(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _steps(step.then)
        for inner in step.events.values():
            yield from _steps(inner)


def _go_on() -> None:
    """Called before anything is done. Raises HandedBack."""
    if stopping.is_set():
        raise HandedBack


def _keep(run: FlowRun) -> None:
    """Writes what is known of the effects, and holds on to the run. Raises Stopped."""
    if not _mine(run).update(effects=run.effects, next_at=timezone.now() + LEASE):
        raise Stopped


def _mine(run: FlowRun) -> QuerySet[FlowRun]:
    """The row, as long as we hold it."""
    return FlowRun.objects.filter(pk=run.pk, state=State.RUNNING, holder=run.holder)


def _let_go(run: FlowRun) -> None:
    now = timezone.now()
    _mine(run).update(state=State.WAITING, holder=None, next_at=now, attempts=F("attempts") - 1)


def _end(run: FlowRun, state: str, records: list[dict[str, Any]], error: dict[str, Any]) -> None:
    ended = _ended(state, storable(error), timezone.now())
    _mine(run).update(**ended, steps=storable(records))


def _ended(state: str, error: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The columns of a run at its end."""
    return {"state": state, "error": error, "holder": None, "next_at": None, "finished_at": now}


def _internal(kind: str) -> dict[str, Any]:
    return {"code": InternalError.code, "facts": {"kind": kind}}
