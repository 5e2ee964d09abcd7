"""What the log can be narrowed to. Each filter is one an index of the log serves, or looks through the newest only."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.actions.models import Action
from smsadmin.core import errors
from smsadmin.core.ids import first_uuid7, key16, moment_of
from smsadmin.core.status import LEFT, SETTLED, TROUBLE, Status
from smsadmin.dashboard.templatetags.ui import STATUSES
from smsadmin.directory import naming
from smsadmin.directory.models import Agent, Number
from smsadmin.quotas.recount import LATEST
from smsadmin.sending import search
from smsadmin.sending.codes import NAMES
from smsadmin.sending.models import Message, Reply
from smsadmin.workspaces.models import Connection, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest
from smsadmin.writeback.models import Engagement

HUBSPOT = "hubspot"  # also how the classic action's begins, so that it is found with it
CLASSIC = "hubspot-classic"
TEST = "test"  # sent from the editor to one of our own phones
VERIFICATION = "verification"  # the code that proves such a phone
RESEND = "resend"  # a message of the log, sent again
MESSAGING_API = "messaging-api"  # somebody wrote it on the page of a number in proxy mode
INBOX = "inbox"  # an answer that somebody wrote in a thread
OPT_OUT = "opt-out"  # the answer to STOP, START or HELP
CALLFLOW = "callflow"  # a step of a call flow
AGENT = "agent"  # an AI agent's tool, or what follows its call
API = "api"  # a program that runs a saved action
NO_TESTS = "no-tests"

#: Messages that only tried something out: sent from the editor, or asked for by a program in test mode.
TESTS = Q(trigger=TEST) | Q(origin__test=True)


def is_test(message: Message) -> bool:
    """Whether a message is one of TESTS."""
    return message.trigger == TEST or bool(message.origin.get("test"))


#: What HubSpot was not told: how an execution ended, that a record has a message, or either of them yet.
UNTOLD, UNLOGGED, OWED = "untold", "unlogged", "owed"
GIVEN_BACK = "only"  # messages that were counted, but surely never left

#: Several statuses under one word.
GROUPS: dict[str, frozenset[Status]] = {
    "waiting": frozenset(Status) - SETTLED,
    "left": LEFT,
    "trouble": TROUBLE,
}

GROUP_WORDS = [
    ("waiting", gettext_lazy("Not sent yet")),
    ("left", gettext_lazy("Sent, in any way")),
    ("trouble", gettext_lazy("In trouble")),
]


#: Filters no index serves: one would cost every acceptance (docs/decisions.md). They look through that many.
UNINDEXED = ("workflow", "told", "given_back")
NEWEST = 100_000
#: A recipient as it was written stands in no index either, and those without a number lie far apart.
MOST_GIVEN = 10_000

#: A message's id is made a little after the moment in which it is counted, if it was not held first.
_ID_LATER = timedelta(minutes=1)

_EPOCH = datetime.fromtimestamp(0, UTC)
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_DIALLED = re.compile(r"[\d\s()+./-]{4,60}")


def log_url(**filters: Any) -> str:
    """The log narrowed to these filters; times go into the URL in UTC, so it means the same to everybody."""
    query = urlencode({name: _parameter(value) for name, value in filters.items()})
    return f"{reverse('log')}?{query}" if query else reverse("log")


def _parameter(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


class MomentInput(forms.DateTimeInput):
    """The browser's own picker for a moment; a text for a time that moves ("2h") or that cannot be read."""

    def __init__(self) -> None:
        super().__init__(attrs={"type": "datetime-local"})

    def format_value(self, value: Any) -> str | None:
        if not isinstance(value, datetime):
            return super().format_value(value)
        return value.replace(tzinfo=None).isoformat(timespec="seconds" if value.second else "minutes")

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        if value and not isinstance(value, datetime):
            context["widget"]["type"] = "text"
        return context


class MomentField(forms.CharField):
    """A time in any spelling of the search box, as the picker gives it, or as links carry it; cleaned to a moment."""

    widget = MomentInput

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            time = search.read_time(text, timezone.get_current_timezone())
        except search.Unreadable:
            raise ValidationError(
                _("“%(value)s” is not a time: write 2026-11-21 14:00, 2h for two hours ago, or today.")
                % {"value": text}
            ) from None
        return search.moment(time, timezone.localtime())

    def bound_data(self, data: Any, initial: Any) -> Any:
        """A moment in the viewer's zone, for the picker; anything else as it came."""
        try:
            time = search.read_time(data or "", timezone.get_current_timezone())
        except search.Unreadable:
            return data
        return time if search.is_relative(time) else timezone.localtime(datetime.fromisoformat(time))


class MomentFilter(django_filters.Filter):
    field_class = MomentField


class NumberChoices(django_filters.fields.ModelChoiceField):
    def label_from_instance(self, obj: Number) -> str:
        return f"{naming.beside(obj)} · {obj.name}"


class NumberFilter(django_filters.ModelChoiceFilter):
    field_class = NumberChoices


class PhoneField(forms.CharField):
    """A phone number in any spelling; cleaned to the E.164 numbers it may stand for.

    `countries` are tried where the spelling has no country code.
    """

    countries: Callable[[], Iterable[str]] = tuple

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        if not text:
            return []
        found = search.candidates(text, self.countries)
        if not found:
            raise ValidationError(
                _("“%(value)s” is not a phone number: write + and the country code, then digits.")
                % {"value": text}
            )
        return found


class PhoneFilter(django_filters.Filter):
    field_class = PhoneField


def _causes() -> list[tuple[str, list[tuple[str, str]]]]:
    """The codes by whose they are: the worst known is found under who has to mend it."""
    from smsadmin.sending.presenters import WHOSE  # which shows links into the log

    names = {**NAMES, search.USER_NO_ROOM: _("User has no room, of messages or segments")}
    found = {whose: _codes(whose) for whose in WHOSE}
    found[errors.Whose.QUOTA] += [*search.CODES]
    return [
        (str(words), [(code, f"{names[code]} · {code}") for code in found[whose]])
        for whose, words in WHOSE.items()
    ]


def _codes(whose: errors.Whose) -> list[str]:
    codes = [code for code, error in errors.CATALOGUE.items() if error.whose == whose]
    return sorted(codes, key=lambda code: str(NAMES[code]))


def _of_workspace(model: Any, order: str) -> Any:
    return lambda request: model.objects.filter(workspace=request.workspace).order_by(order)


class MessageFilter(django_filters.FilterSet):
    """The filter of the log; `request` must carry the workspace. `data`: as smsadmin.sending.asked makes it."""

    q = django_filters.CharFilter(
        label=gettext_lazy("Search"), method="search", widget=forms.HiddenInput, strip=False
    )
    status = django_filters.ChoiceFilter(
        label=gettext_lazy("Status"),
        empty_label=gettext_lazy("Any status"),
        choices=[*GROUP_WORDS, *((status.value, look.label) for status, look in STATUSES.items())],
        method="by_status",
    )
    error = django_filters.ChoiceFilter(
        label=gettext_lazy("Cause"),
        empty_label=gettext_lazy("Any cause"),
        choices=_causes,
        method="by_error",
    )
    cause = django_filters.CharFilter(method="by_cause", widget=forms.HiddenInput, max_length=60)
    number = NumberFilter(
        label=gettext_lazy("Sent from"),
        empty_label=gettext_lazy("Any number"),
        queryset=_of_workspace(Number, "name"),
    )
    agent = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Sent as"),
        empty_label=gettext_lazy("Any user"),
        queryset=_of_workspace(Agent, "name"),
    )
    action = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Action"),
        empty_label=gettext_lazy("Any action"),
        queryset=_of_workspace(Action, "name"),
    )
    recipient = PhoneFilter(label=gettext_lazy("Recipient"), method="by_recipient")
    trigger = django_filters.ChoiceFilter(
        label=gettext_lazy("Asked for by"),
        empty_label=gettext_lazy("Anything"),
        choices=[
            (NO_TESTS, gettext_lazy("Without tests")),
            (HUBSPOT, gettext_lazy("HubSpot workflows")),
            (CLASSIC, gettext_lazy("The classic action only")),
            (CALLFLOW, gettext_lazy("Call flows")),
            (AGENT, gettext_lazy("AI agents")),
            (API, gettext_lazy("Programs, by the API")),
            (RESEND, gettext_lazy("Sent again")),
            (INBOX, gettext_lazy("Answers from the inbox")),
            (MESSAGING_API, gettext_lazy("Written on a number's page")),
            (TEST, gettext_lazy("Tests only")),
            (VERIFICATION, gettext_lazy("Codes for test numbers")),
            (OPT_OUT, gettext_lazy("Answers to STOP, START and HELP")),
        ],
        method="by_trigger",
    )
    record = django_filters.CharFilter(label=gettext_lazy("Record id"), method="by_record", max_length=40)
    workflow = django_filters.CharFilter(
        label=gettext_lazy("Workflow id"), field_name="origin__workflow", max_length=40
    )
    told = django_filters.ChoiceFilter(
        label=gettext_lazy("Told and logged"),
        empty_label=gettext_lazy("Whether or not"),
        choices=[
            (UNTOLD, gettext_lazy("Workflow could not be told")),
            (UNLOGGED, gettext_lazy("Not logged on the record")),
            (OWED, gettext_lazy("Still to be told or logged")),
        ],
        method="by_told",
    )
    since = MomentFilter(label=gettext_lazy("From"), method="by_since")
    until = MomentFilter(label=gettext_lazy("Until"), method="by_until")
    counted_from = MomentFilter(
        label=gettext_lazy("Counted from"), method="by_counted_from", widget=forms.HiddenInput
    )
    counted_until = MomentFilter(
        label=gettext_lazy("Counted until"), method="by_counted_until", widget=forms.HiddenInput
    )
    given_back = django_filters.ChoiceFilter(
        label=gettext_lazy("Given back"),
        choices=[(GIVEN_BACK, gettext_lazy("Given back"))],
        method="by_given_back",
        widget=forms.HiddenInput,
    )

    class Meta:
        model = Message
        fields: list[str] = []

    def __init__(self, data: Mapping[str, str], request: WorkspaceRequest) -> None:
        self.workspace: Workspace = request.workspace
        super().__init__(data, Message.objects.filter(workspace=self.workspace), request=request)

    @property
    def form(self) -> forms.Form:
        form = super().form
        form.fields["recipient"].countries = self.countries
        return form

    @property
    def is_narrowed(self) -> bool:
        """Whether anything at all is filtered out."""
        return any(self.data.get(name) for name in self.filters)

    def countries(self) -> list[str]:
        """Where the workspace's own numbers are: whose spelling without country code people mean."""
        return countries(self.workspace)

    def filter_queryset(self, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return self.without()

    def without(self, *left_out: str) -> QuerySet[Message]:
        """What all filters but these leave over; the form must be valid."""
        found = self._narrowed({*self.filters} - {*left_out})
        return found.filter(pk__gt=self.reach) if self.reach else found

    @cached_property
    def reach(self) -> UUID | None:
        """The message down to which a filter without an index looks; None where all are looked at."""
        if not any(self.form.cleaned_data[name] for name in UNINDEXED):
            return None
        newest = self._narrowed({*self.filters} - {*UNINDEXED, "status"}).order_by("-pk")
        return next(iter(newest.values_list("pk", flat=True)[NEWEST : NEWEST + 1]), None)

    @property
    def reaches_back_to(self) -> datetime | None:
        """When the oldest message that is looked at came in; None where all are looked at."""
        return moment_of(self.reach) if self.reach else None

    def _narrowed(self, names: set[str]) -> QuerySet[Message]:
        found = self.queryset.all()
        for name, value in self.form.cleaned_data.items():
            if name in names:
                found = self.filters[name].filter(found, value)
        return found

    def by_status(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        wanted = GROUPS.get(value)
        return messages.filter(status__in=sorted(wanted)) if wanted else messages.filter(status=value)

    def by_error(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        return messages.filter(_of_code(value))

    def by_cause(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        return messages.filter(status__in=sorted(TROUBLE), cause=value)  # spelt as the partial index is

    def by_record(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        return messages.filter(~Q(object_id=""), object_id=value)  # spelt as the partial index is

    def by_recipient(self, messages: QuerySet[Message], name: str, value: list[str]) -> QuerySet[Message]:
        return messages.filter(recipient__in=value) if value else messages

    def by_trigger(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        """Tests are rare. The unique index, which begins with workspace and trigger, finds their ids (without which
        SQLite would look through the whole log for them); to leave them out skips few rows of the newest."""
        if value == NO_TESTS:
            return messages.exclude(trigger__in=(TEST, VERIFICATION))
        if value == HUBSPOT:  # nearly all: an equality would have SQLite sort them by way of the unique index
            return messages.filter(trigger__startswith=value)
        wanted = Message.objects.filter(workspace=self.workspace, trigger=value)
        return messages.filter(pk__in=wanted.values("pk"))

    def by_told(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        """By what HubSpot still does not know: of the workflow's execution, or of the record's timeline."""
        if value == UNTOLD:
            return messages.filter(reply=Reply.FAILED)
        entries = Engagement.objects.filter(workspace=self.workspace, message__isnull=False)
        if value == UNLOGGED:
            return messages.filter(
                pk__in=entries.filter(state__in=("failed", "not_logged")).values("message")
            )
        owed = entries.filter(state__in=("owed", "writing")).values("message")
        return messages.filter(Q(reply=Reply.OWED) | Q(pk__in=owed))

    def by_since(self, messages: QuerySet[Message], name: str, value: datetime) -> QuerySet[Message]:
        return messages.filter(pk__gte=first_uuid7(max(value, _EPOCH)))

    def by_until(self, messages: QuerySet[Message], name: str, value: datetime) -> QuerySet[Message]:
        return messages.filter(pk__lt=first_uuid7(max(value, _EPOCH)))

    def by_counted_from(self, messages: QuerySet[Message], name: str, value: datetime) -> QuerySet[Message]:
        """What counts against quotas from that moment on, late ones included: those that were released, or went on
        from another sender."""
        value = max(value, _EPOCH)
        came_in = first_uuid7(max(value - LATEST, _EPOCH))
        return messages.filter(self._counts, accepted_at__gte=value, pk__gte=came_in)

    def by_counted_until(self, messages: QuerySet[Message], name: str, value: datetime) -> QuerySet[Message]:
        value = max(value, _EPOCH)
        return messages.filter(self._counts, accepted_at__lt=value, pk__lt=first_uuid7(value + _ID_LATER))

    def by_given_back(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        return messages.filter(refunded_at__isnull=False)

    @property
    def _counts(self) -> Q:
        """What was given back counts no more; it is listed where it alone is asked for."""
        return Q() if self.form.cleaned_data["given_back"] else Q(refunded_at=None)

    def search(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        """One box: an error code, a phone number of either side in any spelling, an id of ours, Aircall's or
        HubSpot's, or (a part of) what an action, number or user is called."""
        return messages.filter(self._searched)

    @cached_property
    def _searched(self) -> Q:
        """What the box asks for. Ids and names are looked up first: what is then left to ask the log is mostly one
        thing, which one index serves, where a choice of five would have the database read its way through."""
        text = search.plain(self.form.cleaned_data["q"])
        if text.upper() in errors.CATALOGUE:
            return _of_code(text.upper())
        if found := search.candidates(text, self.countries):
            own = self._ids(Number, Q(e164__in=found))
            return Q(recipient__in=found) | Q(number__in=own) | self._was_given(text)
        return self._has_id(text) | self._is_called(text) | self._was_given(text)

    def _has_id(self, text: str) -> Q:
        portals = Connection.objects.filter(workspace=self.workspace, kind=Connection.Kind.HUBSPOT)
        keys = [key16(f"{portal}:{text}") for portal in portals.values_list("external_id", flat=True)]
        found = Q(trigger__in=(HUBSPOT, CLASSIC), key__in=keys) | (~Q(provider_id="") & Q(provider_id=text))
        if own := _UUID.search(text):  # alone, or in the copied address of its page
            found |= Q(pk=UUID(own[0]))
        return Q(pk__in=self._ids(Message, found))

    def _is_called(self, text: str) -> Q:
        by_name = Q(name__icontains=text)
        return (
            Q(action__in=self._ids(Action, by_name))
            | Q(number__in=self._ids(Number, by_name))
            | Q(agent__in=self._ids(Agent, by_name | Q(email__icontains=text)))
        )

    def _was_given(self, text: str) -> Q:
        """A recipient that was refused as it was written, among the newest such."""
        if not _DIALLED.fullmatch(text):
            return Q(pk__in=[])
        refused = Message.objects.filter(workspace=self.workspace, recipient="").order_by("-pk")
        oldest = next(iter(refused.values_list("pk", flat=True)[MOST_GIVEN : MOST_GIVEN + 1]), UUID(int=0))
        return Q(pk__in=self._ids(Message, Q(recipient="", recipient_given=text, pk__gt=oldest)))

    def _ids(self, model: Any, condition: Q) -> list[Any]:
        return list(model.objects.filter(condition, workspace=self.workspace).values_list("pk", flat=True))


def _of_code(code: str) -> Q:
    """The messages with this error, or one of those it stands for, spelt as the partial index is."""
    wanted = search.CODES.get(code)
    return ~Q(error_code="") & (Q(error_code__in=sorted(wanted)) if wanted else Q(error_code=code))


def countries(workspace: Workspace) -> list[str]:
    """Where the workspace's own numbers are."""
    found = Number.objects.filter(workspace=workspace).exclude(country="")
    return sorted(found.order_by().values_list("country", flat=True).distinct())
