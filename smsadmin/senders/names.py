"""Sender names of a workspace: requested, approved country by country, withdrawn. A name is a row of the directory."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from smsadmin import cache
from smsadmin.core.status import SETTLED
from smsadmin.directory.models import Number, SenderKind, Source
from smsadmin.flows.models import Flow
from smsadmin.providers.senders import of_name
from smsadmin.senders.models import Approval, SenderName
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection, User, Workspace

#: The kinds of accounts that send under names. Aircall sends from numbers alone.
TAKE_NAMES = (Connection.Kind.CALLR, Connection.Kind.TWILIO)


class Taken(Exception):
    """The account has this sender name already, in whichever case."""


def accounts(workspace: Workspace) -> QuerySet[Connection]:
    """The workspace's accounts that send under names, by name."""
    return workspace.connections.filter(kind__in=TAKE_NAMES).order_by("name", "pk")


def listed(workspace: Workspace) -> QuerySet[SenderName]:
    """Every name of the workspace with its account and approvals, withdrawn ones last."""
    found = SenderName.objects.filter(workspace=workspace).select_related("number__connection", "created_by")
    found = found.defer("number__connection__secrets").prefetch_related("approvals")
    return found.order_by(F("number__gone_at").asc(nulls_first=True), "number__e164", "pk")


def request(
    connection: Connection, name: str, purpose: str, countries: Iterable[str], by: User, now: datetime
) -> SenderName:
    """Enters a name for the account, with the countries in which its approval is asked for. Raises Taken.

    One that was withdrawn is taken up again, with what is known of its approvals.
    """
    with transaction.atomic():
        Connection.objects.select_for_update().get(
            pk=connection.pk
        )  # two spellings at once are one after the other
        number = _number(connection, name, now)
        sender, _is_new = SenderName.objects.update_or_create(
            number=number,
            defaults={"workspace_id": connection.workspace_id, "purpose": purpose, "created_by": by},
        )
        for country in countries:
            if not sender.approvals.filter(country=country).exists():
                sender.approvals.create(country=country, requested_at=now)
    cache.forget()
    return sender


def _number(connection: Connection, name: str, now: datetime) -> Number:
    """The row of the directory that messages under the name leave from."""
    known = connection.numbers.filter(kind=SenderKind.NAME, e164__iexact=name)
    number = known.first() or Number(
        workspace_id=connection.workspace_id, connection=connection, kind=SenderKind.NAME
    )
    if number.pk and not number.gone_at:
        raise Taken
    number.provider_id, number.e164, number.name = of_name(name), name, name
    number.connected = number.sms_capable = True
    number.connected_source = number.sms_capable_source = Source.ADMIN
    number.seen_at, number.gone_at = now, None
    number.save()
    return number


def decide(
    sender: SenderName, country: str, state: str, documents: str, note: str, now: datetime
) -> Approval:
    """Keeps how far the approval in one country is."""
    approval = sender.approvals.filter(country=country).first() or Approval(sender=sender, country=country)
    if approval.requested_at is None:
        approval.requested_at = now
    if state == Approval.State.REQUESTED:
        approval.decided_at = None
    elif approval.state != state or approval.decided_at is None:
        approval.decided_at = now
    approval.state, approval.documents, approval.note = state, documents, note
    approval.save()
    cache.forget()
    return approval


@dataclass(frozen=True, slots=True)
class Loss:
    """What a name that is withdrawn leaves behind: the flows whose text has it, and the messages still to be sent."""

    flows: list[Flow]
    waiting: int


def loss(sender: SenderName) -> Loss:
    """What its withdrawal stops."""
    flows = Flow.objects.filter(workspace=sender.workspace_id, archived_at=None)
    named = flows.filter(current__source__icontains=sender.number.e164)
    waiting = Message.objects.filter(number=sender.number_id, workspace=sender.workspace_id)
    return Loss(list(named.order_by("name")), waiting.exclude(status__in=sorted(SETTLED)).count())


def withdraw(sender: SenderName, now: datetime) -> None:
    """Accepts nothing more under the name. What was accepted before goes out; its messages and what is known of its
    approvals stay."""
    sender.number.gone_at = now
    sender.number.save(update_fields=["gone_at"])
    cache.forget()
