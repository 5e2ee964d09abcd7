"""What somebody chose to send again: rows that were picked, or what a filter of the log found at one moment."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from django.db.models import QuerySet

from smsadmin.sending.again import Verdict, verdicts
from smsadmin.sending.asked import found_then, held
from smsadmin.sending.filters import MessageFilter
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace

#: How many messages one resend may hold: of a filter that finds more, the newest.
MOST = 10_000
BATCH = 1_000


@dataclass(frozen=True)
class Choice:
    """Messages of a workspace: those with these ids, else what a filter found when `newest` was its newest message.

    `filters` and `reach` are as smsadmin.sending.asked holds them. Without ids and `newest` nothing is chosen.
    """

    workspace: Workspace
    ids: tuple[UUID, ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)
    newest: UUID | None = None
    reach: UUID | None = None

    def messages(self) -> QuerySet[Message]:
        """The newest MOST of them, newest first. Raises asked.Unreadable."""
        return self._all().order_by("-pk")[:MOST]

    @property
    def capped(self) -> bool:
        """Whether more were found than one resend may hold. Raises asked.Unreadable."""
        return self._all().order_by("-pk")[MOST : MOST + 1].exists()

    def _all(self) -> QuerySet[Message]:
        if self.ids or self.newest is None:
            return Message.objects.filter(workspace=self.workspace, pk__in=self.ids)
        return found_then(self.workspace, self.filters, self.newest, self.reach)


def of_rows(workspace: Workspace, ids: Iterable[UUID]) -> Choice:
    """Rows that were picked."""
    return Choice(workspace, ids=tuple(dict.fromkeys(ids)))


def of_filter(found: MessageFilter) -> Choice:
    """What a valid filter of the log finds now."""
    newest = found.qs.order_by("-pk").values_list("pk", flat=True).first()
    return Choice(found.workspace, filters=held(found), newest=newest, reach=found.reach)


def judged(workspace: Workspace, messages: QuerySet[Message]) -> Iterator[tuple[Message, Verdict]]:
    """Each of the workspace's messages with whether it may be sent again; few are in memory at once."""
    rest = messages.iterator(chunk_size=BATCH)
    while batch := list(islice(rest, BATCH)):
        found = verdicts(workspace, batch)
        yield from ((message, found[message.pk]) for message in batch)
