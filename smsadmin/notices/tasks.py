"""Bells: each task calls one function."""

from celery import shared_task

from smsadmin.notices import delivering, limits, watching
from smsadmin.quotas import crossing


@shared_task(expires=30)
def watch() -> None:
    """Holds what failed, and what limits have come to, against the rules."""
    watching.sweep()
    crossing.sweep()
    limits.sweep()


@shared_task(expires=30)
def deliver() -> None:
    """Delivers the notices that are due."""
    delivering.sweep()
