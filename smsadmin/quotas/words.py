"""What limits and stretches of time are called on the pages."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from smsadmin.core.windows import Window
from smsadmin.quotas.models import Unit
from smsadmin.quotas.rulebook import UTC_ZONE, Limit

#: The window that holds now.
PRESENT = {
    Window.MINUTE: gettext_lazy("This minute"),
    Window.HOUR: gettext_lazy("This hour"),
    Window.DAY: gettext_lazy("This day"),
    Window.MONTH: gettext_lazy("This month"),
}
#: Any window.
NAMES = {
    Window.MINUTE: gettext_lazy("Minute"),
    Window.HOUR: gettext_lazy("Hour"),
    Window.DAY: gettext_lazy("Day"),
    Window.MONTH: gettext_lazy("Month"),
}
UNITS = {Unit.MESSAGES: gettext_lazy("Messages"), Unit.SEGMENTS: gettext_lazy("Segments")}


def column(limit: Limit) -> str:
    """A limit's heading: its window, its unit where that is not messages, its zone where that is not UTC."""
    return titled(str(PRESENT[limit.window]), limit.unit, limit.zone)


def titled(window: str, unit: str, zone: str = UTC_ZONE) -> str:
    """A window's name with what is counted in it and by whose calendar, where that is not the usual."""
    if zone != UTC_ZONE:
        window = _("%(window)s in %(zone)s") % {"window": window, "zone": zone}
    if unit == Unit.MESSAGES:
        return window
    return _("%(window)s, %(unit)s") % {"window": window, "unit": Unit(unit).label}


def span(since: datetime, until: datetime) -> str:
    """A stretch of time in the viewer's zone: "22 Nov, 10:00–11:00", or with both days."""
    first, last = timezone.localtime(since), timezone.localtime(until)
    clock = "H:i:s" if first.second or last.second else "H:i"
    if first.date() == last.date():
        return f"{_at(first, clock)}–{date_format(last, clock)}"
    return f"{_at(first, clock)} – {_at(last, clock)}"


def at(moment: datetime) -> str:
    """A moment in the viewer's zone, with its day."""
    local = timezone.localtime(moment)
    return _at(local, "H:i:s" if local.second else "H:i")


def _at(local: datetime, clock: str) -> str:
    this_year = local.year == timezone.localtime().year
    day = date_format(local, pgettext("day of a trend", "j M") if this_year else pgettext("date", "j M Y"))
    return f"{day}, {date_format(local, clock)}"
