"""Reading a Callr account: its numbers, and the sender that Callr picks where none is named.

Callr knows no users of numbers, and no key of a number tells whether it can text (docs/integrations/callr.md): that is
an admin's to say.
"""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from smsadmin.directory.models import Number, SenderKind
from smsadmin.directory.reading import Progress, Seen, demand_numbers, number_columns
from smsadmin.providers.callr import ids
from smsadmin.providers.callr.client import Callr
from smsadmin.workspaces.models import Connection

#: What the sender that Callr picks is called in the directory.
POOL_NAME = "Callr picks the sender"


@dataclass(slots=True)
class CallrReader:
    """Reads by this client."""

    client: Callr

    def read(self, connection: Connection, progress: Progress) -> Seen:
        seen = Seen()
        for hit in self.client.numbers(progress.of("numbers")):
            if e164 := str(hit.get("e164") or ""):
                seen.numbers[e164] = _number(hit, e164)
        demand_numbers(connection, seen.numbers)
        seen.connected = set(seen.numbers)  # a number needs no more than to be in the account
        return seen

    def complete(self, connection: Connection, progress: Progress) -> None:
        add_pool(connection)


def _number(hit: dict[str, Any], e164: str) -> dict[str, Any]:
    """Numbers have no name at Callr: they are called what they are, "Mobile FR"."""
    kind, country = str(hit.get("type") or ""), str(hit.get("country") or "")
    return number_columns(e164, f"{kind.capitalize()} {country}".strip(), country)


def add_pool(connection: Connection) -> Number:
    """The row of the sender that Callr picks, which can always text."""
    facts = {"connected": True, "sms_capable": True}
    pool, _ = Number.objects.get_or_create(
        connection=connection,
        provider_id=ids.POOL,
        defaults={
            "workspace_id": connection.workspace_id,
            "kind": SenderKind.POOL,
            "name": POOL_NAME,
            "seen_at": timezone.now(),
            **facts,
        },
    )
    return pool
