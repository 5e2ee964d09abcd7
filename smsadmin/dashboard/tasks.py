"""Signs of life of the worker and the scheduler: a beat that arrives proves both."""

from celery import shared_task

from smsadmin.dashboard import health


@shared_task(expires=60)
def heartbeat() -> None:
    health.beat()
