"""The doorbell of the mirror: asks a worker to refresh accounts before the scheduler does."""

from collections.abc import Iterable

import structlog

from smsadmin.directory.tasks import refresh

logger = structlog.get_logger(__name__)


def ring(connection_ids: Iterable[int]) -> bool:
    """Asks for a refresh of each account; False when the broker cannot be reached (the scheduler asks again)."""
    try:
        for connection_id in connection_ids:
            refresh.apply_async((connection_id,), retry=False)
    except Exception as error:  # whatever the broker's library raises
        logger.warning("mirror.bell_broken", error=str(error))
        return False
    return True
