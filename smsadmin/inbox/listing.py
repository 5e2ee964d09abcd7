"""The list of threads: one page of it, and each thread in a row, as its reader may see it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from smsadmin.core import numbers
from smsadmin.core.ids import moment_of
from smsadmin.inbox.models import Thread
from smsadmin.inbox.standing import opted_out
from smsadmin.keyset import Keyset, Page
from smsadmin.privacy import reading
from smsadmin.privacy.masking import masked_number, masked_text
from smsadmin.sending.models import Message
from smsadmin.sending.presenters.replies import note
from smsadmin.workspaces.models import Member

LATEST_FIRST = Keyset(Thread, "last_at")


def page_of(threads: QuerySet[Thread], before: str = "", after: str = "") -> Page[Thread]:
    """The page older than the place `before`, or newer than `after`; the newest page for neither, or no place."""
    return LATEST_FIRST.page(threads.select_related("number", "newest"), before, after)


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
