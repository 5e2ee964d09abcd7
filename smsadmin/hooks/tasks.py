"""Bells: each task calls one function."""

from celery import shared_task

from smsadmin.hooks import delivering, watching


@shared_task(expires=30)
def deliver() -> None:
    """Delivers the events that are due."""
    delivering.sweep()


@shared_task(expires=30)
def watch() -> None:
    """Tells hooks of causes of failures that have opened."""
    watching.sweep()
