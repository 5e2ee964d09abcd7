"""The doorbell: tells a worker that calls of agents have ended. Their rows are the queue; a lost ring loses nothing."""

from smsadmin.sending.bell import once

#: A burst rings once: whoever takes the calls looks again after longer than this (after.running.LINGER).
QUIET = 0.1


def ring() -> None:
    """Asks a worker to look at calls that have ended. A broken broker is only logged: the sweep looks by itself."""
    from smsadmin.agents.tasks import follow_up

    once(follow_up, quiet=QUIET)
