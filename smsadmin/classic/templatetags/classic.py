"""`{% load classic %}`: what the page of actions says of the classic one."""

from typing import Any

from django import template
from django.utils import timezone

from smsadmin.classic import gate, sunset

register = template.Library()


@register.inclusion_tag("classic/_end.html", takes_context=True)
def classic_end(context: template.Context) -> dict[str, Any]:
    """A banner once the end of the classic action is near or over; nothing where it is off or no end is set."""
    workspace = context["request"].workspace
    settings = gate.of(workspace.pk)
    left = settings.days_left(timezone.localdate(timezone=workspace.zone)) if settings.enabled else None
    is_near = left is not None and left <= sunset.TOLD[0]
    return {"settings": settings, "left": left, "is_near": is_near}
