"""Bells: each task calls one function."""

from celery import shared_task

from smsadmin.consent import writing


@shared_task(expires=60)
def sweep() -> None:
    """Tells HubSpot who opted out and who came back."""
    writing.run()
