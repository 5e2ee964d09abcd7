"""`{% load exports %}`: what the log needs to know of exports."""

from django import template

from smsadmin.workspaces.models import Role

register = template.Library()


@register.simple_tag(takes_context=True)
def may_export(context: template.Context) -> bool:
    """`{% may_export as shown %}`: whether the viewer's role lets them export."""
    member = context["member"]
    return member is not None and member.may(Role.OPERATOR)
