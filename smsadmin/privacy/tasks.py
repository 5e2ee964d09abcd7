"""Bells: each task calls one function."""

from celery import shared_task

from smsadmin.privacy import purging


@shared_task(expires=3600)
def purge() -> None:
    """Deletes what workspaces do not keep any longer: every hour."""
    purging.run()
