"""What a record's payload lacks is read from HubSpot: only what the action names, of the record and its contact."""

from smsadmin.consent.policies import property_read
from smsadmin.core.message import ActionConfig, Record
from smsadmin.crm import named
from smsadmin.crm.named import Name
from smsadmin.crm.records import completed
from smsadmin.providers.hubspot import client
from smsadmin.sending.resolve import INPUTS
from smsadmin.triggers.hubspot.parse import Execution
from smsadmin.workspaces.models import Connection

__all__ = ["completed", "given", "lacking"]


def given(execution: Execution) -> Record:
    """The record as the execution tells it."""
    return Record(
        execution.object_type, execution.object_id, execution.properties, {INPUTS: execution.inputs}
    )


def lacking(record: Record, config: ActionConfig, connection: Connection) -> set[Name]:
    """The properties that a configuration names, or that say who opted out, which the record lacks and HubSpot can be
    asked for."""
    if not (
        record.object_id
        and record.object_type in client.PATH_NAMES
        and connection.secrets.get("access_token")
    ):
        return set()
    return named.lacking(record, config, property_read(connection.workspace_id))
