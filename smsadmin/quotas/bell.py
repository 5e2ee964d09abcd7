"""The doorbell: tells a worker that a comparison waits. The row is the queue; a lost ring loses nothing."""

from smsadmin.sending.bell import once

#: A process rings once for a comparison that is asked for and swept at the same time.
QUIET = 1.0


def ring(workspace_id: int) -> None:
    """Asks a worker to make the workspace's comparison. A broken broker is only logged: the sweep rings again."""
    from smsadmin.quotas.tasks import compare

    once(compare, workspace_id, quiet=QUIET)
