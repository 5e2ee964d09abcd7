"""How a cause stands: what somebody decided, unless it has recurred since.

A resolved cause has recurred with the first message newer than the resolution. A muted one has recurred with the
first message newer than the muting that had none of the same cause in the 24 hours before it: what goes on all the
time stays quiet, and is new again once it had stopped. An acknowledged cause stays so: somebody knows of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.utils import timezone

from smsadmin.failures.models import Failure, State
from smsadmin.failures.tally import Span, Tally, spans
from smsadmin.hooks import telling
from smsadmin.hooks.events import of_state
from smsadmin.workspaces.models import User, Workspace

PAUSE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Standing:
    """A cause's tally, how it stands now, and what was decided about it, if anything was."""

    tally: Tally
    state: State
    decided: Failure | None = None

    @property
    def has_recurred(self) -> bool:
        """Whether it is new although somebody had decided otherwise."""
        return self.decided is not None and self.decided.state != self.state


def standings(workspace: Workspace, found: Sequence[Tally], now: datetime) -> list[Standing]:
    """How each cause stands, worst first: by state, then by count, then by the newest message."""
    known = Failure.objects.filter(workspace=workspace).select_related("by")
    decided = {failure.cause: failure for failure in known}
    back = _recurred(workspace, [(each, decided[each.cause]) for each in found if each.cause in decided], now)
    standing = [
        Standing(each, _state(decided.get(each.cause), each.cause in back), decided.get(each.cause))
        for each in found
    ]
    order = list(State)
    return sorted(
        standing, key=lambda each: (order.index(each.state), -each.tally.count, -each.tally.last.timestamp())
    )


def decide(standing: Standing, workspace: Workspace, state: State, note: str, by: User) -> None:
    """Puts a cause in a state with a note. A note alone does not count as a decision anew: what came after the
    decision still makes the cause recur."""
    now, decided, tally = timezone.now(), standing.decided, standing.tally
    stays = decided is not None and state == standing.state == decided.state
    with telling.together(of_state(state), workspace_id=workspace.pk):
        Failure.objects.update_or_create(
            workspace=workspace,
            cause=tally.cause,
            defaults={
                "state": state,
                "state_at": decided.state_at if decided and stays else now,
                "note": note,
                "by": by,
                "at": now,
            },
        )
        if state != standing.state:
            telling.decided(workspace.pk, telling.Group.of(tally, state, str(by)), now)


def _state(failure: Failure | None, has_recurred: bool) -> State:
    return State.NEW if failure is None or has_recurred else State(failure.state)


def _recurred(workspace: Workspace, found: Sequence[tuple[Tally, Failure]], now: datetime) -> set[str]:
    later = [(tally, failure) for tally, failure in found if tally.last > failure.state_at]
    resolved = {tally.cause for tally, failure in later if failure.state == State.RESOLVED}
    return resolved | _woken(
        workspace, [failure for _, failure in later if failure.state == State.MUTED], now
    )


def _woken(workspace: Workspace, muted: Sequence[Failure], now: datetime) -> set[str]:
    """The muted causes that paused and recurred. No pause lies within a stretch as long as one, so the first and the
    last message of each stretch tell them all."""
    if not muted:
        return set()
    bounds = [min(failure.state_at for failure in muted) - PAUSE]
    while bounds[-1] <= now:
        bounds.append(bounds[-1] + PAUSE)
    seen = spans(workspace, [failure.cause for failure in muted], bounds)
    return {failure.cause for failure in muted if _paused(seen[failure.cause], bounds[0], failure.state_at)}


def _paused(seen: Mapping[int, Span], begins: datetime, muted_at: datetime) -> bool:
    """Whether a message later than the muting had none before it for as long as a pause. (Nothing is known of what
    lies before `begins`, which is a pause before the muting.)"""
    ends = [(begins, begins), *((seen[nth].first, seen[nth].last) for nth in sorted(seen))]
    return any(after > muted_at and after - before >= PAUSE for (_, before), (after, _) in pairwise(ends))
