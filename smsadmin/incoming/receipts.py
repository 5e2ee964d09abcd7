"""Delivery receipts: which message of ours one is about, and what it does to it.

A receipt names the message by the provider's id, which is known once the provider's answer to the send is written.
Before that, and for good where there was no usable answer, a message is recognised by its number, recipient, text
and time. A provider that is told our own id with the send tells it back, and names the message from the beginning.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from smsadmin.core import segments
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import Status
from smsadmin.incoming import meaning, outside, wires
from smsadmin.incoming.models import ProviderCall
from smsadmin.incoming.result import Result, Wait
from smsadmin.providers.told import ProviderReport
from smsadmin.sending import log
from smsadmin.sending.models import Message

Outcome = ProviderCall.Outcome

#: How far apart our claim of a message and the time that its provider gives it may be: the clocks of two machines, and
#: the messages of its batch that were sent before it.
NEAR = timedelta(minutes=10)
#: No message waits longer than this for its turn.
LONGEST_WAIT = timedelta(days=8)


def handle(call: ProviderCall, now: datetime) -> Result:
    """What a receipt does. Raises Wait while the message it may be about has no answer yet."""
    said = wires.said(call)
    if said.is_inbound or not said.is_text:
        return Result(Outcome.UNUSED)
    if first := _told_before(call):
        return _repeated(call, first, said, now)
    in_flight = _like(said, call).filter(status=Status.SENDING)
    waits = bool(_same_text(in_flight, said))  # asked first: it may get its id in between, and is found then
    message = _by_our_id(call, said) or _by_id(call, said.id)
    if message is None:
        if waits:
            raise Wait(Result(Outcome.NOT_OURS))
        return _recognised(call, said, now)
    return _noted(call, message, said, now)


def _noted(call: ProviderCall, message: Message, said: ProviderReport, now: datetime) -> Result:
    moved = meaning.take(message, said, call.event, now)
    return Result(Outcome.MOVED if moved else Outcome.NOTED, message.pk, said.word)


def _receipt(call: ProviderCall, said: ProviderReport) -> log.Receipt:
    """For a timeline alone: nothing is moved by it."""
    return log.Receipt(said.word, said.means, call.event, said.said_at, said.segments)


def _by_our_id(call: ProviderCall, said: ProviderReport) -> Message | None:
    """The message that the provider names by the id that we told it. It has the provider's id from then on, also where
    the answer to its send was lost. One that has another id is not meant: the id was told by somebody else."""
    try:
        ours = UUID(said.ours)
    except ValueError:
        return None
    mine = Message.objects.filter(pk=ours, workspace=call.workspace_id, connection=call.connection_id)
    if not said.id or not mine.filter(provider_id__in=("", said.id)).exists():
        return None
    if log.identified(ours, said.id):
        outside.was_ours(call.connection_id, said.id)
    return mine.filter(provider_id=said.id).select_related("connection").first()


def _by_id(call: ProviderCall, provider_id: str) -> Message | None:
    if not provider_id:
        return None
    found = Message.objects.filter(workspace=call.workspace_id, connection=call.connection_id)
    found = found.exclude(provider_id="").select_related("connection")
    return found.filter(provider_id=provider_id).first()


# --- Told before ------------------------------------------------------------------------------------


def _told_before(call: ProviderCall) -> ProviderCall | None:
    """The first call that told the same. One stored earlier is first even where it is still to be handled."""
    same = ProviderCall.objects.filter(connection=call.connection_id, fingerprint=call.fingerprint)
    earlier = Q(pk__lt=call.pk) | ~Q(outcome=Outcome.WAITING)
    return same.filter(earlier).exclude(pk=call.pk).order_by("pk").first()


def _repeated(call: ProviderCall, first: ProviderCall, said: ProviderReport, now: datetime) -> Result:
    if first.outcome == Outcome.WAITING:
        raise Wait(Result(Outcome.REPEAT))
    if first.message and Message.objects.filter(pk=first.message).exists():
        log.receipt_repeated(first.message, _receipt(call, said), now)
    return Result(Outcome.REPEAT, first.message, said.word)


# --- Recognised -------------------------------------------------------------------------------------


def _recognised(call: ProviderCall, said: ProviderReport, now: datetime) -> Result:
    """The one message without an id that this can be about gets the id, and the receipt. Of several nobody can tell
    which it is: none is touched, and each says so."""
    nameless = _like(said, call).filter(log.UNCONFIRMED, provider_id="")
    found = _same_text(nameless, said)
    if len(found) > 1:
        for message in found:
            log.receipt_ambiguous(message.pk, _receipt(call, said), now)
        return Result(Outcome.AMBIGUOUS, detail=str(len(found)))
    if not found or not said.id:
        return Result(Outcome.NOT_OURS)
    if not log.identified(found[0].pk, said.id):  # another receipt was quicker
        raise Wait(Result(Outcome.NOT_OURS))
    outside.was_ours(call.connection_id, said.id)
    return _noted(call, found[0], said, now)


def _like(said: ProviderReport, call: ProviderCall) -> QuerySet[Message]:
    """Messages of ours from the same number to the same recipient at about the same time."""
    at = said.created_at or said.said_at or call.at
    return Message.objects.filter(
        pk__gte=first_uuid7(at - LONGEST_WAIT),
        workspace=call.workspace_id,
        recipient=said.party,
        connection=call.connection_id,
        number__provider_id__in=said.sender_ids,
        claimed_at__range=(at - NEAR, at + NEAR),
    )


def _same_text(messages: QuerySet[Message], said: ProviderReport) -> list[Message]:
    """Those that say the same, but for white space, which a provider may trim."""
    if not (said.party and said.sender_ids and said.body):
        return []
    columns = ("pk", "body", "characters", "recipient", "values_gone_at")
    found = messages.only(*columns, "workspace", "sender", "connection", "action", "origin")
    return [message for message in found if says(message, said.body)]


def says(message: Message, body: str) -> bool:
    """Of a text that was deleted, because its action or a code keeps none, only the length is known."""
    if message.values_gone_at:
        return message.characters == segments.measure(body).characters
    return message.body.split() == body.split()
