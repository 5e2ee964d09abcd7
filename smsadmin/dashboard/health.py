"""Is everything all right? The parts of the machinery, each with what it last said."""

from datetime import datetime, timedelta

from django.utils import timezone

from smsadmin.dashboard.models import Heartbeat

LATE = timedelta(seconds=60)


def beat() -> None:
    """The scheduler rang and the worker answered."""
    Heartbeat.objects.update_or_create(pk=1, defaults={"at": timezone.now()})


def last_beat() -> datetime | None:
    return Heartbeat.objects.values_list("at", flat=True).first()
