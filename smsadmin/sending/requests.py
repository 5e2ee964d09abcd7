"""Every call a machine made to us, whether or not it became a message: "did the trigger fire at all?"

Nothing is written for this page. It unites what is stored anyway: the messages that calls made, the repeats in
their timelines, what providers told us of messages, and the calls that were turned away.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from functools import reduce
from operator import or_
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET
from django_htmx.http import push_url

from smsadmin import keyset
from smsadmin.core.ids import first_uuid7, key16, moment_of
from smsadmin.dashboard.housekeeping import KEPT
from smsadmin.dashboard.pages import render_page
from smsadmin.dashboard.templatetags.ui import Badge, Words
from smsadmin.incoming.models import ProviderCall
from smsadmin.keyset import Keyset, Page
from smsadmin.privacy import reading
from smsadmin.sending import presenters
from smsadmin.sending.filters import (
    AGENT,
    API,
    CALLFLOW,
    CLASSIC,
    HUBSPOT,
    INBOX,
    MESSAGING_API,
    RESEND,
    TEST,
    VERIFICATION,
)
from smsadmin.sending.models import Event, Message, RefusedCall
from smsadmin.sending.presenters import Link
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.models import Connection, Role, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

#: What no index finds is looked for among so many of the newest calls.
MOST_SEARCHED = 10_000
#: Triggers that no machine's call set off: people did, from a page, or the run of a flow or the call of an agent did,
#: which have pages of their own. Programs that use the API are told at once what became of each call.
NO_CALLS = (TEST, VERIFICATION, RESEND, INBOX, MESSAGING_API, CALLFLOW, AGENT, API)

_MILLISECOND = timedelta(milliseconds=1)
#: Of a message, what the list does not show.
_HIDDEN = ("template", "body", "trace", "quota")


class Outcome(StrEnum):
    """What became of a call."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    REFUSED = "refused"
    RECEIPT = "receipt"
    REPLY = "reply"
    FLOW = "flow"
    OTHER = "other"
    WAITING = "waiting"
    FAILED = "failed"


LOOKS = {
    Outcome.ACCEPTED: Badge(gettext_lazy("Became a message"), "check", "good"),
    Outcome.REPEATED: Badge(gettext_lazy("Came again"), "refresh", "neutral"),
    Outcome.REFUSED: Badge(gettext_lazy("Turned away"), "ban", "bad"),
    Outcome.RECEIPT: Badge(gettext_lazy("Delivery receipt"), "checks", "good"),
    Outcome.REPLY: Badge(gettext_lazy("Text from outside"), "message", "good"),
    Outcome.FLOW: Badge(gettext_lazy("Started a call flow"), "git-branch", "good"),
    Outcome.OTHER: Badge(gettext_lazy("About no message"), "circle-dashed", "neutral"),
    Outcome.WAITING: Badge(gettext_lazy("Waits to be handled"), "clock", "waiting"),
    Outcome.FAILED: Badge(gettext_lazy("smsadmin failed at it"), "x", "bad"),
}

Told = ProviderCall.Outcome
#: What came of a provider's call, as this page sorts it, and in words.
TOLD: dict[Told, tuple[Outcome, Words]] = {
    Told.MOVED: (Outcome.RECEIPT, gettext_lazy("It changed the message's status.")),
    Told.NOTED: (Outcome.RECEIPT, gettext_lazy("The message shows it, and its status stays.")),
    Told.REPEAT: (Outcome.REPEATED, gettext_lazy("It was told before; nothing more was done.")),
    Told.REPLY: (Outcome.REPLY, ""),
    Told.STARTED: (Outcome.FLOW, "%(detail)s"),
    Told.NOT_OURS: (Outcome.OTHER, gettext_lazy("The message was not sent from here.")),
    Told.AMBIGUOUS: (
        Outcome.RECEIPT,
        gettext_lazy("It may be about %(detail)s messages, so none was changed."),
    ),
    Told.ENDED: (Outcome.OTHER, gettext_lazy("The app was removed at Aircall: the account is disconnected.")),
    Told.REFRESH: (Outcome.OTHER, gettext_lazy("The directory was asked to read numbers and users again.")),
    Told.UNUSED: (Outcome.OTHER, gettext_lazy("Nothing follows from this event.")),
    Told.WAITING: (
        Outcome.WAITING,
        gettext_lazy("Its message may still get its answer; this is looked at again."),
    ),
    Told.FAILED: (Outcome.FAILED, gettext_lazy("An error that nobody foresaw: %(detail)s.")),
}

HUBSPOT_CALLS: Connection.Kind = Connection.Kind.HUBSPOT
#: Who carries messages, and how every address that they call begins.
_PATHS = {
    Connection.Kind.AIRCALL: "/aircall/",
    Connection.Kind.CALLR: "/callr/",
    Connection.Kind.TWILIO: "/twilio/",
}
#: Where agents use their tools, and their platforms tell of calls.
_AGENT_PATHS = ("/agents/", "/mcp")


class Table(IntEnum):
    """Where a call is stored: the order of the list where calls came in the same moment."""

    MESSAGES = 0
    REPEATS = 1
    REFUSED = 2
    TOLD = 3


class RequestsForm(forms.Form):
    """What the list can be narrowed to."""

    caller = forms.ChoiceField(
        label=gettext_lazy("Who called"),
        required=False,
        choices=[("", gettext_lazy("Anybody")), *((kind, kind.label) for kind in (HUBSPOT_CALLS, *_PATHS))],
    )
    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        required=False,
        choices=[
            ("", gettext_lazy("Any outcome")),
            *((outcome.value, look.label) for outcome, look in LOOKS.items()),
        ],
    )
    q = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        max_length=200,
        widget=forms.TextInput(
            attrs={
                "type": "search",
                "placeholder": gettext_lazy("Callback, workflow, record id …"),
            }
        ),
    )


@require_GET
@viewer_required
def requests(request: WorkspaceRequest) -> HttpResponse:
    """Calls of machines, newest first, each with its message or why there is none; htmx asks for the list alone."""
    form = RequestsForm(request.GET)
    is_valid = form.is_valid()
    narrowed = {name: value for name, value in form.cleaned_data.items() if value}
    search = Search.of(request, narrowed.get("q", ""))
    sources = _sources(request, narrowed, search) if is_valid else []
    page = page_of(sources, request.GET.get("before", ""), request.GET.get("after", ""))
    page = _masked(_joined(page, request.workspace), request)
    context = {
        "form": form,
        "narrowed": narrowed,
        "search": search,
        "page": page,
        **page.turned(reverse("requests"), narrowed),
        "kept_days": KEPT.days,
    }
    status = 200 if is_valid else 422
    response = render_page(
        request, "log/requests.html", context, fragment="log/_requests.html", status=status
    )
    return push_url(response, requests_url(**narrowed))


def _joined(page: "Page[Call]", workspace: Workspace) -> "Page[Call]":
    """The page with the messages that its providers' calls are about."""
    ids = {call.about for call in page.rows if call.about}
    about = Message.objects.filter(workspace=workspace).defer(*_HIDDEN).in_bulk(ids)
    calls = [replace(call, message=about.get(call.about)) if call.about else call for call in page.rows]
    return replace(page, rows=calls)


def _masked(page: "Page[Call]", request: WorkspaceRequest) -> "Page[Call]":
    """The page with its messages as the reader may see them."""
    messages = [call.message for call in page.rows if call.message]
    seen = {message.pk: message for message in reading.for_reader(messages, request.member)}
    calls = [replace(call, message=call.message and seen[call.message.pk]) for call in page.rows]
    return replace(page, rows=calls)


@require_GET
def refused_calls(request: WorkspaceRequest) -> HttpResponse:
    """Where the calls turned away used to be listed."""
    return redirect(requests_url(outcome=Outcome.REFUSED.value), permanent=True)


def requests_url(**filters: str) -> str:
    """The list narrowed to these filters."""
    return f"{reverse('requests')}?{urlencode(filters)}" if filters else reverse("requests")


# --- One call ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a call stands among all of them: by its time, then by its table, then by its row's id."""

    at: datetime
    table: int
    pk: Any

    def __str__(self) -> str:
        return f"{keyset.microseconds(self.at)}-{self.table}-{self.pk}"

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """The place that a page's address names; None for anything else."""
        try:
            at, table, pk = text.split("-", 2)
            return cls(keyset.moment(at), int(table), UUID(pk) if int(table) == Table.MESSAGES else int(pk))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Call:
    """One call: when, who made it, what became of it, the message it made or met, and why it was turned away.

    Of a provider's call `about` is the id of the message it is about: see _joined.
    """

    place: Place
    caller: Link
    note: str
    outcome: Outcome
    message: Message | None = None
    about: UUID | None = None
    reason: str = ""
    detail: str = ""
    path: str = ""

    @property
    def at(self) -> datetime:
        return self.place.at

    @property
    def look(self) -> Badge:
        return LOOKS[self.outcome]


def _accepted(message: Message) -> Call:
    place = Place(message.received_at, Table.MESSAGES, message.pk)
    return Call(place, _caller(message.origin), _about(message), Outcome.ACCEPTED, message)


def _repeated(event: Event) -> Call:
    message, place = event.message, Place(event.at, Table.REPEATS, event.pk)
    again = _("It got the first answer; nothing more was sent.")
    return Call(place, _caller(message.origin), _about(message), Outcome.REPEATED, message, detail=again)


def _told(call: ProviderCall) -> Call:
    outcome, words = TOLD[Told(call.outcome)]
    said = call.detail if call.outcome in (Told.MOVED, Told.NOTED, Told.REPEAT) else ""
    return Call(
        place=Place(call.at, Table.TOLD, call.pk),
        caller=Link(f"{call.connection.get_kind_display()}: {call.connection.name}"),
        note=" · ".join(filter(None, (call.event, said))),
        outcome=outcome,
        about=call.message,
        detail=str(words) % {"detail": call.detail} if words else "",
    )


def _refused(call: RefusedCall) -> Call:
    return Call(
        place=Place(call.at, Table.REFUSED, call.pk),
        caller=Link(_who_was_refused(call)),
        note="",
        outcome=Outcome.REFUSED,
        reason=presenters.refusal(call.reason),
        detail=call.detail,
        path=call.path,
    )


def _who_was_refused(call: RefusedCall) -> str:
    if call.portal:
        return _("HubSpot portal %(portal)s") % {"portal": call.portal}
    for kind, path in _PATHS.items():
        if call.path.startswith(path):
            return _("%(provider)s, or somebody in its name") % {"provider": kind.label}
    if call.path.startswith(_AGENT_PATHS):
        return _("An agent, or somebody in its name")
    return _("Unknown")


def _caller(origin: Mapping[str, Any]) -> Link:
    """The workflow, else the portal."""
    found = presenters.workflow(origin)
    if found.words:
        return found
    portal = origin.get("portal")
    return Link(_("HubSpot portal %(portal)s") % {"portal": portal} if portal else _("Unknown"))


def _about(message: Message) -> str:
    """The step of the workflow and the record it was about."""
    step = message.origin.get("step")
    words = (_("step %(step)s") % {"step": step} if step else "", presenters.record(message).words)
    return " · ".join(filter(None, words))


# --- What is looked for ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Search:
    """An id somebody looks for: messages that it names outright (`ids`), else any call since `since` that has it.

    `since` is None where every stored call is looked through.
    """

    text: str = ""
    ids: Sequence[UUID] = ()
    since: datetime | None = None

    @classmethod
    def of(cls, request: WorkspaceRequest, text: str) -> "Search":
        text = text.strip()
        if not text:
            return cls()
        if ids := list(_named(request.workspace, text).values_list("pk", flat=True)):
            return cls(text, ids)
        return cls(text, since=_reach(request))

    def messages(self, prefix: str = "") -> Q:
        """The messages that have it, as seen from where `prefix` leads to them."""
        if not self.text:
            return Q()
        if self.ids:
            return Q(**{f"{prefix}pk__in": self.ids})
        names = ("object_id", "origin__workflow", "origin__portal", "origin__callback_id")
        return Q(*((f"{prefix}{name}", self.text) for name in names), _connector=Q.OR)

    def told(self) -> Q:
        """The calls of providers that have it."""
        if not self.text:
            return Q()
        found = Q(message__in=self.ids) if self.ids else Q(provider_id=self.text)
        return found & Q(at__gte=self.since) if self.since else found


def _named(workspace: Workspace, text: str) -> QuerySet[Message]:
    """The messages whose own id, whose id at the provider, or whose callback id in one of the workspace's portals
    this is."""
    portals = Connection.objects.filter(workspace=workspace, kind=Connection.Kind.HUBSPOT)
    keys = [key16(f"{portal}:{text}") for portal in portals.values_list("external_id", flat=True)]
    named = Q(trigger__in=(HUBSPOT, CLASSIC), key__in=keys) | (~Q(provider_id="") & Q(provider_id=text))
    with suppress(ValueError):
        named |= Q(pk=UUID(text))
    return Message.objects.filter(named, workspace=workspace).exclude(trigger__in=NO_CALLS)


def _reach(request: WorkspaceRequest) -> datetime | None:
    """From when on calls are looked through one by one; None where there are no more than MOST_SEARCHED."""
    messages = (
        Message.objects.filter(workspace=request.workspace).order_by("-pk").values_list("pk", flat=True)
    )
    found = [moment_of(pk) for pk in messages[MOST_SEARCHED : MOST_SEARCHED + 1]]
    for calls in (*refused_of(request), *(rows for _outcome, rows in _told_of(request.workspace))):
        found += calls.order_by("-at").values_list("at", flat=True)[MOST_SEARCHED : MOST_SEARCHED + 1]
    return max(found, default=None)


# --- Where calls are found ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one table that are calls of one outcome, and how one of them is shown."""

    outcome: Outcome
    table: Table
    rows: QuerySet[Any]
    shown: Callable[[Any], Call]

    def calls(self, place: Place | None, newer: bool, count: int) -> list[Call]:
        """So many calls next to this place, the nearest first; the newest ones for no place."""
        rows = self.rows.filter(self._beyond(place, newer=newer)) if place else self.rows
        return [self.shown(row) for row in rows.order_by(*self._order.order(newer=newer))[:count]]

    @property
    def _order(self) -> Keyset[Any]:
        """Messages are timed by their ids."""
        return Keyset(self.rows.model, "" if self.table == Table.MESSAGES else "at")

    def _beyond(self, place: Place, *, newer: bool) -> Q:
        """The rows on one side of a place. Each is bounded by a plain comparison that an index serves."""
        if self.table == place.table:
            return self._order.beyond((place.at, place.pk), newer=newer)
        if self.table == Table.MESSAGES:
            after = first_uuid7(place.at + _MILLISECOND)  # of one moment, messages stand before all others
            return Q(pk__gte=after) if newer else Q(pk__lt=after)
        far, than = ("gt", "gte") if newer else ("lt", "lte")
        return Q(**{f"at__{than if (self.table > place.table) == newer else far}": place.at})


def _sources(request: WorkspaceRequest, narrowed: Mapping[str, str], search: Search) -> list[Source]:
    outcome, caller = narrowed.get("outcome"), narrowed.get("caller")
    found = [
        *(_asked_for(request.workspace, search) if caller not in _PATHS else ()),
        *(_told_us(request.workspace, search, caller) if caller != HUBSPOT_CALLS else ()),
        *(
            Source(Outcome.REFUSED, Table.REFUSED, _turned_away(calls, search, caller), _refused)
            for calls in refused_of(request)
        ),
    ]
    return [source for source in found if not outcome or source.outcome == outcome]


def _asked_for(workspace: Workspace, search: Search) -> Iterator[Source]:
    """Calls that asked for a message."""
    yield Source(Outcome.ACCEPTED, Table.MESSAGES, _messages(workspace, search), _accepted)
    yield Source(Outcome.REPEATED, Table.REPEATS, _repeats(workspace, search), _repeated)


def _told_us(workspace: Workspace, search: Search, caller: str | None) -> Iterator[Source]:
    """Calls of providers, or of those of one kind."""
    own = Connection.objects.filter(workspace=workspace, kind=caller) if caller else None
    of_kind = Q(connection__in=list(own.values_list("pk", flat=True))) if own is not None else Q()
    for outcome, told in _told_of(workspace):
        calls = told.filter(of_kind)
        rows = calls.filter(search.told()).select_related("connection").defer("body", "connection__secrets")
        yield Source(TOLD[outcome][0], Table.TOLD, rows, _told)


def _told_of(workspace: Workspace) -> list[tuple[Told, QuerySet[ProviderCall]]]:
    """The calls of providers by what came of them: one query each, since together no index has them in order."""
    calls = ProviderCall.objects.filter(workspace=workspace)
    return [(outcome, calls.filter(outcome=outcome)) for outcome in Told]


def _messages(workspace: Workspace, search: Search) -> QuerySet[Message]:
    messages = Message.objects.filter(search.messages(), workspace=workspace).exclude(trigger__in=NO_CALLS)
    if search.since:
        messages = messages.filter(pk__gte=first_uuid7(search.since))
    return messages.defer(*_HIDDEN)


def _repeats(workspace: Workspace, search: Search) -> QuerySet[Event]:
    events = Event.objects.filter(
        search.messages("message__"), kind=Event.Kind.REPEAT, workspace=workspace
    ).exclude(message__trigger__in=NO_CALLS)
    if search.since:
        events = events.filter(at__gte=search.since)
    return events.select_related("message").defer(*(f"message__{name}" for name in _HIDDEN))


def _turned_away(calls: QuerySet[RefusedCall], search: Search, caller: str | None) -> QuerySet[RefusedCall]:
    if search.ids:
        return calls.none()
    if caller in _PATHS:
        calls = calls.filter(path__startswith=_PATHS[Connection.Kind(caller)])
    elif caller:
        of_providers = (Q(path__startswith=path) for path in _PATHS.values())
        calls = calls.exclude(reduce(or_, of_providers))
    found = calls.filter(portal=search.text) if search.text else calls
    return found.filter(at__gte=search.since) if search.since else found


def refused_of(request: WorkspaceRequest) -> list[QuerySet[RefusedCall]]:
    """The workspace's refused calls and, for an owner, those that named no portal anybody connected: one query
    each, since together no index has them in order."""
    calls = RefusedCall.objects.all()
    mine = [calls.filter(workspace=request.workspace)]
    return [*mine, calls.filter(workspace=None)] if request.member.may(Role.OWNER) else mine


# --- Pages -------------------------------------------------------------------------------------------


def page_of(sources: Iterable[Source], before: str = "", after: str = "") -> Page[Call]:
    """The page older than the place `before`, or newer than `after`; the newest page for neither, or no place."""
    sources = list(sources)

    def next_to(place: Place | None, newer: bool, count: int) -> list[Call]:
        found = [call for source in sources for call in source.calls(place, newer, count)]
        return sorted(found, key=lambda call: call.place, reverse=not newer)[:count]

    return keyset.page_of(next_to, lambda call: str(call.place), Place.read(before), Place.read(after))
