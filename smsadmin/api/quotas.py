"""What numbers and users may still send, and whether so many messages would fit: /api/v1/quotas/."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse, JsonResponse

from smsadmin.actions.models import ActionVersion
from smsadmin.api import named, rows
from smsadmin.api.endpoint import Call, endpoint
from smsadmin.api.models import KeyScope
from smsadmin.api.named import NUMBER_IS, USER_IS
from smsadmin.api.parameters import FOLLOW, MOST_ROWS, PAGE, OneOf, Query, is_id
from smsadmin.api.parameters import Number as WholeNumber
from smsadmin.api.problems import bad_parameter, not_found
from smsadmin.directory import book
from smsadmin.directory.models import Agent, Number
from smsadmin.quotas import headers, headroom
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.headroom import Fit, Headroom, Standing
from smsadmin.quotas.models import Scope
from smsadmin.quotas.positions import Holder
from smsadmin.sending import quota
from smsadmin.sending.quota import Demand

Traffic = ActionVersion.Traffic
MOST_MESSAGES = 10_000
#: More than the longest text has.
MOST_SEGMENTS = 100
#: Of a limit by the minute thousands could be listed.
MOST_WAITS = 100


# --- Numbers and users -------------------------------------------------------------------------------


class Cursor(forms.CharField):
    """Where the answer before ended: a scope, and an id of it."""

    def clean(self, value: Any) -> tuple[str, int] | None:
        text: str = super().clean(value)
        if not text:
            return None
        scope, _, last = text.partition("-")
        if scope not in Scope.values or not is_id(last):
            raise ValidationError(FOLLOW)
        return scope, int(last)


class ListQuery(Query):
    scope = OneOf(Scope.values)
    cursor = Cursor(required=False)
    limit = WholeNumber(1, MOST_ROWS, PAGE)


@endpoint(KeyScope.QUOTAS)
def quotas(request: Call) -> HttpResponse:
    """Every number, then every user, page by page."""
    asked = ListQuery.of(request)
    waiting = _after(asked["cursor"], _holders(request.key.workspace_id, asked["scope"]))
    shown = waiting[: asked["limit"]]
    is_all = len(shown) == len(waiting)
    found = headroom.of(request.key.workspace_id, shown, request.now)
    after = None if is_all else "{}-{}".format(*_place(shown[-1]))
    return rows.page("api-quotas", asked, [_headroom(each) for each in found], after)


def _holders(workspace_id: int, scope: str) -> list[Holder]:
    """Those that are in the directory now, numbers first, by id."""
    known = book.of(workspace_id)
    found: list[Holder] = []
    if scope in ("", Scope.NUMBER):
        found += sorted(known.numbers.values(), key=lambda number: number.pk)
    if scope in ("", Scope.USER):
        found += sorted(known.agents.values(), key=lambda agent: agent.pk)
    return [holder for holder in found if holder.gone_at is None]


def _after(cursor: tuple[str, int] | None, holders: list[Holder]) -> list[Holder]:
    return [holder for holder in holders if cursor is None or _place(holder) > cursor]


def _place(holder: Holder) -> tuple[str, int]:
    """Sorts numbers before users, as their scopes sort."""
    return (Scope.NUMBER if isinstance(holder, Number) else Scope.USER).value, holder.pk


@endpoint(KeyScope.QUOTAS)
def number(request: Call, which: str) -> HttpResponse:
    """One number, by E.164 or id."""
    Query.of(request)
    found = named.number(request.key.workspace_id, which)
    if found is None:
        raise not_found(f"There is no number “{which}” in the directory. {NUMBER_IS}")
    return _one(request, found)


@endpoint(KeyScope.QUOTAS)
def user(request: Call, which: str) -> HttpResponse:
    """One user, by email or id."""
    Query.of(request)
    found = named.user(request.key.workspace_id, which)
    if found is None:
        raise not_found(f"There is no user “{which}” in the directory. {USER_IS}")
    return _one(request, found)


def _one(request: Call, holder: Holder) -> HttpResponse:
    found = headroom.of_one(holder, request.now)
    tightest = found.binding.usage if found.binding else None
    told = headers.of_usage(tightest, request.now) if tightest and not tightest.left else {}
    return JsonResponse(_headroom(found), headers=told)


# --- Would so many messages fit? ---------------------------------------------------------------------


class FitQuery(Query):
    number = forms.CharField(strip=False, error_messages={"required": NUMBER_IS})
    user = forms.CharField(required=False)
    messages = WholeNumber(1, MOST_MESSAGES, 1)
    segments = WholeNumber(1, MOST_SEGMENTS, 1)
    traffic = OneOf(Traffic.values, Traffic.ALERTING)

    def clean_number(self) -> str:
        """In a query a bare + is a space."""
        value: str = self.cleaned_data["number"]
        return f"+{value[1:]}" if value.startswith(" ") else value


@endpoint(KeyScope.QUOTAS)
def fit(request: Call) -> HttpResponse:
    """Whether so many messages would fit now, and when the others would."""
    asked = FitQuery.of(request)
    demand = _demand(request.key.workspace_id, asked)
    found = headroom.fit(request.key.workspace_id, demand, asked["messages"], request.now)
    return JsonResponse(_fit(found, request.now), headers=_of_fit(found, demand, request.now))


def _of_fit(found: Fit, demand: Demand, now: datetime) -> headers.Headers:
    """The limit in the way, and when the next of them have room: later than its reset where others wait before them."""
    if not (found.binding and found.waits):
        return {}
    left = found.binding.left_for(priority=demand.priority)
    return headers.rate_limit(found.binding.limit.limit, left, found.waits[0].until, now)


def _demand(workspace_id: int, asked: dict[str, Any]) -> Demand:
    sender, agent = named.number(workspace_id, asked["number"]), None
    if sender is None:
        detail = f"There is no number “{asked['number']}” in the directory. {NUMBER_IS}"
        raise bad_parameter("number", asked["number"], detail)
    if asked["user"]:
        agent = _user_of(sender, asked["user"])
    return Demand(sender, agent, asked["segments"], quota.has_priority(asked["traffic"]))


def _user_of(sender: Number, which: str) -> Agent:
    agent = named.user(sender.workspace_id, which, on=sender)
    if agent is None:
        raise bad_parameter("user", which, f"There is no user “{which}” in the directory. {USER_IS}")
    if agent.pk not in book.of(sender.workspace_id).on_number.get(sender.pk, ()):
        detail = f"{agent.email} is not a user of {sender.e164} in Aircall. Give one of its users, or none."
        raise bad_parameter("user", which, detail)
    return agent


# --- As JSON -----------------------------------------------------------------------------------------


def _headroom(found: Headroom) -> dict[str, Any]:
    return {
        **rows.holder(found.holder),
        "limits": [_standing(each) for each in found.limits],
        "binding": _standing(found.binding) if found.binding else None,
    }


def _standing(standing: Standing) -> dict[str, Any]:
    return {**_usage(standing.usage), "runs_out_at": rows.moment(standing.runs_out_at)}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        **rows.limit(usage.limit),
        "used": usage.used,
        "left": usage.left,
        "left_for_marketing": usage.left_for(priority=False),
        "resets_at": rows.moment(usage.resets_at),
    }


def _fit(found: Fit, now: datetime) -> dict[str, Any]:
    binding, listed = found.binding, found.waits[:MOST_WAITS]
    return {
        "fits": found.fits,
        "never": found.is_never,
        "messages": found.asked,
        "now": found.now,
        "done_at": rows.moment(found.done_at(now)),
        "waits": [{"count": wait.count, "until": rows.moment(wait.until)} for wait in listed],
        "further": sum(wait.count for wait in found.waits[MOST_WAITS:]),
        "exact": found.is_exact,
        "binding": {"scope": str(binding.limit.scope), **_usage(binding)} if binding else None,
    }
