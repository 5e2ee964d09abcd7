"""Taking runs of flows: each by one worker at a time, and whatever it does outside once.

Whoever holds the lease of a row takes its steps; with every effect it writes what came of it and renews the lease. A
worker that takes a run over begins it anew, gets the stored answer of every effect that was done, and goes on from
there.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache, partial
from threading import Lock
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from smsadmin.core.errors import InternalError
from smsadmin.flows import bell, voice
from smsadmin.flows.effects import Away, Effects, Rehearsal
from smsadmin.flows.language import document, engine
from smsadmin.flows.language.document import Document, Step
from smsadmin.flows.models import FlowRun, FlowVersion
from smsadmin.sending.log import storable
from smsadmin.stopping import stopping

logger = structlog.get_logger(__name__)

State = FlowRun.State

#: Longer than anything that happens between two effects: a call of a slow host, and a step with many recipients.
LEASE = timedelta(minutes=2)
#: So many workers may be killed at one run before it is given up.
MOST_ATTEMPTS = 5
#: A worker process has few threads, and messages need them: no more are at runs at once, nor at those of one workspace.
MOST_AT_ONCE, MOST_OF_ONE = 4, 2
#: A run whose database was away is taken again after this, and after four times as long the next time.
PUT_OFF = timedelta(seconds=5)
#: Seconds after which whoever was rung looks again, for runs that began while bells were quiet.
LINGER = bell.QUIET * 3
#: What expressions see of a run's context; the rest is for effects.
SEEN = ("call", "sms", "run", "scenario", "integrations", "now")


class Stopped(engine.Postponed):
    """This worker is no longer to go on: the run was taken over, or deleted."""


class HandedBack(engine.Postponed):
    """This worker is being shut down: another one goes on."""


# --- What workers do ----------------------------------------------------------------------------------


class _Places:
    """The runs that this process is at. A worker that is killed leaves nothing behind here."""

    def __init__(self) -> None:
        self.lock, self.held = Lock(), Counter[int]()

    def take(self, served: Collection[int]) -> FlowRun | None:
        """A run of a workspace that was not served and has places left, ours from now on; None for none."""
        with self.lock:
            if self.held.total() >= MOST_AT_ONCE:
                return None
            full = {workspace for workspace, count in self.held.items() if count >= MOST_OF_ONE}
            free = _due(timezone.now()).exclude(workspace__in=full.union(served))
            if served and not free.exists():  # without the lock that taking one needs
                return None
            if run := _taken(free):
                self.held[run.workspace_id] += 1
            return run

    def leave(self, run: FlowRun) -> None:
        with self.lock:
            self.held[run.workspace_id] -= 1


_places = _Places()


def work(*, linger: bool = False, sleep: Callable[[float], None] = time.sleep) -> int:
    """Takes every run that waits; returns how many. With `linger`, those too that begin a moment later."""
    done = _work()
    if linger:
        sleep(LINGER)
        done += _work()
    return done


def _work() -> int:
    """Workspaces take turns, each with its oldest run."""
    done, served = 0, set[int]()
    while not stopping.is_set() and (run := _places.take(served) or (served and _places.take(()))):
        served = served | {run.workspace_id} if run.workspace_id not in served else {run.workspace_id}
        try:
            _through(run)
        finally:
            _places.leave(run)
        done += 1
    return done


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
        _let_go(run, attempts=F("attempts") - 1)
    except (Away, OperationalError, InterfaceError):
        _put_off(run)
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


def unknown(version: FlowVersion, branch: str, context: Mapping[str, Any]) -> list[Step]:
    """The steps whose outcome decides something in such a run, and that nobody told us (voice.unknown)."""
    found = _document(version.source)
    return voice.unknown(found, branch, context) if found else []


def _variables(found: Document) -> dict[str, str]:
    """The variable that the result of each step goes to, by the step's path."""
    every = (step for branch in found.branches.values() for step in voice.steps(branch.steps))
    return {step.path: step.result for step in every if step.result}


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


def _put_off(run: FlowRun) -> None:
    """Leaves the run to be taken later; to the end of its lease where the database cannot be told."""
    logger.warning("flow.put_off", run=str(run.pk))
    with suppress(OperationalError, InterfaceError):
        _let_go(run, min(PUT_OFF * 4 ** (run.attempts - 1), LEASE))


def _let_go(run: FlowRun, after: timedelta = timedelta(0), **columns: Any) -> None:
    _mine(run).update(state=State.WAITING, holder=None, next_at=timezone.now() + after, **columns)


def _end(run: FlowRun, state: str, records: list[dict[str, Any]], error: dict[str, Any]) -> None:
    """Writes what came of the run; without its steps where these cannot be stored."""
    ended = _ended(state, storable(error), timezone.now())
    try:
        with transaction.atomic():
            _mine(run).update(**ended, steps=storable(records))
    except (OperationalError, InterfaceError):
        _put_off(run)
    except Exception:
        logger.exception("flow.steps_not_stored", run=str(run.pk))
        _mine(run).update(**ended)


def _ended(state: str, error: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The columns of a run at its end."""
    return {"state": state, "error": error, "holder": None, "next_at": None, "finished_at": now}


def _internal(kind: str) -> dict[str, Any]:
    return {"code": InternalError.code, "facts": {"kind": kind}}
