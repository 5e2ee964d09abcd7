"""What has to be done before the first text can go out, as far as the directory knows."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q

from smsadmin.directory.facts import OFFERED, PHONES, UNCONFIRMED
from smsadmin.directory.freshness import Mirror
from smsadmin.directory.models import Agent, Number
from smsadmin.directory.rows import actions
from smsadmin.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Checklist:
    """The steps of a first import, each with what it has come to."""

    mirrors: Sequence[Mirror]
    numbers: int
    users: int
    unconfirmed: int
    offered: int
    actions: int

    @property
    def is_read(self) -> bool:
        """Every account has been read at least once."""
        return all(mirror.done for mirror in self.mirrors)

    @property
    def is_reading(self) -> bool:
        return any(mirror.running or mirror.asked for mirror in self.mirrors)

    @property
    def is_open(self) -> bool:
        """Whether anything of it is left to do: something to be read, or numbers nobody has confirmed."""
        return bool(self.mirrors) and (self.unconfirmed > 0 or not self.is_read)


def checklist(workspace: Workspace, mirrors: Sequence[Mirror]) -> Checklist:
    counts = Number.objects.filter(PHONES, workspace=workspace).aggregate(
        here=Count("pk", filter=Q(gone_at=None)),
        unconfirmed=Count("pk", filter=UNCONFIRMED),
        offered=Count("pk", filter=OFFERED),
    )
    return Checklist(
        mirrors=mirrors,
        numbers=counts["here"],
        users=Agent.objects.filter(workspace=workspace, gone_at=None).count(),
        unconfirmed=counts["unconfirmed"],
        offered=counts["offered"],
        actions=actions(workspace).count(),
    )
