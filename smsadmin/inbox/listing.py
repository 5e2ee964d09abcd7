"""The list of threads: one page of it, and each thread in a row, as its reader may see it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from smsadmin.core import numbers
from smsadmin.core.ids import moment_of
from smsadmin.inbox.models import Thread
from smsadmin.inbox.standing import opted_out
from smsadmin.privacy import reading
from smsadmin.privacy.masking import masked_number, masked_text
from smsadmin.sending.models import Message
from smsadmin.sending.presenters.replies import note
from smsadmin.workspaces.models import Member

PER_PAGE = 50
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `newer` and `older` are places to go on from, "" where the list ends."""

    threads: Sequence[Thread] = ()
    newer: str = ""
    older: str = ""


def page_of(threads: QuerySet[Thread], before: str = "", after: str = "") -> Page:
    """The page older than the place `before`, or newer than `after`; the newest page for neither, or no place."""
    rows = threads.select_related("number", "newest")
    if place := _read(after):
        found = list(rows.filter(_beyond(place, "gt")).order_by("last_at", "pk")[: PER_PAGE + 1])
        if len(found) > PER_PAGE:
            newest_first = found[PER_PAGE - 1 :: -1]
            return Page(newest_first, _place(newest_first[0]), _place(newest_first[-1]))
    place = None if after else _read(before)
    older = rows.filter(_beyond(place, "lt")) if place else rows
    found = list(older.order_by("-last_at", "-pk")[: PER_PAGE + 1])
    shown = found[:PER_PAGE]
    return Page(
        shown,
        newer=_place(shown[0]) if place and shown else "",
        older=_place(shown[-1]) if len(found) > PER_PAGE else "",
    )


def _place(thread: Thread) -> str:
    return f"{(thread.last_at - _EPOCH) // timedelta(microseconds=1)}-{thread.pk}"


def _read(text: str) -> tuple[datetime, int] | None:
    """The place that an address names; None for anything else."""
    try:
        microseconds, pk = text.split("-")
        return _EPOCH + timedelta(microseconds=int(microseconds[:16])), int(pk[:18])
    except ValueError:
        return None


def _beyond(place: tuple[datetime, int], far: str) -> Q:
    at, pk = place
    return Q(**{f"last_at__{far}e": at}) & (Q(**{f"last_at__{far}": at}) | Q(**{f"pk__{far}": pk}))


# --- Rows --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A thread with its last words: ours where they are an answer from here, which then has a status."""

    thread: Thread
    party: str
    words: str
    note: str
    status: str
    is_out: bool

    @property
    def is_ours(self) -> bool:
        return bool(self.status)


def rows(threads: Sequence[Thread], member: Member) -> list[Row]:
    """The rows of some threads. Two queries at most, however many they are."""
    out = opted_out(member.workspace_id, (thread.party for thread in threads))
    answers = _answers(thread for thread in threads if _ends_with_ours(thread))
    sees_everything = reading.sees_everything(member)
    return [_row(thread, answers, thread.party in out, sees_everything) for thread in threads]


def _ends_with_ours(thread: Thread) -> bool:
    answer, newest = thread.answer, thread.newest
    return answer is not None and (newest is None or moment_of(answer) > newest.at)


def _answers(threads: Iterable[Thread]) -> Mapping[UUID, Message]:
    ids = [thread.answer for thread in threads if thread.answer]
    return Message.objects.only("body", "status").in_bulk(ids) if ids else {}


def _row(thread: Thread, answers: Mapping[UUID, Message], is_out: bool, sees_everything: bool) -> Row:
    answer = answers.get(thread.answer) if thread.answer else None
    words = answer.body if answer else thread.newest.body if thread.newest else ""
    return Row(
        thread=thread,
        party=shown_party(thread.party, sees_everything=sees_everything),
        words=words if sees_everything else masked_text(words),
        note=note(thread.newest) if thread.newest and not answer else "",
        status=answer.status if answer else "",
        is_out=is_out,
    )


def shown_party(party: str, *, sees_everything: bool) -> str:
    """The other side as people read it."""
    return numbers.pretty(party) if sees_everything else masked_number(party)
