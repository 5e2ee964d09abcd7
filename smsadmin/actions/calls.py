"""A call of an AI agent in place of a record: its values are the agent's to give, so the editor has them typed."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from smsadmin.actions.models import ObjectType
from smsadmin.core import tokens
from smsadmin.core.message import ActionConfig, Record, paths
from smsadmin.crm.properties import Catalogue, Property

#: The value that holds the number of whom the agent talks with, and the one that is the platform's id of the call.
PHONE, CALL_ID = "phone", "call_id"

#: What a value may look like, by a part of its name; the first that fits.
_LIKELY = (
    (("phone", "number", "mobile", "telefon"), "+12025550123"),
    (("email", "mail"), "ada@example.com"),
    (("date", "day", "datum", "tag"), "3 March"),
    (("time", "uhrzeit"), "14:30"),
    (("link", "url", "address"), "https://example.com/a1"),
    (("firstname", "vorname"), "Ada"),
    (("lastname", "nachname"), "Lovelace"),
    (("name",), "Ada Lovelace"),
    (("code", "otp", "pin"), "4821"),
    (("amount", "price", "betrag", "preis"), "49.90"),
    (("call_id", "callid", "id"), "call-1"),
)


@dataclass(frozen=True, slots=True)
class Given(Property):
    """A value of a call, which tokens name without an object: {{call_id}}."""

    @property
    def token(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Typed:
    """A value of the call that is tried: the field it is typed in, the token it stands for, and what it is."""

    field: str
    token: str
    value: str


def catalogue() -> Catalogue:
    """What every call has. Any other name is a value that the agent gives."""
    kind = ObjectType.CALL.value
    return Catalogue(
        (
            Given(kind, PHONE, _("Number of whom the agent talks with"), is_phone=True),
            Given(kind, CALL_ID, _("Id of the call at the agent's platform")),
        ),
        known_only=True,
    )


def typed(config: ActionConfig, given: Mapping[str, Any]) -> list[Typed]:
    """The values that a configuration names, as they were typed, or as they may look; the number first."""
    named = dict.fromkeys([(tokens.ENROLLED, PHONE), *paths(config)])
    return [_typed(kind, name, given) for kind, name in named]


def record(config: ActionConfig, given: Mapping[str, Any]) -> Record:
    """The call with these values, as the configuration would get them from an agent."""
    own: dict[str, str | None] = {CALL_ID: "call-1"}
    related: dict[str, dict[str, str | None]] = defaultdict(dict)
    for kind, name in dict.fromkeys([(tokens.ENROLLED, PHONE), *paths(config)]):
        is_own = tokens.key(kind) in (tokens.key(tokens.ENROLLED), ObjectType.CALL.value)
        (own if is_own else related[kind])[name] = _typed(kind, name, given).value or None
    return Record(ObjectType.CALL.value, "", own, related)


def likely(name: str) -> str:
    """What a value of this name may look like: an example to begin with."""
    plain = tokens.key(name)
    return next((value for parts, value in _LIKELY if any(part in plain for part in parts)), name)


def _typed(kind: str, name: str, given: Mapping[str, Any]) -> Typed:
    field = f"value:{kind}.{name}"
    token = name if kind == tokens.ENROLLED else f"{kind}.{name}"
    return Typed(field, "{{" + token + "}}", str(given.get(field, likely(name))))
