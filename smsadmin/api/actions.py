"""Saved actions: /api/v1/actions, and the messages and rehearsals of each."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, JsonResponse

from smsadmin.actions.models import Action, ActionVersion, ObjectType
from smsadmin.api import asking, bodies, rows
from smsadmin.api.endpoint import Call, endpoint, writing
from smsadmin.api.models import KeyScope
from smsadmin.api.parameters import MOST_ROWS, PAGE, Cursor, Query
from smsadmin.api.parameters import Number as WholeNumber
from smsadmin.core import errors, tokens
from smsadmin.core.message import SendRequest
from smsadmin.keyset import Keyset
from smsadmin.sending.rehearse import Rehearsal, rehearse
from smsadmin.sending.resolve import INPUTS

Json = dict[str, Any]
BY_ID = Keyset(Action, rising=True)


class ListQuery(Query):
    limit = WholeNumber(1, MOST_ROWS, PAGE)
    cursor = Cursor(BY_ID)


@endpoint(KeyScope.DIRECTORY)
def actions(request: Call) -> HttpResponse:
    """Those that are not archived, by id."""
    asked = ListQuery.of(request)
    page = BY_ID.page(_of(request).filter(archived_at=None), after=asked["cursor"], most=asked["limit"])
    return rows.page("api-actions", asked, [_action(each) for each in page.rows], page.newer)


@endpoint(KeyScope.DIRECTORY)
def action(request: Call, action: int) -> HttpResponse:
    """One, and the values that it needs."""
    Query.of(request)
    found = _of(request).filter(pk=action).first()
    if found is None:
        raise asking.no_action(action)
    return JsonResponse(_action(found))


def _of(request: Call) -> QuerySet[Action]:
    found = Action.objects.filter(workspace=request.key.workspace_id, current__isnull=False)
    return found.select_related("current__sender_number").order_by("pk")


@writing(KeyScope.ACTIONS)
def messages(request: Call, action: int) -> HttpResponse:
    """Runs the action: one message, once for each idempotency key."""
    Query.of(request)
    return asking.sent(asking.of_action(request, action, bodies.read(request, "RunAction")), request)


@writing(KeyScope.ACTIONS)
def rehearsals(request: Call, action: int) -> HttpResponse:
    """What would come of running it now; nothing is sent, counted or written."""
    Query.of(request)
    ask = asking.of_action(request, action, bodies.read(request, "RunAction"), repeatable=False)
    try:
        found = rehearse(asking.completed(ask, request), request.now)
    except errors.SendError as unread:  # the record's values: no step is taken without them
        return JsonResponse(_unread(ask, unread))
    return JsonResponse(_rehearsal(found))


# --- As JSON -----------------------------------------------------------------------------------------


def _action(found: Action) -> Json:
    version = found.current
    assert version
    return {
        "id": found.pk,
        "name": found.name,
        "enabled": found.enabled,
        "why_off": found.why_off or None,
        "version": version.number,
        "saved_at": rows.moment(version.created_at),
        "about": version.object_type,
        "text": version.message,
        "number": rows.number(version.sender_number),
        "traffic": version.traffic,
        "at_quota": version.at_quota,
        "hold_minutes": version.hold_minutes,
        "condition": version.condition,
        "needs": list(_needs(version)),
    }


def _needs(version: ActionVersion) -> Iterator[Json]:
    """Every value that it names, each once, however it is spelt."""
    found: dict[str, Json] = {}
    for path, use, required in _named(version):
        pointer = _pointer(path, version.object_type)
        need = found.setdefault(
            tokens.key(pointer), {"path": path, "pointer": pointer, "uses": [], "required": False}
        )
        need["uses"] += [use] if use not in need["uses"] else []
        need["required"] |= required
    yield from found.values()


def _named(version: ActionVersion) -> Iterator[tuple[str, str, bool]]:
    """Paths, what each is for, and whether nothing stands in for it."""
    for path, use in (
        (version.recipient_property, "recipient"),
        (version.sender_property, "sender"),
        (version.send_as_property, "send_as"),
    ):
        if path:
            yield path, use, True
    with suppress(tokens.TemplateError):
        for token in tokens.tokens(version.message):
            is_own = token.object == tokens.ENROLLED
            path = token.property if is_own else f"{token.object}.{token.property}"
            yield path, "text", token.fallback is None


def _pointer(path: str, about: str) -> str:
    """Where its value goes in the body that runs the action."""
    first, dot, rest = path.partition(".")
    if not dot or tokens.key(first) in (tokens.key(tokens.ENROLLED), tokens.key(about)):
        own = "/values" if about == ObjectType.CALL else "/record/properties"
        return f"{own}/{rest if dot else path}"
    return f"/inputs/{rest}" if first == INPUTS else f"/related/{tokens.key(first)}/{rest}"


def _rehearsal(found: Rehearsal) -> Json:
    draft, measure = found.draft, found.draft.measure
    verdict = "refuses" if found.error else "holds" if found.held_until else "sends"
    return {
        "verdict": verdict,
        "held_until": rows.moment(found.held_until),
        "error": rows.error(found.error) if found.error else None,
        "steps": rows.steps(found.trace),
        "from": draft.number.e164 or None if draft.number else None,
        "number": rows.number(draft.number),
        "user": rows.user(draft.agent),
        "to": draft.recipient.e164 if draft.recipient else draft.recipient_given or None,
        "text": draft.body or None,
        "encoding": measure.encoding if measure else None,
        "characters": measure.characters if measure else 0,
        "segments": measure.segments if measure else 0,
        "test": draft.ask.build_mode,
    }


def _unread(ask: SendRequest, error: errors.SendError) -> Json:
    empty = dict.fromkeys(("held_until", "from", "number", "user", "to", "text", "encoding"))
    sizes = {"characters": 0, "segments": 0, "test": ask.build_mode}
    told = {"verdict": "refuses", "error": rows.error(error), "steps": rows.steps([])}
    return {**empty, **sizes, **told}
