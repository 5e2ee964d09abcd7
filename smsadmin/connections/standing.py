"""Accounts and portals whose credentials are refused: what waits for them, for the banner of every page."""

from dataclasses import dataclass
from datetime import datetime

from smsadmin import cache
from smsadmin.core.status import Status
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection, Workspace


@dataclass(frozen=True, slots=True)
class Lost:
    """A connection that nothing gets through, since when, and how many messages wait for it."""

    connection: Connection
    since: datetime
    waiting: int

    @property
    def is_removed(self) -> bool:
        """The other side ended it: somebody there removed the app."""
        return self.connection.state == Connection.State.DISCONNECTED


def lost(workspace: Workspace) -> list[Lost]:
    """The workspace's connections of which this is so, in the order of their names."""

    def load() -> list[Lost]:
        found = Connection.objects.filter(workspace=workspace, lost_at__isnull=False).order_by("name", "pk")
        return [Lost(each, each.lost_at, waiting(each)) for each in found if each.lost_at]

    return cache.remembered(("lost connections", workspace.pk), load)


def waiting(connection: Connection) -> int:
    """How many messages are queued for an account."""
    return Message.objects.filter(number__connection=connection, status=Status.QUEUED).count()
