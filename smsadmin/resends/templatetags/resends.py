"""`{% load resends %}`: what the log and the page of a message need to know of sending again."""

from collections.abc import Sequence
from urllib.parse import urlencode

from django import template
from django.urls import reverse

from smsadmin.resends import presenters
from smsadmin.sending.again import Verdict
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Role

register = template.Library()

#: What the address of the log carries while rows are chosen.
CHOOSE = "choose=1"


@register.simple_tag(takes_context=True)
def may_resend(context: template.Context) -> bool:
    """`{% may_resend as shown %}`: whether the viewer's role lets them send again."""
    member = context["member"]
    return member is not None and member.may(Role.OPERATOR)


@register.simple_tag(takes_context=True)
def about_again(context: template.Context, message: Message, verdict: Verdict) -> presenters.About:
    """`{% about_again message verdict as about %}`: what a message sends again, and whether to speak of it at all."""
    return presenters.about(message, verdict, context["member"])


@register.simple_tag(takes_context=True)
def choosing(context: template.Context, rows: Sequence[tuple[Message, str]]) -> presenters.Choosing | None:
    """`{% choosing rows as choosing %}`: whether rows of the log are chosen, which its address says (`choose`), and the
    rows judged then. None for a viewer whose role does not let them send again."""
    if not may_resend(context):
        return None
    request = context["request"]
    place = {name: request.GET[name] for name in ("before", "after") if request.GET.get(name)}
    here = "&".join(filter(None, (context["query"], urlencode(place))))
    if not request.GET.get("choose"):
        return presenters.Choosing(False, _log(here, CHOOSE))
    newer, older = (url and f"{url}&{CHOOSE}" for url in (context["newer"], context["older"]))
    return presenters.Choosing(
        True, _log(here), presenters.judged_rows(request.workspace, rows), newer, older
    )


def _log(*query: str) -> str:
    found = "&".join(filter(None, query))
    return f"{reverse('log')}?{found}" if found else reverse("log")
