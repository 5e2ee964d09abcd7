"""What we hear of an account whose provider calls us, as the account's page shows it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from smsadmin.incoming import webhooks
from smsadmin.incoming.models import InboundMessage, ProviderCall
from smsadmin.workspaces.models import Connection

#: What comes of calls that are delivery reports.
_OF_REPORTS = (ProviderCall.Outcome.MOVED, ProviderCall.Outcome.NOTED)


@dataclass(frozen=True, slots=True)
class Hearing:
    """When it called last, what came of its calls, and what is missing for them, in sentences."""

    last_call_at: datetime | None
    reports: bool
    replies: bool
    missing: list[str]

    @property
    def works(self) -> bool:
        return self.last_call_at is not None and not self.missing


def of(connection: Connection, missing: Iterable[str]) -> Hearing:
    """What is known of the account's calls; each provider knows what is missing for its own."""
    webhook = webhooks.of(connection)
    calls = ProviderCall.objects.filter(connection=connection)
    return Hearing(
        last_call_at=webhook.last_call_at if webhook else None,
        reports=calls.filter(outcome__in=_OF_REPORTS).exists(),
        replies=InboundMessage.objects.filter(connection=connection).exists(),
        missing=list(missing),
    )
