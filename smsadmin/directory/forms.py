"""Filters and edits of the directory."""

import re
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.directory.facts import OFFERED, UNCONFIRMED
from smsadmin.directory.models import Agent, Number, Source

YES, NO, UNKNOWN, ASK, KEEP = "yes", "no", "unknown", "ask", "keep"
MEANS = {YES: True, NO: False, UNKNOWN: None}
YES_NO = [(YES, gettext_lazy("Yes")), (NO, gettext_lazy("No"))]
OPEN = [(UNKNOWN, gettext_lazy("Not known")), *YES_NO]
NOT_DIGITS = re.compile(r"\D")


class NumberFilter(forms.Form):
    """Which numbers to list; what cannot be read filters nothing."""

    q = forms.CharField(label=gettext_lazy("Name or number"), required=False)
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
        self.is_valid()
        if text := self.cleaned_data.get("q"):
            numbers = numbers.filter(_named(text))
        wanted = {"offered": OFFERED, "not-offered": ~OFFERED, "unconfirmed": UNCONFIRMED}
        if show := self.cleaned_data.get("show"):
            numbers = numbers.filter(wanted[show])
        return numbers

    @property
    def filtered(self) -> bool:
        return any(self.cleaned_data.values())


class AgentFilter(forms.Form):
    q = forms.CharField(label=gettext_lazy("Name, email or number"), required=False)

    def apply(self, agents: QuerySet[Agent]) -> QuerySet[Agent]:
        self.is_valid()
        text = self.cleaned_data.get("q")
        if not text:
            return agents
        on_numbers = Number.objects.filter(_named(text)).values("association__agent")
        return agents.filter(Q(name__icontains=text) | Q(email__icontains=text) | Q(pk__in=on_numbers))


def _named(text: str) -> Q:
    """A number by its name, or by at least three of its digits in any spelling."""
    digits = NOT_DIGITS.sub("", text)
    found = Q(name__icontains=text)
    return found | Q(e164__contains=digits) if len(digits) > 2 else found


class FactsForm(forms.Form):
    """The four facts of one number. Only what is changed counts as said by an admin."""

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

    def __init__(self, number: Number, data: Any = None) -> None:
        self.number = number
        super().__init__(data, initial=_initial(number))

    def save(self) -> list[str]:
        """Stores what was changed, with the admin as its source; the names of those facts."""
        for name in self.changed_data:
            state(self.number, name, self.cleaned_data[name])
        self.number.save(update_fields=columns(self.changed_data))
        return self.changed_data


def _initial(number: Number) -> dict[str, str]:
    says = {value: word for word, value in MEANS.items()}
    initial = {
        name: says[getattr(number, name)]
        for name in ("connected", "sms_capable", "third_party", "proxy_mode")
    }
    if number.proxy_mode_source != Source.ADMIN:
        initial["proxy_mode"] = ASK
    return initial


def state(number: Number, name: str, answer: str) -> None:
    """Sets a fact as an admin answered it; `ASK` gives it back to the probe, whose turn is next."""
    if answer == ASK:
        number.proxy_mode_source, number.probed_at = Source.PROBE, None
        return
    setattr(number, name, MEANS[answer])
    setattr(number, f"{name}_source", Source.ASSUMED if answer == UNKNOWN else Source.ADMIN)


def columns(names: list[str]) -> list[str]:
    """The columns that `state` may write for these facts."""
    return [*names, *(f"{name}_source" for name in names), *(["probed_at"] if "proxy_mode" in names else [])]


class ConfirmForm(forms.Form):
    """Two facts for many numbers at once: a first import has dozens that nobody has confirmed."""

    AS_IT_IS = [(KEEP, gettext_lazy("Leave as it is")), *YES_NO]

    connected = forms.ChoiceField(
        label=gettext_lazy("Connected to HubSpot"), choices=AS_IT_IS, required=False
    )
    sms_capable = forms.ChoiceField(label=gettext_lazy("Can text"), choices=AS_IT_IS)
    scope = forms.ChoiceField(
        label=gettext_lazy("For"),
        widget=forms.RadioSelect,
        choices=[
            ("ticked", gettext_lazy("the ticked numbers")),
            ("all", gettext_lazy("all numbers of this list")),
        ],
        initial="ticked",
    )

    def __init__(self, listed: QuerySet[Number], data: Any = None) -> None:
        self.listed = listed
        self.ticked = (
            {int(pk) for pk in data.getlist("number") if pk.isdecimal() and len(pk) < 19} if data else set()
        )
        super().__init__(data)

    def clean(self) -> dict[str, Any]:
        answers = self.cleaned_data
        if not self.errors and answers["connected"] == answers["sms_capable"] == KEEP:
            self.add_error("connected", _("Choose Yes or No for at least one of the two facts."))
        if answers.get("scope") == "ticked" and not self.ticked:
            self.add_error("scope", _("Tick at least one number, or choose all numbers of this list."))
        return answers

    def save(self) -> int:
        """Sets the facts; how many numbers that concerned. Numbers outside the list are left alone."""
        given = {name: self.cleaned_data[name] for name in ("connected", "sms_capable")}
        answers = {name: answer for name, answer in given.items() if answer != KEEP}
        numbers = self.listed.filter(gone_at=None)
        if self.cleaned_data["scope"] == "ticked":
            numbers = numbers.filter(pk__in=self.ticked)
        chosen = list(numbers)
        for number in chosen:
            for name, answer in answers.items():
                state(number, name, answer)
            number.save(update_fields=columns(list(answers)))
        return len(chosen)


def is_recent(seconds: float, text: str) -> bool:
    """Whether `text` is a Unix time at most `seconds` ago."""
    return text.isdecimal() and len(text) < 12 and 0 <= timezone.now().timestamp() - int(text) <= seconds
