"""Forms of hooks, of their log's filter, and of replays."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from smsadmin.dashboard.filtering import ListFilter
from smsadmin.hooks import watching
from smsadmin.hooks.events import FAMILIES, KINDS, Family, Kind
from smsadmin.hooks.models import Hook, HookDelivery
from smsadmin.hooks.replaying import Span, Which
from smsadmin.notices import webhook
from smsadmin.notices.forms import EndpointForm
from smsadmin.notices.models import Endpoint

#: In place of an address that there is.
NEW = "new"
_CHOICES = [
    (name, name) for family in FAMILIES for name in (family.every, *(kind.name for kind in family.kinds))
]


class HookForm(forms.ModelForm):
    """What a program is told, and where it listens: at an address there is, or at a new one."""

    endpoint = forms.ChoiceField(
        label=gettext_lazy("Address"),
        help_text=gettext_lazy("Notices and webhooks may share an address, and with it a secret."),
    )
    url = forms.CharField(
        label=gettext_lazy("New address"),
        required=False,
        max_length=500,
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "It begins with https:// and is reached over the public internet. Its secret is made here and shown once."
        ),
    )
    events = forms.MultipleChoiceField(
        choices=_CHOICES,
        error_messages={"required": gettext_lazy("Choose at least one event.")},
    )

    class Meta:
        model = Hook
        fields = ["name", "events", "tells_contents", "tells_tests", "enabled"]
        error_messages = {"name": {"required": gettext_lazy("Give the webhook a name.")}}
        help_texts = {
            "tells_contents": gettext_lazy(
                "Then the recipient's whole number, the text and the sentence of an error leave this server with each "
                "message. Without it a program gets the message's id, what became of it, and the number with its "
                "country code and last two digits."
            ),
            "tells_tests": gettext_lazy(
                "Then it is also told of messages that only try something out, by an API key in test mode or from the "
                "editor; they say so. Without it a program hears of real ones alone."
            ),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        endpoint = self.fields["endpoint"]
        assert isinstance(endpoint, forms.ChoiceField)
        found = Endpoint.objects.filter(workspace=self.instance.workspace_id)
        self.endpoints = {str(each.pk): each for each in found.prefetch_related("hooks", "rules")}
        known = [(pk, _in_words(each)) for pk, each in self.endpoints.items()]
        endpoint.choices = [(NEW, _("A new address, given below")), *known]
        endpoint.initial = str(self.instance.endpoint_id or NEW)

    def families(self) -> Iterator[tuple[Family, bool, list[tuple[Kind, bool]]]]:
        """Each family and each of its kinds with whether it is chosen."""
        chosen = set(self["events"].value() or ())
        for family in FAMILIES:
            yield family, family.every in chosen, [(kind, kind.name in chosen) for kind in family.kinds]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        same = Hook.objects.filter(workspace=self.instance.workspace_id, name=name)
        if same.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Another webhook has this name."))
        return name

    def clean_events(self) -> list[str]:
        """A family as a whole stands for its kinds."""
        chosen: list[str] = self.cleaned_data["events"]
        whole = tuple(name.removesuffix("*") for name in chosen if name.endswith(".*"))
        return [name for name in chosen if name.endswith(".*") or not name.startswith(whole)]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        url, is_new = values.get("url", ""), values.get("endpoint") == NEW
        if is_new:
            self._check_address(url)
        elif url and "endpoint" in values:
            self.add_error("url", _("Choose a new address above, or leave this empty."))
        return values

    def _check_address(self, url: str) -> None:
        """By the rules that hold for every address of webhooks."""
        if not url:
            self.add_error("url", _("Choose an address above, or give that of the program that is told."))
            return
        self.address = EndpointForm({"url": url}, instance=Endpoint(workspace=self.instance.workspace))
        for error in self.address.errors.get("url", ()):
            self.add_error("url", error)

    @sensitive_variables()
    def saved(self, now: datetime) -> str:
        """Saves the hook; returns the secret of its address where that is new, else "". Call it in a transaction."""
        secret, endpoint = "", self.endpoints.get(self.cleaned_data["endpoint"])
        if endpoint is None:
            endpoint = self.address.save(commit=False)
            secret = webhook.renew(endpoint, now)
            endpoint.save()
        self.instance.endpoint = endpoint
        with watching.following(self.instance.workspace, now):
            self.save()
        return secret


def _in_words(endpoint: Endpoint) -> str:
    """Its host, which it may share with others, and what uses it: the rest of an address may be a secret."""
    users = [str(each) for each in (*endpoint.hooks.all(), *endpoint.rules.all())]
    if not users:
        return str(endpoint)
    return _("%(host)s, used by %(names)s") % {"host": endpoint, "names": get_text_list(users, _("and"))}


class DeliveryFilter(ListFilter):
    """Which deliveries to list; what cannot be read filters nothing."""

    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[("", gettext_lazy("Every state")), *HookDelivery.State.choices],
    )
    event = forms.ChoiceField(
        label=gettext_lazy("Event"),
        required=False,
        choices=[("", gettext_lazy("Every event")), *((name, name) for name in KINDS)],
    )

    def apply(self, deliveries: QuerySet[HookDelivery]) -> QuerySet[HookDelivery]:
        if state := self.cleaned_data.get("state"):
            deliveries = deliveries.filter(state=state)
        if event := self.cleaned_data.get("event"):
            deliveries = deliveries.filter(event__type=event)
        return deliveries


class _Moment(forms.DateTimeInput):
    """The browser's own field for a date and time."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]


class ReplayForm(forms.Form):
    """Of which time, and which of it."""

    since = forms.DateTimeField(label=gettext_lazy("From"), widget=_Moment(), input_formats=_FORMATS)
    until = forms.DateTimeField(
        label=gettext_lazy("Until"), widget=_Moment(), input_formats=_FORMATS,
        help_text=gettext_lazy("In your own time zone."),
    )  # fmt: skip
    which = forms.ChoiceField(
        label=gettext_lazy("Which"),
        choices=[
            (Which.GIVEN_UP, gettext_lazy("What was given up")),
            (Which.EVERY, gettext_lazy("What was given up, and what had arrived")),
        ],
        widget=forms.RadioSelect,
        initial=Which.GIVEN_UP,
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        since, until = values.get("since"), values.get("until")
        if since and until and since >= until:
            self.add_error("until", _("This is not after the beginning: give a later time."))
        return values

    def span(self, hook: Hook) -> Span:
        values = self.cleaned_data
        return Span(hook, values["since"], values["until"], Which(values["which"]))

    @staticmethod
    def usual(now: datetime) -> dict[str, Any]:
        """The last day, up to the minute that has begun."""
        until = timezone.localtime(now).replace(second=0, microsecond=0) + timedelta(minutes=1)
        return {"since": until - timedelta(days=1), "until": until, "which": Which.GIVEN_UP}
