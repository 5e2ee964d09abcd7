"""Bells: each task calls one function."""

from uuid import UUID

from celery import shared_task

from smsadmin.resends import running


@shared_task
def go_on(resend_id: str) -> None:
    """Works on one resend, unless another worker does."""
    running.run(UUID(resend_id))


@shared_task(expires=15)
def sweep() -> None:
    """Rings for resends that wait, and for those whose worker was killed."""
    running.sweep()
