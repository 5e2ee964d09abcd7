"""Messages: sending one, what became of each, and taking a held one out: /api/v1/messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.forms import CharField
from django.http import HttpResponse, JsonResponse

from smsadmin.api import asking, bodies, named, rows
from smsadmin.api.endpoint import Call, endpoint, only_live, writing
from smsadmin.api.models import KeyScope
from smsadmin.api.named import NUMBER_IS, USER_IS
from smsadmin.api.parameters import MOST_ROWS, PAGE, Cursor, Id, Moment, OneOf, Query, is_id
from smsadmin.api.parameters import Number as WholeNumber
from smsadmin.api.problems import Problem, bad_parameter, not_found
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import Status
from smsadmin.quotas.models import Scope
from smsadmin.sending import expected, intervene, presenters
from smsadmin.sending.filters import GROUPS, MessageFilter
from smsadmin.sending.listing import NEWEST_FIRST
from smsadmin.sending.models import Message
from smsadmin.sending.presenters.happenings import Happening
from smsadmin.sending.presenters.positions import quota
from smsadmin.workspaces.models import Workspace
from smsadmin.writeback import engagements

Json = dict[str, Any]

_RELATED = ("number", "agent", "action", "version", "connection")
#: What answers do not show, and rows need not be read with.
_UNREAD = ("inputs", "template", "trace", "quota", "connection__secrets")
_EPOCH = datetime.fromtimestamp(0, UTC)


# --- Sending -----------------------------------------------------------------------------------------


@writing(KeyScope.SEND)
def send(request: Call) -> HttpResponse:
    """Sends a text, once for each idempotency key."""
    Query.of(request)
    return asking.sent(asking.of_text(request, bodies.read(request, "SendText")), request)


@writing(KeyScope.SEND)
def cancel(request: Call, message: UUID) -> HttpResponse:
    """Takes a held message out for good; one that was cancelled before stays so."""
    Query.of(request)
    found = _found(request, message)
    if not found.origin.get("test"):
        only_live(request, "no program in test mode asked for this message")
    if found.status == Status.HELD:
        intervene.cancel([found], None, request.now, who=f"API key {request.key.name}")
        found.refresh_from_db(fields=["status"])
    if found.status != Status.CANCELLED:
        detail = f"The message is {found.status}, and only held ones can be cancelled."
        raise Problem(409, "NOT_HELD", detail)
    url = rows.address("api-message", found.pk)
    return JsonResponse({"id": str(found.pk), "status": found.status, "url": url})


# --- Reading -----------------------------------------------------------------------------------------


class ListQuery(Query):
    status = OneOf(map(str, Status))
    group = OneOf(GROUPS)
    trigger = OneOf(value for value, _words in MessageFilter.base_filters["trigger"].extra["choices"])
    number = CharField(required=False, strip=False)
    user = CharField(required=False)
    action = Id()
    to = CharField(required=False)
    code = CharField(required=False, max_length=40)
    record = CharField(required=False, max_length=40)
    since = Moment()
    until = Moment()
    limit = WholeNumber(1, MOST_ROWS, PAGE)
    cursor = Cursor(NEWEST_FIRST)


#: What the log's own filter calls a parameter, where that is something else.
_CALLED = {"agent": "user", "recipient": "to", "error": "code"}


@endpoint(KeyScope.MESSAGES)
def messages(request: Call) -> HttpResponse:
    """Newest first, by the filters of the log, so that its indexes serve them."""
    asked = ListQuery.of(request)
    found = _narrowed(request, asked).select_related(*_RELATED).defer(*_UNREAD)
    page = NEWEST_FIRST.page(found, asked["cursor"], most=asked["limit"])
    return rows.page("api-messages", asked, rows.messages(page.rows), page.older)


@endpoint(KeyScope.MESSAGES)
def message(request: Call, message: UUID) -> HttpResponse:
    """One, with its error, its provider's id, and the quotas as they were."""
    Query.of(request)
    found = _found(request, message)
    leaves = expected.of([found], request.now).get(found.pk)
    return JsonResponse({**rows.message(found, leaves), "quota": list(_quota(found))})


@endpoint(KeyScope.MESSAGES)
def events(request: Call, message: UUID) -> HttpResponse:
    """What befell it, from the request to the latest news."""
    Query.of(request)
    found = _found(request, message)
    lines = presenters.timeline(found, list(found.events.all()), engagement=engagements.of(found))
    return JsonResponse({"results": [_event(each) for each in lines if each.type], "next": None})


@endpoint(KeyScope.MESSAGES)
def trace(request: Call, message: UUID) -> HttpResponse:
    """Every step it took."""
    Query.of(request)
    return JsonResponse({"steps": rows.stored_steps(_found(request, message))})


def _event(line: Happening) -> Json:
    return {
        "at": rows.moment(line.at),
        "type": str(line.type),
        "status": str(line.status) or None,
        "code": line.code or None,
        "sentence": " · ".join(filter(None, (line.name, line.note))),
    }


def _found(request: Call, pk: UUID) -> Message:
    own = Message.objects.filter(workspace=request.key.workspace_id)
    found = own.select_related(*_RELATED).defer("connection__secrets").filter(pk=pk).first()
    if found is None:
        raise not_found(f"There is no message {pk}. It may have been deleted by age.")
    return found


def _quota(found: Message) -> list[Json]:
    counted = [each for _name, positions in quota(found) for each in positions]
    holders = {Scope.NUMBER: found.number, Scope.USER: found.agent}
    return [
        {**rows.holder(holder), **rows.limit(each.rule), "before": each.before, "after": each.after}
        for each in counted
        if (holder := holders[Scope(each.rule.scope)])
    ]


# --- Filters -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Request:
    """All that the log's filter reads of a request."""

    workspace: Workspace


def _narrowed(request: Call, asked: Mapping[str, Any]) -> QuerySet[Message]:
    """Raises the Problem (400) of a filter that means nothing here."""
    if asked["status"] and asked["group"]:
        raise bad_parameter("group", asked["group"], "Give status or group, not both.")
    filters = {
        "status": asked["status"] or asked["group"],
        "trigger": asked["trigger"],
        "number": _number(request, asked["number"]),
        "agent": _user(request, asked["user"]),
        "action": asked["action"] or "",
        "recipient": asked["to"],
        "error": asked["code"],
        "record": asked["record"],
    }
    given = {name: str(value) for name, value in filters.items() if value}
    found = MessageFilter(given, _Request(request.key.workspace))  # type: ignore[arg-type]  # as sending.asked does
    for name, said in found.form.errors.items():
        raise bad_parameter(_CALLED.get(name, name), given[name], " ".join(map(str, said)))
    return _within(found.qs, asked["since"], asked["until"])


def _within(found: QuerySet[Message], since: datetime | None, until: datetime | None) -> QuerySet[Message]:
    """To the millisecond, which ids have: the log's own form knows whole seconds."""
    if since:
        found = found.filter(pk__gte=first_uuid7(max(since, _EPOCH)))
    if until:
        found = found.filter(pk__lt=first_uuid7(max(until, _EPOCH)))
    return found


def _number(request: Call, which: str) -> int | str:
    """The id of a number; one that has left the directory still has messages."""
    which = f"+{which[1:]}" if which.startswith(" ") else which  # in a query a bare + is a space
    if not which or is_id(which):
        return which
    if found := named.number(request.key.workspace_id, which):
        return found.pk
    raise bad_parameter("number", which, f"There is no number “{which}” in the directory. {NUMBER_IS}")


def _user(request: Call, which: str) -> int | str:
    if not which or is_id(which):
        return which
    if found := named.user(request.key.workspace_id, which):
        return found.pk
    raise bad_parameter("user", which, f"There is no user “{which}” in the directory. {USER_IS}")
