"""Filters and edits of the directory."""

import re
from typing import Any

from django import forms
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from smsadmin.directory.facts import ASK, BY_NAME, NO, OFFERED, UNCONFIRMED, UNKNOWN, YES, criteria
from smsadmin.directory.models import Agent, Association, Number, Source
from smsadmin.directory.registration import Registration

KEEP = "keep"
MEANS = {YES: True, NO: False, UNKNOWN: None}
YES_NO = [(YES, gettext_lazy("Yes")), (NO, gettext_lazy("No"))]
OPEN = [(UNKNOWN, gettext_lazy("Not known")), *YES_NO]
NOT_DIGITS = re.compile(r"\D")


class Filter(forms.Form):
    """What a list is narrowed to; what cannot be read filters nothing."""

    @property
    def chosen(self) -> dict[str, str]:
        """What is narrowed, as the address carries it."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class NumberFilter(Filter):
    q = forms.CharField(label=gettext_lazy("Number or user"), required=False)
    show = forms.ChoiceField(
        label=gettext_lazy("Show"),
        required=False,
        choices=[
            ("", gettext_lazy("All numbers")),
            ("offered", gettext_lazy("Offered")),
            ("not-offered", gettext_lazy("Not offered")),
            ("unconfirmed", gettext_lazy("Not confirmed yet")),
        ],
    )

    def apply(self, numbers: QuerySet[Number]) -> QuerySet[Number]:
        if text := self.chosen.get("q"):
            numbers = numbers.filter(_named(text) | Q(pk__in=_numbers_of(text)))
        wanted = {"offered": OFFERED, "not-offered": ~OFFERED, "unconfirmed": UNCONFIRMED}
        if show := self.chosen.get("show"):
            numbers = numbers.filter(wanted[show])
        return numbers


class AgentFilter(Filter):
    q = forms.CharField(label=gettext_lazy("Name, email or number"), required=False)

    def apply(self, agents: QuerySet[Agent]) -> QuerySet[Agent]:
        text = self.chosen.get("q")
        if not text:
            return agents
        on_numbers = Number.objects.filter(_named(text)).values("association__agent")
        return agents.filter(Q(name__icontains=text) | Q(email__icontains=text) | Q(pk__in=on_numbers))


def _numbers_of(text: str) -> QuerySet[Any]:
    """The numbers of users with this in their name or email."""
    users = Association.objects.filter(Q(agent__name__icontains=text) | Q(agent__email__icontains=text))
    return users.filter(agent__gone_at=None).values("number")


def _named(text: str) -> Q:
    """A number by its name, or by at least three of its digits in any spelling."""
    digits = NOT_DIGITS.sub("", text)
    found = Q(name__icontains=text)
    return found | Q(e164__contains=digits) if len(digits) > 2 else found


class FactsForm(forms.Form):
    """The four facts of one number, and the registration of a North American one. Only what is changed counts
    as said by an admin."""

    connected = forms.ChoiceField(label=gettext_lazy("Connected to HubSpot"), choices=OPEN)
    sms_capable = forms.ChoiceField(label=gettext_lazy("Can text"), choices=OPEN)
    third_party = forms.ChoiceField(label=gettext_lazy("Uses another messaging service"), choices=YES_NO)
    proxy_mode = forms.ChoiceField(
        label=gettext_lazy("Used by the Messaging API"),
        choices=[(ASK, gettext_lazy("Ask Aircall")), *YES_NO],
        help_text=gettext_lazy(
            "Aircall is asked in turn, some numbers with each refresh, unless you set it here."
        ),
    )

    registration = forms.ChoiceField(
        label=gettext_lazy("Registered with the carriers"),
        choices=[
            (ASK, gettext_lazy("Ask Aircall")),
            (Registration.REGISTERED, gettext_lazy("Yes")),
            (Registration.PENDING, gettext_lazy("Pending")),
            (Registration.UNREGISTERED, gettext_lazy("No")),
        ],
        required=False,  # nothing: as it is
        help_text=gettext_lazy(
            "In the United States and Canada: A2P 10DLC, or the verification of a toll-free number."
        ),
    )

    def __init__(self, number: Number, data: Any = None) -> None:
        self.number = number
        super().__init__(data, initial=_initial(number))
        for name in BY_NAME.keys() - {each.name for each in criteria(number)}:
            del self.fields[name]
        if not number.needs_registration:
            del self.fields["registration"]

    def save(self) -> list[str]:
        """Stores what was changed, with the admin as its source; the names of those facts."""
        changed = [name for name in self.changed_data if self.cleaned_data[name]]
        for name in changed:
            state(self.number, name, self.cleaned_data[name])
        self.number.save(update_fields=columns(changed))
        return changed


def _initial(number: Number) -> dict[str, str]:
    says = {value: word for word, value in MEANS.items()}
    initial = {
        name: says[getattr(number, name)]
        for name in ("connected", "sms_capable", "third_party", "proxy_mode")
    }
    if number.proxy_mode_source in (Source.ASSUMED, Source.PROBE):  # neither an admin nor a send has said so
        initial["proxy_mode"] = ASK
    initial["registration"] = number.registration if number.registration_source == Source.ADMIN else ASK
    return initial


def state(number: Number, name: str, answer: str) -> None:
    """Sets a fact as an admin answered it; `ASK` gives it back to the probe, whose turn is next."""
    if answer == ASK:
        setattr(number, f"{name}_source", Source.PROBE)
        number.probed_at = None
        return
    setattr(number, name, answer if name == "registration" else MEANS[answer])
    setattr(number, f"{name}_source", Source.ASSUMED if answer == UNKNOWN else Source.ADMIN)


def columns(names: list[str]) -> list[str]:
    """The columns that `state` may write for these facts."""
    asked = {"proxy_mode", "registration"} & set(names)
    return [*names, *(f"{name}_source" for name in names), *(["probed_at"] if asked else [])]


class ConfirmForm(forms.Form):
    """Two facts for many numbers at once: a first import has dozens that nobody has confirmed."""

    AS_IT_IS = [(KEEP, gettext_lazy("Leave as it is")), *YES_NO]
    TICKED, ALL, REST = "ticked", "all", "unconfirmed"

    connected = forms.ChoiceField(label=gettext_lazy("Connected to HubSpot"), choices=AS_IT_IS)
    sms_capable = forms.ChoiceField(label=gettext_lazy("Can text"), choices=AS_IT_IS)
    scope = forms.ChoiceField(
        label=gettext_lazy("For"),
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": gettext_lazy("Choose for which numbers.")},
    )

    def __init__(self, listed: QuerySet[Number], data: Any = None) -> None:
        """`listed` are the numbers of the filter, on all its pages."""
        self.here = listed.filter(gone_at=None)
        self.ticked = (
            {int(pk) for pk in data.getlist("number") if pk.isdecimal() and len(pk) < 19} if data else set()
        )
        super().__init__(data)
        counts = self.here.order_by().aggregate(all=Count("pk"), unconfirmed=Count("pk", filter=UNCONFIRMED))
        self.unconfirmed: int = counts["unconfirmed"]
        self.fields["scope"].choices = self._scopes(counts["all"])  # type: ignore[attr-defined]
        self.initial["scope"] = self.REST if self.unconfirmed else self.TICKED

    def _scopes(self, everything: int) -> list[tuple[str, str]]:
        unconfirmed = self.unconfirmed
        only = ngettext(
            "the %(count)d number that is not confirmed: only what nobody has said yet",
            "the %(count)d numbers that are not confirmed: only what nobody has said yet",
            unconfirmed,
        )
        whole = ngettext(
            "the %(count)d number of this list", "all %(count)d numbers of this list", everything
        )
        return [
            *([(self.REST, only % {"count": unconfirmed})] if unconfirmed else []),
            (self.TICKED, _("the ticked numbers")),
            (self.ALL, whole % {"count": everything}),
        ]

    def clean(self) -> dict[str, Any]:
        answers = self.cleaned_data
        if not self.errors and answers["connected"] == answers["sms_capable"] == KEEP:
            self.add_error("connected", _("Choose Yes or No for at least one of the two facts."))
        if answers.get("scope") == self.TICKED and not self.ticked:
            self.add_error("scope", _("Tick at least one number, or choose all numbers of this list."))
        return answers

    def save(self) -> int:
        """Sets the facts; how many numbers that concerned. Numbers outside the list are left alone."""
        given = {name: self.cleaned_data[name] for name in ("connected", "sms_capable")}
        answers = {name: answer for name, answer in given.items() if answer != KEEP}
        ticked = self.cleaned_data["scope"] == self.TICKED
        chosen = self.here.filter(pk__in=self.ticked) if ticked else self.here
        return sum(self._set(number, answers) for number in list(chosen))

    @property
    def _only_unknown(self) -> bool:
        return bool(self.cleaned_data["scope"] == self.REST)

    def _set(self, number: Number, answers: dict[str, str]) -> bool:
        """Whether there was something to set."""
        names = [name for name in answers if not self._only_unknown or getattr(number, name) is None]
        for name in names:
            state(number, name, answers[name])
        if names:
            number.save(update_fields=columns(names))
        return bool(names)
