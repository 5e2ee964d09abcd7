"""HubSpot's API for the definitions of an app's workflow actions.

A developer key opens the undated paths, a bearer token with developers-read or developers-write both families.
Rules: HubSpot docs, "Custom workflow actions"; what captured traffic shows beside them.
"""

import copy
import re
from typing import Any
from urllib.parse import urlsplit

from smsadmin.sandbox import custom_action, hubspot
from smsadmin.sandbox.custom_action import CustomAction, Definition
from smsadmin.sandbox.state import APP_ID, HUBSPOT_STATIC_TOKEN, State, iso
from smsadmin.sandbox.web import HttpError, Request, Response, Router, json_response

DEVELOPER_KEY = "sandbox-developer-key"
DEVELOPER_TOKEN = "sandbox-developer-token"  # noqa: S105
_UNDATED = re.compile(r"^/automation/v4/actions/(?=\d)")
_DATED = re.compile(rf"^/automation/actions/{hubspot.DATED}/(?=\d)")

FIELD_TYPES = {  # HubSpot docs, properties: which field types a type may have
    "string": {"text", "textarea", "html", "file", "phonenumber"},
    "number": {"number"},
    "bool": {"booleancheckbox"},
    "enumeration": {"select", "radio", "checkbox", "booleancheckbox"},
    "date": {"date"},
    "datetime": {"date"},
    "phone_number": {"phonenumber", "text"},
    "json": {"text", "textarea"},
    "object_coordinates": {"text"},
}
FUNCTIONS = {"PRE_ACTION_EXECUTION", "POST_ACTION_EXECUTION", "PRE_FETCH_OPTIONS", "POST_FETCH_OPTIONS"}
CHANGEABLE = [
    *("actionUrl", "published", "objectTypes", "inputFields", "inputFieldDependencies", "outputFields"),
    *("objectRequestOptions", "labels", "executionRules"),
]

router = Router()
route = router.route


def owns(path: str) -> bool:
    """Whether a path of HubSpot's is one of this API: callbacks have no app id."""
    return bool(_UNDATED.match(path) or _DATED.match(path))


def handle(state: State, request: Request) -> Response:
    """Credential, app, then the endpoint; a path that knows the method by other names only is 405."""
    _check_credential(state, request)
    path = _DATED.sub("/", _UNDATED.sub("/", request.path))
    app_id, _, rest = path.removeprefix("/").partition("/")
    if app_id != str(APP_ID):
        raise _not_found()
    rest = "/" + rest.rstrip("/")
    found = router.find(request.method, rest)
    if found is None:
        if any(router.find(method, rest) for method in ("GET", "POST", "PATCH", "DELETE", "PUT")):
            return hubspot.error(405, "HTTP 405 Method Not Allowed", "VALIDATION_ERROR")
        raise _not_found()
    handler, arguments = found
    try:
        return handler(state, request, **arguments)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        message = f"Invalid input: {problem!r}" if not isinstance(problem, ValueError) else str(problem)
        raise HttpError(hubspot.error(400, message, "VALIDATION_ERROR")) from problem


def _check_credential(state: State, request: Request) -> None:
    if (key := request.query.get("hapikey")) is not None:
        if key == DEVELOPER_KEY and _UNDATED.match(request.path):
            return
        raise HttpError(hubspot.refusal(state, "401"))
    _kind, _, token = request.headers.get("authorization", "").partition(" ")
    if token == DEVELOPER_TOKEN:
        return
    scope = "developers-read" if request.method == "GET" else "developers-write"
    if scope in state.access_tokens.get(token, {}).get("scopes", ()):
        return
    if token in state.access_tokens or token == HUBSPOT_STATIC_TOKEN:
        raise HttpError(_missing_scope(scope))
    raise HttpError(hubspot.refusal(state, "401"))


def _missing_scope(scope: str) -> Response:
    needed = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": [scope]},
    }
    message = "This app hasn't been granted all required scopes to make this call."
    return hubspot.error(403, message, "MISSING_SCOPES", errors=[needed])


def _not_found() -> HttpError:
    return HttpError(hubspot.error(404, "resource not found", "OBJECT_NOT_FOUND"))


def _find(state: State, definition_id: str, archived: bool = False) -> CustomAction:
    action = state.actions.get(definition_id)
    if action is None or (action.archived_at is not None) is not archived:
        raise _not_found()
    return action


def _page(request: Request, items: list[dict[str, Any]]) -> Response:
    start, size = int(request.query.get("after") or 0), int(request.query.get("limit") or 10)
    body: dict[str, Any] = {"results": items[start : start + size]}
    if start + size < len(items):
        body["paging"] = {"next": {"after": str(start + size), "link": f"?after={start + size}"}}
    return json_response(body)


def _is_true(request: Request, name: str) -> bool:
    return request.query.get(name) == "true"


# Definitions


@route("GET", r"/")
def definitions(state: State, request: Request) -> Response:
    archived = _is_true(request, "archived")
    return _page(
        request,
        [_json(each) for each in state.actions.values() if (each.archived_at is not None) is archived],
    )


@route("POST", r"/")
def create(state: State, request: Request) -> Response:
    asked = request.json_object
    required = ("actionUrl", "inputFields", "labels")
    if missing := [name for name in required if name not in asked]:
        raise ValueError(f"Some required fields were not set: {missing}")
    blank = {"published": False, "objectTypes": [], "executionRules": [], "outputFields": []}
    definition = _checked(state, {**blank, **{name: asked[name] for name in CHANGEABLE if name in asked}})
    action = CustomAction(str(state.new_id()), str(APP_ID))
    for number, function in enumerate(asked.get("functions") or []):
        _keep_function(action, function["functionType"], str(function.get("id") or number), function)
    _revise(state, action, definition)
    state.actions[action.id] = action
    return json_response(_json(action), 201)


def _keep_function(action: CustomAction, kind: str, name: str, function: dict[str, Any]) -> None:
    if kind not in FUNCTIONS:
        raise ValueError(f"functionType is one of {', '.join(sorted(FUNCTIONS))}.")
    action.functions[kind, name] = function["functionSource"]


@route("GET", r"/(?P<definition_id>\d+)")
def read(state: State, request: Request, definition_id: str) -> Response:
    return json_response(_json(_find(state, definition_id, _is_true(request, "archived"))))


@route("PATCH", r"/(?P<definition_id>\d+)")
def patch(state: State, request: Request, definition_id: str) -> Response:
    """Other keys, `functions` among them, are dropped without a word."""
    action = _find(state, definition_id)
    asked = request.json_object
    changes = {name: asked[name] for name in CHANGEABLE if asked.get(name) is not None}
    _revise(state, action, _checked(state, {**action.definition, **changes}))
    return json_response(_json(action))


@route("DELETE", r"/(?P<definition_id>\d+)")
def archive(state: State, request: Request, definition_id: str) -> Response:
    _find(state, definition_id).archived_at = state.now()
    return Response(204)


def _revise(state: State, action: CustomAction, definition: Definition) -> None:
    number = len(action.revisions) + 1
    action.revisions.append(
        {
            "id": str(state.new_id()),
            "revisionId": str(number),
            "createdAt": iso(state.now()),
            "definition": definition,
        }
    )


def _json(action: CustomAction, revision: dict[str, Any] | None = None) -> dict[str, Any]:
    shown = revision or action.revisions[-1]
    body = {
        **copy.deepcopy(shown["definition"]),
        "id": action.id,
        "revisionId": shown["revisionId"],
        "functions": _functions(action),
    }
    return body | ({"archivedAt": int(action.archived_at * 1000)} if action.archived_at else {})


@route("GET", r"/(?P<definition_id>\d+)/revisions")
def revisions(state: State, request: Request, definition_id: str) -> Response:
    action = _find(state, definition_id)
    newest_first = reversed(action.revisions)
    return _page(request, [{**each, "definition": _json(action, each)} for each in newest_first])


@route("GET", r"/(?P<definition_id>\d+)/revisions/(?P<revision_id>\d+)")
def revision(state: State, request: Request, definition_id: str, revision_id: str) -> Response:
    action = _find(state, definition_id)
    found = next((each for each in action.revisions if each["revisionId"] == revision_id), None)
    if found is None:
        raise _not_found()
    return json_response({**found, "definition": _json(action, found)})


@route("GET", r"/(?P<definition_id>\d+)/requires-object")
def requires_object(state: State, request: Request, definition_id: str) -> Response:
    return json_response({"requiresObject": _find(state, definition_id).requires_object})


@route("POST", r"/(?P<definition_id>\d+)/requires-object")
def require_object(state: State, request: Request, definition_id: str) -> Response:
    wanted = request.json_object["requiresObject"]
    if not isinstance(wanted, bool):
        raise ValueError("requiresObject is true or false.")
    _find(state, definition_id).requires_object = wanted
    return Response(204)


# Functions


def _functions(action: CustomAction) -> list[dict[str, str]]:
    return [{"functionType": kind, "id": name} for kind, name in action.functions]


@route("GET", r"/(?P<definition_id>\d+)/functions")
def functions(state: State, request: Request, definition_id: str) -> Response:
    return json_response({"results": _functions(_find(state, definition_id))})


_FUNCTION = r"/(?P<definition_id>\d+)/functions/(?P<kind>[A-Z_]+)(?:/(?P<name>[^/]+))?"


@route("GET", _FUNCTION)
def function(state: State, request: Request, definition_id: str, kind: str, name: str | None) -> Response:
    source = _find(state, definition_id).functions.get((kind, name or "0"))
    if source is None:
        raise _not_found()
    return json_response({"functionType": kind, "id": name or "0", "functionSource": source})


@route("PUT", _FUNCTION)
def save_function(
    state: State, request: Request, definition_id: str, kind: str, name: str | None
) -> Response:
    source = {"functionSource": request.body.decode("utf-8", "replace")}
    _keep_function(_find(state, definition_id), kind, name or "0", source)
    return json_response({"functionType": kind, "id": name or "0"})


@route("DELETE", _FUNCTION)
def remove_function(
    state: State, request: Request, definition_id: str, kind: str, name: str | None
) -> Response:
    if _find(state, definition_id).functions.pop((kind, name or "0"), None) is None:
        raise _not_found()
    return Response(204)


# What a definition has to be, and how it is kept


def _checked(state: State, asked: Definition) -> Definition:
    """The definition as it is kept and told again: object types by id, and every key of a field present.

    Raises ValueError, KeyError, TypeError or AttributeError for what is none.
    """
    fields = [_input(each) for each in asked["inputFields"]]
    names = [each["typeDefinition"]["name"] for each in fields]
    if len(set(names)) != len(names):
        raise ValueError("Two input fields have the same name.")
    _check_labels(asked["labels"], asked["executionRules"])
    return {
        **asked,
        "actionUrl": _url(asked["actionUrl"]),
        "objectTypes": [custom_action.type_id(each) for each in asked["objectTypes"]],
        "inputFields": fields,
        "inputFieldDependencies": _dependencies(state, asked.get("inputFieldDependencies") or [], names),
        "outputFields": [{"typeDefinition": _type(each["typeDefinition"])} for each in asked["outputFields"]],
        "objectRequestOptions": {
            "properties": list((asked.get("objectRequestOptions") or {}).get("properties") or [])
        },
    }


def _url(given: str) -> str:
    """HTTPS, but for addresses of this very machine, which is where a sandbox's product is."""
    parts = urlsplit(given)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "testserver"):
        raise ValueError(f"{given} must be an HTTPS URL.")
    return given


def _input(asked: dict[str, Any]) -> dict[str, Any]:
    values = asked.get("supportedValueTypes") or ["STATIC_VALUE"]
    if unknown := set(values) - {"STATIC_VALUE", "OBJECT_PROPERTY"}:
        raise ValueError(f"Unknown value types: {', '.join(sorted(unknown))}.")
    return {
        "typeDefinition": _type(asked["typeDefinition"]),
        "supportedValueTypes": values,
        "isRequired": bool(asked["isRequired"]),
        "automationFieldType": None,
    }


def _type(asked: dict[str, Any]) -> dict[str, Any]:
    kind, field_type = asked["type"], asked.get("fieldType")
    if field_type not in FIELD_TYPES[kind]:
        raise ValueError(f"{asked['name']}: {kind} cannot be shown as {field_type}.")
    return {
        "name": asked["name"],
        "type": kind,
        "fieldType": field_type,
        "options": [_option(each, place) for place, each in enumerate(asked.get("options") or [])],
        "optionsUrl": _url(asked["optionsUrl"]) if asked.get("optionsUrl") else None,
        "externalOptions": bool(asked.get("optionsUrl")),
        "referencedObjectType": asked.get("referencedObjectType"),
        "label": None,
        "description": None,
        "helpText": None,
    }


def _option(asked: dict[str, Any], place: int) -> dict[str, Any]:
    return {
        "label": asked["label"],
        "value": asked["value"],
        "description": asked.get("description") or "",
        "displayOrder": asked.get("displayOrder", place),
        "doubleData": 0.0,
        "hidden": False,
        "readOnly": False,
    }


def _dependencies(state: State, asked: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    dependent: list[str] = []
    for each in asked:
        if each["dependencyType"] not in ("SINGLE_FIELD", "CONDITIONAL_SINGLE_FIELD"):
            raise ValueError(f"There is no dependency of type {each['dependencyType']}.")
        if each["dependencyType"] == "CONDITIONAL_SINGLE_FIELD":
            each["controllingFieldValue"].lower()  # a text, and there is one
        for name in (each["controllingFieldName"], *each["dependentFieldNames"]):
            if name not in names:
                raise ValueError(f"A dependency names {name}, which is no input field.")
        dependent += each["dependentFieldNames"]
    if not state.settings.hubspot_two_dependencies and len(set(dependent)) != len(dependent):
        raise ValueError("A field depends on two others.")
    return asked


def _check_labels(labels: dict[str, Any], rules: list[dict[str, Any]]) -> None:
    if "en" not in labels:
        raise ValueError("labels must have en.")
    for locale, texts in labels.items():
        if not texts.get("actionName"):
            raise ValueError(f"labels.{locale} has no actionName.")
    texts = labels["en"].get("executionRules") or {}
    for rule in rules:
        if rule["labelName"] not in texts:
            raise ValueError(f"labels.en.executionRules has no {rule['labelName']}.")
        rule["conditions"].keys()  # an object
