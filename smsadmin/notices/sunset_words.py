"""What the notice of the end of the classic action says: in words for people, as data for programs."""

from datetime import date
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def sentence(facts: dict[str, Any]) -> str:
    day = date_format(date.fromisoformat(facts["last_day"]))
    if not facts["days_left"]:
        return _("The classic Send SMS action ends today, %(day)s: tomorrow its executions are refused.") % {
            "day": day
        }
    words = ngettext(
        "The classic Send SMS action ends in %(n)s day: its last one is %(day)s.",
        "The classic Send SMS action ends in %(n)s days: its last one is %(day)s.",
        facts["days_left"],
    )
    return words % {"n": number_format(facts["days_left"]), "day": day}


def path() -> str:
    """The list of the steps that still use it."""
    return reverse("classic")


def lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """The rest, each with what it is."""
    words = ngettext(
        "%(n)s step of a workflow used it in the last 30 days",
        "%(n)s steps of workflows used it in the last 30 days",
        facts["steps"],
    )
    still = words % {"n": number_format(facts["steps"], force_grouping=True)}
    then = _("After that day each of its executions is refused, and the workflow goes on without the text.")
    return [(_("Still on it"), still), (_("What happens"), then)]


def data(facts: dict[str, Any]) -> dict[str, Any]:
    """Stable names and figures, as docs/notices.md has them."""
    return {name: facts[name] for name in ("last_day", "days_left", "steps")}
