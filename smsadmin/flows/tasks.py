"""Bells: each task calls one function."""

from celery import shared_task

from smsadmin.flows import running, starting


@shared_task(expires=30)
def work() -> None:
    """Takes the runs that wait. Rung when one begins."""
    running.work(linger=True)


@shared_task(expires=5)
def sweep() -> None:
    """Takes runs that nobody was rung for, and those whose worker was killed; begins what a killed process did not."""
    starting.make_up()
    running.sweep()
