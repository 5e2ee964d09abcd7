"""Bells: each task calls one function."""

from celery import shared_task

from smsadmin.agents.after import running


@shared_task(expires=30)
def follow_up() -> None:
    """Sends what is to be sent after calls that have ended. Rung when one does."""
    running.run(linger=True)


@shared_task(expires=5)
def sweep() -> None:
    """Takes calls that nobody was rung for, those to be asked for again, and those whose worker was killed."""
    running.run()
