"""Which adapter carries for which connection."""

from smsadmin.pacing.turns import Page
from smsadmin.providers.aircall.client import Aircall
from smsadmin.providers.aircall.send import AircallSender
from smsadmin.providers.base import Provider
from smsadmin.workspaces.models import Connection


def aircall(connection: Connection) -> Aircall:
    """The API client of an Aircall connection, for what somebody waits for; the mirror gives it a turn of its own."""
    client = _client(connection)
    if connection.pk:  # one that was just deleted has no pace left
        client.turn = Page(connection)
    return client


def provider(connection: Connection) -> Provider:
    """The sender of a connection that can carry messages. Who calls it has taken a slot for each of them."""
    return AircallSender(_client(connection))


def _client(connection: Connection) -> Aircall:
    secrets = connection.secrets
    return Aircall(
        api_id=secrets.get("api_id", ""),
        api_token=secrets.get("api_token", ""),
        access_token=secrets.get("access_token", ""),
    )
