"""HubSpot's owners: the people a record, or a logged message, may belong to (HubSpot docs: "Owners")."""

from functools import partial

from smsadmin.cache import remembered
from smsadmin.core import errors
from smsadmin.providers.hubspot import client
from smsadmin.workspaces.models import Connection

_KEPT_FOR = 3600.0  # seconds


def owner_id(connection: Connection, email: str) -> str:
    """The id of the owner with this email address, "" where nobody has it or the token may not read owners.

    Raises client.Unavailable.
    """
    key = ("owner", connection.pk, email.casefold())
    return remembered(key, partial(_read, connection, email), _KEPT_FOR)


def _read(connection: Connection, email: str) -> str:
    params = {"email": email, "limit": "100", "archived": "false"}
    path = client.crm_path("owners", "").removesuffix("/")
    try:
        answer = client.call(connection, "GET", path, params=params, patience=client.LATER)
        found = client.expect(connection, answer).get("results") or []
    except errors.SendError:
        return ""
    same = [each for each in found if str(each.get("email") or "").casefold() == email.casefold()]
    return str(same[0].get("id") or "") if same else ""
