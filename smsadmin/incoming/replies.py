"""Texts to our numbers, and which message each of them probably answers."""

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction

from smsadmin.consent.hearing import hear
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import LEFT, Status
from smsadmin.directory.models import Number
from smsadmin.hooks import telling
from smsadmin.incoming import wires
from smsadmin.incoming.models import InboundMessage, ProviderCall
from smsadmin.incoming.result import Result
from smsadmin.incoming.signals import received
from smsadmin.providers import registry
from smsadmin.providers.told import ProviderReport
from smsadmin.sending.models import Message

Outcome = ProviderCall.Outcome

#: Whoever texts us after that does not answer any more.
ANSWERED_WITHIN = timedelta(days=30)
#: By how much the provider's clock may be behind ours.
SKEW = timedelta(seconds=5)
_MOST_MEDIA = 100


def replies_to(message: Message) -> list[InboundMessage]:
    """What its recipient texted back to its number, oldest first: after this message, and before our next one."""
    return list(
        InboundMessage.objects.filter(workspace=message.workspace_id, answers=message.pk).order_by("at", "pk")
    )


def handle(call: ProviderCall, now: datetime) -> Result:
    """Keeps an inbound message, once, and acts on what it says about being texted."""
    said = wires.said(call)
    if not said.is_inbound or not said.is_text or said.party == said.number:
        return Result(Outcome.UNUSED)
    at = said.created_at or said.said_at or call.at
    number = _number(call, said)
    answers = _answered(call, number, said.party, at)
    inbound, is_new = InboundMessage.objects.get_or_create(
        connection_id=call.connection_id,
        provider_id=said.id or call.fingerprint.hex,
        defaults={
            "workspace_id": call.workspace_id,
            "number": number,
            "sender": said.party,
            "channel": said.channel,
            "body": said.body,
            "media": min(said.media, _MOST_MEDIA),
            "at": at,
            "answers": answers,
        },
    )
    if is_new:
        telling.received(inbound, now)
        asks = said.asks or (said.keyword if registry.answers_keywords(call.connection) else "")
        hear(inbound, now, asks=asks, answered=bool(asks))
        # Whoever is told may fail, and makes up for it later: what was heard holds all the same.
        tell = partial(received.send_robust, sender=InboundMessage, inbound=inbound)
        transaction.on_commit(tell, robust=True)
    return Result(Outcome.REPLY if is_new else Outcome.REPEAT, answers)


def _number(call: ProviderCall, said: ProviderReport) -> Number | None:
    """The number of ours that was texted; where the provider picked the sender that is answered, its choice."""
    found = Number.objects.filter(connection=call.connection_id, provider_id__in=said.sender_ids)
    by_id = {number.provider_id: number for number in found}
    return next((by_id[each] for each in said.sender_ids if each in by_id), None)


def _answered(call: ProviderCall, number: Number | None, sender: str, at: datetime) -> UUID | None:
    """The newest message that went from this number to the sender before."""
    if number is None or not sender:
        return None
    ours = Message.objects.filter(
        workspace=call.workspace_id,
        recipient=sender,
        pk__range=(first_uuid7(at - ANSWERED_WITHIN), first_uuid7(at + SKEW)),
        number=number,
        status__in=LEFT | {Status.SENDING, Status.UNKNOWN},
    )
    return ours.order_by("-pk").values_list("pk", flat=True).first()
