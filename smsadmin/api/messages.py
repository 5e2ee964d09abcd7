"""Messages: sending one, what became of each, and taking a held one out: /api/v1/messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.forms import CharField
from django.http import HttpResponse, JsonResponse

from smsadmin.api import asking, bodies, named, rows
from smsadmin.api.endpoint import Call, endpoint, only_live, writing
from smsadmin.api.models import KeyScope
from smsadmin.api.named import NUMBER_IS, USER_IS
from smsadmin.api.parameters import MOST_ROWS, PAGE, Id, MessageCursor, Moment, OneOf, Query, is_id
from smsadmin.api.parameters import Number as WholeNumber
from smsadmin.api.problems import Problem, bad_parameter, not_found
from smsadmin.core.status import Status
from smsadmin.sending import expected, intervene, presenters
from smsadmin.sending.filters import GROUPS, MessageFilter
from smsadmin.sending.models import Message
from smsadmin.sending.presenters.positions import quota
from smsadmin.workspaces.models import Workspace
from smsadmin.writeback import engagements

Json = dict[str, Any]

_RELATED = ("number", "agent", "action", "version", "connection")
#: What answers do not show, and rows need not be read with.
_UNREAD = ("inputs", "template", "trace", "quota", "connection__secrets")


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
    recipient = CharField(required=False)
    code = CharField(required=False, max_length=40)
    record = CharField(required=False, max_length=40)
    since = Moment()
    until = Moment()
    limit = WholeNumber(1, MOST_ROWS, PAGE)
    cursor = MessageCursor()


#: What the log's own filter calls a parameter, where that is something else.
_CALLED = {"agent": "user", "error": "code"}


@endpoint(KeyScope.MESSAGES)
def messages(request: Call) -> HttpResponse:
    """Newest first, by the filters of the log, so that its indexes serve them."""
    asked = ListQuery.of(request)
    found = _narrowed(request, asked).select_related(*_RELATED).defer(*_UNREAD)
    if asked["cursor"]:
        found = found.filter(pk__lt=asked["cursor"])
    listed = list(found.order_by("-pk")[: asked["limit"] + 1])
    shown = listed[: asked["limit"]]
    after = shown[-1].pk if len(listed) > len(shown) else None
    return rows.page("api-messages", asked, rows.messages(shown), after)


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
    leaves = expected.of([found], request.now).get(found.pk)
    happened = presenters.timeline(found, list(found.events.all()), None, leaves, engagements.of(found))
    told = [{"at": rows.moment(each.at), "what": str(each.name), "note": str(each.note)} for each in happened]
    return JsonResponse({"events": told})


@endpoint(KeyScope.MESSAGES)
def trace(request: Call, message: UUID) -> HttpResponse:
    """Every step it took."""
    Query.of(request)
    return JsonResponse({"steps": rows.stored_steps(_found(request, message))})


def _found(request: Call, pk: UUID) -> Message:
    own = Message.objects.filter(workspace=request.key.workspace_id)
    found = own.select_related(*_RELATED).defer("connection__secrets").filter(pk=pk).first()
    if found is None:
        raise not_found(f"There is no message {pk}. It may have been deleted by age.")
    return found


def _quota(found: Message) -> list[Json]:
    return [
        {"of": name, "window": each.window, "before": each.before, "after": each.after, "limit": each.limit}
        for name, positions in quota(found)
        for each in positions
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
        "recipient": asked["recipient"],
        "error": asked["code"],
        "record": asked["record"],
        "since": rows.moment(asked["since"], "seconds"),
        "until": rows.moment(asked["until"], "seconds"),
    }
    given = {name: str(value) for name, value in filters.items() if value}
    found = MessageFilter(given, _Request(request.key.workspace))  # type: ignore[arg-type]  # as sending.asked does
    for name, said in found.form.errors.items():
        raise bad_parameter(_CALLED.get(name, name), given[name], " ".join(map(str, said)))
    return found.qs


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
