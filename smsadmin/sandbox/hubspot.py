"""HubSpot's APIs that a messaging app calls: OAuth, CRM, action callbacks, account.

The undated paths and the dated ones are answered by the same handlers.
"""

import html
import re
import uuid
from collections import deque
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from smsadmin.sandbox import hubspot_scopes, runner
from smsadmin.sandbox.crm import (
    ASSOCIATION_TYPES,
    OBJECT_TYPES,
    associate,
    association_name,
    calculated_phones,
    in_order,
    matches,
    record_json,
    stamps_json,
)
from smsadmin.sandbox.definitions import in_language
from smsadmin.sandbox.state import (
    APP_ID,
    HUBSPOT_CLIENT_ID,
    HUBSPOT_STATIC_TOKEN,
    PORTAL_ID,
    Record,
    State,
    iso,
)
from smsadmin.sandbox.web import HttpError, Request, Response, Router, html_response, json_response

DATED = r"20\d\d-\d\d(?:-beta)?"
FAMILIES = [  # either spelling of a path, and the one the routes below use
    (re.compile(pattern), plain)
    for pattern, plain in [
        (rf"^/oauth/(?:v1|v3|{DATED})/", "/oauth/"),
        (rf"^/automation/(?:v4/actions/callbacks|actions/callbacks/{DATED})/", "/callbacks/"),
        (rf"^/crm/(?:v[34]/objects|objects/{DATED})/", "/objects/"),
        (rf"^/crm/(?:v3/properties|properties/{DATED})/", "/properties/"),
        (rf"^/crm/(?:v4/associations|associations/{DATED})/", "/associations/"),
        (rf"^/crm/(?:v3/owners|owners/{DATED})", "/owners"),
        (rf"^/account-info/(?:v3|{DATED})/", "/account-info/"),
        (r"^/appinstalls/v3/", "/appinstalls/"),
    ]
]
SCOPES = ["oauth", "automation", "crm.objects.contacts.read", "crm.objects.contacts.write"]
WITHOUT_TOKEN = ("/oauth/authorize", "/oauth/token", "/oauth/token/introspect", "/oauth/token/revoke")

router = Router()
route = router.route


def handle(state: State, request: Request) -> Response:
    """Token, rate limit, then the endpoint."""
    path = canonical(request.path)
    request = Request(request.method, request.target, path, request.headers, request.body)
    if path not in WITHOUT_TOKEN and not path.startswith("/oauth/access-tokens/"):
        _check_scope(_check_token(state, request), request)
    headers = {} if path.endswith("/search") else _count_request(state)
    found = router.find(request.method, path)
    if found is None:
        raise _not_found()
    handler, arguments = found
    try:
        response = handler(state, request, **arguments)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise _invalid(f"Invalid input: {problem!r}") from problem
    response.headers.update(headers)
    return response


def canonical(path: str) -> str:
    """The path without its version, dated or not."""
    for family, plain in FAMILIES:
        if family.match(path):
            return family.sub(plain, path, count=1)
    return path


def error(status: int, message: str, category: str, **more: Any) -> Response:
    """HubSpot's common error body."""
    body = {"status": "error", "message": message, "correlationId": str(uuid.uuid4()), "category": category}
    return json_response({**body, **more}, status)


def refusal(state: State, kind: str) -> Response:
    """The body of an injected refusal."""
    match kind:
        case "401":
            return error(401, "Authentication credentials not found.", "INVALID_AUTHENTICATION")
        case "expired":
            return _expired()
        case "403" | "forbidden" | "edge403":
            return _missing_scope("crm.objects.contacts.write")
        case "404":
            return _not_found().response
        case "429":
            return _too_many("ten_secondly_rolling", "TEN_SECONDLY_ROLLING")
        case "daily429":
            return _too_many("daily", "DAILY")
        case "477":
            response = error(477, "This account is being migrated.", "MIGRATION_IN_PROGRESS")
            response.headers["Retry-After"] = "60"
            return response
        case "502":
            return html_response(502, "Bad Gateway")
    status = int(kind)
    return error(status, "Injected by the sandbox.", "SERVER_ERROR" if status >= 500 else "VALIDATION_ERROR")


def _not_found() -> HttpError:
    return HttpError(error(404, "resource not found", "OBJECT_NOT_FOUND"))


def _invalid(message: str) -> HttpError:
    return HttpError(error(400, message, "VALIDATION_ERROR"))


def _expired() -> Response:
    text = "The OAuth token used to make this call expired some time ago."
    return error(401, text, "EXPIRED_AUTHENTICATION")


def _missing_scope(*scopes: str) -> Response:
    return error(
        403,
        "This app hasn't been granted all required scopes to make this call.",
        "MISSING_SCOPES",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": list(scopes)},
            }
        ],
        links={"scopes": "https://developers.hubspot.com/scopes"},
    )


def _too_many(limit: str, policy: str) -> Response:
    body = {
        "status": "error",
        "message": f"You have reached your {limit} limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": str(uuid.uuid4()),
        "policyName": policy,
    }
    return json_response(body, 429)


# Tokens and limits


def _check_token(state: State, request: Request) -> dict[str, Any]:
    """What is known of the token that a call carries: its portal, and its scopes (None: all)."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind == "Bearer" and token == HUBSPOT_STATIC_TOKEN:
        named = state.settings.hubspot_static_scopes
        return {"portal": PORTAL_ID, "scopes": None if named == "all" else named.split()}
    if kind != "Bearer" or token not in state.access_tokens or state.settings.hubspot_installs != "good":
        raise HttpError(refusal(state, "401"))
    if state.access_tokens[token]["expires_at"] <= state.now():
        raise HttpError(_expired())
    return state.access_tokens[token]


def _check_scope(known: dict[str, Any], request: Request) -> None:
    """Calls without a scope that they take are 403."""
    needed = hubspot_scopes.needed(request.method, request.path)
    if needed and known["scopes"] is not None and not set(needed) & set(known["scopes"]):
        raise HttpError(_missing_scope(*needed))


def _count_request(state: State) -> dict[str, str]:
    """One request of the rolling ten seconds; the headers to send along."""
    limit = state.settings.hubspot_requests_per_ten_seconds
    if not limit:
        return {}
    if not _room(state, state.hubspot_calls, limit, seconds=10):
        raise HttpError(_too_many("ten_secondly_rolling", "TEN_SECONDLY_ROLLING"))
    return {
        "X-HubSpot-RateLimit-Max": str(limit),
        "X-HubSpot-RateLimit-Remaining": str(limit - len(state.hubspot_calls)),
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
    }


def _room(state: State, calls: deque[float], limit: int, seconds: float) -> bool:
    """Whether one more call fits into the rolling window; counts it if so."""
    now = state.now()
    while calls and calls[0] <= now - seconds:
        calls.popleft()
    if len(calls) >= limit:
        return False
    calls.append(now)
    return True


@route("GET", r"/oauth/authorize")
def authorize(state: State, request: Request) -> Response:
    """The page on which an admin agrees or does not. Unless a setting says otherwise, everyone agrees at once."""
    asked, consent = request.query, state.settings.hubspot_consent
    if asked.get("client_id") != HUBSPOT_CLIENT_ID or not asked.get("redirect_uri"):
        raise _invalid("client_id or redirect_uri is wrong.")
    if consent == "asked" and "decision" not in asked:
        return _consent_page(state, asked)
    if consent == "asked":
        consent = "given" if asked["decision"] == "agree" else "access_denied"
    answer = {"code": _new_code(state, asked)} if consent == "given" else {"error": consent}
    answer |= {"state": asked["state"]} if "state" in asked else {}
    joint = "&" if "?" in asked["redirect_uri"] else "?"
    return Response(302, headers={"Location": f"{asked['redirect_uri']}{joint}{urlencode(answer)}"})


def _consent_page(state: State, asked: dict[str, str]) -> Response:
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in asked.items()
    )
    scopes = "".join(f"<li>{html.escape(each)}</li>" for each in _scopes_asked(asked))
    page = (
        "<!doctype html><title>Connect app (sandbox)</title><h1>Connect smsadmin to HubSpot</h1>"
        f"<p>The app asks for:</p><ul>{scopes}</ul><form>{hidden}"
        f'<p><label>Portal <input name="portal" value="{state.settings.hubspot_portal}"></label></p>'
        '<button name="decision" value="agree">Connect app</button> '
        '<button name="decision" value="decline">Cancel</button></form>'
    )
    return Response(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})


def _new_code(state: State, asked: dict[str, str]) -> str:
    named = state.settings.hubspot_granted_scopes
    portal = asked.get("portal", "")
    code = str(uuid.uuid4())
    state.authorization_codes[code] = {
        "redirect_uri": asked["redirect_uri"],
        "scopes": (_scopes_asked(asked) or SCOPES) if named == "asked" else named.split(),
        "portal": int(portal) if portal.isdecimal() else state.settings.hubspot_portal,
    }
    return code


def _scopes_asked(asked: dict[str, str]) -> list[str]:
    return f"{asked.get('scope', '')} {asked.get('optional_scope', '')}".split()


@route("POST", r"/oauth/token")
def token(state: State, request: Request) -> Response:
    """Codes are single-use; refresh tokens stay, unless they rotate."""
    form = request.form
    _check_client(state, form)
    match form.get("grant_type"):
        case "authorization_code":
            grant = state.authorization_codes.pop(form.get("code", ""), None)
            if grant is None:
                raise _bad_grant("BAD_AUTH_CODE", "missing or unknown auth code")
            if grant["redirect_uri"] != form.get("redirect_uri"):
                raise _bad_grant("BAD_REDIRECT_URI", "missing or invalid redirect uri")
            return _issued(state, grant, _new_refresh_token(state, grant))
        case "refresh_token":
            old = form.get("refresh_token", "")
            if state.settings.hubspot_installs == "gone":
                raise _bad_grant("BAD_HUB", "missing or unknown hub id", "access_denied")
            if old not in state.refresh_tokens or state.settings.hubspot_installs == "revoked":
                raise _bad_grant("BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
            grant = state.refresh_tokens[old]
            if not state.settings.hubspot_rotate_refresh:
                return _issued(state, grant, old)
            del state.refresh_tokens[old]
            return _issued(state, grant, _new_refresh_token(state, grant))
    raise _bad_grant("BAD_GRANT_TYPE", "missing or unknown grant type", "unsupported_grant_type")


def _check_client(state: State, form: dict[str, str]) -> None:
    if form.get("client_id") != HUBSPOT_CLIENT_ID:
        raise _bad_grant("BAD_CLIENT_ID", "missing or invalid client id", "invalid_client")
    if form.get("client_secret") != state.settings.hubspot_client_secret:
        raise _bad_grant("BAD_CLIENT_SECRET", "missing or invalid client secret", "invalid_client")


def _bad_grant(status: str, message: str, code: str = "invalid_grant") -> HttpError:
    body = {"error": code, "error_description": message, "status": status, "message": message}
    return HttpError(json_response(body, 400))


def _new_refresh_token(state: State, grant: dict[str, Any]) -> str:
    value = f"na1-{uuid.uuid4()}"
    state.refresh_tokens[value] = {"scopes": grant["scopes"], "portal": grant["portal"]}
    return value


def _issued(state: State, grant: dict[str, Any], refresh_token: str) -> Response:
    scopes, portal = grant["scopes"], grant["portal"]
    value = f"C{uuid.uuid4().hex}{uuid.uuid4().hex}"
    seconds = state.settings.hubspot_token_seconds
    expires_at = state.now() + seconds
    state.access_tokens[value] = {"scopes": scopes, "portal": portal, "expires_at": expires_at}
    return json_response(
        {
            "token_type": "bearer",
            "access_token": value,
            "refresh_token": refresh_token,
            "expires_in": seconds,
            "hub_id": portal,
            "user_id": 222222,
            "scopes": scopes,
            "token_use": "access_token",
        }
    )


@route("POST", r"/oauth/token/introspect")
def introspect(state: State, request: Request) -> Response:
    _check_client(state, request.form)
    value = request.form.get("token", "")
    known = state.access_tokens.get(value) or state.refresh_tokens.get(value)
    ended = state.settings.hubspot_installs != "good"
    if known is None or ended or known.get("expires_at", state.now() + 1) <= state.now():
        return json_response({"active": False})
    use = "access_token" if value in state.access_tokens else "refresh_token"
    return json_response(
        {
            "active": True,
            "token": value,
            "client_id": HUBSPOT_CLIENT_ID,
            "token_use": use,
            "expires_in": int(known.get("expires_at", state.now()) - state.now()),
            "is_private_distribution": True,
            **_token_facts(known),
        }
    )


def _token_facts(known: dict[str, Any]) -> dict[str, Any]:
    return {
        "hub_id": known["portal"],
        "user_id": 222222,
        "app_id": APP_ID,
        "user": "admin@example.com",
        "hub_domain": "sandbox.example.com",
        "scopes": known["scopes"],
        "token_type": "bearer",
    }


@route("POST", r"/oauth/token/revoke")
def revoke(state: State, request: Request) -> Response:
    """Ends a refresh token; access tokens already issued live on."""
    _check_client(state, request.form)
    state.refresh_tokens.pop(request.form.get("token", ""), None)
    return Response(200)


@route("GET", r"/oauth/access-tokens/(?P<value>[^/]+)")
def access_token(state: State, request: Request, value: str) -> Response:
    known = state.access_tokens.get(value)
    if known is None or known["expires_at"] <= state.now():
        raise _not_found()
    left = int(known["expires_at"] - state.now())
    return json_response({**_token_facts(known), "token": value, "expires_in": left, "token_type": "access"})


@route("DELETE", r"/appinstalls/external-install")
def uninstall(state: State, request: Request) -> Response:
    """Ends every token of the portal."""
    portal = _check_token(state, request)["portal"]
    for tokens in (state.access_tokens, state.refresh_tokens):
        for value in [value for value, known in tokens.items() if known["portal"] == portal]:
            del tokens[value]
    return Response(204)


@route("GET", r"/account-info/details")
def account(state: State, request: Request) -> Response:
    return json_response(
        {
            "portalId": _check_token(state, request)["portal"],
            "accountType": "DEVELOPER_TEST",
            "timeZone": "US/Eastern",
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": "-05:00",
            "utcOffsetMilliseconds": -18_000_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }
    )


# Records


def _type(name: str) -> str:
    """The path name of an object type given by name or id; 400 for an unknown one."""
    for kind in OBJECT_TYPES.values():
        if name.lower() in (kind.path, kind.type_id, kind.name.lower()):
            return kind.path
    raise _invalid(f"Unable to infer object type from: {name}")


def _find(state: State, object_type: str, record_id: str, id_property: str = "") -> Record:
    if not id_property:
        found = state.records[object_type].get(record_id)
    else:
        records = state.records[object_type].values()
        found = next((item for item in records if item.properties.get(id_property) == record_id), None)
    if found is None or found.archived:
        raise _not_found()
    return found


def _wanted(request: Request, name: str) -> list[str]:
    return request.listed(name)


@route("POST", r"/objects/(?P<kind>[^/]+)/batch/read")
def batch_read(state: State, request: Request, kind: str) -> Response:
    """At most 100 records; those that do not exist are told as errors beside the others."""
    asked = request.json_object
    object_type, inputs = _type(kind), asked.get("inputs", [])
    if len(inputs) > 100:
        raise _invalid("No more than 100 inputs.")
    results, missing = [], []
    for item in inputs:
        try:
            record = _find(state, object_type, str(item["id"]), asked.get("idProperty", ""))
            results.append(record_json(state, object_type, record, asked.get("properties", [])))
        except HttpError:
            missing.append(str(item["id"]))
    body: dict[str, Any] = {"status": "COMPLETE", "results": results}
    if missing:
        body["numErrors"] = 1
        body["errors"] = [{"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": missing}}]
    return json_response(body, 207 if missing else 200)


@route("POST", r"/objects/(?P<kind>[^/]+)/batch/create")
def batch_create(state: State, request: Request, kind: str) -> Response:
    object_type = _type(kind)
    made = [_create(state, object_type, item) for item in request.json_object.get("inputs", [])]
    results = [record_json(state, object_type, record) for record in made]
    return json_response({"status": "COMPLETE", "results": results}, 201)


@route("POST", r"/objects/(?P<kind>[^/]+)/search")
def search(state: State, request: Request, kind: str) -> Response:
    """Filter groups are alternatives; within one every filter must hold. No rate headers."""
    if not _room(state, state.hubspot_searches, state.settings.hubspot_searches_per_second, seconds=1):
        limit = {
            "status": "error",
            "message": "You have reached your secondly limit.",
            "errorType": "RATE_LIMIT",
        }
        raise HttpError(json_response(limit, 429))
    object_type, asked = _type(kind), request.json_object
    groups, size = asked.get("filterGroups", []), asked.get("limit", 10)
    counts = [len(group.get("filters", [])) for group in groups]
    if len(groups) > 5 or max(counts, default=0) > 6 or sum(counts) > 18:
        raise _invalid("No more than 5 filter groups with 6 filters each, 18 in all.")
    if not 1 <= size <= 200 or len(request.body) > 3000:
        raise _invalid("No more than 200 results, and 3000 characters of query.")
    sorts = asked.get("sorts", [])
    if len(sorts) > 1:
        raise _invalid("Only one sorting rule can be applied.")
    _check_searchable(state, object_type, [item for group in groups for item in group["filters"]] + sorts)
    visible_until = state.now() - state.settings.hubspot_search_delay
    known = [
        (record, {**record.properties, **stamps_json(object_type, record)})
        for record in state.records[object_type].values()
        if not record.archived and record.updated_at <= visible_until
    ]
    found = in_order(
        [
            (record, values)
            for record, values in known
            if not groups or any(all(matches(values, item) for item in group["filters"]) for group in groups)
        ],
        sorts,
    )
    start = int(asked.get("after") or 0)
    shown = [
        record_json(state, object_type, item, asked.get("properties", []))
        for item in found[start : start + size]
    ]
    body: dict[str, Any] = {"total": len(found), "results": shown}
    if start + size < len(found):
        body["paging"] = {"next": {"after": str(start + size)}}
    return json_response(body)


def _check_searchable(state: State, object_type: str, rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        if rule["propertyName"] not in state.properties[object_type]:
            raise _invalid(f"There was a problem with the request: {rule['propertyName']} does not exist.")


@route("GET", r"/objects/(?P<kind>[^/]+)/(?P<record_id>[^/]+)")
def read(state: State, request: Request, kind: str, record_id: str) -> Response:
    object_type = _type(kind)
    record = _find(state, object_type, record_id, request.query.get("idProperty", ""))
    body = record_json(state, object_type, record, _wanted(request, "properties"))
    linked = {_type(name): name for name in _wanted(request, "associations")}
    found = {
        name: {
            "results": [
                {"id": other, "type": association_name(object_type, path, type_id)}
                for other, type_ids in record.associations[path].items()
                for type_id in sorted(type_ids)
            ]
        }
        for path, name in linked.items()
        if record.associations.get(path)
    }
    if found:
        body["associations"] = found
    return json_response(body)


@route("POST", r"/objects/(?P<kind>[^/]+)")
def create(state: State, request: Request, kind: str) -> Response:
    object_type = _type(kind)
    return json_response(
        record_json(state, object_type, _create(state, object_type, request.json_object)), 201
    )


def _create(state: State, object_type: str, asked: dict[str, Any]) -> Record:
    """A new record; nothing is kept when its properties or associations are wrong."""
    properties = asked.get("properties", {})
    _check_properties(state, object_type, properties)
    if object_type == "communications":
        _check_communication(properties)
    links = asked.get("associations", [])
    targets = [_association_target(state, object_type, link) for link in links]
    now = state.now()
    record = Record(str(state.new_id()), {**properties, **calculated_phones(properties)}, now, now)
    state.records[object_type][record.id] = record
    for (to_type, to_id), link in zip(targets, links, strict=True):
        for kind in link["types"]:
            associate(state.records, object_type, record.id, to_type, to_id, kind["associationTypeId"])
    return record


def _check_properties(state: State, object_type: str, properties: dict[str, Any]) -> None:
    for name in properties:
        if name not in state.properties[object_type]:
            problem = (
                f'[{{"isValid":false,"message":"Property \\"{name}\\" does not exist",'
                f'"error":"PROPERTY_DOESNT_EXIST","name":"{name}"}}]'
            )
            raise _invalid(f"Property values were not valid: {problem}")


def _check_communication(properties: dict[str, Any]) -> None:
    """HubSpot docs, communications: channel, logged-from and time are required."""
    if properties.get("hs_communication_channel_type") not in ("SMS", "WHATS_APP", "LINKEDIN_MESSAGE"):
        raise _invalid("hs_communication_channel_type is one of SMS, WHATS_APP, LINKEDIN_MESSAGE.")
    if properties.get("hs_communication_logged_from") != "CRM":
        raise _invalid("hs_communication_logged_from must be CRM.")
    moment = str(properties.get("hs_timestamp", ""))
    try:
        if not moment.isdecimal():
            datetime.fromisoformat(moment)
    except ValueError:
        raise _invalid("hs_timestamp is required, as ISO 8601 or epoch milliseconds.") from None


def _association_target(state: State, object_type: str, link: dict[str, Any]) -> tuple[str, str]:
    """The record that an association points to: its type follows from the association type id."""
    record_id = str(link.get("to", {}).get("id", ""))
    kinds = [kind.get("associationTypeId") for kind in link.get("types", [])]
    to_types = {to_type for kind in kinds for to_type in _to_types(object_type, kind)}
    if len(to_types) != 1 or record_id not in state.records[to := to_types.pop()]:
        raise _invalid(f"No association of types {kinds} is possible from {object_type} to {record_id}.")
    return to, record_id


def _to_types(object_type: str, type_id: Any) -> list[str]:
    return [to for (start, to), ids in ASSOCIATION_TYPES.items() if start == object_type and type_id in ids]


@route("PATCH", r"/objects/(?P<kind>[^/]+)/(?P<record_id>[^/]+)")
def update(state: State, request: Request, kind: str, record_id: str) -> Response:
    """Change properties; an empty text clears one."""
    object_type = _type(kind)
    record = _find(state, object_type, record_id, request.query.get("idProperty", ""))
    changes = request.json_object.get("properties", {})
    _check_properties(state, object_type, changes)
    record.properties |= {name: value if value != "" else None for name, value in changes.items()}
    record.properties |= calculated_phones(record.properties)
    record.updated_at = state.now()
    return json_response(record_json(state, object_type, record, list(changes)))


@route("DELETE", r"/objects/(?P<kind>[^/]+)/(?P<record_id>[^/]+)")
def archive(state: State, request: Request, kind: str, record_id: str) -> Response:
    _find(state, _type(kind), record_id).archived = True
    return Response(204)


# Associations


@route("GET", r"/objects/(?P<kind>[^/]+)/(?P<record_id>[^/]+)/associations/(?P<to>[^/]+)")
def associations(state: State, request: Request, kind: str, record_id: str, to: str) -> Response:
    linked = sorted(_find(state, _type(kind), record_id).associations.get(_type(to), {}).items())
    start, size = int(request.query.get("after", 0)), int(request.query.get("limit", 500))
    results = [_linked_json(other, kinds) for other, kinds in linked[start : start + size]]
    body: dict[str, Any] = {"results": results}
    if start + size < len(linked):
        body["paging"] = {"next": {"after": str(start + size)}}
    return json_response(body)


def _linked_json(record_id: str, type_ids: set[int]) -> dict[str, Any]:
    kinds = [
        {"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": None} for type_id in sorted(type_ids)
    ]
    return {"toObjectId": int(record_id), "associationTypes": kinds}


@route("POST", r"/associations/(?P<kind>[^/]+)/(?P<to>[^/]+)/batch/read")
def batch_associations(state: State, request: Request, kind: str, to: str) -> Response:
    """What many records are associated with; those that are with nothing, or do not exist, are told as errors."""
    results, missing = [], []
    for item in request.json_object["inputs"]:
        record = state.records[_type(kind)].get(str(item["id"]))
        linked = record.associations.get(_type(to), {}) if record and not record.archived else {}
        if linked:
            to_json = [_linked_json(other, type_ids) for other, type_ids in sorted(linked.items())]
            results.append({"from": {"id": str(item["id"])}, "to": to_json})
        else:
            missing.append(str(item["id"]))
    body: dict[str, Any] = {"status": "COMPLETE", "results": results}
    if missing:
        body["numErrors"] = len(missing)
        body["errors"] = [{"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": missing}}]
    return json_response(body, 207 if missing else 200)


@route(
    "PUT", r"/objects/(?P<kind>[^/]+)/(?P<record_id>\d+)/associations/default/(?P<to>[^/]+)/(?P<to_id>\d+)"
)
def link_by_default(
    state: State, request: Request, kind: str, record_id: str, to: str, to_id: str
) -> Response:
    type_ids = ASSOCIATION_TYPES.get((_type(kind), _type(to)))
    if not type_ids:
        raise _invalid(f"No association is possible from {kind} to {to}.")
    _link(state, kind, record_id, to, to_id, type_ids[0])
    return json_response({"status": "COMPLETE", "results": []})


@route("PUT", r"/objects/(?P<kind>[^/]+)/(?P<record_id>\d+)/associations/(?P<to>[^/]+)/(?P<to_id>\d+)")
def link_by_label(state: State, request: Request, kind: str, record_id: str, to: str, to_id: str) -> Response:
    wanted = [item.get("associationTypeId") for item in request.json or []]
    for type_id in wanted:
        if type_id not in ASSOCIATION_TYPES.get((_type(kind), _type(to)), ()):
            raise _invalid(f"No association of type {type_id} is possible from {kind} to {to}.")
        _link(state, kind, record_id, to, to_id, type_id)
    body = {
        "fromObjectTypeId": OBJECT_TYPES[_type(kind)].type_id,
        "fromObjectId": int(record_id),
        "toObjectTypeId": OBJECT_TYPES[_type(to)].type_id,
        "toObjectId": int(to_id),
        "labels": [],
    }
    return json_response(body, 201)


def _link(state: State, kind: str, record_id: str, to: str, to_id: str, type_id: int) -> None:
    _find(state, _type(kind), record_id)
    _find(state, _type(to), to_id)
    associate(state.records, _type(kind), record_id, _type(to), to_id, type_id)


@route("GET", r"/associations/(?P<kind>[^/]+)/(?P<to>[^/]+)/labels")
def labels(state: State, request: Request, kind: str, to: str) -> Response:
    type_ids = ASSOCIATION_TYPES.get((_type(kind), _type(to)), ())
    results = [{"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": None} for type_id in type_ids]
    return json_response({"results": results})


# Properties and owners


@route("GET", r"/properties/(?P<kind>[^/]+)")
def properties(state: State, request: Request, kind: str) -> Response:
    known, locale = state.properties[_type(kind)].values(), request.query.get("locale", "")
    return json_response({"results": [in_language(item, locale) for item in known]})


@route("GET", r"/properties/(?P<kind>[^/]+)/(?P<name>[^/]+)")
def one_property(state: State, request: Request, kind: str, name: str) -> Response:
    found = state.properties[_type(kind)].get(name)
    if found is None:
        raise _not_found()
    return json_response(found)


@route("POST", r"/properties/(?P<kind>[^/]+)")
def create_property(state: State, request: Request, kind: str) -> Response:
    asked, known = request.json_object, state.properties[_type(kind)]
    name = asked.get("name", "")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise _invalid("name has lower-case letters, digits and underscores.")
    if missing := [key for key in ("label", "type", "fieldType", "groupName") if not asked.get(key)]:
        raise _invalid(f"{', '.join(missing)} is missing.")
    if name in known:
        raise HttpError(error(409, f"Property {name} already exists.", "CONFLICT"))
    moment = iso(state.now())
    stamps = {"createdAt": moment, "updatedAt": moment, "archived": False, "hubspotDefined": False}
    known[name] = {"options": [], "hidden": False, "calculated": False, **asked, **stamps}
    return json_response(known[name], 201)


@route("GET", r"/owners/?")
def owners(state: State, request: Request) -> Response:
    email = request.query.get("email", "").lower()
    found = [owner for owner in state.owners if not email or owner["email"] == email]
    start, size = int(request.query.get("after", 0)), int(request.query.get("limit", 100))
    body: dict[str, Any] = {"results": found[start : start + size]}
    if start + size < len(found):
        body["paging"] = {"next": {"after": str(start + size)}}
    return json_response(body)


@route("GET", r"/owners/(?P<owner_id>\d+)")
def owner(state: State, request: Request, owner_id: str) -> Response:
    found = next((item for item in state.owners if item["id"] == owner_id), None)
    if found is None:
        raise _not_found()
    return json_response(found)


# Callbacks of blocked executions


@route("POST", r"/callbacks/(?P<callback_id>[^/]+)/complete")
def complete(state: State, request: Request, callback_id: str) -> Response:
    """204, or 404 for an execution that is unknown, finished or expired."""
    _complete(state, [{**request.json_object, "callbackId": callback_id}])
    return Response(204)


@route("POST", r"/callbacks/complete")
def complete_batch(state: State, request: Request) -> Response:
    """204 as soon as one of the batch was waiting; the others are ignored."""
    _complete(state, request.json_object.get("inputs", []))
    return Response(204)


def _complete(state: State, inputs: list[dict[str, Any]]) -> None:
    for item in inputs:
        outcome = item.get("outputFields", {}).get("hs_execution_state")
        if outcome not in ("SUCCESS", "FAIL_CONTINUE"):
            raise _invalid("hs_execution_state is SUCCESS or FAIL_CONTINUE.")
    known = [runner.completed(state, item["callbackId"], item["outputFields"]) for item in inputs]
    if not any(known):
        raise _not_found()
