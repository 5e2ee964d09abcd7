"""What somebody asks of the log: the search box and the filter form, made one, in the words of the box; and what a
filter found at one moment, held so that a worker finds the same later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from smsadmin.actions.models import Action
from smsadmin.directory.models import Agent, Number
from smsadmin.quotas import words
from smsadmin.sending import search
from smsadmin.sending.filters import MessageFilter, countries, log_url
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

#: Where each word's things are, and what they are called: the nicest name first.
_CALLED: dict[str, tuple[type[Model], Sequence[str]]] = {
    "number": (Number, ("name", "e164")),
    "agent": (Agent, ("email", "name")),
    "action": (Action, ("name",)),
}
#: The filters that say when a message was counted against quotas.
COUNTED = ("counted_from", "counted_until", "given_back")


@dataclass(frozen=True, slots=True)
class Asked:
    """`filters` as the address says them; `words`, the same as the box says them; `complaints`, a sentence for each
    word that was not understood: the box then shows what was typed, and nothing is listed."""

    filters: dict[str, str]
    words: str
    complaints: Sequence[str] = ()

    @property
    def counted(self) -> str:
        """When the messages were counted against quotas, in words; "" where that is not asked for."""
        now = timezone.localtime()
        given = (self.filters.get(name) for name in COUNTED[:2])
        since, until = (_moment(time, now) if time else None for time in given)
        when = ""
        if since and until:
            when = words.span(since, until)
        elif since:
            when = _("from %(time)s on") % {"time": words.at(since)}
        elif until:
            when = _("before %(time)s") % {"time": words.at(until)}
        if when and self.filters.get("given_back"):
            return _("Counted %(when)s and given back") % {"when": when}
        return when and _("Counted %(when)s") % {"when": when}

    @property
    def uncounted_url(self) -> str:
        """The log without what `counted` says."""
        return log_url(**{name: value for name, value in self.filters.items() if name not in COUNTED})


def _moment(time: str, now: datetime) -> datetime | None:
    try:
        return search.moment(search.read_time(time, UTC), now)
    except search.Unreadable:
        return None


def asked(given: dict[str, str], workspace: Workspace) -> Asked:
    """Reads the parameters of an address; what the box says counts before what the form says."""
    here = around(workspace)
    read = search.parse(given.get("q", ""), here)
    known = {name: given[name] for name in MessageFilter.base_filters if name != "q" and name in given}
    wanted = search.canonical({**known, **read.filters}, here)
    filters = {name: wanted[name] for name in MessageFilter.base_filters if name in wanted}  # in one order
    if read.complaints:
        return Asked(filters, given["q"], [_sentence(each) for each in read.complaints])
    return Asked(filters, search.render(filters, here))


def around(workspace: Workspace) -> search.Around:
    """What the words mean to this reader; names are read when one is asked for."""
    return search.Around(
        timezone.get_current_timezone(),
        german=_is_german(),
        countries=cache(lambda: countries(workspace)),
        names=cache(lambda name: _names(workspace, name)),
    )


def hints() -> list[tuple[str, str, str]]:
    """Every word of the box in the reader's language: ("status:", what it narrows, "status:failed")."""
    labels = MessageFilter.base_filters
    return [
        (f"{example.partition(':')[0]}:", str(labels[name].label), example)
        for name, example in search.hints(search.Around(german=_is_german()))
    ]


class Unreadable(Exception):
    """A stored filter means nothing any more: something that it names was deleted."""


@dataclass(frozen=True, slots=True)
class _Request:
    """All that the log's filter reads of a request."""

    workspace: Workspace


def held(found: MessageFilter) -> dict[str, str]:
    """The filters with the moments that times such as "2h" mean now."""
    return {name: _held(value, found.form.cleaned_data.get(name)) for name, value in found.data.items()}


def _held(value: str, cleaned: object) -> str:
    if isinstance(cleaned, datetime) and search.is_relative(value):
        return search.read_time(cleaned.isoformat(timespec="seconds"), UTC)
    return value


def filter_of(workspace: Workspace, filters: Mapping[str, str]) -> MessageFilter:
    """The log's filter where there is no request."""
    return MessageFilter(filters, cast(WorkspaceRequest, _Request(workspace)))


def found_then(
    workspace: Workspace, filters: Mapping[str, str], newest: UUID, reach: UUID | None
) -> QuerySet[Message]:
    """What held filters found when `newest` was the newest message and `reach` how far back they looked, as far as it
    still matches. Raises Unreadable."""
    found = filter_of(workspace, filters)
    if not found.form.is_valid():
        raise Unreadable
    found.reach = reach
    return found.qs.filter(pk__lte=newest)


def _is_german() -> bool:
    return (get_language() or "").startswith("de")


def _names(workspace: Workspace, name: str) -> dict[str, tuple[str, ...]]:
    model, columns = _CALLED[name]
    rows: Any = model._default_manager.filter(workspace=workspace).values_list("pk", *columns)
    return {str(pk): tuple(filter(None, called)) for pk, *called in rows}


def _sentence(complaint: search.Complaint) -> str:
    """What was not understood, and what to write instead."""
    facts = {"key": complaint.key, "value": complaint.value}
    words = {
        "key": _("“%(key)s:” is no word of this box; put it in quotes to look for it as it stands."),
        "value": _("“%(key)s:” does not know “%(value)s”.")
        if complaint.value
        else _("“%(key)s:” needs a value."),
        "several": _("“%(value)s” is more than one; write more of the name, or the number."),
        "twice": _("“%(key)s:” is there twice with different values; leave one."),
    }[complaint.problem]
    if not complaint.nearest:
        return words % facts
    meant = _("Did you mean %(nearest)s?") % {"nearest": _listed(complaint)}
    return f"{words % facts} {meant}"


def _listed(complaint: search.Complaint) -> str:
    colon = ":" if complaint.problem == "key" else ""
    return ", ".join(f"“{each}{colon}”" for each in dict.fromkeys(complaint.nearest))
