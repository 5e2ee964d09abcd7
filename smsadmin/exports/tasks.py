"""Bells: each task calls one function."""

from uuid import UUID

from celery import shared_task

from smsadmin.exports import running


@shared_task
def write(export_id: str) -> None:
    """Writes the file of one export, unless another worker does."""
    running.run(UUID(export_id))


@shared_task(expires=15)
def sweep() -> None:
    """Rings for exports that wait, and for those whose worker was killed."""
    running.sweep()


@shared_task(expires=3600)
def clean_up() -> None:
    """Deletes the exports that were kept long enough, with their files."""
    running.clean_up()
