"""The doorbell: tells a worker that a resend waits. The row is the queue; a lost ring loses nothing."""

from uuid import UUID

from smsadmin.sending.bell import once

#: A process rings once for a resend that is asked for and swept at the same time.
QUIET = 1.0


def ring(resend_id: UUID) -> None:
    """Asks a worker to go on with the resend. A broken broker is only logged: the sweep rings again."""
    from smsadmin.resends.tasks import go_on

    once(go_on, str(resend_id), quiet=QUIET)
