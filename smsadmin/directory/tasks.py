"""Bells of the mirror."""

from celery import shared_task

from smsadmin.directory import mirror


@shared_task(expires=300)
def refresh_all() -> None:
    """Rings for each connected account: every 10 minutes, by Celery beat."""
    for connection_id in mirror.accounts():
        refresh.delay(connection_id)


@shared_task(expires=300)
def refresh(connection_id: int) -> None:
    """Refreshes one account's mirror, unless a refresh of it is running."""
    mirror.refresh(connection_id)
