"""What the log can be narrowed to. Each filter is one an index of the log serves."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.actions.models import Action
from smsadmin.core import errors, numbers
from smsadmin.core.ids import first_uuid7, key16
from smsadmin.core.status import LEFT, SETTLED, TROUBLE, Status
from smsadmin.dashboard.templatetags.ui import STATUSES
from smsadmin.directory.models import Agent, Number
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

HUBSPOT = "hubspot"
TEST = "test"  # sent from the editor to one of our own phones
VERIFICATION = "verification"  # the code that proves such a phone
NO_TESTS = "no-tests"

#: Several statuses under one word.
GROUPS: dict[str, frozenset[Status]] = {
    "waiting": frozenset(Status) - SETTLED,
    "left": LEFT,
    "trouble": TROUBLE,
    "counted": frozenset(Status)
    - {Status.RECEIVED, Status.REJECTED, Status.HELD, Status.EXPIRED, Status.CANCELLED},
}

GROUP_WORDS = [
    ("waiting", gettext_lazy("Not sent yet")),
    ("left", gettext_lazy("Sent, in any way")),
    ("trouble", gettext_lazy("In trouble")),
    ("counted", gettext_lazy("Counted against quotas")),
]


def log_url(**filters: Any) -> str:
    """The log narrowed to these filters; times go into the URL in UTC, so it means the same to everybody."""
    query = urlencode({name: _parameter(value) for name, value in filters.items()})
    return f"{reverse('log')}?{query}" if query else reverse("log")


def _parameter(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


class MomentField(forms.DateTimeField):
    """A time as the browser's own picker gives it, in the viewer's zone, or as links carry it, in UTC."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What the picker shows for a time that came in UTC."""
        try:
            moment = parse_datetime(data or "")
        except ValueError:
            return data
        return timezone.localtime(moment) if moment and timezone.is_aware(moment) else data


class MomentFilter(django_filters.Filter):
    field_class = MomentField


class NumberChoices(django_filters.fields.ModelChoiceField):
    def label_from_instance(self, obj: Number) -> str:
        return f"{numbers.pretty(obj.e164)} · {obj.name}"


class NumberFilter(django_filters.ModelChoiceFilter):
    field_class = NumberChoices


class PhoneField(forms.CharField):
    """A phone number in any spelling; cleaned to the E.164 numbers it may stand for.

    `countries` are tried where the spelling has no country code.
    """

    countries: Iterable[str] = ()

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value)
        if not text:
            return []
        found = candidates(text, self.countries)
        if not found:
            raise ValidationError(
                _("“%(value)s” is not a phone number: write + and the country code, then digits.")
                % {"value": text}
            )
        return found


class PhoneFilter(django_filters.Filter):
    field_class = PhoneField


def candidates(text: str, countries: Iterable[str]) -> list[str]:
    """The E.164 numbers a spelling may stand for: as it is written, else as each of these countries writes it."""
    try:
        return [numbers.read(text).e164]
    except numbers.NumberError as error:
        if error.reason != "no_country_code":
            return []
    found = {f"+{''.join(filter(str.isdigit, text))}"}
    for country in countries:
        try:
            found.add(numbers.read(text, country).e164)
        except numbers.NumberError:
            continue
    return sorted(each for each in found if numbers.E164.fullmatch(each))


def _of_workspace(model: Any, order: str) -> Any:
    return lambda request: model.objects.filter(workspace=request.workspace).order_by(order)


class MessageFilter(django_filters.FilterSet):
    """The filter of the log; `request` must carry the workspace."""

    q = django_filters.CharFilter(
        label=gettext_lazy("Search"),
        method="search",
        max_length=200,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": gettext_lazy("Number, id, email, code")}
        ),
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
        choices=[(code, code) for code in sorted(errors.CATALOGUE)],
        method="by_error",
    )
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
        label=gettext_lazy("Tests"),
        empty_label=gettext_lazy("With tests"),
        choices=[
            (NO_TESTS, gettext_lazy("Without tests")),
            (TEST, gettext_lazy("Tests only")),
            (VERIFICATION, gettext_lazy("Codes for test numbers")),
        ],
        method="by_trigger",
    )
    since = MomentFilter(label=gettext_lazy("From"), method="by_since")
    until = MomentFilter(label=gettext_lazy("Until"), method="by_until")

    class Meta:
        model = Message
        fields: list[str] = []

    def __init__(self, data: Any, request: WorkspaceRequest) -> None:
        self.workspace: Workspace = request.workspace
        super().__init__(data, Message.objects.filter(workspace=self.workspace), request=request)

    @property
    def form(self) -> forms.Form:
        form = super().form
        if "recipient" in form.data:
            form.fields["recipient"].countries = self.countries()
        return form

    @property
    def is_narrowed(self) -> bool:
        """Whether anything at all is filtered out."""
        return any(self.data.get(name) for name in self.filters)

    def countries(self) -> list[str]:
        """Where the workspace's own numbers are: whose spelling without country code people mean."""
        found = Number.objects.filter(workspace=self.workspace).exclude(country="")
        return sorted(found.order_by().values_list("country", flat=True).distinct())

    def by_status(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        wanted = GROUPS.get(value)
        return messages.filter(status__in=sorted(wanted)) if wanted else messages.filter(status=value)

    def by_error(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        return messages.filter(~Q(error_code=""), error_code=value)  # spelt as the partial index is

    def by_recipient(self, messages: QuerySet[Message], name: str, value: list[str]) -> QuerySet[Message]:
        return messages.filter(recipient__in=value) if value else messages

    def by_trigger(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        """Tests are rare. The unique index, which begins with workspace and trigger, finds their ids (without which
        SQLite would look through the whole log for them); to leave them out skips few rows of the newest."""
        if value == NO_TESTS:
            return messages.exclude(trigger__in=(TEST, VERIFICATION))
        wanted = Message.objects.filter(workspace=self.workspace, trigger=value)
        return messages.filter(pk__in=wanted.values("pk"))

    def by_since(self, messages: QuerySet[Message], name: str, value: datetime) -> QuerySet[Message]:
        return messages.filter(pk__gte=first_uuid7(value))

    def by_until(self, messages: QuerySet[Message], name: str, value: datetime) -> QuerySet[Message]:
        return messages.filter(pk__lt=first_uuid7(value))

    def search(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        """One box: an error code, a user's email, a phone number of either side, or an id of ours, Aircall's or
        HubSpot's."""
        text = value.strip()
        if text.upper() in errors.CATALOGUE:
            return self.by_error(messages, name, text.upper())
        if "@" in text:
            agents = Agent.objects.filter(workspace=self.workspace, email__iexact=text)
            return messages.filter(agent__in=list(agents.values_list("pk", flat=True)))
        if found := candidates(text, self.countries()):
            own = list(
                Number.objects.filter(workspace=self.workspace, e164__in=found).values_list("pk", flat=True)
            )
            return messages.filter(number__in=own) if own else messages.filter(recipient__in=found)
        return messages.filter(self._has_id(text))

    def _has_id(self, text: str) -> Q:
        portals = Connection.objects.filter(workspace=self.workspace, kind=Connection.Kind.HUBSPOT)
        keys = [key16(f"{portal}:{text}") for portal in portals.values_list("external_id", flat=True)]
        found = Q(trigger=HUBSPOT, key__in=keys) | (~Q(provider_id="") & Q(provider_id=text))
        try:
            return found | Q(pk=UUID(text))
        except ValueError:
            return found
