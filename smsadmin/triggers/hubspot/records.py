"""What a record's payload lacks is read from HubSpot: only the properties the action names, in one call."""

from collections.abc import Iterable

from smsadmin.cache import remembered
from smsadmin.core import tokens
from smsadmin.core.message import ActionConfig, Record
from smsadmin.providers.hubspot import client
from smsadmin.sending.resolve import INPUTS
from smsadmin.triggers.hubspot.parse import Execution
from smsadmin.workspaces.models import Connection


def of(execution: Execution, config: ActionConfig, connection: Connection) -> Record:
    """The record of an execution, completed. Raises SendError or client.Unavailable when it cannot be."""
    properties = dict(execution.properties)
    missing = _missing(config, execution)
    if missing and execution.object_type in client.PATH_NAMES and connection.secrets.get("access_token"):
        names = _internal_names(connection, execution.object_type, missing)
        if names:
            properties |= client.record(connection, execution.object_type, execution.object_id, names)
    return Record(execution.object_type, execution.object_id, properties, {INPUTS: execution.inputs})


def _missing(config: ActionConfig, execution: Execution) -> set[str]:
    known = {tokens.key(name) for name in execution.properties}
    return {name for name in _named(config, execution.object_type) if name not in known}


def _named(config: ActionConfig, object_type: str) -> Iterable[str]:
    """The enrolled record's properties that a configuration names, in the form names are compared."""
    own = {tokens.key(tokens.ENROLLED), tokens.key(object_type)}
    for path in (config.sender_property, config.send_as_property, config.recipient_property):
        first, dot, rest = path.partition(".")
        if path and (not dot or tokens.key(first) in own):
            yield tokens.key(rest if dot else first)
    try:
        used = tokens.tokens(config.message)
    except tokens.TemplateError:
        return
    yield from (tokens.key(token.property) for token in used if tokens.key(token.object) in own)


def _internal_names(connection: Connection, object_type: str, wanted: set[str]) -> list[str]:
    def load() -> dict[str, str]:
        return {tokens.key(name): name for name in client.property_names(connection, object_type)}

    known = remembered(("properties", connection.pk, object_type), load, seconds=600)
    return sorted(known[name] for name in wanted if name in known)
