"""Whether a message may be sent again, and why not. One rule for the log, the page of failures and every resend."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.utils.translation import gettext_lazy

from smsadmin.core import errors
from smsadmin.core.status import SETTLED, Status
from smsadmin.crm import properties
from smsadmin.sending.filters import TEST, VERIFICATION
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace


class Reason(StrEnum):
    """Why a message may not be sent again."""

    UNDER_WAY = "under_way"
    SENT = "sent"
    DELIVERED = "delivered"
    UNKNOWN = "unknown"
    AGAIN = "again"
    CODE = "code"
    TEST = "test"
    NEVER = "never"
    GONE = "gone"


WORDS = {
    Reason.UNDER_WAY: gettext_lazy("It is still under way, so a second one would come on top."),
    Reason.SENT: gettext_lazy("The provider has it, so the recipient would get it twice."),
    Reason.DELIVERED: gettext_lazy("It arrived, so the recipient would get it twice."),
    Reason.UNKNOWN: gettext_lazy("It may have arrived: decide on its page what became of it."),
    Reason.AGAIN: gettext_lazy("It was sent again already: its successor can be, if that failed too."),
    Reason.CODE: gettext_lazy("A code is not sent twice: ask for a new one."),
    Reason.TEST: gettext_lazy("It was a test: test the action once more instead."),
    Reason.NEVER: gettext_lazy("The recipient does not want it."),
    Reason.GONE: gettext_lazy("Its values were deleted, and its record cannot be read in HubSpot."),
}

_BY_STATUS = {
    Status.SENT: Reason.SENT,
    Status.DELIVERED: Reason.DELIVERED,
    Status.UNKNOWN: Reason.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is None for a message that may be sent again; `successor` is the message that did so already."""

    reason: Reason | None = None
    successor: UUID | None = None

    @property
    def may(self) -> bool:
        return self.reason is None

    @property
    def words(self) -> str:
        return str(WORDS[self.reason]) if self.reason else ""


def verdicts(workspace: Workspace, messages: Iterable[Message]) -> dict[UUID, Verdict]:
    """The verdict on each of the workspace's messages, by id; one query for all."""
    messages = list(messages)
    made = successors(message.pk for message in messages)
    readable = properties.portal(workspace) is not None
    return {message.pk: _verdict(message, made, readable) for message in messages}


def successors(ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The messages that sent these ones again, by the id of the original."""
    rows = Message.objects.filter(original__in=list(ids))
    return {original: pk for original, pk in rows.values_list("original", "pk") if original}


def _verdict(message: Message, made: Mapping[UUID, UUID], readable: bool) -> Verdict:
    if successor := made.get(message.pk):
        return Verdict(Reason.AGAIN, successor)
    return Verdict(_reason(message, readable))


def _reason(message: Message, readable: bool) -> Reason | None:
    status = Status(message.status)
    if message.trigger == VERIFICATION:
        return Reason.CODE
    if status not in SETTLED:
        return Reason.UNDER_WAY
    if reason := _BY_STATUS.get(status):
        return reason
    if message.trigger == TEST:
        return Reason.TEST
    if _is_final(message, status):
        return Reason.NEVER
    return None if _can_be_made(message, readable) else Reason.GONE


def _is_final(message: Message, status: Status) -> bool:
    """An unknown one that somebody decided did not go out has failed: only its code is still that of an unknown."""
    error = message.error
    return error is not None and error.retry == errors.Retry.NEVER and error.status == status


def _can_be_made(message: Message, readable: bool) -> bool:
    """Whether the text can be written again: from the values that were kept, or from the record as it is now."""
    if message.inputs:
        return True
    return bool(readable and message.version_id and message.object_id)
