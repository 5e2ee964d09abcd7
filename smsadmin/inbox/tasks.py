"""Bells: each task calls one function."""

from celery import shared_task

from smsadmin.inbox import gathering


@shared_task(expires=30)
def sweep() -> None:
    """Takes up texts that are in no thread: every 30 seconds."""
    gathering.sweep()
