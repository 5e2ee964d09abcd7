"""The doorbell: tells a worker that events wait to be delivered. Rows are the queue; a lost ring loses nothing."""

from smsadmin.sending.bell import once

#: A process rings once for events that come together.
QUIET = 1.0


def ring() -> None:
    """Asks a worker to deliver what is due. A broken broker is only logged: the sweep rings again."""
    from smsadmin.hooks.tasks import deliver

    once(deliver, quiet=QUIET)
