"""The doorbell: tells a worker that an export waits. The row is the queue; a lost ring loses nothing."""

from uuid import UUID

from smsadmin.sending.bell import once

#: A process rings once for an export that is asked for and swept at the same time.
QUIET = 1.0


def ring(export_id: UUID) -> None:
    """Asks a worker to write the export. A broken broker is only logged: the sweep rings again."""
    from smsadmin.exports.tasks import write

    once(write, str(export_id), quiet=QUIET)
