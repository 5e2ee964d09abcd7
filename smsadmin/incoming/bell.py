"""The doorbell: tells a worker that a provider called. The row is the queue; a lost ring loses nothing."""

from smsadmin.sending.bell import once

#: A burst rings once: whoever handles it looks again after longer than this (handling.LINGER).
QUIET = 0.1


def ring() -> None:
    """Asks a worker to handle what was told. A broken broker is only logged: the sweep looks by itself."""
    from smsadmin.incoming.tasks import handle

    once(handle, quiet=QUIET)
