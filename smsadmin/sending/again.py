"""Whether a message may be sent again, and why not. One rule for the log, the page of failures and every resend."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy

from smsadmin.core import errors
from smsadmin.core.status import SETTLED, Status
from smsadmin.providers.hubspot import client
from smsadmin.resends.models import UNFINISHED, ResendItem
from smsadmin.sending.filters import TEST, VERIFICATION
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection, Workspace


class Reason(StrEnum):
    """Why a message may not be sent again."""

    UNDER_WAY = "under_way"
    SENT = "sent"
    DELIVERED = "delivered"
    UNKNOWN = "unknown"
    AGAIN = "again"
    QUEUED = "queued"
    CODE = "code"
    TEST = "test"
    NEVER = "never"
    DELETED = "deleted"
    CONFIG = "config"
    GONE = "gone"
    RECORD = "record"


WORDS = {
    Reason.UNDER_WAY: gettext_lazy("It is still under way, so a second one would come on top."),
    Reason.SENT: gettext_lazy("The provider has it, so the recipient would get it twice."),
    Reason.DELIVERED: gettext_lazy("It arrived, so the recipient would get it twice."),
    Reason.UNKNOWN: gettext_lazy("It may have arrived: decide on its page what became of it."),
    Reason.AGAIN: gettext_lazy("It was sent again already: its successor can be, if that failed too."),
    Reason.QUEUED: gettext_lazy("It waits in a resend that is not finished."),
    Reason.CODE: gettext_lazy("A code is not sent twice: ask for a new one."),
    Reason.TEST: gettext_lazy("It was a test: test the action once more instead."),
    Reason.NEVER: gettext_lazy("The recipient does not want it."),
    Reason.DELETED: gettext_lazy("It was deleted, so nothing is left to be sent again."),
    Reason.CONFIG: gettext_lazy("The configuration that it was sent with is not kept any more."),
    Reason.GONE: gettext_lazy(
        "What it was made of is not kept any more, and its record cannot be read in HubSpot."
    ),
    Reason.RECORD: gettext_lazy(
        "What it was made of is not kept any more, and HubSpot no longer has its record."
    ),
}

_BY_STATUS = {
    Status.SENT: Reason.SENT,
    Status.DELIVERED: Reason.DELIVERED,
    Status.UNKNOWN: Reason.UNKNOWN,
}

Portals = Mapping[str, Connection]


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


def verdicts(
    workspace: Workspace, messages: Iterable[Message], within: UUID | None = None
) -> dict[UUID, Verdict]:
    """The verdict on each of the workspace's messages, by id; at most four queries for all.

    `within` is the resend that asks about its own messages, which does not stand in its own way.
    """
    messages = list(messages)
    made = successors(message.pk for message in messages)
    found = {message.pk: _verdict(message, made) for message in messages}
    rest = [pk for pk, verdict in found.items() if verdict.may]
    if rest:
        found |= {pk: Verdict(lacking) for pk, lacking in _lacking(workspace, rest).items()}
        found |= dict.fromkeys(queued(rest, within), Verdict(Reason.QUEUED))
    return found


def successors(ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The messages that sent these ones again, by the id of the original."""
    rows = Message.objects.filter(original__in=list(ids))
    return {original: pk for original, pk in rows.values_list("original", "pk") if original}


def of_status(status: Status) -> Reason | None:
    """Why no message of this status may be sent again; None where that depends on the message."""
    return _BY_STATUS.get(status) if status in SETTLED else Reason.UNDER_WAY


def portals(workspace: Workspace) -> Portals:
    """The HubSpot portals that the workspace can read records of, by HubSpot's own id."""
    found = workspace.connections.filter(kind=Connection.Kind.HUBSPOT)
    return {each.external_id: each for each in found if each.secrets.get("access_token")}


def portal_of(
    readable: Portals, origin: Mapping[str, Any], object_type: str, object_id: str
) -> Connection | None:
    """Where a message's record can be read again: in the portal that it came from alone."""
    if object_type not in client.PATH_NAMES or not client.RECORD_ID.fullmatch(object_id):
        return None
    return readable.get(str(origin.get("portal")))


def _verdict(message: Message, made: Mapping[UUID, UUID]) -> Verdict:
    if successor := made.get(message.pk):
        return Verdict(Reason.AGAIN, successor)
    return Verdict(_reason(message))


def _reason(message: Message) -> Reason | None:
    """What the message itself says against it."""
    status = Status(message.status)
    if message.trigger == VERIFICATION:
        return Reason.CODE
    if reason := of_status(status):
        return reason
    if message.trigger == TEST:
        return Reason.TEST
    return Reason.NEVER if _is_final(message, status) else None


def _is_final(message: Message, status: Status) -> bool:
    """An unknown one that somebody decided did not go out has failed: only its code is still that of an unknown."""
    error = message.error
    return error is not None and error.retry == errors.Retry.NEVER and error.status == status


def _lacking(workspace: Workspace, ids: Sequence[UUID]) -> dict[UUID, Reason]:
    """Those whose text cannot be made again: for want of a configuration, or of values, which would be those that were
    kept or those of the record as it is now.

    Lists leave the long columns of their rows unread, so these are read here for all at once.
    """
    readable = portals(workspace)
    columns = ("pk", "version", "inputs", "origin", "object_type", "object_id")
    rows = Message.objects.filter(workspace=workspace, pk__in=ids).values_list(*columns)
    found = {}
    for pk, version, inputs, *record in rows:
        if record[0].get("test"):  # by a program that was tried out
            found[pk] = Reason.TEST
        elif not (version or "config" in inputs):
            found[pk] = Reason.CONFIG
        elif not ("values" in inputs or portal_of(readable, *record)):
            found[pk] = Reason.GONE
    return found


def queued(ids: Sequence[UUID], within: UUID | None = None) -> list[UUID]:
    """Those that wait in a resend, other than `within`."""
    items = ResendItem.objects.filter(
        original__in=ids, state=ResendItem.State.PENDING, resend__state__in=UNFINISHED
    )
    return list(items.exclude(resend=within).values_list("original", flat=True))
