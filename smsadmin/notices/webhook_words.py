"""What the notice of a webhook that was paused says: in words for people, as data for programs."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from smsadmin.notices.limit_words import moment


def sentence(facts: dict[str, Any]) -> str:
    return _("Nothing has arrived at the webhook “%(name)s” since %(moment)s, so it was paused.") % {
        "name": facts["name"],
        "moment": moment(facts["since"]),
    }


def path(facts: dict[str, Any]) -> str:
    """Its page, which says what was answered."""
    return reverse("hook", args=[facts["id"]])


def lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """The rest, each with what it is."""
    happens = _("Events are still kept for it, each for %(n)s days at most. Then nobody is told of them.")
    fixes = _("Mend the receiver, send a sample from the webhook's page, then resume it.")
    return [(_("What happens"), happens % {"n": facts["kept"]}), (_("What fixes it"), fixes)]


def data(facts: dict[str, Any]) -> dict[str, Any]:
    """Stable names, as docs/notices.md has them."""
    return {name: facts[name] for name in ("id", "name", "since")}
