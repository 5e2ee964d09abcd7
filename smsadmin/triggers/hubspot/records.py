"""What a record's payload lacks is read from HubSpot: only the properties the action names, in one call."""

from collections.abc import Iterable
from dataclasses import replace

from smsadmin.cache import remembered
from smsadmin.core import tokens
from smsadmin.core.message import ActionConfig, Record
from smsadmin.providers.hubspot import client
from smsadmin.sending.resolve import INPUTS
from smsadmin.triggers.hubspot.parse import Execution
from smsadmin.workspaces.models import Connection


def given(execution: Execution) -> Record:
    """The record as the execution tells it."""
    return Record(
        execution.object_type, execution.object_id, execution.properties, {INPUTS: execution.inputs}
    )


def lacking(record: Record, config: ActionConfig, connection: Connection) -> set[str]:
    """The properties that a configuration names, the record lacks and HubSpot can be asked for."""
    if not (
        record.object_id
        and record.object_type in client.PATH_NAMES
        and connection.secrets.get("access_token")
    ):
        return set()
    known = {tokens.key(name) for name in record.properties}
    return {name for name in _named(config, record.object_type) if name not in known}


def completed(record: Record, missing: set[str], connection: Connection) -> Record:
    """The record with what it lacked, read from HubSpot. Raises SendError or client.Unavailable."""
    names = _internal_names(connection, record.object_type, missing)
    if not names:
        return record
    found = client.record(connection, record.object_type, record.object_id, names)
    return replace(record, properties={**record.properties, **found})


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
