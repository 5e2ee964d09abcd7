"""What travels through the flow: a request in, an SMS out. Plain values, no framework."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal
from uuid import UUID

from smsadmin.core import tokens

#: Aircall help, advanced Send SMS action: "up to 1,600 characters".
MOST_CHARACTERS = 1_600
#: Aircall help, "French messaging limitations": the most of a text from a French number.
MOST_FRENCH_CHARACTERS = 670


def most_characters(sender: str) -> int:
    """The most characters of one text from this number (E.164)."""
    return MOST_FRENCH_CHARACTERS if sender.startswith("+33") else MOST_CHARACTERS


@dataclass(frozen=True, slots=True)
class ActionConfig:
    """What to send and as whom, whoever configured it: a saved action or a HubSpot workflow step.

    A property is named the way tokens name it, without braces: "Contact.Phone", or "phone" for the
    enrolled record. Ids are those of our own directory.
    """

    sender_kind: Literal["number", "property", "given"]
    recipient_property: str
    message: str
    sender_number_id: int | None = None
    sender_given: str = ""  # what the configuration calls the sender; of "given" a number, a name, or "": any
    sender_connection_id: int | None = None  # of "given": the account that knows names and picks senders
    sender_called: bool = False  # of "given": for "", the number called or texted (sender_number_id)
    sender_property: str = ""
    send_as_kind: Literal["none", "user", "property"] = "none"
    send_as_user_id: int | None = None
    send_as_given: str = ""
    send_as_property: str = ""
    default_region: str = ""
    mobile_only: bool = False
    at_quota: Literal["refuse", "hold"] = "refuse"
    hold_minutes: int = 0  # how long a held message may wait for room
    traffic: Literal["alerting", "marketing"] = "alerting"
    encoding: Literal["auto", "gsm", "unicode"] = "auto"
    hide_values: bool = False  # the text and the record's values are deleted once it is settled
    wait_minutes: int = 0  # how long the caller waits for the delivery receipt; 0: not at all


@lru_cache(maxsize=512)
def paths(config: ActionConfig) -> tuple[tuple[str, str], ...]:
    """The properties that a configuration names, each once: object (tokens.ENROLLED where none is named) and
    property, as they are written. Those of a text that cannot be read are left out."""
    found: dict[tuple[str, str], None] = {}
    for path in (config.sender_property, config.send_as_property, config.recipient_property):
        first, dot, rest = path.partition(".")
        if path:
            found[(first, rest) if dot else (tokens.ENROLLED, path)] = None
    with suppress(tokens.TemplateError):
        found.update(((used.object, used.property), None) for used in tokens.tokens(config.message))
    return tuple(found)


@dataclass(frozen=True)
class Record:
    """The record a message is about: its type ("contact"), its id and what is known of it.

    `properties` belong to the record itself; `related` holds other objects' by type, such as the
    associated contact's under "contact", or the workflow step's own fields under "inputs".
    """

    object_type: str
    object_id: str = ""
    properties: Mapping[str, str | None] = field(default_factory=dict)
    related: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)

    @cached_property
    def by_key(self) -> dict[str, dict[str, str | None]]:
        """Every object's values, objects and properties under the forms in which tokens compare their names."""
        objects = {**self.related, self.object_type: self.properties}
        return {
            tokens.key(kind): {tokens.key(name): value for name, value in found.items()}
            for kind, found in objects.items()
        }


@dataclass(frozen=True, slots=True)
class SendRequest:
    """One wish to send one message, in the form every trigger turns its own payload into.

    `key` makes a repeat recognisable: the same trigger, workspace and key is the same message.
    `origin` is what the trigger wants to see again on the log: portal, workflow, callback id.
    `reply` says how the caller hears the outcome: "" (not at all), "waiting" (it waits for the answer to
    this very request) or "owed" (it is told later). `test_recipient` (E.164) is where a test goes, after the
    record's own recipient has passed every check. `via` "any" may also send from a number in proxy mode, which alone
    carries `media` (addresses of pictures and files). `by_person`: somebody wrote it, so rules of automated sending
    do not apply. `generation` "classic" is the earlier action, with its fallbacks.
    """

    workspace_id: int
    trigger: str
    key: str
    config: ActionConfig
    record: Record
    action_id: int | None = None
    version_id: int | None = None
    action_name: str = ""  # empty: configured where it was triggered
    version_number: int = 0  # 0: as it stands in the form, not saved
    action_enabled: bool = True
    origin: Mapping[str, Any] = field(default_factory=dict)
    reply: Literal["", "waiting", "owed"] = ""
    test_recipient: str = ""
    original: UUID | None = None  # the message that this one sends again
    via: Literal["native", "any"] = "native"
    media: tuple[str, ...] = ()
    by_person: bool = False
    generation: Literal["advanced", "classic"] = "advanced"
    build_mode: bool = False  # what asks is in build mode, even if its workspace is not


@dataclass(frozen=True, slots=True)
class Sms:
    """What a provider is asked to carry. The recipient is E.164; the sender too, or a name, or "", where the provider
    picks one."""

    message_id: str
    sender: str
    sender_id: str  # the provider's own id of the number
    recipient: str
    body: str
    send_as_id: str = ""  # the provider's own id of the user; empty: no user
    proxy: bool = False  # by the Messaging API, which shows it nowhere else
    media: tuple[str, ...] = ()
    traffic: str = "alerting"  # as ActionConfig.traffic
    encoding: str = "GSM-7"  # of the body, as core.segments measures it


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message. Its id may be missing: then no receipt can be matched.

    `segments` is how many it counted, where it says so.
    """

    provider_id: str = ""
    provider_status: str = ""
    segments: int | None = None
