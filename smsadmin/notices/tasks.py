"""Bells: each task calls one function."""

from celery import shared_task

from smsadmin.notices import delivering, watching


@shared_task(expires=30)
def watch() -> None:
    """Holds what failed against the rules."""
    watching.sweep()


@shared_task(expires=30)
def deliver() -> None:
    """Delivers the notices that are due."""
    delivering.sweep()
