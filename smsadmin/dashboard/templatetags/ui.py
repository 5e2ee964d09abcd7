"""The small parts every page is made of: icons, statuses, times, numbers, meters.

`{% load ui %}`. Larger parts are plain includes in templates/components/.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django import template
from django.forms import BaseForm
from django.template.loader import get_template
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext_lazy, ngettext, pgettext
from django.utils.translation import gettext as _

from smsadmin import phrases
from smsadmin.core import countries
from smsadmin.core.numbers import pretty
from smsadmin.core.status import Status
from smsadmin.core.trace import Verdict
from smsadmin.directory import naming
from smsadmin.directory.models import Number, SenderKind

if TYPE_CHECKING:
    from smsadmin.sending.models import Message

register = template.Library()

Words = str | Promise

NOTHING = mark_safe('<span class="text-secondary">–</span>')

#: From this share of a limit on, a meter warns.
NEARLY_USED_UP = 0.8


@dataclass(frozen=True)
class Badge:
    """How a state looks: its word, its icon, and the tone that colours both."""

    label: Words
    icon: str
    tone: str


STATUSES: dict[Status, Badge] = {
    Status.RECEIVED: Badge(gettext_lazy("Received"), "inbox", "neutral"),
    Status.REJECTED: Badge(gettext_lazy("Rejected"), "ban", "bad"),
    Status.HELD: Badge(gettext_lazy("Held"), "player-pause", "waiting"),
    Status.QUEUED: Badge(gettext_lazy("Queued"), "clock", "active"),
    Status.SENDING: Badge(gettext_lazy("Sending"), "send", "active"),
    Status.SENT: Badge(gettext_lazy("Sent"), "check", "good"),
    Status.DELIVERED: Badge(gettext_lazy("Delivered"), "checks", "good"),
    Status.UNDELIVERED: Badge(gettext_lazy("Undelivered"), "phone-off", "bad"),
    Status.FAILED: Badge(gettext_lazy("Failed"), "x", "bad"),
    Status.UNKNOWN: Badge(gettext_lazy("Unknown"), "help-circle", "warn"),
    Status.EXPIRED: Badge(gettext_lazy("Expired"), "clock-off", "neutral"),
    Status.CANCELLED: Badge(gettext_lazy("Cancelled"), "circle-minus", "neutral"),
}

VERDICTS: dict[Verdict, Badge] = {
    Verdict.PASSED: Badge(gettext_lazy("passed"), "check", "good"),
    Verdict.WARNING: Badge(gettext_lazy("passed, with a warning"), "alert-triangle", "warn"),
    Verdict.REFUSED: Badge(gettext_lazy("refused"), "x", "bad"),
    Verdict.NOT_APPLICABLE: Badge(gettext_lazy("does not apply"), "circle-dashed", "neutral"),
    Verdict.NOT_REACHED: Badge(gettext_lazy("not reached"), "minus", "neutral"),
}

ALERT_ICONS = {
    "info": "info-circle",
    "success": "check",
    "warning": "alert-triangle",
    "danger": "alert-circle",
    "error": "alert-circle",
}

#: The sidebar: URL name, word, icon.
PAGES: list[tuple[str, Words, str]] = [
    ("overview", gettext_lazy("Overview"), "layout-dashboard"),
    ("actions", gettext_lazy("Actions"), "message-2-bolt"),
    ("log", gettext_lazy("Log"), "list-search"),
    ("failures", gettext_lazy("Failures"), "alert-triangle"),
    ("quotas", gettext_lazy("Quotas"), "gauge"),
    ("directory", gettext_lazy("Directory"), "address-book"),
    ("flows", gettext_lazy("Flows"), "git-branch"),
    ("ai-agents", gettext_lazy("Agents"), "robot"),
    ("inbox", gettext_lazy("Inbox"), "inbox"),
    ("opt-outs", gettext_lazy("Opt-outs"), "ban"),
    ("connections", gettext_lazy("Connections"), "plug-connected"),
    ("settings", gettext_lazy("Settings"), "settings"),
]


@cache
def _drawing(name: str) -> str:
    svg = get_template(f"components/icons/{name}.svg").render()
    drawn = re.search(r"<svg[^>]*>(.*)</svg>", svg, re.DOTALL)
    if drawn is None:
        raise ValueError(f"components/icons/{name}.svg is not an SVG drawing")
    return re.sub(r">\s+<", "><", drawn[1].strip())


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """`{% icon "send" %}`: the drawing inline, hidden from screen readers, in the text's colour.

    An icon stands beside words, never instead of them. Raises TemplateDoesNotExist for a name that
    templates/components/icons does not hold.
    """
    return format_html(
        '<svg class="icon {}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"'
        ' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">{}</svg>',
        extra,
        mark_safe(_drawing(name)),  # noqa: S308  our own file
    )


@register.simple_tag
def badge(label: Words, tone: str = "neutral", icon_name: str = "") -> SafeString:
    """`{% badge _("Not offered") "bad" "ban" %}`; tones: neutral, active, waiting, good, warn, bad."""
    return format_html(
        '<span class="badge-tone tone-{}">{}{}</span>', tone, icon(icon_name) if icon_name else "", label
    )


@register.simple_tag
def status_badge(status: str) -> SafeString:
    """`{% status_badge message.status %}`: the word of a message's status, with its icon and tone."""
    look = STATUSES[Status(status)]
    return badge(look.label, look.tone, look.icon)


@register.filter
def status_word(status: str) -> Words:
    """`{{ message.status|status_word }}`: the status as people read it."""
    return STATUSES[Status(status)].label


@register.filter
def reported(text: str) -> str:
    """`{{ connection.state_detail|reported }}`: a report stored in English, in the reader's language."""
    return phrases.translated(text)


@register.filter
def alert_icon(tone: str) -> str:
    """The icon that goes with an alert: info, success, warning, danger (Django's own word: error)."""
    return ALERT_ICONS[tone]


@register.filter
def country_name(code: str) -> str:
    """`{{ number.country|country_name }}`: the country in the reader's language."""
    return countries.name(code, get_language() or "en")


@register.filter
def grouped(number: int) -> str:
    """`{{ 10000|grouped }}`: thousands set apart as the viewer's language does."""
    return number_format(number, force_grouping=True)


@register.simple_tag(takes_context=True)
def nav_pages(context: template.Context) -> list[dict[str, Any]]:
    """The sidebar's entries; the one whose page or part is shown says so for aria-current."""
    path = context["request"].path
    entries = []
    for name, label, drawing in PAGES:
        url = reverse(name)
        within = url != reverse("overview") and path.startswith(url)
        here = "page" if path == url else "true" if within else ""
        entries.append({"name": name, "url": url, "label": label, "icon": drawing, "here": here})
    return entries


@register.filter
def verdict_look(verdict: str) -> Badge:
    """Word, icon and tone of a trace step's verdict."""
    return VERDICTS[Verdict(verdict)]


def full_time(at: datetime) -> str:
    """Date and time to the second in the viewer's zone, and in UTC where that differs."""
    local, universal = timezone.localtime(at), at.astimezone(UTC)
    to_the_second = date_format(local, pgettext("date and time", "j M Y, H:i:s"))
    text = f"{to_the_second} {local.tzname()}"
    if local.utcoffset() == timedelta(0):
        return text
    return f"{text} ({universal:%H:%M:%S} UTC)"


def short_time(at: datetime, now: datetime) -> str:
    """How long ago or ahead within a day, else the date; both as an operator would say it."""
    ahead = at > now
    seconds = int(abs((at - now).total_seconds()))
    if seconds >= 24 * 3600:
        local = timezone.localtime(at)
        same_year = local.year == timezone.localtime(now).year
        return date_format(
            local, pgettext("date and time", "j M, H:i") if same_year else pgettext("date", "j M Y")
        )
    if seconds < 10:
        return _("now") if ahead else _("just now")
    if seconds < 60:
        span = _("%(count)d s") % {"count": seconds}
    elif seconds < 3600:
        span = _("%(count)d min") % {"count": seconds // 60}
    else:
        span = _("%(count)d h") % {"count": seconds // 3600}
    return (_("in %(span)s") if ahead else _("%(span)s ago")) % {"span": span}


@register.simple_tag
def when(at: datetime | None, form: str = "short") -> SafeString:
    """`{% when message.created %}`: "4 min ago", the full time in its title; an en dash for None.

    Second argument: `short` (default), `full` (to the second, viewer's zone and UTC), `clock`
    (hours, minutes and seconds; for a list within one day) or `until` (14:06, or with its day where that is not today).
    """
    if at is None:
        return NOTHING
    full = full_time(at)
    if form == "full":
        text = full
    elif form == "clock":
        text = date_format(timezone.localtime(at), "H:i:s")
    elif form == "until":
        local = timezone.localtime(at)
        is_today = local.date() == timezone.localdate()
        text = date_format(local, "H:i" if is_today else pgettext("date and time", "j M, H:i"))
    else:
        text = short_time(at, timezone.now())
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.astimezone(UTC).isoformat(timespec="seconds"),
        full,
        text,
    )


@register.simple_tag
def phone(e164: str | None) -> SafeString:
    """`{% phone number %}`: as people read it, E.164 when copied; an en dash for none."""
    if not e164:
        return NOTHING
    return format_html('<span class="phone" data-copies="{}">{}</span>', e164, pretty(e164))


@register.simple_tag
def sender_beside(number: Number) -> Words:
    """`{% sender_beside number %}`: what stands beside a sender's name, its number or what else it is."""
    return phone(number.e164) if number.kind == SenderKind.PHONE else naming.beside(number)


@register.simple_tag
def sender_name(number: Number) -> Words:
    """`{% sender_name number %}`: a sender in a sentence."""
    return phone(number.e164) if number.kind == SenderKind.PHONE else number.name


@register.simple_tag
def sent_from(message: "Message") -> Words:
    """`{% sent_from message %}`: the same of a message, which may have been refused before its sender was found."""
    number = message.number
    return (
        phone(message.sender) if number is None or number.kind == SenderKind.PHONE else sender_beside(number)
    )


@register.inclusion_tag("components/meter.html")
def meter(
    used: int,
    limit: int,
    label: str = "",
    resets: datetime | None = None,
    url: str = "",
    before: int | None = None,
) -> dict[str, Any]:
    """`{% meter used limit label=… resets=… url=… %}`: how much of a limit is used, in words and as a bar.

    `resets` is when the window starts anew; `url` opens the messages it counts; `before` is what was used until then.
    """
    share = used / limit if limit else 1.0
    level = "full" if share >= 1 else "near" if share >= NEARLY_USED_UP else "room"
    return {
        "before": before,
        "used": used,
        "limit": limit,
        "left": max(limit - used, 0),
        "percent": min(round(share * 100), 100),
        "level": level,
        "label": label,
        "resets": resets,
        "url": url,
    }


@register.inclusion_tag("components/error_summary.html")
def error_summary(form: BaseForm) -> dict[str, Any]:
    """`{% error_summary form %}`: every error of a bound form with a link to its field; takes focus.

    Nothing for a form without errors.
    """
    fields = [(field, field.errors) for field in form if field.errors] if form.is_bound else []
    general = form.non_field_errors() if form.is_bound else []
    count = len(general) + sum(len(errors) for _field, errors in fields)
    heading = ngettext("%(count)d thing to correct", "%(count)d things to correct", count) % {"count": count}
    return {"fields": fields, "general": general, "count": count, "heading": heading}


@register.inclusion_tag("components/copy_button.html")
def copy_button(text: str, what: str = "") -> dict[str, str]:
    """`{% copy_button message.id _("message id") %}`: copies `text`; `what` names it for screen readers."""
    return {"text": str(text), "what": what}
