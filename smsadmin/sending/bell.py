"""The doorbell: tells a worker that an account has something to send. Rows are the queue; a lost ring loses nothing."""

import time
from threading import Lock
from typing import Any

import structlog
from django.conf import settings

import smsadmin.celery  # noqa: F401 (where the app was never made, tasks go to Celery's own default broker)

logger = structlog.get_logger(__name__)

#: After a failure this process leaves ringing to the sweep for a while: finding the broker gone takes its time.
QUIET_WHEN_BROKEN = 5.0
_rung: dict[tuple[Any, ...], float] = {}
_lock = Lock()


def ring(connection_id: int) -> None:
    """Rings once for a burst: the drain lingers longer than this process stays quiet."""
    from smsadmin.sending.tasks import drain

    once(drain, connection_id, quiet=settings.DISPATCH_LINGER / 4)


def leave(connection_id: int) -> None:
    """Has more of what an account without credentials has queued go on from other senders."""
    from smsadmin.sending.tasks import leave as task

    once(task, connection_id, quiet=0)


def once(task: Any, *arguments: Any, quiet: float) -> None:
    """Calls a task, unless this process did so less than `quiet` seconds ago. A broken broker is only logged."""
    key, now = (task.name, *arguments), time.monotonic()
    with _lock:
        if now - _rung.get(key, -1e9) < quiet:
            return
        _rung[key] = now
    try:
        task.apply_async(arguments, retry=False)
    except Exception as error:  # whatever the broker's library raises: the sweep rings again
        _rung[key] = time.monotonic() + QUIET_WHEN_BROKEN
        logger.warning("bell.broken", task=task.name, error=str(error))
