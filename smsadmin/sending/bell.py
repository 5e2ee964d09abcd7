"""The doorbell: tells a worker that an account has something to send. Rows are the queue; a lost ring loses nothing."""

import time
from threading import Lock

import structlog
from django.conf import settings

logger = structlog.get_logger(__name__)
_rung: dict[int, float] = {}
_lock = Lock()


def ring(connection_id: int) -> None:
    """Rings once for a burst: the drain lingers longer than this process stays quiet."""
    now = time.monotonic()
    with _lock:
        if now - _rung.get(connection_id, -1e9) < settings.DISPATCH_LINGER / 4:
            return
        _rung[connection_id] = now
    from smsadmin.sending.tasks import drain

    try:
        drain.apply_async((connection_id,), retry=False)
    except Exception as error:  # whatever the broker's library raises: the sweep rings again
        logger.warning("bell.broken", connection=connection_id, error=str(error))
