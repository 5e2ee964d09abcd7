"""Bells: each task calls one function."""

from celery import shared_task

from smsadmin.quotas import comparing


@shared_task
def compare(workspace_id: int) -> None:
    """Makes the comparison that a workspace waits for, unless another worker does."""
    comparing.run(workspace_id)


@shared_task(expires=60)
def sweep() -> None:
    """Rings for comparisons that wait, and for those whose worker was killed."""
    comparing.sweep()


@shared_task(expires=3600)
def compare_everywhere() -> None:
    """Wants a comparison in every workspace: every night."""
    comparing.ask_everywhere()
