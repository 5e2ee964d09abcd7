"""Reading an Aircall account: numbers, users, who is on which number, and which numbers are in proxy mode.

Aircall shows neither whether a number can text nor what it is connected to (docs/integrations/aircall.md), so those
facts are an admin's, and only proxy mode and registration are asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db.models import F, Q
from django.utils import timezone

from smsadmin.directory.models import Number, SenderKind, Source
from smsadmin.directory.reading import Progress, Seen, counted, demand_numbers, number_columns
from smsadmin.directory.registration import meaning
from smsadmin.providers.aircall.client import Aircall, AircallError
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

#: How many numbers are asked for their messaging mode in one refresh: those asked longest ago come first.
PROBES = 20


@dataclass(slots=True)
class AircallReader:
    """Reads by this client."""

    client: Aircall

    def read(self, connection: Connection, progress: Progress) -> Seen:
        return _read(connection, self.client, progress)

    def complete(self, connection: Connection, progress: Progress) -> None:
        _probe(connection, self.client, progress)


@dataclass(slots=True)
class _Raw:
    """What Aircall said, as it said it."""

    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    pairs: set[tuple[str, str]] = field(default_factory=set)


def _read(connection: Connection, client: Aircall, progress: Progress) -> Seen:
    """Numbers and users, paged; who is on which number by the cheaper of two ways when the list does not say."""
    seen, connected = _Raw(), None
    for number in client.pages("/v1/numbers", "numbers", progress.of("numbers")):
        seen.numbers[str(number["id"])] = number
    demand_numbers(connection, seen.numbers)
    for user in client.pages("/v2/users", "users", progress.of("users")):
        seen.users[str(user["id"])] = user
    if connection.auth == Connection.Auth.OAUTH:
        connected = _connected_to_the_app(client)
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
    return Seen(
        {key: _number(raw) for key, raw in seen.numbers.items()},
        {key: _agent(raw) for key, raw in seen.users.items()},
        seen.pairs,
        connected,
    )


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


def _pair_by_number(seen: _Raw, raw_numbers: Any) -> None:
    for number in raw_numbers:
        for user in number.get("users") or ():
            seen.pairs.add((str(number["id"]), str(user["id"])))
            seen.users.setdefault(str(user["id"]), user)


def _number(raw: dict[str, Any]) -> dict[str, Any]:
    """`digits` is a display form with spaces."""
    digits = str(raw.get("e164_digits") or raw.get("digits") or "")
    named = [str(raw.get(each) or "") for each in ("name", "country", "time_zone")]
    return number_columns(digits, *named)


def _agent(raw: dict[str, Any]) -> dict[str, Any]:
    email = str(raw.get("email") or "")
    return {"name": str(raw.get("name") or email)[:120], "email": email.casefold()[:254]}


def _probe(connection: Connection, client: Aircall, progress: Progress) -> None:
    """Asks of some numbers what the list does not say: whether they are in proxy mode, and whether North
    American ones are registered. What an admin set or a send proved stays as it is, and so does what cannot be
    asked: the mirror is up to date without it."""
    here = Number.objects.filter(connection=connection, kind=SenderKind.PHONE, gone_at=None)
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
