"""What a notice of a limit says: in words for people, as data for programs."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from smsadmin.core import numbers
from smsadmin.core.errors import gettext_noop
from smsadmin.quotas.models import Scope
from smsadmin.sending.explain import said

_REACHED = gettext_noop("{who} has come to {threshold} % of the limit of {limit} {unit} per {window}.")
_USED_UP = gettext_noop("{who} has used up the limit of {limit} {unit} per {window}.")
_WILL_RUN_OUT = gettext_noop(
    "If it goes on like this, {who} will have used up the limit of {limit} {unit} per {window} at {runs_out}."
)
_USED = gettext_noop("{used} of {limit} {unit}")
_UNTIL = gettext_noop("{window} in {calendar}, until {ends}")
_OVER = gettext_noop("{window} in {calendar}, over since {ends}")
_NOTHING_LEFT = gettext_noop("Until then every message is refused or held, as its action says.")
_AT_THE_LIMIT = gettext_noop("From {limit} {unit} on messages are refused or held, as their actions say.")
_KEPT = gettext_noop(
    "Marketing is refused or held from {room} {unit} on, every message from {limit} on, as their actions say: "
    "the last {kept} are kept for replies and alerts."
)


def sentence(facts: dict[str, Any]) -> str:
    if "limits" in facts:
        return _more(facts["limits"])
    if facts["runs_out_at"]:
        return _said(_WILL_RUN_OUT, facts)
    return _said(_USED_UP if facts["threshold"] == 100 else _REACHED, facts)


def _more(limits: int) -> str:
    words = ngettext(
        "%(n)s further limit came to a threshold or will run out.",
        "%(n)s further limits came to a threshold or will run out.",
        limits,
    )
    return words % {"n": _figure(limits)}


def path(facts: dict[str, Any]) -> str:
    """The page of the number or user; the overview of all where it is several limits."""
    if "limits" in facts:
        return reverse("quotas")
    name = "quota-number" if facts["scope"] == Scope.NUMBER else "quota-user"
    return reverse(name, args=[facts["subject_id"]])


def lines(facts: dict[str, Any], now: datetime) -> list[tuple[str, str]]:
    """The rest, each with what it is."""
    if "limits" in facts:
        return []
    over = is_over(facts, now)
    found = [
        (_("Used"), _said(_USED, facts)),
        (_("Window"), _window(facts, _OVER if over else _UNTIL)),
    ]
    return found if over else [*found, (_("What happens"), _what_happens(facts))]


def _window(facts: dict[str, Any], text: str) -> str:
    """Always with its zone; a sentence names it only where that is not UTC."""
    ends = moment(facts["resets_at"])
    return said(text, {"window": facts["window"], "calendar": facts["zone"], "ends": ends})


def is_over(facts: dict[str, Any], now: datetime) -> bool:
    """Whether the window has ended, so that the limit is another one's now."""
    return "resets_at" in facts and datetime.fromisoformat(facts["resets_at"]) <= now


def _what_happens(facts: dict[str, Any]) -> str:
    if facts["threshold"] == 100:
        return _said(_NOTHING_LEFT, facts)
    return _said(_KEPT if facts["kept"] else _AT_THE_LIMIT, facts)


def data(facts: dict[str, Any]) -> dict[str, Any]:
    """Stable names and figures, as docs/notices.md has them."""
    names = (
        "rule", "scope", "subject", "name", "window", "unit", "zone", "threshold", "used", "limit", "resets_at",
        "runs_out_at", "limits",
    )  # fmt: skip
    return {name: facts[name] for name in names if name in facts}


def _said(text: str, facts: dict[str, Any]) -> str:
    names = ("window", "unit", "zone", "threshold", "used", "limit")
    values = {
        **{name: facts[name] for name in names},
        "who": _who(facts),
        "runs_out": moment(facts["runs_out_at"]) if facts["runs_out_at"] else "",
        "room": _figure(facts["limit"] - facts["kept"]),
        "kept": _figure(facts["kept"]),
    }
    return said(text, values)


def _who(facts: dict[str, Any]) -> str:
    subject = numbers.pretty(facts["subject"]) if facts["scope"] == Scope.NUMBER else facts["subject"]
    return f"{facts['name']} ({subject})" if facts["name"] not in ("", subject) else subject


def moment(text: str) -> str:
    """In the zone in force; with its date, for a mail may be read tomorrow."""
    local = timezone.localtime(datetime.fromisoformat(text))
    return date_format(local, pgettext("date and time", "j M, H:i"))


def _figure(number: int) -> str:
    return number_format(number, force_grouping=True)
