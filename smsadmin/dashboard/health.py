"""Is everything all right? The parts of the machinery, each with what it last said."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection as database
from django.utils import timezone

from smsadmin.celery import app
from smsadmin.dashboard.models import Heartbeat
from smsadmin.directory import mirror
from smsadmin.directory.models import Refresh
from smsadmin.providers.registry import CARRIERS
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

LATE = timedelta(seconds=60)
#: Three refreshes in a row that never ended.
MIRROR_LATE = 3 * mirror.EVERY
BROKER_TIMEOUT = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class Check:
    """One part: whether it works, and in a few words how one can tell."""

    ok: bool
    detail: str


def beat() -> None:
    """The scheduler rang and the worker answered."""
    Heartbeat.objects.update_or_create(pk=1, defaults={"at": timezone.now()})


def last_beat() -> datetime | None:
    return Heartbeat.objects.values_list("at", flat=True).first()


def checks() -> dict[str, Check]:
    """Every part the work needs. None of them raises, and none names a customer."""
    parts = {
        "database": _database,
        "broker": _broker,
        "worker": _beats,
        "scheduler": _beats,
        "mirror": _mirror,
    }
    return {name: _asked(name, part) for name, part in parts.items()}


def _asked(name: str, part: Callable[[datetime], Check]) -> Check:
    try:
        return part(timezone.now())
    except Exception as error:  # whatever the driver raises: the probe has to hear of it
        logger.warning("health.failed", part=name, error=str(error))
        return Check(False, type(error).__name__)


def _database(now: datetime) -> Check:
    with database.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Check(True, "answers")


def _broker(now: datetime) -> Check:
    with app.connection_for_write(connect_timeout=BROKER_TIMEOUT) as broker:
        broker.connect()
    return Check(True, "reachable")


def _beats(now: datetime) -> Check:
    """One beat proves both: the scheduler rang, and a worker answered."""
    beat_at = last_beat()
    if beat_at is None:
        return Check(False, "no heartbeat yet")
    return Check(now - beat_at <= LATE, f"last heartbeat {_seconds(now - beat_at)} s ago")


def _mirror(now: datetime) -> Check:
    """Refreshes take place. One that an account refuses is its workspace's affair, not a reason to be taken out
    of service."""
    accounts = Connection.objects.filter(kind__in=CARRIERS, created_at__lt=now - MIRROR_LATE)
    ended = Refresh.objects.filter(finished_at__gte=now - MIRROR_LATE).values("connection")
    late = accounts.exclude(pk__in=ended).count()
    if late:
        return Check(False, f"{late} accounts were not refreshed for {_seconds(MIRROR_LATE)} s")
    newest = Refresh.objects.filter(state=Refresh.State.DONE).order_by("-finished_at").first()
    if newest is None or newest.finished_at is None:
        return Check(True, "nothing to refresh yet")
    return Check(True, f"last refreshed {_seconds(now - newest.finished_at)} s ago")


def _seconds(length: timedelta) -> int:
    return max(round(length.total_seconds()), 0)
