"""Bells: each task calls one function."""

from celery import shared_task

from smsadmin.sending import dispatch, hold


@shared_task
def drain(connection_id: int) -> None:
    """Sends what this account has queued, at its pace. Rung at acceptance and by the sweep."""
    dispatch.drain(connection_id)


@shared_task(expires=30)
def leave(connection_id: int) -> None:
    """Has what an account without credentials has queued go on from other senders, as long as many can."""
    dispatch.leave(connection_id)


@shared_task(expires=30)
def sweep() -> None:
    """Rings for rows nobody fetched, settles rows whose worker died, and releases held ones."""
    dispatch.sweep()
    hold.release()
