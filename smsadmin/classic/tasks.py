"""Bells: each task calls one function."""

from celery import shared_task

from smsadmin.classic import sunset


@shared_task(expires=600)
def sweep() -> None:
    """Tells owners of the end of the classic action, where it comes near."""
    sunset.sweep()
