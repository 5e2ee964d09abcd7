"""The mirror of an Aircall account: numbers, users and who is on which number.

Everything is read before anything is written, so a refresh that fails leaves the old mirror as it was. What
Aircall no longer lists is marked gone. Aircall shows neither whether a number can text nor what it is connected
to (docs/integrations/aircall.md), so those facts are an admin's, and only proxy mode is asked for. Each read
takes its turn in the account's pace, which sends share: half of it at most. A refresh gives up where Aircall asks
for a long pause."""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from smsadmin import cache
from smsadmin.core import numbers
from smsadmin.directory import changes
from smsadmin.directory.models import Agent, Association, Number, Refresh, Source
from smsadmin.directory.registration import meaning
from smsadmin.pacing.turns import Share
from smsadmin.providers.aircall.client import Aircall, AircallError
from smsadmin.providers.registry import aircall
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

T = TypeVar("T")

EVERY = timedelta(minutes=10)
LEASE = timedelta(minutes=9)
#: How many numbers are asked for their messaging mode in one refresh: those asked longest ago come first.
PROBES = 20


class NoNumbers(AircallError):
    """The account suddenly lists no number, which is not believed."""


@dataclass(slots=True)
class Seen:
    """What the account said: raw numbers and users by their ids, pairs of both, and the ids of the numbers that
    an admin connected to our app; None where it does not say, as to an API key."""

    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    connected: set[str] | None = None


def accounts() -> list[int]:
    """The connections that have a mirror."""
    return list(Connection.objects.filter(kind=Connection.Kind.AIRCALL).values_list("pk", flat=True))


def refresh(connection_id: int, sleep: Callable[[float], None] = time.sleep) -> Refresh | None:
    """Reads the account and brings the mirror up to date; None when a refresh of it is running.

    A failure is kept with its cause on the Refresh, and on the connection when the key was refused.
    """
    connection = Connection.objects.get(pk=connection_id)
    run = _begin(connection, timezone.now())
    if run is None:
        return None
    client = aircall(connection)
    progress = Progress(run, client)
    client.pause = progress.pausing(sleep)
    client.turn = Share(connection, client.pause)
    try:
        seen = _read(connection, client, progress)
        with transaction.atomic():
            run.changes = _write(connection, seen, timezone.now())
        _probe(connection, client, progress)
        _end(run, client, Refresh.State.DONE)
        connection.mark(Connection.State.WORKING)
    except AircallError as error:
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


@dataclass(slots=True)
class Progress:
    """How far a running refresh is, kept on its row: pages show it, and the row is not taken for one cut off."""

    run: Refresh
    client: Aircall

    def of(self, part: str) -> Callable[[int, int], None]:
        """What hears how much of a part has been read."""

        def told(read: int, total: int) -> None:
            self.run.progress[part] = [read, total]
            self._keep()

        return told

    def pausing(self, sleep: Callable[[float], None]) -> Callable[[float], None]:
        """A pause between two reads that keeps the row alive."""

        def pause(seconds: float) -> None:
            self._keep()
            sleep(seconds)

        return pause

    def _keep(self) -> None:
        Refresh.objects.filter(pk=self.run.pk).update(
            requests=self.client.reads, progress=self.run.progress, lease_until=timezone.now() + LEASE
        )


def _end(run: Refresh, client: Aircall, state: str) -> None:
    run.state, run.requests, run.finished_at = state, client.reads, timezone.now()
    run.save()


def _fail(run: Refresh, client: Aircall, cause: str, error: str) -> None:
    run.cause, run.error = cause, error[:300]
    _end(run, client, Refresh.State.FAILED)


def _cause(error: AircallError) -> str:
    if isinstance(error, NoNumbers):
        return Refresh.Cause.EMPTY
    return Refresh.Cause.KEY if error.credential else Refresh.Cause.PROVIDER


def _read(connection: Connection, client: Aircall, progress: Progress) -> Seen:
    """Numbers and users, paged; who is on which number by the cheaper of two ways when the list does not say."""
    seen = Seen()
    for number in client.pages("/v1/numbers", "numbers", progress.of("numbers")):
        seen.numbers[str(number["id"])] = number
    if not seen.numbers and connection.numbers.filter(gone_at=None).exists():
        raise NoNumbers("Aircall listed no number at all, so the old mirror was kept.")
    for user in client.pages("/v2/users", "users", progress.of("users")):
        seen.users[str(user["id"])] = user
    if connection.auth == Connection.Auth.OAUTH:
        seen.connected = _connected_to_the_app(client)
    if all("users" in number for number in seen.numbers.values()):
        _pair_by_number(seen, seen.numbers.values())
    elif len(seen.users) < len(seen.numbers):
        for user_id in counted(seen.users, progress.of("pairs")):
            for number in client.pages(f"/v2/users/{user_id}/numbers", "numbers"):
                seen.pairs.add((str(number["id"]), user_id))
    else:
        for number_id in counted(seen.numbers, progress.of("pairs")):
            body = client.get(f"/v1/numbers/{number_id}").body or {}
            _pair_by_number(seen, [body["number"]] if "number" in body else [])
    return seen


def _connected_to_the_app(client: Aircall) -> set[str] | None:
    """None also where Aircall refuses to say while the key is good: the rest of the account can be read without."""
    try:
        listed = (client.integration() or {}).get("number_ids")
    except AircallError as error:
        if error.credential or not error.refused:
            raise
        logger.warning("mirror.not_connected", error=str(error))
        return None
    return {str(number_id) for number_id in listed} if isinstance(listed, list) else None


def counted(items: Collection[T], told: Callable[[int, int], None]) -> Iterator[T]:
    """The items of what is not added to meanwhile, one by one; `told(done, total)` hears of each that is done."""
    total = len(items)
    for done, item in enumerate(list(items), start=1):
        yield item
        told(done, total)


def _pair_by_number(seen: Seen, raw_numbers: Any) -> None:
    for number in raw_numbers:
        for user in number.get("users") or ():
            seen.pairs.add((str(number["id"]), str(user["id"])))
            seen.users.setdefault(str(user["id"]), user)


def _write(connection: Connection, seen: Seen, now: datetime) -> dict[str, Any]:
    """Upserts what was seen, marks the rest gone, and tells the difference."""
    before = changes.snapshot(connection)
    _upsert(Number, connection, now, {key: _number(raw) for key, raw in seen.numbers.items()})
    _upsert(Agent, connection, now, {key: _agent(raw) for key, raw in seen.users.items()})
    for model in (Number, Agent):
        model.objects.filter(connection=connection, seen_at__lt=now, gone_at=None).update(gone_at=now)
    _associate(connection, seen.pairs)
    _pre_fill(connection, seen.connected)
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


def _number(raw: dict[str, Any]) -> dict[str, Any]:
    """`digits` is a display form with spaces; a number that cannot be read is kept as it came, and not offered."""
    digits = str(raw.get("e164_digits") or raw.get("digits") or "")
    try:
        e164 = numbers.read(digits).e164
    except numbers.NumberError:
        e164 = digits[:20]
    return {
        "e164": e164,
        "name": str(raw.get("name") or digits)[:120],
        "country": str(raw.get("country") or "")[:2],
        "time_zone": str(raw.get("time_zone") or "")[:64],
    }


def _agent(raw: dict[str, Any]) -> dict[str, Any]:
    email = str(raw.get("email") or "")
    return {"name": str(raw.get("name") or email)[:120], "email": email.casefold()[:254]}


def _pre_fill(connection: Connection, connected: set[str] | None) -> None:
    """Which numbers are connected, as far as Aircall says so; what an admin said of one stays as it is."""
    if connected is None:
        return
    open_to_it = Number.objects.filter(connection=connection).exclude(connected_source=Source.ADMIN)
    listed = Q(provider_id__in=connected)
    open_to_it.filter(listed).update(connected=True, connected_source=Source.PROBE)
    open_to_it.exclude(listed).update(connected=False, connected_source=Source.PROBE)


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


def _probe(connection: Connection, client: Aircall, progress: Progress) -> None:
    """Asks of some numbers what the list does not say: whether they are in proxy mode, and whether North
    American ones are registered. What an admin set or a send proved stays as it is, and so does what cannot be
    asked: the mirror is up to date without it."""
    here = Number.objects.filter(connection=connection, gone_at=None)
    open_questions = {question.name: question for question in _QUESTIONS}
    due = here.exclude(_MODE.answered & _REGISTRATION.answered)
    longest_ago = due.order_by(F("probed_at").asc(nulls_first=True), "pk")[:PROBES]
    for number in counted(list(longest_ago), progress.of("modes")):
        for question in list(open_questions.values()):
            if not here.filter(question.answered, pk=number.pk).exists() and not _asked(
                question, client, number
            ):
                del open_questions[question.name]
        here.filter(pk=number.pk).update(probed_at=timezone.now())
        if not open_questions:
            break


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of each number by itself, of which numbers it is `answered` already, and how it is asked."""

    name: str
    answered: Q
    ask: Callable[[Aircall, Number], dict[str, Any]]


def _asked(question: _Question, client: Aircall, number: Number) -> bool:
    """Whether it may be asked of other numbers too."""
    try:
        facts = question.ask(client, number)
    except AircallError as error:
        logger.warning("mirror.not_probed", number=number.pk, question=question.name, error=str(error))
        # A refusal may concern this one number; one of the key, and anything else, concerns all of them.
        return error.refused and not error.credential
    Number.objects.filter(pk=number.pk).exclude(question.answered).update(**facts)
    return True


def _mode(client: Aircall, number: Number) -> dict[str, Any]:
    in_proxy_mode = client.configuration(number.provider_id) is not None
    return {"proxy_mode": in_proxy_mode, "proxy_mode_source": Source.PROBE}


def _registration(client: Aircall, number: Number) -> dict[str, Any]:
    """Aircall's word and what it means; neither, where it has none."""
    body = client.get(f"/v1/numbers/{number.provider_id}/registration_status").body
    word = str(body.get("registration_status") or "") if isinstance(body, dict) else ""
    return {
        "registration": meaning(word),
        "registration_said": word[:40],
        "registration_source": Source.PROBE if word else Source.ASSUMED,
    }


_MODE = _Question("mode", Q(proxy_mode_source__in=(Source.ADMIN, Source.SEND)), _mode)
#: Of numbers elsewhere there is nothing to be asked; one without a country is not asked for it.
_REGISTRATION = _Question(
    "registration", Q(registration_source=Source.ADMIN) | ~Q(country__in=("US", "CA")), _registration
)
_QUESTIONS = (_MODE, _REGISTRATION)
