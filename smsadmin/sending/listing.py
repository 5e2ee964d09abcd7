"""One page of the log and its counts, from queries that stay small however long the log is."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.db.models.fields.json import KT

from smsadmin.core.status import Status
from smsadmin.keyset import Keyset, Page
from smsadmin.sending.filters import GROUPS, MessageFilter, log_url
from smsadmin.sending.models import Message

#: Counting stops here: an exact count of millions takes longer than the page.
MOST_COUNTED = 10_000
NEWEST_FIRST = Keyset(Message)


def page_of(messages: QuerySet[Message], before: str = "", after: str = "") -> Page[Message]:
    """The page older than the id `before`, or newer than `after`; the newest page for neither, or no id."""
    return NEWEST_FIRST.page(_with_columns(messages), before, after)


def _with_columns(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Just what a row shows; the workflow is picked out of a long column that stays where it is."""
    related = messages.select_related("number", "agent", "action")
    return related.defer(*Message.LONG, "body").annotate(workflow=KT("origin__workflow"))


@dataclass(frozen=True, slots=True)
class Share:
    """One status among the messages a filter finds, and the log narrowed to it."""

    status: str
    count: int
    url: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages a filter finds, and how they ended whatever status it asks for.

    `capped`: there may be more than `total`; `partly`: the shares are those of the newest MOST_COUNTED.
    """

    total: int = 0
    capped: bool = False
    partly: bool = False
    shares: Sequence[Share] = ()
    every: int = 0
    all_url: str = ""

    @property
    def most(self) -> int:
        return MOST_COUNTED


def counts_of(found: MessageFilter) -> Counts:
    """Counts what a valid filter finds in one query; in two where that is more than can be counted."""
    tally = _tally(found.without("status"))
    every = sum(tally.values())
    partly = every >= MOST_COUNTED
    chosen = _chosen(found.data.get("status", ""))
    if partly and chosen:
        total = found.qs.order_by("-pk")[:MOST_COUNTED].count()
    else:
        total = sum(tally[status] for status in chosen or Status)
    others = {name: value for name, value in found.data.items() if name != "status"}
    shares = [
        Share(status, tally[status], log_url(**others, status=status), status in chosen)
        for status in map(str, Status)
        if tally[status] or status in chosen
    ]
    return Counts(total, total >= MOST_COUNTED, partly, shares, every, log_url(**others))


def _tally(messages: QuerySet[Message]) -> dict[str, int]:
    newest = messages.order_by("-pk").values("pk", "status")[:MOST_COUNTED]
    return newest.aggregate(**{status: Count("pk", filter=Q(status=status)) for status in map(str, Status)})


def _chosen(status: str) -> frozenset[str]:
    """The statuses that a value of the filter stands for; none for no such filter."""
    return frozenset(map(str, GROUPS.get(status, {status} if status else ())))
