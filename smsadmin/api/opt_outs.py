"""Who wants no texts: /api/v1/opt-outs. Where numbers stand is changed by smsadmin.consent alone."""

from collections.abc import Sequence
from typing import Any

from auditlog.models import LogEntry
from django.forms import CharField
from django.http import HttpResponse, JsonResponse

from smsadmin.api import bodies, rows
from smsadmin.api.description.opt_outs import MOST_REASON
from smsadmin.api.endpoint import Call, endpoint, only_live, writing
from smsadmin.api.models import Key, KeyScope
from smsadmin.api.parameters import MOST_ROWS, PAGE, Cursor, OneOf, Query
from smsadmin.api.parameters import Number as WholeNumber
from smsadmin.api.problems import not_found
from smsadmin.consent import listing, opting
from smsadmin.consent.models import Change, OptOut, Source
from smsadmin.consent.opting import Statement
from smsadmin.sending.log import storable

Json = dict[str, Any]

_ARE_REAL = "opt-outs hold for every message"


class ListQuery(Query):
    state = OneOf(["out", "in"])
    limit = WholeNumber(1, MOST_ROWS, PAGE)
    cursor = Cursor(listing.LATEST_FIRST)


@endpoint(KeyScope.OPT_OUTS)
def opt_outs(request: Call) -> HttpResponse:
    """Numbers that are or were out, those that changed last first."""
    asked = ListQuery.of(request)
    found = listing.found(request.key.workspace_id, asked["state"])
    page = listing.page_of(found, asked["cursor"], most=asked["limit"])
    return rows.page("api-opt-outs", asked, [_told(each) for each in page.rows], page.older)


@writing(KeyScope.OPT_OUTS)
def add(request: Call) -> HttpResponse:
    """Opts a number out; one that is out already stays so."""
    Query.of(request)
    only_live(request, _ARE_REAL)
    body = bodies.read(request, "AddOptOut")
    is_news = opting.opt_out(request.key.workspace_id, body["number"], _said(request, body["reason"]))
    found = _found(request, body["number"])
    if is_news:
        _audit(found, request.key, body["reason"])
        where = {"Location": rows.address("api-opt-out", found.number)}
        return JsonResponse(_told(found), status=201, headers=where)
    return JsonResponse(_told(found))


@endpoint(KeyScope.OPT_OUTS)
def opt_out(request: Call, number: str) -> HttpResponse:
    """Where one number stands, and what led there."""
    Query.of(request)
    found = _found(request, number)
    return JsonResponse({**_told(found), "history": [_step(each) for each in _changes(found)]})


class LiftQuery(Query):
    reason = CharField(max_length=MOST_REASON, error_messages={"required": "Say why it may be texted again."})


@writing(KeyScope.OPT_OUTS, "DELETE")
def lift(request: Call, number: str) -> HttpResponse:
    """Lets a number be texted again; one that is back in already stays so."""
    only_live(request, _ARE_REAL)
    reason = storable(LiftQuery.of(request)["reason"])
    _found(request, number)
    if opting.opt_in(request.key.workspace_id, number, _said(request, reason)):
        _audit(_found(request, number), request.key, reason)
    return JsonResponse(_told(_found(request, number)))


def _found(request: Call, number: str) -> OptOut:
    found = listing.standing(request.key.workspace_id, number)
    if found is None:
        raise not_found(f"{number} never was opted out here. Give a number as +12025550123.")
    return found


def _said(request: Call, reason: str) -> Statement:
    """A program decides as a person does: now, whatever was said before."""
    words = f"{reason} (API key {request.key.name[:60]})"
    return Statement(Source.API, request.now, words=words)


def _audit(found: OptOut, key: Key, reason: str) -> None:
    """Under its id alone: the audit log outlives the number."""
    changes = {"is_out": [not found.is_out, found.is_out], "reason": ["", reason], "key": ["", str(key)]}
    action = LogEntry.Action.UPDATE
    LogEntry.objects.log_create(
        found, force_log=True, action=action, changes=changes, object_repr=str(found.pk)
    )


def _changes(found: OptOut) -> Sequence[Change]:
    return sorted(found.changes.all(), key=lambda each: -each.pk)


def _told(found: OptOut) -> Json:
    newest = next(iter(_changes(found)), None)
    return {
        "number": found.number,
        "state": "out" if found.is_out else "in",
        "since": rows.moment(found.since),
        "source": found.source,
        "reason": newest.words or None if newest else None,
    }


def _step(change: Change) -> Json:
    return {
        "state": "out" if change.is_out else "in",
        "at": rows.moment(change.at),
        "source": change.source,
        "reason": change.words or None,
    }
