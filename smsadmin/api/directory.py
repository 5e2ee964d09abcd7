"""The directory: /api/v1/numbers and /api/v1/users."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Max
from django.http import HttpResponse, JsonResponse

from smsadmin.api import named, rows
from smsadmin.api.endpoint import Call, endpoint
from smsadmin.api.models import KeyScope
from smsadmin.api.named import NUMBER_IS
from smsadmin.api.parameters import MOST_ROWS, PAGE, Query, RowCursor
from smsadmin.api.parameters import Number as WholeNumber
from smsadmin.api.problems import not_found
from smsadmin.directory import book, facts
from smsadmin.directory.book import Book
from smsadmin.directory.models import Agent, Number, Refresh, SenderKind

Json = dict[str, Any]
Row = TypeVar("Row", Number, Agent)
#: When each account was last read, by its id.
Mirrored = Mapping[int, datetime]


class ListQuery(Query):
    limit = WholeNumber(1, MOST_ROWS, PAGE)
    cursor = RowCursor()


@endpoint(KeyScope.DIRECTORY)
def numbers(request: Call) -> HttpResponse:
    """Those that are there now, by id."""
    asked, known = ListQuery.of(request), book.of(request.key.workspace_id)
    shown, after = _page(list(known.numbers.values()), asked)
    mirrored = _mirrored(request)
    return rows.page("api-numbers", asked, [_number(each, known, mirrored) for each in shown], after)


@endpoint(KeyScope.DIRECTORY)
def number(request: Call, which: str) -> HttpResponse:
    """One, by E.164 or id."""
    Query.of(request)
    found = named.number(request.key.workspace_id, which)
    if found is None:
        raise not_found(f"There is no number “{which}” in the directory. {NUMBER_IS}")
    return JsonResponse(_number(found, book.of(request.key.workspace_id), _mirrored(request)))


@endpoint(KeyScope.DIRECTORY)
def users(request: Call) -> HttpResponse:
    """Those that are there now, by id."""
    asked, known = ListQuery.of(request), book.of(request.key.workspace_id)
    shown, after = _page(list(known.agents.values()), asked)
    mirrored = _mirrored(request)
    return rows.page("api-users", asked, [_user(each, known, mirrored) for each in shown], after)


def _page(found: Sequence[Row], asked: Mapping[str, Any]) -> tuple[list[Row], int | None]:
    here = sorted((each for each in found if not each.gone_at), key=lambda each: each.pk)
    rest = [each for each in here if each.pk > asked["cursor"]]
    shown = rest[: asked["limit"]]
    return shown, shown[-1].pk if len(rest) > len(shown) else None


def _mirrored(request: Call) -> Mirrored:
    done = Refresh.objects.filter(workspace=request.key.workspace_id, state=Refresh.State.DONE)
    return dict(done.order_by().values_list("connection").annotate(Max("finished_at")))


# --- As JSON -----------------------------------------------------------------------------------------


def _number(found: Number, known: Book, mirrored: Mirrored) -> Json:
    why_not = [str(each.failing) for each in facts.failing(found)] if _is_phone(found) else []
    fixes = [str(each.fix) for each in facts.failing(found)] if why_not else []
    return {
        "id": found.pk,
        "kind": found.kind,
        "number": found.e164 or None,
        "name": found.name,
        "country": found.country or None,
        "account": rows.account(found.connection),
        "offered": found.is_eligible,
        "why_not": why_not,
        "fix": fixes[0] if fixes else None,
        "users": [rows.user(each) for each in known.agents_of(found)],
        "quota": rows.address("api-quota-number", found.pk),
        "mirrored_at": rows.moment(mirrored.get(found.connection_id)),
    }


def _is_phone(found: Number) -> bool:
    """Sender names and what an account picks are no numbers to be chosen, and lack nothing."""
    return found.kind == SenderKind.PHONE


def _user(found: Agent, known: Book, mirrored: Mirrored) -> Json:
    own = sorted(
        (known.numbers[pk] for pk, users in known.on_number.items() if found.pk in users),
        key=lambda each: each.pk,
    )
    here = [each for each in own if not each.gone_at]
    can_send = any(each.is_eligible for each in here)
    return {
        "id": found.pk,
        "email": found.email,
        "name": found.name,
        "numbers": [rows.number(each) for each in here],
        "can_send": can_send,
        "why_not": [] if can_send else [_why_not(here)],
        "quota": rows.address("api-quota-user", found.pk),
        "mirrored_at": rows.moment(mirrored.get(found.connection_id)),
    }


def _why_not(here: Sequence[Number]) -> str:
    if not here:
        return "No number is assigned to this user."
    return "None of the user's numbers is offered: each says why."
