"""Bells of the write-back."""

from celery import shared_task

from smsadmin.writeback import callbacks


@shared_task(expires=30)
def sweep() -> None:
    """Tells callers who were told to wait how their messages ended."""
    callbacks.complete_owed()
