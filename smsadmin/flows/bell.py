"""The doorbell: tells a worker that runs of flows wait. Their rows are the queue; a lost ring loses nothing."""

from smsadmin.sending.bell import once

#: A burst rings once: whoever takes the runs looks again after longer than this (running.LINGER).
QUIET = 0.1


def ring() -> None:
    """Asks a worker to take the runs that wait. A broken broker is only logged: the sweep looks by itself."""
    from smsadmin.flows.tasks import work

    once(work, quiet=QUIET)


def tell_providers(workspace_id: int) -> None:
    """Asks a worker to have the workspace's accounts tell of calls from now on, or no longer. Every webhook is looked
    at now and then anyway."""
    from smsadmin.incoming.tasks import look_after_webhooks

    once(look_after_webhooks, workspace_id, quiet=QUIET)
