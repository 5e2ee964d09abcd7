"""The mirror of an account that carries messages: numbers, users and who is on which number.

Everything is read before anything is written, so a refresh that fails leaves the old mirror as it was. What the account
no longer lists is marked gone; sender names and the provider's own choice are rows that no account lists, and stay.
Each read takes its turn in the account's pace, which sends share: half of it at most. A refresh gives up where the
provider asks for a long pause."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from smsadmin import cache
from smsadmin.directory import changes
from smsadmin.directory.aircall_reader import AircallReader
from smsadmin.directory.callr_reader import CallrReader
from smsadmin.directory.models import Agent, Association, Number, Refresh, SenderKind, Source
from smsadmin.directory.reading import LEASE, Client, NoNumbers, Progress, Reader, Seen
from smsadmin.directory.twilio_reader import TwilioReader
from smsadmin.pacing.turns import Share
from smsadmin.providers import registry
from smsadmin.providers.base import AccountError
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

EVERY = timedelta(minutes=10)
_READERS: Mapping[str, Callable[[Connection], Reader]] = {
    Connection.Kind.AIRCALL: lambda connection: AircallReader(registry.aircall(connection)),
    Connection.Kind.CALLR: lambda connection: CallrReader(registry.callr(connection)),
    Connection.Kind.TWILIO: lambda connection: TwilioReader(registry.twilio(connection)),
}


def accounts() -> list[int]:
    """The connections that have a mirror."""
    return list(Connection.objects.filter(kind__in=_READERS).values_list("pk", flat=True))


def refresh(connection_id: int, sleep: Callable[[float], None] = time.sleep) -> Refresh | None:
    """Reads the account and brings the mirror up to date; None when a refresh of it is running.

    A failure is kept with its cause on the Refresh, and on the connection when the key was refused.
    """
    connection = Connection.objects.get(pk=connection_id)
    run = _begin(connection, timezone.now())
    if run is None:
        return None
    reader = _READERS[connection.kind](connection)
    client = reader.client
    progress = Progress(run, client)
    client.pause = progress.pausing(sleep)
    client.turn = Share(connection, client.pause)
    try:
        seen = reader.read(connection, progress)
        with transaction.atomic():
            run.changes = _write(connection, seen, timezone.now())
        reader.complete(connection, progress)
        _end(run, client, Refresh.State.DONE)
        connection.mark(Connection.State.WORKING)
    except AccountError as error:
        _fail(run, client, _cause(error), str(error))
        state = Connection.State.REJECTED if error.credential else Connection.State.UNREACHABLE
        connection.mark(state, str(error))
    except Exception as error:
        _fail(run, client, Refresh.Cause.OURS, f"smsadmin itself failed: {type(error).__name__}")
        raise
    finally:
        cache.forget()
    return run


def latest(connection: Connection) -> Refresh | None:
    """The newest successful refresh: how old the mirror is."""
    return connection.refreshes.filter(state=Refresh.State.DONE).order_by("-started_at").first()


def _begin(connection: Connection, now: datetime) -> Refresh | None:
    stale = connection.refreshes.filter(state=Refresh.State.RUNNING, lease_until__lt=now)
    stale.update(
        state=Refresh.State.FAILED,
        finished_at=now,
        cause=Refresh.Cause.CUT_OFF,
        error="It was cut off: its worker stopped.",
    )
    try:
        with transaction.atomic():
            return Refresh.objects.create(
                workspace_id=connection.workspace_id,
                connection=connection,
                started_at=now,
                lease_until=now + LEASE,
            )
    except IntegrityError:
        return None


def _end(run: Refresh, client: Client, state: str) -> None:
    run.state, run.requests, run.finished_at = state, client.reads, timezone.now()
    run.save()


def _fail(run: Refresh, client: Client, cause: str, error: str) -> None:
    run.cause, run.error = cause, error[:300]
    _end(run, client, Refresh.State.FAILED)


def _cause(error: AccountError) -> str:
    if isinstance(error, NoNumbers):
        return Refresh.Cause.EMPTY
    return Refresh.Cause.KEY if error.credential else Refresh.Cause.PROVIDER


def _write(connection: Connection, seen: Seen, now: datetime) -> dict[str, Any]:
    """Upserts what was seen, marks the rest gone, and tells the difference."""
    before = changes.snapshot(connection)
    _upsert(Number, connection, now, seen.numbers)
    _upsert(Agent, connection, now, seen.users)
    before_now = {"connection": connection, "seen_at__lt": now, "gone_at": None}
    Number.objects.filter(**before_now, kind=SenderKind.PHONE).update(gone_at=now)
    Agent.objects.filter(**before_now).update(gone_at=now)
    _associate(connection, seen.pairs)
    _pre_fill(connection, "connected", seen.connected)
    _pre_fill(connection, "sms_capable", seen.texting)
    return changes.difference(before, changes.snapshot(connection))


def _upsert(model: Any, connection: Connection, now: datetime, wanted: dict[str, dict[str, Any]]) -> None:
    rows = [
        model(
            workspace_id=connection.workspace_id,
            connection=connection,
            provider_id=provider_id,
            seen_at=now,
            gone_at=None,
            **values,
        )
        for provider_id, values in wanted.items()
    ]
    columns = sorted({name for values in wanted.values() for name in values})
    model.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["connection", "provider_id"],
        update_fields=[*columns, "seen_at", "gone_at"],
        batch_size=200,
    )


def _pre_fill(connection: Connection, fact: str, listed: set[str] | None) -> None:
    """Of which numbers a fact is so ("connected", "sms_capable"), as far as the account says; what an admin said of one
    stays as it is."""
    if listed is None:
        return
    numbers = Number.objects.filter(connection=connection, kind=SenderKind.PHONE)
    source = f"{fact}_source"
    open_to_it, named = numbers.exclude(**{source: Source.ADMIN}), Q(provider_id__in=listed)
    open_to_it.filter(named).update(**{fact: True, source: Source.PROBE})
    open_to_it.exclude(named).update(**{fact: False, source: Source.PROBE})


def _associate(connection: Connection, pairs: set[tuple[str, str]]) -> None:
    number_ids = dict(Number.objects.filter(connection=connection).values_list("provider_id", "pk"))
    agent_ids = dict(Agent.objects.filter(connection=connection).values_list("provider_id", "pk"))
    wanted = {(number_ids[n], agent_ids[a]) for n, a in pairs if n in number_ids and a in agent_ids}
    existing = {
        (number_id, agent_id): pk
        for pk, number_id, agent_id in Association.objects.filter(number__connection=connection).values_list(
            "pk", "number_id", "agent_id"
        )
    }
    Association.objects.filter(pk__in=[pk for pair, pk in existing.items() if pair not in wanted]).delete()
    Association.objects.bulk_create(
        [Association(number_id=n, agent_id=a) for n, a in sorted(wanted - existing.keys())], batch_size=500
    )
