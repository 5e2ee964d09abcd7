"""The form of an action: what is refused here cannot fail later for the same reason.

Aircall help: advanced Send SMS action. Number first, users filtered by the number, no silent fallback.
"""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse_lazy
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.actions.models import Action, ActionVersion, ObjectType
from smsadmin.actions.saving import CONFIG
from smsadmin.core import numbers, segments, tokens
from smsadmin.directory import book, facts
from smsadmin.directory.models import Agent, Number
from smsadmin.sending.check import MOST_CHARACTERS
from smsadmin.workspaces.models import Workspace

SenderKind, SendAsKind = ActionVersion.SenderKind, ActionVersion.SendAsKind


def _swaps(target: str, url: str, **more: str) -> dict[str, Any]:
    """What makes htmx post the form to `url` when this input changes, and replace `target` with the answer."""
    asks = {
        "hx-post": reverse_lazy(url),
        "hx-target": target,
        "hx-swap": "outerHTML",
        # The newest answer wins: an older one would put back what the reader has changed since.
        "hx-sync": f"closest {target}:replace",
    }
    return asks | {f"hx-{name}": value for name, value in more.items()}


_CHOICES = _swaps("#sender-and-user", "action-choices")

#: How long a message may wait for room, in minutes. HubSpot waits a week at most for a blocked execution.
HOLD_CHOICES = [
    (60, gettext_lazy("1 hour")),
    (240, gettext_lazy("4 hours")),
    (720, gettext_lazy("12 hours")),
    (1440, gettext_lazy("1 day")),
    (4320, gettext_lazy("3 days")),
    (8640, gettext_lazy("6 days")),
]

#: Properties that usually hold a phone number (HubSpot docs: default properties of contacts and companies).
PHONE_PROPERTIES = (
    "Contact.phone",
    "Contact.mobilephone",
    "Contact.hs_whatsapp_phone_number",
    "Company.phone",
)

TOKEN_PROBLEMS: dict[str, str | Promise] = {
    "unclosed": gettext_lazy("“%(piece)s” at character %(at)d is never closed: add “}}” after the name."),
    "empty": gettext_lazy(
        "“%(piece)s” at character %(at)d names nothing: write a property, as in {{Contact.FirstName}}."
    ),
    "name": gettext_lazy(
        "“%(piece)s” at character %(at)d is not a property: write object and property, as in {{Contact.FirstName}}."
    ),
    "filter": gettext_lazy(
        "“%(piece)s” at character %(at)d uses an unknown filter: only default is known, "
        'as in {{Contact.FirstName | default("there")}}.'
    ),
    "fallback": gettext_lazy(
        "“%(piece)s” at character %(at)d has an unreadable fallback: put it in brackets and straight quotes, "
        'as in {{Contact.FirstName | default("there")}}.'
    ),
}


def token_problem(error: tokens.TemplateError) -> str:
    """What is wrong with a template, in the reader's language."""
    return str(TOKEN_PROBLEMS[error.problem]) % {"piece": error.piece, "at": error.position + 1}


def property_path(value: str) -> str:
    """A property as tokens name it, braces forgiven: "Contact.Phone". Raises ValidationError."""
    bare = value.strip().removeprefix("{{").removesuffix("}}").strip()
    try:
        (token,) = tokens.parse("{{" + bare + "}}")
    except (tokens.TemplateError, ValueError):
        token = ""
    if not isinstance(token, tokens.Token) or token.fallback is not None:
        raise ValidationError(
            _("“%(value)s” is not the name of a property: write it as in Contact.phone.") % {"value": value}
        )
    return bare


class PropertyField(forms.CharField):
    """Names a property of the record, or of a related one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=100, **options)

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        return property_path(text) if text else ""


class MessageField(forms.CharField):
    """The template of a message, with line ends as they are sent."""

    widget = forms.Textarea(
        attrs={
            "rows": 6,
            **_swaps("#measure", "action-measure", trigger="input changed delay:300ms", sync="this:replace"),
        }
    )

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")

    def validate(self, value: str) -> None:
        if not segments.normalise(value).strip():
            raise ValidationError(_("Write the message: this one is empty."))
        try:
            parts = tokens.parse(value)
        except tokens.TemplateError as error:
            raise ValidationError(token_problem(error)) from error
        literal = segments.normalise("".join(part for part in parts if isinstance(part, str)))
        if (over := len(literal) - MOST_CHARACTERS) > 0:
            raise ValidationError(
                _(
                    "The text has %(count)s characters before its tokens are filled in; cut %(over)s to %(most)s."
                )
                % {
                    "count": number_format(len(literal), force_grouping=True),
                    "most": number_format(MOST_CHARACTERS, force_grouping=True),
                    "over": number_format(over, force_grouping=True),
                }
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
        help_text=gettext_lazy("What the HubSpot workflow enrols."),
    )
    sender_kind = forms.ChoiceField(
        label=gettext_lazy("Send from"),
        widget=forms.RadioSelect(attrs=_CHOICES),
        choices=SenderKind.choices,
        initial=SenderKind.NUMBER,
    )
    sender_number = forms.CharField(
        label=gettext_lazy("Number"),
        widget=forms.Select(attrs=_CHOICES),
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
        widget=forms.RadioSelect(attrs=_CHOICES),
        choices=SendAsKind.choices,
        initial=SendAsKind.NONE,
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
        widget=forms.TextInput(attrs={"list": "phone-properties", "autocomplete": "off"}),
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
            "Refuses numbers that are surely not mobile. In North America the two cannot be told apart."
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
    note = forms.CharField(
        label=gettext_lazy("What is different in this version"), max_length=200, required=False
    )
    base = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, workspace: Workspace, action: Action | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.workspace, self.action = workspace, action
        self.book = book.of(workspace.pk)
        self.number = _found(self.book.numbers, self["sender_number"].value())
        self.misfit: Agent | None = None
        self._require_what_is_chosen()
        self.fields["sender_number"].widget.choices = self._number_choices()
        self.fields["send_as_agent"].widget.choices = self._agent_choices()

    @property
    def has_property_sender(self) -> bool:
        return bool(self["sender_kind"].value() == SenderKind.PROPERTY)

    @property
    def agents(self) -> list[Agent]:
        """The users of the chosen number."""
        return self.book.agents_of(self.number) if self.number else []

    @property
    def warning(self) -> str:
        """Why the chosen number cannot send, though it is chosen."""
        return " ".join(facts.why_not(self.number)) if self.number and not self.number.is_eligible else ""

    def refilter(self) -> None:
        """Takes a user off who is not one of the chosen number's, and remembers who it was. For unbound forms."""
        chosen = _found(self.book.agents, self["send_as_agent"].value())
        if chosen and chosen not in self.agents:
            self.misfit = chosen
            self.initial["send_as_agent"] = ""

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        same = Action.objects.filter(workspace=self.workspace, name=name)
        if self.action:
            same = same.exclude(pk=self.action.pk)
        if same.exists():
            raise ValidationError(_("Another action has this name: choose a different one."))
        return name

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("sender_kind") == SenderKind.NUMBER:
            self._check_number()
        if self.cleaned_data.get("send_as_kind") == SendAsKind.USER:
            self._check_agent()
        return self.cleaned_data

    def config(self) -> dict[str, Any]:
        """The columns of the version this valid form asks for; what its choices leave unused is empty."""
        values = {**self.cleaned_data, "sender_number_id": None, "send_as_agent_id": None}
        if values["sender_kind"] == SenderKind.NUMBER:
            values |= {"sender_number_id": int(values["sender_number"]), "sender_property": ""}
        if values["send_as_kind"] == SendAsKind.USER:
            values["send_as_agent_id"] = int(values["send_as_agent"])
        if values["send_as_kind"] != SendAsKind.PROPERTY:
            values["send_as_property"] = ""
        values["at_quota"] = values["at_quota"] or ActionVersion.AtQuota.REFUSE
        values["traffic"] = values["traffic"] or ActionVersion.Traffic.ALERTING
        values["encoding"] = values["encoding"] or ActionVersion.Encoding.AUTO
        if values["at_quota"] == ActionVersion.AtQuota.REFUSE:
            values["hold_minutes"] = 0
        return {name: values[name] for name in CONFIG}

    def _require_what_is_chosen(self) -> None:
        sender, send_as = self["sender_kind"].value(), self["send_as_kind"].value()
        self.fields["sender_number"].required = sender == SenderKind.NUMBER
        self.fields["sender_property"].required = sender == SenderKind.PROPERTY
        self.fields["send_as_agent"].required = send_as == SendAsKind.USER and sender == SenderKind.NUMBER
        self.fields["send_as_property"].required = send_as == SendAsKind.PROPERTY

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
        if self.has_property_sender:
            self.add_error(
                "send_as_kind",
                _("Only a number of the list has known users. Send without one, or name a property."),
            )
            return
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
        offered = [number for number in self.book.numbers.values() if number.is_eligible]
        offered.sort(key=lambda number: (number.name.casefold(), number.pk))
        choices = [(str(number.pk), _named(number)) for number in offered]
        if self.number and not self.number.is_eligible:
            choices.append(
                (str(self.number.pk), _("%(number)s: not offered") % {"number": _named(self.number)})
            )
        return [("", _("Choose a number")), *choices]

    def _agent_choices(self) -> list[tuple[str, str]]:
        if self.number is None:
            return [("", _("Choose a number first"))]
        return [
            ("", _("Choose a user") if self.agents else _("This number has no users")),
            *((str(agent.pk), f"{agent.name} · {agent.email}") for agent in self.agents),
        ]


class SwitchForm(forms.Form):
    """On, or off with a reason."""

    reason = forms.CharField(
        label=gettext_lazy("Why it is switched off"),
        max_length=200,
        error_messages={"required": gettext_lazy("Say why the action is switched off.")},
        help_text=gettext_lazy("Everybody who wonders why nothing is sent reads this."),
    )


def initial_of(action: Action) -> dict[str, Any]:
    """The form's values for an action as it is."""
    version = action.current
    if version is None:
        return {"name": action.name, "base": 0}
    values = {name: getattr(version, name) for name in CONFIG}
    return {
        **values,
        "name": action.name,
        "sender_number": version.sender_number_id or "",
        "send_as_agent": version.send_as_agent_id or "",
        "base": version.number,
    }


def _named(number: Number) -> str:
    return f"{number.name} ({numbers.pretty(number.e164)})"


def _found(known: dict[int, Any], given: Any) -> Any:
    """What a posted id refers to; None for anything outside the workspace's own directory."""
    text = str(given or "")
    return known.get(int(text)) if text.isdecimal() and len(text) < 19 else None
