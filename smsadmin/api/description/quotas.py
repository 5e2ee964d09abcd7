"""What may still be sent."""

from smsadmin.api.description.parts import (
    COUNT,
    GIVEN,
    ID,
    KEYED,
    MOMENT,
    RATE_LIMIT,
    TEXT,
    Json,
    answer,
    entity,
    in_path,
    many,
    or_null,
    paged,
    paging,
    query,
    ref,
    refused,
    saying,
    whole,
)
from smsadmin.api.quotas import MOST_MESSAGES, MOST_SEGMENTS, MOST_WAITS, Traffic
from smsadmin.core.windows import Window
from smsadmin.quotas.models import Scope, Unit

TAG = ("Quotas", "What numbers and users may still send, and whether so many messages would fit.")


def paths() -> Json:
    return {
        "/api/v1/quotas/": {"get": _list()},
        "/api/v1/quotas/numbers/{number}": {
            "get": _one("number", "E.164, or the id.", "+12025550101", EXAMPLE_HOLDER)
        },
        "/api/v1/quotas/users/{user}": {
            "get": _one("user", "Email address, or the id.", "mia@example.com", EXAMPLE_USER)
        },
        "/api/v1/quotas/fit": {"get": _fit()},
    }


def _list() -> Json:
    return {
        "operationId": "listQuotas",
        "summary": "What every number and user may still send",
        "description": "Numbers first, then users, by id. Follow `next` until it is null.",
        "parameters": [
            query("scope", {"type": "string", "enum": list(Scope.values)}, "Numbers or users alone."),
            *paging({**TEXT, "pattern": "^(number|user)-[0-9]{1,18}$"}),
        ],
        "responses": {
            "200": answer("One page.", "Quotas", {"results": [EXAMPLE_HOLDER], "next": None}),
            **refused(*KEYED),
        },
    }


def _one(name: str, words: str, example: str, answered: Json) -> Json:
    return {
        "operationId": f"get{name.title()}Quota",
        "summary": f"What one {name} may still send",
        "parameters": [in_path(name, TEXT, words, example)],
        "responses": {
            "200": answer(
                "Where nothing is left, with the headers of the binding limit.",
                "Headroom",
                answered,
                *RATE_LIMIT,
            ),
            **refused(*KEYED, "404"),
        },
    }


def _fit() -> Json:
    user = "One of the number's users: email address, or the id. Without it only the number counts."
    number = query("number", GIVEN, "E.164 (write %2B for +), or the id.")
    return {
        "operationId": "fitsQuota",
        "summary": "Would so many messages fit, and until when?",
        "description": "Counts what is held already as ahead of it, and nothing that others may send meanwhile.",
        "parameters": [
            number | {"required": True, "example": "+12025550101"},
            query("user", GIVEN, user),
            query("messages", whole(1, MOST_MESSAGES, 1), "How many."),
            query("segments", whole(1, MOST_SEGMENTS, 1), "Segments of each."),
            query(
                "traffic",
                {"type": "string", "enum": list(Traffic.values), "default": Traffic.ALERTING.value},
                "Marketing leaves what is kept of every limit for replies and alerting.",
            ),
        ],
        "responses": {
            "200": answer(
                "Where they have to wait, with the headers of the binding limit.",
                "Fit",
                EXAMPLE_FIT,
                *RATE_LIMIT,
            ),
            **refused(*KEYED),
        },
    }


def schemas() -> Json:
    limit = {
        "window": {"type": "string", "enum": [window.value for window in Window]},
        "zone": saying(TEXT, "Whose calendar the window follows (IANA)."),
        "unit": {"type": "string", "enum": list(Unit.values)},
        "limit": COUNT,
    }
    usage = {
        **limit,
        "used": COUNT,
        "left": COUNT,
        "left_for_marketing": saying(COUNT, "`left` without what is kept for replies and alerting."),
        "resets_at": MOMENT,
    }
    ends = saying(or_null(MOMENT), "When it is used up at its window's pace so far, if before the reset.")
    number = {"scope": {"const": "number"}, "id": ID, "name": TEXT, "number": or_null(TEXT)}
    user = {"scope": {"const": "user"}, "id": ID, "name": TEXT, "email": TEXT}
    counted = {**limit, "before": COUNT, "after": COUNT}
    told = {
        "limits": many(ref("Limit")),
        "binding": saying(or_null(ref("Limit")), "The limit that runs out first."),
    }
    return {
        "Limit": entity(usage | {"runs_out_at": ends}),
        "NumberHeadroom": entity({**number, **told}),
        "UserHeadroom": entity({**user, **told}),
        "Counted": {"oneOf": [entity({**number, **counted}), entity({**user, **counted})]},
        "Headroom": {"oneOf": [ref("NumberHeadroom"), ref("UserHeadroom")]},
        "Quotas": paged("Headroom"),
        "Wait": entity({"count": {"type": "integer", "minimum": 1}, "until": MOMENT}),
        "FullLimit": entity({"scope": {"type": "string", "enum": list(Scope.values)}, **usage}),
        "Fit": _fits(),
    }


def _fits() -> Json:
    waits = {**many(ref("Wait")), "maxItems": MOST_WAITS}
    exact = "False: more is held before them than was looked at, so they have room then at the soonest."
    return entity(
        {
            "fits": saying({"type": "boolean"}, "Whether all of them have room now."),
            "never": saying({"type": "boolean"}, "Whether one of them is larger than a limit."),
            "messages": COUNT,
            "now": saying(COUNT, "How many of them have room now."),
            "done_at": saying(or_null(MOMENT), "When the last has room; null for never."),
            "waits": saying(waits, "When the others have room, soonest first."),
            "further": saying(COUNT, "How many have room after the last of `waits`."),
            "exact": saying({"type": "boolean"}, exact),
            "binding": saying(or_null(ref("FullLimit")), "The limit that lets the fewest go now."),
        }
    )


# --- Examples ----------------------------------------------------------------------------------------

_MINUTE: Json = {
    "window": "minute",
    "zone": "UTC",
    "unit": "messages",
    "limit": 200,
    "used": 150,
    "left": 50,
    "left_for_marketing": 30,
    "resets_at": "2026-11-22T10:08:00.000Z",
}
_HOUR: Json = _MINUTE | {
    "window": "hour",
    "limit": 1_000,
    "used": 600,
    "left": 400,
    "left_for_marketing": 300,
}
_LIMIT: Json = _HOUR | {"resets_at": "2026-11-22T11:00:00.000Z", "runs_out_at": "2026-11-22T10:50:00.000Z"}
EXAMPLE_HOLDER: Json = {
    "scope": "number",
    "id": 3,
    "name": "Sales US",
    "number": "+12025550101",
    "limits": [_LIMIT],
    "binding": _LIMIT,
}
EXAMPLE_USER: Json = {
    "scope": "user",
    "id": 8,
    "name": "Mia",
    "email": "mia@example.com",
    "limits": [_LIMIT],
    "binding": _LIMIT,
}
EXAMPLE_FIT: Json = {
    "fits": False,
    "never": False,
    "messages": 120,
    "now": 50,
    "done_at": "2026-11-22T10:08:00.000Z",
    "waits": [{"count": 70, "until": "2026-11-22T10:08:00.000Z"}],
    "further": 0,
    "exact": True,
    "binding": {"scope": "number", **_MINUTE},
}
