"""What a message was made of, kept on its row: the record's values that its configuration names, and that
configuration where no saved version holds it. From these the same text can be made again, and shown beside its
template."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from smsadmin.core import tokens
from smsadmin.core.message import ActionConfig, Record, SendRequest, paths
from smsadmin.sending.resolve import lookup

#: What a form does not fill in again: the row has it under its own name.
_ELSEWHERE = ("message",)
_DEFAULTS = {each.name: each.default for each in fields(ActionConfig)}


@dataclass(frozen=True, slots=True)
class Value:
    """One value that a configuration asked the record for: by what name, and whether there was any."""

    object: str
    property: str
    value: str | None


def kept(ask: SendRequest) -> dict[str, Any]:
    """The `inputs` of the message that this request makes: nothing but what its configuration names."""
    found: dict[str, Any] = {"values": _values(ask.config, ask.record)}
    if ask.version_id is None:
        found["config"] = {
            name: value
            for name, default in _DEFAULTS.items()
            if name not in _ELSEWHERE and (value := getattr(ask.config, name)) != default
        }
    return found


def record(inputs: Mapping[str, Any], object_type: str, object_id: str) -> Record:
    """The record as the message knew it."""
    values = {kind: dict(found) for kind, found in inputs.get("values", {}).items()}
    return Record(object_type, object_id, values.pop(tokens.ENROLLED, {}), values)


def config(inputs: Mapping[str, Any], template: str) -> ActionConfig | None:
    """The configuration of a message without a saved version; None where it was not kept."""
    stored = inputs.get("config")
    if stored is None:
        return None
    known = {name: value for name, value in stored.items() if name in _DEFAULTS}
    return ActionConfig(message=template, **known)


def listed(inputs: Mapping[str, Any]) -> list[Value]:
    """The values one by one, in the order in which the configuration names them."""
    return [
        Value(kind, name, value)
        for kind, found in inputs.get("values", {}).items()
        for name, value in found.items()
    ]


def _values(config: ActionConfig, record: Record) -> dict[str, dict[str, str | None]]:
    """By object ("enrolled" for the record itself) and property, as the configuration writes them."""
    own = {tokens.key(tokens.ENROLLED), tokens.key(record.object_type)}
    found: dict[str, dict[str, str | None]] = {}
    for kind, name in paths(config):
        try:
            value = lookup(record, kind, name)
        except LookupError:
            continue
        found.setdefault(tokens.ENROLLED if tokens.key(kind) in own else kind, {})[name] = value
    return found
