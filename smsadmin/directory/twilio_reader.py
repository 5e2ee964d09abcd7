"""Reading a Twilio account: its numbers with what they can, and its messaging services, each a sender of its own.

Twilio knows no users of numbers. Its list says of each whether it can text; of its country nothing, which the number
itself tells.
"""

from dataclasses import dataclass
from typing import Any

import structlog
from django.utils import timezone

from smsadmin.core import numbers
from smsadmin.directory.models import Number, SenderKind, Source
from smsadmin.directory.reading import Progress, Seen, demand_numbers, number_columns
from smsadmin.providers.twilio.client import Twilio, TwilioError
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class TwilioReader:
    """Reads by this client."""

    client: Twilio

    def read(self, connection: Connection, progress: Progress) -> Seen:
        seen = Seen(texting=set())
        for found in self.client.numbers(progress.of("numbers")):
            if columns := _number(found):
                e164 = columns["e164"]
                seen.numbers[e164] = columns
                if _can_text(found):
                    seen.texting.add(e164)  # type: ignore[union-attr]  # made above
        demand_numbers(connection, seen.numbers)
        seen.connected = set(seen.numbers)  # a number needs no more than to be in the account
        return seen

    def complete(self, connection: Connection, progress: Progress) -> None:
        """The messaging services, which have a host of their own. A key may be kept from it, and an account may have
        none: the numbers are up to date all the same, and so are the services that were known."""
        try:
            found = self.client.services()
        except TwilioError as error:
            logger.warning("mirror.no_services", connection=connection.pk, error=str(error))
            return
        _keep_services(connection, {str(each.get("sid") or ""): each for each in found})


def _number(found: dict[str, Any]) -> dict[str, Any] | None:
    """The columns of a number, whose id is the number itself: messages name no other one."""
    digits = str(found.get("phone_number") or "")
    try:
        country = numbers.read(digits).country
    except numbers.NumberError:
        country = ""
    return number_columns(digits, str(found.get("friendly_name") or ""), country) if digits else None


def _can_text(found: dict[str, Any]) -> bool:
    capabilities = found.get("capabilities")
    return isinstance(capabilities, dict) and (capabilities.get("sms") or capabilities.get("SMS")) is True


def _keep_services(connection: Connection, found: dict[str, dict[str, Any]]) -> None:
    """A row for each service, which can always text: Twilio picks a sender of its pool."""
    now, here = timezone.now(), Number.objects.filter(connection=connection, kind=SenderKind.POOL)
    for sid, service in found.items():
        if sid.startswith("MG"):
            Number.objects.update_or_create(
                connection=connection,
                provider_id=sid[:40],
                defaults={
                    "workspace_id": connection.workspace_id,
                    "kind": SenderKind.POOL,
                    "name": str(service.get("friendly_name") or sid)[:120],
                    "connected": True,
                    "sms_capable": True,
                    "connected_source": Source.PROBE,
                    "sms_capable_source": Source.PROBE,
                    "seen_at": now,
                    "gone_at": None,
                },
            )
    here.filter(gone_at=None).exclude(provider_id__in=found).update(gone_at=now)
