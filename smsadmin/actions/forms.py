"""The form of an action: what is refused here cannot fail later for the same reason.

Aircall help: advanced Send SMS action. Number first, users filtered by the number, no silent fallback.
"""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.actions.calls import PHONE
from smsadmin.actions.fields import MOST_TEMPLATE, MessageField, PropertyField, with_sent_line_ends
from smsadmin.actions.models import Action, ActionVersion, ObjectType
from smsadmin.actions.offer import Group, Offer, offer
from smsadmin.actions.saving import CONFIG, name_problem
from smsadmin.agents import advice
from smsadmin.core import numbers, segments, tokens
from smsadmin.core.message import ActionConfig
from smsadmin.directory import book
from smsadmin.directory.models import Agent, Number
from smsadmin.directory.naming import label
from smsadmin.senders import choices
from smsadmin.workspaces.models import Workspace

SenderKind, SendAsKind = ActionVersion.SenderKind, ActionVersion.SendAsKind

#: How long a message may wait for room, in minutes. HubSpot waits a week at most for a blocked execution.
HOLD_CHOICES = [
    (60, gettext_lazy("1 hour")),
    (240, gettext_lazy("4 hours")),
    (720, gettext_lazy("12 hours")),
    (1440, gettext_lazy("1 day")),
    (4320, gettext_lazy("3 days")),
    (8640, gettext_lazy("6 days")),
]

#: How long the workflow may wait for the delivery receipt, in minutes.
WAIT_CHOICES = [
    (0, gettext_lazy("Not at all")),
    (5, gettext_lazy("Up to 5 minutes")),
    (15, gettext_lazy("Up to 15 minutes")),
    (60, gettext_lazy("Up to 1 hour")),
    (1440, gettext_lazy("Up to 1 day")),
    (8640, gettext_lazy("Up to 6 days")),
]
#: Together they leave room for the sending itself in the week that HubSpot waits at most for a blocked execution.
MOST_BLOCKED = 6 * 1440 + 60

#: The fields that name a property of the record.
PROPERTY_FIELDS = ("sender_property", "send_as_property", "recipient_property")
#: The fields that are folded away under Advanced; how long a message is held counts only where it is.
POLICIES = (
    "at_quota",
    "mobile_only",
    "default_region",
    "traffic",
    "encoding",
    "wait_minutes",
    "hide_values",
)


class ActionForm(forms.Form):
    """One action in the order of HubSpot's own form: number, user, recipient, message."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        error_messages={"required": gettext_lazy("Give the action a name.")},
    )
    object_type = forms.ChoiceField(
        label=gettext_lazy("Record type"),
        choices=ObjectType.choices,
        help_text=gettext_lazy("What the HubSpot workflow enrols, or a call that an AI agent has."),
    )
    sender_kind = forms.ChoiceField(
        label=gettext_lazy("Send from"),
        widget=forms.RadioSelect,
        choices=SenderKind.choices,
        initial=SenderKind.NUMBER,
    )
    sender_number = forms.CharField(
        label=gettext_lazy("Number"),
        widget=forms.Select,
        error_messages={"required": gettext_lazy("Choose the number to send from.")},
    )
    sender_property = PropertyField(
        label=gettext_lazy("Property with the number"),
        error_messages={"required": gettext_lazy("Name the property that holds the number to send from.")},
        help_text=gettext_lazy(
            "Its value must be an offered number in full international form, as in +12025550123."
        ),
    )
    send_as_kind = forms.ChoiceField(
        label=gettext_lazy("Send as"),
        widget=forms.RadioSelect,
        choices=SendAsKind.choices,
        initial=SendAsKind.NONE,
        error_messages={
            "required": gettext_lazy("Choose whether it is sent as a user."),
            "invalid_choice": gettext_lazy(
                "Only a number of the list has known users. Send without one, or name a property."
            ),
        },
    )
    send_as_agent = forms.CharField(
        label=gettext_lazy("User"),
        widget=forms.Select,
        error_messages={"required": gettext_lazy("Choose the user to send as.")},
    )
    send_as_property = PropertyField(
        label=gettext_lazy("Property with the user's email"),
        error_messages={"required": gettext_lazy("Name the property that holds the user's email address.")},
        help_text=gettext_lazy(
            "Its value must be the email address of a user of the number, or nothing is sent."
        ),
    )
    recipient_property = PropertyField(
        label=gettext_lazy("Property with the recipient's number"),
        help_text=gettext_lazy("The phone number must have its country code, as in +1 202 555 0123."),
        error_messages={"required": gettext_lazy("Name the property that holds the recipient's number.")},
    )
    message = MessageField(
        label=gettext_lazy("Message"),
        help_text=gettext_lazy(
            "Up to 1,600 characters. Insert values of the record as in {{Contact.FirstName}}, "
            'with a fallback as in {{Contact.FirstName | default("there")}}.'
        ),
    )
    condition = forms.CharField(
        label=gettext_lazy("When an agent sends it"),
        max_length=advice.MOST_CHARACTERS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "true"}),
        help_text=gettext_lazy(
            "In plain words: the agent reads them and judges by nothing else. Each agent can have its own."
        ),
    )
    at_quota = forms.ChoiceField(
        label=gettext_lazy("When a quota is used up"),
        widget=forms.RadioSelect,
        choices=ActionVersion.AtQuota.choices,
        initial=ActionVersion.AtQuota.REFUSE,
        required=False,
    )
    hold_minutes = forms.TypedChoiceField(
        label=gettext_lazy("Hold it for at most"),
        choices=HOLD_CHOICES,
        coerce=int,
        initial=1440,
        empty_value=1440,  # type: ignore[arg-type]  # what an unfilled field means
        required=False,
        help_text=gettext_lazy("A message that found no room by then is not sent."),
    )
    mobile_only = forms.BooleanField(
        label=gettext_lazy("Mobile numbers only"),
        required=False,
        help_text=gettext_lazy(
            "Refuses numbers that are surely not mobile. In North America and some other countries mobile and fixed "
            "lines share their ranges (“fixed line or mobile”): nobody can tell them apart, so these are texted."
        ),
    )
    default_region = forms.ChoiceField(
        label=gettext_lazy("Country of numbers without a country code"),
        required=False,
        choices=[("", gettext_lazy("None: such numbers are refused")), *numbers.regions()],
    )
    traffic = forms.ChoiceField(
        label=gettext_lazy("Kind of message"),
        widget=forms.RadioSelect,
        choices=ActionVersion.Traffic.choices,
        initial=ActionVersion.Traffic.ALERTING,
        required=False,
    )
    encoding = forms.ChoiceField(
        label=gettext_lazy("Encoding"),
        widget=forms.RadioSelect,
        choices=ActionVersion.Encoding.choices,
        initial=ActionVersion.Encoding.AUTO,
        required=False,
    )
    wait_minutes = forms.TypedChoiceField(
        label=gettext_lazy("The workflow waits for the delivery receipt"),
        choices=WAIT_CHOICES,
        coerce=int,
        initial=0,
        empty_value=0,  # type: ignore[arg-type]  # what an unfilled field means
        required=False,
        help_text=gettext_lazy(
            "While it waits, the record stays at this step; the status it goes on with is then delivered or "
            "undelivered. Without a receipt by then it goes on with sent. Not every carrier sends receipts."
        ),
    )
    hide_values = forms.BooleanField(
        label=gettext_lazy("Delete the text and the record's values once the message is settled"),
        required=False,
        help_text=gettext_lazy(
            "The log then shows that a message was sent and how it went, not what it said. Such a message can be "
            "sent again only where HubSpot still has its record."
        ),
    )
    note = forms.CharField(
        label=gettext_lazy("What is different in this version"), max_length=200, required=False
    )
    base = forms.IntegerField(required=False, widget=forms.HiddenInput)
    #: The step of the classic action that a new one takes the place of.
    classic_step = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        workspace: Workspace,
        action: Action | None = None,
        offered: Offer | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.workspace, self.action = workspace, action
        self.book = book.of(workspace.pk)
        self.offer = offered or offer(workspace, self._object_type())
        self.number: Number | None = _found(self.book.numbers, self["sender_number"].value())
        self.misfit: Agent | None = None
        if self.offer.is_call:
            self._ask_for_a_call()
        self._require_what_is_chosen()
        self._offer_what_fits()

    @property
    def has_property_sender(self) -> bool:
        return bool(self["sender_kind"].value() == SenderKind.PROPERTY)

    @property
    def knows_its_number(self) -> bool:
        """Whether the first step is done, so that the second one has something to offer."""
        return self.has_property_sender or self.number is not None

    @property
    def agents(self) -> list[Agent]:
        """The users of the chosen number."""
        return self.book.agents_of(self.number) if self.number else []

    @property
    def warning(self) -> str:
        """Why the chosen number cannot send, though it is chosen."""
        return choices.why_not(self.number) if self.number else ""

    @property
    def has_policies(self) -> bool:
        """Whether anything under Advanced is not as it comes."""
        return any(
            self[name].value() not in (None, "", False, self.fields[name].initial) for name in POLICIES
        )

    def refilter(self) -> None:
        """Takes a user off who is not one of the chosen number's, and remembers who it was. For unbound forms."""
        chosen = _found(self.book.agents, self["send_as_agent"].value())
        if chosen and chosen not in self.agents:
            is_asked_for = self["send_as_kind"].value() == SendAsKind.USER and self.number
            self.misfit = chosen if is_asked_for else None
            self.initial["send_as_agent"] = ""

    def post_to(self, url: str) -> None:
        """Lets htmx ask `url` for what a choice changes: the users of a number, the properties of a record type."""
        for name in ("sender_kind", "sender_number", "send_as_kind", "object_type"):
            self.fields[name].widget.attrs |= {
                "hx-post": url,
                "hx-vals": json.dumps({"do": "refilter"}),
                "hx-target": "#sender-and-user",
                # Who types in a list goes on in the same list when the answer comes.
                "hx-swap": "morph:outerHTML",
                # The newest answer wins: an older one would put back what the reader has changed since.
                "hx-sync": "#steps:replace",
            }

    @property
    def suggestions(self) -> list[tuple[str, list[Group]]]:
        """What to suggest in the fields that are texts: (field, groups)."""
        return [(name, self._properties_for(name)) for name in PROPERTY_FIELDS]

    def draft(self) -> ActionConfig:
        """What the form asks for as it stands, also when it could not be saved: the rehearsal says what is wrong.

        For bound forms; a valid one gives exactly the configuration of the version that it would be saved as.
        """
        self.is_valid()
        asked = {name: self[name].value() for name in CONFIG if name in self.fields}
        # All of a longer one could take minutes to read; this much of it is refused as well.
        asked["message"] = with_sent_line_ends(asked["message"])[:MOST_TEMPLATE]
        for name in (
            "hold_minutes",
            "wait_minutes",
        ):  # unless it is one of the choices, it is not even a number
            asked[name] = None
        asked |= self.cleaned_data
        asked["sender_number"] = self.number.pk if self.number else None
        agent = _found(self.book.agents, self["send_as_agent"].value())
        asked["send_as_agent"] = agent.pk if agent else None
        return ActionVersion(**_columns(asked)).config()

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if problem := name_problem(self.workspace, name, self.action):
            raise ValidationError(problem)
        return name

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("sender_kind") == SenderKind.NUMBER:
            self._check_number()
        if self.cleaned_data.get("send_as_kind") == SendAsKind.USER:
            self._check_agent()
        if self.cleaned_data.get("encoding") == ActionVersion.Encoding.GSM:
            self._check_gsm()
        self._check_wait()
        return self.cleaned_data

    def clean_sender_property(self) -> str:
        return self._existing("sender_property")

    def clean_send_as_property(self) -> str:
        return self._existing("send_as_property")

    def clean_recipient_property(self) -> str:
        return PHONE if self.offer.is_call else self._existing("recipient_property")

    def clean_condition(self) -> str:
        return with_sent_line_ends(self.cleaned_data["condition"])

    def clean_message(self) -> str:
        message: str = self.cleaned_data["message"]
        for token in tokens.tokens(message):
            self._check_exists(f"{token.object}.{token.property}", token.raw)
        return message

    def config(self) -> dict[str, Any]:
        """The columns of the version this valid form asks for; what its choices leave unused is empty."""
        return _columns(self.cleaned_data)

    def is_as_saved(self) -> bool:
        """Whether this form, valid or not, asks for nothing but what the action does already. For bound forms."""
        if not self.action or not (current := self.action.current):
            return False
        named, typed = self["name"].value(), self["object_type"].value()
        if self["note"].value() or (named, typed) != (self.action.name, current.object_type):
            return False
        is_worded_so = str(self["condition"].value() or "").strip() == current.condition
        return is_worded_so and self.draft() == current.config()

    def _object_type(self) -> str:
        given = str(self["object_type"].value() or "")
        return given if given in ObjectType.values else ObjectType.CONTACT.value

    def _existing(self, name: str) -> str:
        path: str = self.cleaned_data[name]
        if path:
            self._check_exists(path, path)
        return path

    def _check_exists(self, path: str, shown: str) -> None:
        if not self.offer.lacks(path):
            return
        near = self.offer.nearest(path)
        told = {"path": shown, "near": near, "object": ObjectType(self.offer.object_type).label}
        if near:
            raise ValidationError(_("HubSpot has no property “%(path)s”. Did you mean %(near)s?") % told)
        raise ValidationError(
            _("HubSpot has no property “%(path)s” on this record (%(object)s): choose one of the list.")
            % told
        )

    def _ask_for_a_call(self) -> None:
        """Whom an agent texts is said where the action is attached to it; what else is named, the agent gives."""
        self.fields["recipient_property"] = forms.CharField(
            label=self.fields["recipient_property"].label, required=False, widget=forms.HiddenInput
        )
        self.fields["message"].help_text = _(
            "Up to 1,600 characters. Every name in braces becomes a value that the agent gives, as in {{date}}, "
            'with a fallback as in {{date | default("soon")}}.'
        )

    def _offer_what_fits(self) -> None:
        if self.has_property_sender:  # its number is known only when a record comes, so its users are not
            kinds: Any = self.fields["send_as_kind"]
            kinds.choices = [choice for choice in SendAsKind.choices if choice[0] != SendAsKind.USER]
        self.fields["sender_number"].widget.choices = self._number_choices()
        self.fields["send_as_agent"].widget.choices = self._agent_choices()
        for name in PROPERTY_FIELDS:
            if not self.fields[name].widget.is_hidden:
                self.fields[name].widget = self._property_widget(name)

    def _properties_for(self, name: str) -> list[Group]:
        """A number's fields want phone numbers, a user's an email address."""
        return self.offer.all() if name == "send_as_property" else self.offer.phones_first()

    def _property_widget(self, name: str) -> forms.Widget:
        """A list where HubSpot's is known, else a text with suggestions."""
        value = str(self[name].value() or "")
        if not self.offer.is_complete:
            return forms.TextInput(attrs={"list": f"{name}-suggestions", "autocomplete": "off"})
        groups = self._properties_for(name)
        listed = {choice for _label, choices in groups for choice, _words in choices}
        known = self.offer.find(value) if value else None
        extra = [] if not value or value in listed else [(value, known.label if known else value)]
        return forms.Select(choices=[("", _("Choose a property")), *extra, *groups])

    def _require_what_is_chosen(self) -> None:
        sender, send_as = self["sender_kind"].value(), self["send_as_kind"].value() or SendAsKind.NONE
        self.fields["sender_number"].required = sender == SenderKind.NUMBER
        self.fields["sender_property"].required = sender == SenderKind.PROPERTY
        self.fields["send_as_agent"].required = send_as == SendAsKind.USER and sender == SenderKind.NUMBER
        self.fields["send_as_property"].required = send_as == SendAsKind.PROPERTY

    def _check_gsm(self) -> None:
        """A character of the text itself would refuse every message; those of a record are refused as they come."""
        parts = tokens.parse(self.cleaned_data.get("message") or "")
        texts = [part if isinstance(part, str) else part.fallback or "" for part in parts]
        if left := segments.to_gsm("".join(texts)).left:
            words = _("GSM-7 has no look-alike for %(characters)s: take it out, or choose another encoding.")
            self.add_error("message", words % {"characters": " ".join(left)})

    def _check_wait(self) -> None:
        """HubSpot goes on after a week at most, whether we have answered or not."""
        holds = self.cleaned_data.get("at_quota") == ActionVersion.AtQuota.HOLD
        hold = self.cleaned_data.get("hold_minutes") or 0 if holds else 0
        if hold + (self.cleaned_data.get("wait_minutes") or 0) > MOST_BLOCKED:
            words = _(
                "HubSpot waits for a week at most, and the message may be held before: wait less for the receipt, or "
                "hold the message for a shorter time."
            )
            self.add_error("wait_minutes", words)

    def _check_number(self) -> None:
        if not self.cleaned_data.get("sender_number"):
            return
        if self.number is None:
            self.add_error(
                "sender_number", _("This number is not in your directory: choose one of the list.")
            )
        elif self.warning:
            self.add_error("sender_number", f"{self.number.name}: {self.warning}")

    def _check_agent(self) -> None:
        given = self.cleaned_data.get("send_as_agent")
        agent = _found(self.book.agents, given)
        if not given or agent in self.agents:
            return
        if agent is None or self.number is None:
            self.add_error("send_as_agent", _("Choose one of the users of the number."))
            return
        self.misfit = agent
        names = {"user": agent.name, "number": self.number.name}
        self.add_error("send_as_agent", _("%(user)s is not a user of %(number)s: choose again.") % names)

    def _number_choices(self) -> list[tuple[str, str]]:
        offered = [number for number in self.book.numbers.values() if choices.may_be_chosen(number)]
        offered.sort(key=lambda number: (number.name.casefold(), number.pk))
        listed = [(str(number.pk), label(number)) for number in offered]
        if self.number and self.number not in offered:
            listed.append(
                (str(self.number.pk), _("%(number)s: not offered") % {"number": label(self.number)})
            )
        return [("", _("Choose a number")), *listed]

    def _agent_choices(self) -> list[tuple[str, str]]:
        if self.number is None:
            return [("", _("Choose a number first"))]
        return [
            ("", _("Choose a user") if self.agents else _("This number has no users")),
            *((str(agent.pk), f"{agent.name} · {agent.email}") for agent in self.agents),
        ]


def _columns(asked: dict[str, Any]) -> dict[str, Any]:
    """The columns of a version from the form's values; what the choices leave unused is empty."""
    by_number = asked.get("sender_kind") == SenderKind.NUMBER
    send_as = asked.get("send_as_kind")
    hold = asked.get("at_quota") == ActionVersion.AtQuota.HOLD
    values = {name: asked.get(name) or "" for name in CONFIG} | {
        "sender_number_id": _pk(asked.get("sender_number")) if by_number else None,
        "send_as_agent_id": _pk(asked.get("send_as_agent")) if send_as == SendAsKind.USER else None,
        "hold_minutes": int(asked.get("hold_minutes") or 0) if hold else 0,
        "wait_minutes": int(asked.get("wait_minutes") or 0),
        "mobile_only": bool(asked.get("mobile_only")),
        "hide_values": bool(asked.get("hide_values")),
        "at_quota": asked.get("at_quota") or ActionVersion.AtQuota.REFUSE.value,
        "traffic": asked.get("traffic") or ActionVersion.Traffic.ALERTING.value,
        "encoding": asked.get("encoding") or ActionVersion.Encoding.AUTO.value,
    }
    if by_number:
        values["sender_property"] = ""
    if send_as != SendAsKind.PROPERTY:
        values["send_as_property"] = ""
    return values


class SwitchForm(forms.Form):
    """On, or off with a reason."""

    reason = forms.CharField(
        label=gettext_lazy("Why it is switched off"),
        max_length=200,
        error_messages={"required": gettext_lazy("Say why the action is switched off.")},
        help_text=gettext_lazy("Everybody who wonders why nothing is sent reads this."),
    )


def initial_of(action: Action, version: ActionVersion | None = None) -> dict[str, Any]:
    """The form's values for an action as it is, or as an older version of it was."""
    version = version or action.current
    if version is None:
        return {"name": action.name, "base": 0}
    values = {name: getattr(version, name) for name in CONFIG}
    return {
        **values,
        "name": action.name,
        "sender_number": version.sender_number_id or "",
        "send_as_agent": version.send_as_agent_id or "",
        "hold_minutes": version.hold_minutes or 1440,
        "base": version.number,
    }


def _found(known: dict[int, Any], given: Any) -> Any:
    """What a posted id refers to; None for anything outside the workspace's own directory."""
    pk = _pk(given)
    return known.get(pk) if pk is not None else None


def _pk(given: Any) -> int | None:
    text = str(given or "")
    return int(text) if text.isdecimal() and len(text) < 19 else None
