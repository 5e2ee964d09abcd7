"""Which adapter carries for which connection."""

from smsadmin.providers.aircall.client import Aircall
from smsadmin.providers.aircall.send import AircallSender
from smsadmin.providers.base import Provider
from smsadmin.workspaces.models import Connection


def aircall(connection: Connection) -> Aircall:
    """The API client of an Aircall connection."""
    return Aircall(connection.secrets.get("api_id", ""), connection.secrets.get("api_token", ""))


def provider(connection: Connection) -> Provider:
    """The sender of a connection that can carry messages."""
    return AircallSender(aircall(connection))
