"""Bells: each task calls one function."""

from celery import shared_task

from smsadmin.incoming import charges, handling, lookups, webhooks


@shared_task(expires=30)
def handle() -> None:
    """Works on what providers told us. Rung by each of their calls."""
    handling.run(linger=True)


@shared_task(expires=5)
def sweep() -> None:
    """Works on calls that nobody was rung for, and looks again for messages that were not there yet."""
    handling.run()


@shared_task(expires=300)
def look_after_webhooks(workspace_id: int | None = None) -> None:
    """Asks each provider whether it still calls us: every 10 minutes, and once what a workspace wants to be told
    changes."""
    webhooks.look_after(workspace_id)


@shared_task(expires=15)
def look_up_unknown() -> None:
    """Looks for messages of which nobody knows whether they left, where their provider can be asked."""
    lookups.run()


@shared_task(expires=600)
def gather_charges(waited: bool = False) -> None:
    """Asks what messages cost, where their provider says so later; or what those cost that had waited here for days."""
    charges.gather(waited=waited)
