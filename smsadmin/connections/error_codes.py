"""What a provider's error codes mean in a workspace: what is shipped, and what the workspace says otherwise."""

from smsadmin import cache
from smsadmin.connections.models import ErrorCode
from smsadmin.providers.twilio.codes import Again, Codes, Meaning


def table(workspace_id: int) -> Codes:
    """The table of Twilio's codes as it holds in this workspace, at most settings.CONFIGURATION_TTL seconds old."""
    return cache.remembered(("error codes", workspace_id), lambda: _read(workspace_id))


def _read(workspace_id: int) -> Codes:
    found = ErrorCode.objects.filter(workspace=workspace_id)
    return Codes({each.code: _meaning(each) for each in found})


def _meaning(row: ErrorCode) -> Meaning:
    return Meaning(row.code, row.note, row.error, Again(row.again))
