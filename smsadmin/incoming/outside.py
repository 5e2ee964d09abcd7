"""Texts that went out from our numbers without us: what people send in Aircall, and other programs by a provider's API.

Providers tell of them as of ours. They use the number up at the carrier, so their use is shown beside
the limits here; no limit counts them, for they cannot be stopped.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Sum

from smsadmin.core.segments import measure
from smsadmin.directory.models import Number
from smsadmin.incoming import wires
from smsadmin.incoming.models import OutsideMessage, ProviderCall
from smsadmin.providers.told import ProviderReport
from smsadmin.sending.models import Message

_MOST_MEDIA = 100


@dataclass(frozen=True, slots=True)
class Use:
    """What others sent."""

    messages: int
    segments: int


def use(number: Number, since: datetime, until: datetime) -> Use:
    """What left the number without us from `since` on, before `until`: one query, which its index answers."""
    found = OutsideMessage.objects.filter(number=number, at__gte=since, at__lt=until)
    told = found.aggregate(messages=Count("pk"), segments=Sum("segments"))
    return Use(told["messages"], told["segments"] or 0)


def keep(call: ProviderCall) -> None:
    """Keeps the message of a call that is none of ours, once. One that names a message which nobody has any more was
    ours, and deleted: that stays gone."""
    said = wires.said(call)
    if _was_deleted(said):
        return
    OutsideMessage.objects.get_or_create(
        connection_id=call.connection_id,
        provider_id=said.id or call.fingerprint.hex,
        defaults={
            "workspace_id": call.workspace_id,
            "number": Number.objects.filter(
                connection=call.connection_id, provider_id=said.number_id
            ).first(),
            "party": said.party,
            "body": said.body,
            "media": min(said.media, _MOST_MEDIA),
            "segments": said.segments or measure(said.body).segments,
            "at": said.created_at or said.said_at or call.at,
        },
    )


def _was_deleted(said: ProviderReport) -> bool:
    try:
        return not Message.objects.filter(pk=UUID(said.ours)).exists()
    except ValueError:
        return False


def was_ours(connection_id: int, provider_id: str) -> None:
    """A message turned out to be ours after all: it was recognised later than it was told."""
    OutsideMessage.objects.filter(connection=connection_id, provider_id=provider_id).delete()
