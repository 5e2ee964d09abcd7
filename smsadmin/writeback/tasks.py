"""Bells of the write-back."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from smsadmin.writeback import callbacks, engagements, writing


@shared_task(expires=30)
def sweep() -> None:
    """Tells callers who were told to wait how their messages ended."""
    callbacks.complete_owed()


@shared_task(expires=30)
def log_messages() -> None:
    """Logs messages on HubSpot's records."""
    writing.write_owed()


@shared_task(expires=600)
def make_up(hours: int) -> None:
    """Takes down messages that a process which was killed did not."""
    engagements.make_up(timezone.now() - timedelta(hours=hours))
