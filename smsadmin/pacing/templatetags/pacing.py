"""`{% load pacing %}`: an account's queue on the pages of others."""

from typing import Any

from django import template
from django.utils import timezone

from smsadmin.pacing import queue
from smsadmin.workspaces.models import Connection

register = template.Library()


@register.inclusion_tag("pacing/_queue.html")
def account_queue(connection: Connection) -> dict[str, Any]:
    """`{% account_queue connection %}`: how much of an account waits, and when it will be sent, in a line."""
    return {"queue": queue.of(connection, timezone.now())}
