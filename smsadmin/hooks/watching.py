"""Finding causes of failures that open: new ones, and those that recur after somebody had decided about them, or after
a pause of 24 hours. What people decide is told where they decide it (failures.states)."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from smsadmin import cache
from smsadmin.failures.models import State
from smsadmin.failures.states import PAUSE, Standing
from smsadmin.hooks import events, telling
from smsadmin.hooks.models import Hook, Watch
from smsadmin.hooks.telling import Group
from smsadmin.notices.watching import Scene
from smsadmin.workspaces.models import Workspace

logger = structlog.get_logger(__name__)


def sweep(now: datetime | None = None) -> None:
    """Looks at every workspace with a hook that wants to know. What goes wrong for one is logged."""
    now = now or timezone.now()
    for workspace in Workspace.objects.filter(pk__in=telling.wanting(events.GROUP_OPENED)).order_by("pk"):
        try:
            look(workspace, now)
        except Exception:
            logger.exception("hooks.look_failed", workspace=workspace.pk)


def look(workspace: Workspace, now: datetime) -> None:
    """Tells of the causes that are open now and were not at the look before; both are written together. Nothing is
    written where somebody told of a cause meanwhile: the next look sees that."""
    known = _known(workspace)
    found = {each.tally.cause: each for each in Scene.at(now, workspace).new()}
    begun = [each for cause, each in found.items() if _begins(each, known.get(cause))]
    with transaction.atomic():
        if _learnt(workspace, known, found.values()):
            telling.grouped(workspace.pk, [Group.of(each.tally, State.NEW) for each in begun], now)


def take_stock(workspace: Workspace, now: datetime) -> None:
    """What is open already when the first hook asks for causes is no news."""
    known, found = _known(workspace), list(Scene.at(now, workspace).new())
    with transaction.atomic():
        _learnt(workspace, known, found)


@contextmanager
def following(workspace: Workspace, now: datetime) -> Iterator[None]:
    """Around a change of the workspace's hooks: where one asks for causes from now on, and none did, what is open
    already is no news. This process sees the change at once."""
    asked = _is_asked(workspace)
    yield
    cache.forget()
    if not asked and _is_asked(workspace):
        take_stock(workspace, now)


def _is_asked(workspace: Workspace) -> bool:
    hooks = Hook.objects.filter(workspace=workspace, enabled=True)
    return any(
        events.GROUP_OPENED in events.expanded(chosen) for chosen in hooks.values_list("events", flat=True)
    )


def _begins(standing: Standing, known: str | None) -> bool:
    """Whether an open cause is news; `known` is when its newest message came by the look before."""
    return known is None or standing.tally.last - datetime.fromisoformat(known) >= PAUSE


def _known(workspace: Workspace) -> dict[str, str]:
    """The causes that the hooks know to be open, read without a lock: what is open takes a while to find."""
    known = Watch.objects.filter(pk=workspace.pk).values_list("causes", flat=True).first()
    return known or {}


def _learnt(workspace: Workspace, known: dict[str, str], found: Iterable[Standing]) -> bool:
    """Writes what is known now; False where that is not what was `known` any more."""
    watch = telling.watched(workspace.pk)
    if watch.causes != known:
        return False
    causes = {each.tally.cause: each.tally.last.isoformat() for each in found}
    if causes != watch.causes:
        watch.causes = causes
        watch.save()
    return True
