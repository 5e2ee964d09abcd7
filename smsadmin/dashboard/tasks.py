"""Signs of life of the worker and the scheduler, and the sweeping up."""

from celery import shared_task

from smsadmin.dashboard import health, housekeeping


@shared_task(expires=60)
def heartbeat() -> None:
    """A beat that arrives proves both scheduler and worker."""
    health.beat()


@shared_task(expires=3600)
def sweep_out() -> None:
    """Deletes what nobody reads after a month: once a day."""
    housekeeping.sweep_out()
