"""HubSpot's workflow editor with a step of an app's own action open: POST /_control/editor.

It shows the fields that their dependencies let it show, asks the app for the options of dropdowns, and saves the step
as a workflow unless a visible required field is empty. Rules: HubSpot docs, "Custom workflow actions".
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import httpx

from smsadmin.sandbox import custom_action
from smsadmin.sandbox.crm import OBJECT_TYPES
from smsadmin.sandbox.custom_action import CustomAction, Inputs
from smsadmin.sandbox.runner import Workflow
from smsadmin.sandbox.signing import signature_headers
from smsadmin.sandbox.state import PORTAL_ID, State

#: What may be asked: {"definition": id, "object_type": "contacts", "inputs": {…}, "language": "de",
#: "open": {field: {"q": "ann", "after": "100"}}, "save": name of a workflow}
KEYS = {"definition", "object_type", "inputs", "language", "open", "save"}


def open_step(state: State, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The step as the editor shows it: {"action", "fields", "problems", "workflow": the one saved, or None}.

    Raises ValueError where there is no such step. The caller holds the state's lock once.
    """
    if unknown := set(asked) - KEYS:
        raise ValueError(f"The editor knows no {', '.join(sorted(unknown))}, only {', '.join(sorted(KEYS))}.")
    action = _action(state, str(asked.get("definition", "")))
    path, inputs = asked.get("object_type", "contacts"), asked.get("inputs", {})
    if not custom_action.is_for(action.definition, path):
        raise ValueError(f"The action is not offered in workflows of {path}.")
    labels = custom_action.localised(action.definition["labels"], asked.get("language", "en"))
    fields = [
        _field(state, action, each, labels, path, inputs, asked.get("open", {}))
        for each in action.definition["inputFields"]
    ]
    problems = [problem for each in fields for problem in _problems(each, inputs)]
    shown = {"action": labels["actionName"], "fields": fields, "problems": problems, "workflow": None}
    if "save" in asked and not problems:
        shown["workflow"] = _saved(state, action, asked["save"], path, inputs)
    return shown


def _action(state: State, definition_id: str) -> CustomAction:
    """Raises ValueError for one that no editor offers: unknown, archived, or not yet published."""
    action = state.actions.get(definition_id)
    if action is None or action.archived_at is not None:
        raise ValueError(f"There is no action {definition_id}.")
    if not action.definition["published"]:
        raise ValueError(f"The action {definition_id} is a draft: only its developer account sees it.")
    found: CustomAction = action
    return found


def _field(
    state: State,
    action: CustomAction,
    field: Mapping[str, Any],
    labels: Mapping[str, Any],
    path: str,
    inputs: Inputs,
    opened: Mapping[str, Any],
) -> dict[str, Any]:
    kind = field["typeDefinition"]
    name, definition = kind["name"], action.definition
    visible = custom_action.is_visible(definition, name, inputs)
    enabled = visible and custom_action.is_enabled(definition, name, inputs)
    shown = {
        "name": name,
        "label": labels.get("inputFieldLabels", {}).get(name, name),
        "visible": visible,
        "enabled": enabled,
        "required": field["isRequired"],
        "value_types": field["supportedValueTypes"],
        "options": _static_options(kind, labels),
    }
    if kind["optionsUrl"] and enabled:
        shown |= _listed(state, action, field, path, inputs, opened.get(name, {}))
    return shown


def _static_options(kind: Mapping[str, Any], labels: Mapping[str, Any]) -> list[dict[str, str]]:
    own = labels.get("inputFieldOptionLabels", {}).get(kind["name"], {})
    return [
        {"value": each["value"], "label": own.get(each["value"], each["label"])} for each in kind["options"]
    ]


def _problems(field: Mapping[str, Any], inputs: Inputs) -> Iterator[str]:
    """Why the step cannot be saved, for one field; nobody can correct what is hidden."""
    given, name = inputs.get(field["name"]) or {}, field["name"]
    if not field["visible"]:
        return
    if field["required"] and not custom_action.is_filled(inputs, name):
        yield f"{name} is required."
    if given and given.get("type") not in field["value_types"]:
        yield f"{name} takes {' or '.join(field['value_types'])}."
    if field.get("error"):
        yield f"{name}: {field['error']}"


def _saved(state: State, action: CustomAction, name: str, path: str, inputs: Inputs) -> dict[str, Any]:
    """A workflow with the step; values of hidden fields are not kept."""
    kept = {
        each: dict(value)
        for each, value in inputs.items()
        if custom_action.field_named(action.definition, each)
        and custom_action.is_visible(action.definition, each, inputs)
    }
    workflow = {"name": name, "inputs": kept, "object_type": path, "definition": action.id}
    state.workflows[name] = Workflow.parse(workflow, state.new_id())
    return asdict(state.workflows[name])


# Options


def _listed(
    state: State,
    action: CustomAction,
    field: Mapping[str, Any],
    path: str,
    inputs: Inputs,
    opened: Mapping[str, str],
) -> dict[str, Any]:
    """Options as the app lists them. A search text goes along only where the first answer said `searchable`."""
    answer = _asked(state, action, field, path, inputs, {})
    if "error" not in answer and opened:
        wanted = {key: opened[key] for key in ("q", "after") if key in opened}
        if "q" in wanted and not answer["searchable"]:
            return {"options": [], "error": "This list has no search box."}
        answer = _asked(state, action, field, path, inputs, wanted)
    return answer


def _asked(
    state: State,
    action: CustomAction,
    field: Mapping[str, Any],
    path: str,
    inputs: Inputs,
    fetch: Mapping[str, str],
) -> dict[str, Any]:
    name = field["typeDefinition"]["name"]
    linked = custom_action.controlling(action.definition, name)
    question = {
        "origin": {
            "portalId": PORTAL_ID,
            "actionDefinitionId": int(action.id),
            "actionDefinitionVersion": int(action.revision),
        },
        "objectTypeId": OBJECT_TYPES[path].type_id,
        "inputFieldName": name,
        "inputFields": {each: dict(value) for each, value in inputs.items() if each in linked},
        "fetchOptions": dict(fetch),
    }
    body = json.dumps(question, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        with _without_lock(state):
            answer = _post(state, field["typeDefinition"]["optionsUrl"], body)
    except httpx.HTTPError as error:
        return {"options": [], "error": f"{type(error).__name__}: {error}"}
    return _read(answer)


def _post(state: State, url: str, body: bytes) -> httpx.Response:
    settings = state.settings
    request = state.http.build_request(
        "POST",
        url,
        content=body,
        headers={"Content-Type": "application/json", "User-Agent": "HubSpot Connect 2.0"},
        timeout=httpx.Timeout(settings.editor_timeout),
    )
    kind, secret = settings.runner_signature, settings.hubspot_client_secret
    request.headers.update(signature_headers(kind, secret, "POST", str(request.url), body, state.now()))
    return state.http.send(request)


def _read(answer: httpx.Response) -> dict[str, Any]:
    """What the editor makes of an answer; anything but 200 with a list of options is an error."""
    if answer.status_code != 200:
        return {"options": [], "error": f"HTTP {answer.status_code}"}
    try:
        body = answer.json()
        options = [{key: str(each[key]) for key in ("label", "value")} for each in body["options"]]
    except (ValueError, KeyError, TypeError):
        return {"options": [], "error": "The answer has no options."}
    searchable = body.get("searchable") is True
    return {"options": options, "after": body.get("after"), "searchable": searchable}


@contextmanager
def _without_lock(state: State) -> Iterator[None]:
    """Lets others work while the app answers, for it may take its time."""
    state.lock.release()
    try:
        yield
    finally:
        state.lock.acquire()
