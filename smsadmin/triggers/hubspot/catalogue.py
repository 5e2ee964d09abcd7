"""The Send SMS action as HubSpot's editor shows it: fields, dropdowns, outputs, and what the action log says.

One description of both generations, its texts in English and marked for the translators; definition.py writes it in
HubSpot's form. Field names are those that parse.py reads, outputs those that answer.py sends.
Aircall help: advanced Send SMS action, and the earlier one. HubSpot docs: "Custom workflow actions".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from smsadmin.core.errors import CATALOGUE, SendError, Whose, gettext_noop
from smsadmin.core.status import Status


class Value(StrEnum):
    """Where the value of a field comes from: typed or picked in the editor, or a property of the enrolled record."""

    STATIC = "STATIC_VALUE"
    PROPERTY = "OBJECT_PROPERTY"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the step. `choices` are (value, label); `listed_by` names the address that lists them instead."""

    name: str
    label: str
    value: Value = Value.STATIC
    kind: str = "text"  # text, textarea or select
    help: str = ""
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    listed_by: str = ""


@dataclass(frozen=True, slots=True)
class Dependency:
    """`dependent` is hidden until `controlling` has this value; without one, greyed out until it has any.

    Only the values of controlling fields come with a question for a dropdown's options.
    """

    controlling: str
    dependent: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """What later steps of the workflow, and the rules below, may read."""

    name: str
    label: str
    kind: str = "string"  # string or number


@dataclass(frozen=True, slots=True)
class Rule:
    """What HubSpot's action log says where the outputs have these values: the text called `label`."""

    label: str
    conditions: Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Generation:
    """One of the two forms of the action, and the addresses it calls."""

    key: str
    url_name: str
    name: str
    description: str
    card: str
    fields: tuple[Field, ...]
    dependencies: tuple[Dependency, ...]
    list_query: str = ""  # what tells the addresses of dropdowns which generation asks
    uid: str = field(kw_only=True)  # of its file in a project folder


_NUMBERS, _USERS = "hubspot-sender-numbers", "hubspot-send-as-users"
_RECIPIENT = Field(
    "recipient",
    gettext_noop("Recipient number (to)"),
    Value.PROPERTY,
    help=gettext_noop("A property with country code, for example +15550199."),
    required=True,
)
_MESSAGE = Field(
    "message",
    gettext_noop("Message"),
    kind="textarea",
    help=gettext_noop("Up to 1,600 characters."),
    required=True,
)

#: Modes say where a value comes from, so that none is ever guessed. What a mode hides is not required, for HubSpot does
#: not say whether an empty hidden field can be saved: a step without it is refused when the record comes.
ADVANCED = Generation(
    key="advanced",
    url_name="hubspot-send-sms",
    uid="smsadmin_send_sms",
    name=gettext_noop("Send SMS"),
    description=gettext_noop("Sends one text message from a number of yours."),
    card=gettext_noop("Send SMS to {{recipient}}"),
    fields=(
        Field(
            "sender_mode",
            gettext_noop("Sender number (from)"),
            kind="select",
            required=True,
            choices=(("number", gettext_noop("Number")), ("custom", gettext_noop("Custom input"))),
        ),
        Field("sender_number", gettext_noop("Number"), kind="select", listed_by=_NUMBERS),
        Field(
            "sender_number_custom",
            gettext_noop("Number from a property"),
            Value.PROPERTY,
            help=gettext_noop(
                "With + and country code, for example +15550199. It must be one of your numbers."
            ),
        ),
        Field(
            "send_as_mode",
            gettext_noop("Send as"),
            kind="select",
            required=True,
            choices=(
                ("default", gettext_noop("Default (no user)")),
                ("user", gettext_noop("Specific user")),
                ("custom", gettext_noop("Custom input")),
            ),
        ),
        Field(
            "send_as_user",
            gettext_noop("User"),
            kind="select",
            help=gettext_noop("The users of the number chosen above."),
            listed_by=_USERS,
        ),
        Field(
            "send_as_email",
            gettext_noop("User email from a property"),
            Value.PROPERTY,
            help=gettext_noop("The email address of a user of the number."),
        ),
        _RECIPIENT,
        _MESSAGE,
    ),
    dependencies=(
        Dependency("sender_mode", "sender_number", "number"),
        Dependency("sender_mode", "sender_number_custom", "custom"),
        Dependency("send_as_mode", "send_as_user", "user"),
        Dependency("send_as_mode", "send_as_email", "custom"),
        Dependency("sender_number", "send_as_user"),
    ),
)

#: The earlier action: one number and one of its users, both picked.
CLASSIC = Generation(
    key="classic",
    url_name="hubspot-send-sms-classic",
    uid="smsadmin_send_sms_classic",
    name=gettext_noop("Send SMS (classic)"),
    description=gettext_noop(
        "The earlier form of Send SMS: one number and one of its users, both picked here."
    ),
    card=gettext_noop("Send SMS to {{recipient}}"),
    fields=(
        Field(
            "sender_number",
            gettext_noop("Number (from)"),
            kind="select",
            required=True,
            listed_by=_NUMBERS,
        ),
        Field(
            "send_as_user",
            gettext_noop("Sender user"),
            kind="select",
            help=gettext_noop("The users of the number chosen above."),
            required=True,
            listed_by=_USERS,
        ),
        _RECIPIENT,
        _MESSAGE,
    ),
    dependencies=(Dependency("sender_number", "send_as_user"),),
    list_query="?generation=classic",
)

GENERATIONS = {generation.key: generation for generation in (ADVANCED, CLASSIC)}

OUTPUTS = (
    Output("status", gettext_noop("Status")),
    Output("message_id", gettext_noop("Message ID")),
    Output("segments", gettext_noop("Segments"), "number"),
    Output("sender", gettext_noop("Sender")),
    Output("recipient_e164", gettext_noop("Recipient")),
    Output("errorCode", gettext_noop("Error code")),
    Output("errorMessage", gettext_noop("Error message")),
)

#: What the action log says, by the label of a rule. `errorMessage` is the catalogue's own sentence, values filled in.
LOG_TEXTS = {
    "undelivered": gettext_noop(
        "Sent from {{ sender }}, but not delivered to {{ recipient_e164 }}: {{ errorMessage }} ({{ errorCode }})"
    ),
    "unknown": gettext_noop(
        "It may have gone out, so it is not sent again: {{ errorMessage }} ({{ errorCode }})"
    ),
    "quota": gettext_noop(
        "Not sent and not tried again, for want of quota: {{ errorMessage }} ({{ errorCode }})"
    ),
    "optedOut": gettext_noop("Not sent, as the recipient wishes: {{ errorMessage }} ({{ errorCode }})"),
    "provider": gettext_noop("Not sent, because of the provider: {{ errorMessage }} ({{ errorCode }})"),
    "internal": gettext_noop(
        "Not sent, because of a fault of smsadmin: {{ errorMessage }} ({{ errorCode }})"
    ),
    "sender": gettext_noop("Not sent, because of the sender number: {{ errorMessage }} ({{ errorCode }})"),
    "user": gettext_noop("Not sent, because of the user: {{ errorMessage }} ({{ errorCode }})"),
    "message": gettext_noop("Not sent, because of the text: {{ errorMessage }} ({{ errorCode }})"),
    "recipient": gettext_noop("Not sent, because of the recipient: {{ errorMessage }} ({{ errorCode }})"),
    "connection": gettext_noop("Not sent, because of a connection: {{ errorMessage }} ({{ errorCode }})"),
    "settings": gettext_noop("Not sent, because of the settings: {{ errorMessage }} ({{ errorCode }})"),
    "failed": gettext_noop("Not sent: {{ errorMessage }} ({{ errorCode }})"),
    "delivered": gettext_noop(
        "Delivered from {{ sender }} to {{ recipient_e164 }}, {{ segments }} segment(s)"
    ),
    "sent": gettext_noop("Sent from {{ sender }} to {{ recipient_e164 }}, {{ segments }} segment(s)"),
    "accepted": gettext_noop(
        "Accepted, to be sent from {{ sender }} to {{ recipient_e164 }}, {{ segments }} segment(s)"
    ),
}

_BY_OUTCOME = {Status.UNDELIVERED: "undelivered", Status.UNKNOWN: "unknown"}
_BY_WHOSE = {
    Whose.QUOTA: "quota",
    Whose.CONSENT: "optedOut",
    Whose.PROVIDER: "provider",
    Whose.CARRIER: "undelivered",
    Whose.US: "internal",
}
_BY_PLACE = {
    "action.sender": "sender",
    "directory": "sender",
    "action.send_as": "user",
    "action.message": "message",
    "record": "recipient",
    "connections": "connection",
}


def label_of(error: type[SendError]) -> str:
    """Which text the action log shows for an error: by its outcome, else by whose it is, else by where it is mended."""
    return (
        _BY_OUTCOME.get(error.status) or _BY_WHOSE.get(error.whose) or _BY_PLACE.get(error.place, "settings")
    )


def rules() -> list[Rule]:
    """The rules in order: the first that fits counts. Every code of the catalogue is in exactly one; then come the
    outcomes that have none."""
    codes: dict[str, list[str]] = {label: [] for label in LOG_TEXTS}
    for code, error in sorted(CATALOGUE.items()):
        codes[label_of(error)].append(code)
    by_code = [Rule(label, {"errorCode": found}) for label, found in codes.items() if found]
    outcomes = ("undelivered", "unknown", "failed", "delivered", "sent", "accepted")
    return [*by_code, *(Rule(outcome, {"status": outcome}) for outcome in outcomes)]
