"""HubSpot's workflow runner: enrols records and POSTs one signed execution for each.

A 5xx, a 429 or no answer is repeated with the same callbackId. BLOCK holds the record until the callback API
completes it or it expires. Rules: HubSpot docs, "Custom workflow actions".
"""

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from typing import Any

import httpx

from smsadmin.sandbox import custom_action
from smsadmin.sandbox.crm import OBJECT_TYPES
from smsadmin.sandbox.custom_action import CustomAction
from smsadmin.sandbox.signing import signature_headers
from smsadmin.sandbox.state import PORTAL_ID, Record, State, iso

ACTION_DEFINITION_ID = 123456789
ACTION_DEFINITION_VERSION = 3
ACTION_ID = 4
WEEK = 7 * 24 * 3600.0
TOKEN = re.compile(r"\{\{\s*enrolled_object\.(\w+)\s*\}\}")
DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
SECONDS = {"weeks": WEEK, "days": 86_400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}
OBJECT_PROPERTIES = [
    *("firstname", "lastname", "email", "phone", "mobilephone", "company", "city", "lifecyclestage"),
    *("sms_sender_number", "sms_send_as_email", "sms_opt_out"),
]

RUNNING, RETRYING, BLOCKED = "running", "retrying", "blocked"
SUCCESS, FAILED, NO_ANSWER, EXPIRED = "success", "failed", "no_answer", "expired"
UNFINISHED = (RUNNING, RETRYING)


@dataclass
class Workflow:
    """One step, our action. Inputs are STATIC_VALUE or OBJECT_PROPERTY, as the editor stores them; with `from`, the
    property is one of the first associated record of that type (HubSpot's "fetched objects")."""

    name: str
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)
    object_type: str = "contacts"
    action_url: str = ""
    """Empty for the product's send-sms address; a path alone is taken from BASE_URL."""
    properties: list[str] = field(default_factory=lambda: list(OBJECT_PROPERTIES))
    """Properties of the record that every execution carries, where the action's definition does not say which."""
    definition: str = ""
    """Id of the action of the step; empty for the newest one that calls the address, if there is any."""
    id: int = 0

    @classmethod
    def parse(cls, data: dict[str, Any], workflow_id: int) -> "Workflow":
        """A workflow from its JSON; raises ValueError with a sentence that says what is wrong."""
        names = {"name", "inputs", "object_type", "action_url", "properties", "definition"}
        if unknown := set(data) - names:
            raise ValueError(
                f"A workflow has no {', '.join(sorted(unknown))}. It has {', '.join(sorted(names))}."
            )
        if not data.get("name"):
            raise ValueError("A workflow needs a name.")
        workflow = cls(**data, id=workflow_id)
        if workflow.object_type not in OBJECT_TYPES:
            raise ValueError(f"object_type is one of {', '.join(OBJECT_TYPES)}.")
        for name, item in workflow.inputs.items():
            if item.get("type") not in ("STATIC_VALUE", "OBJECT_PROPERTY"):
                raise ValueError(f"The type of {name} is STATIC_VALUE or OBJECT_PROPERTY.")
        return workflow

    def url(self, base_url: str) -> str:
        if not self.action_url:
            return f"{base_url}/hubspot/actions/send-sms"
        return base_url + self.action_url if self.action_url.startswith("/") else self.action_url


@dataclass
class Execution:
    """One record's pass through the step, with everything the action log shows."""

    callback_id: str
    enrolment_id: int
    number: int
    workflow: Workflow
    object_type: str
    record_id: str
    started_at: float
    action: CustomAction | None = None
    definition: custom_action.Definition = field(default_factory=dict)
    """The action's definition as it stood when the record came."""
    attempts: int = 0
    http_status: int | None = None
    error: str | None = None
    state: str = RUNNING
    outputs: dict[str, Any] = field(default_factory=dict)
    expires_at: float | None = None
    finished_at: float | None = None
    completion: dict[str, Any] | None = None
    """What the callback API said, kept while the execution's own answer is still under way."""
    repeats: list[dict[str, Any]] = field(default_factory=list)
    """Answers to deliveries that were doubled on purpose."""

    def current_state(self, now: float) -> str:
        expired = self.state == BLOCKED and self.expires_at is not None and self.expires_at <= now
        return EXPIRED if expired else self.state

    def as_json(self, now: float) -> dict[str, Any]:
        state = self.current_state(now)
        return {
            "callback_id": self.callback_id,
            "enrol": self.enrolment_id,
            "workflow": self.workflow.name,
            "object_type": OBJECT_TYPES[self.object_type].name,
            "record": self.record_id,
            "time": iso(self.started_at),
            "attempts": self.attempts,
            "http_status": self.http_status,
            "error": self.error,
            "state": state,
            "outputs": self.outputs,
            "final": state not in (*UNFINISHED, BLOCKED),
            "expires": iso(self.expires_at) if self.expires_at else None,
            "finished": iso(self.finished_at) if self.finished_at else None,
            "repeats": self.repeats,
            "log": self.log_entry(state),
        }

    def log_entry(self, state: str) -> dict[str, str | None] | None:
        """What HubSpot's action log says of it, once it has ended, where the action has a definition."""
        if not self.definition or state in (*UNFINISHED, BLOCKED):
            return None
        return custom_action.log_entry(self.definition, self.outputs, state == SUCCESS)


@dataclass
class Enrolment:
    """A run over some records; `progress` counts its executions by outcome."""

    id: int
    workflow: Workflow
    records: int
    started_at: float
    pending: int = 0
    """Deliveries, doubled ones included, that have no settled answer yet."""
    stopped_at: float | None = None
    repeated: int = 0
    executions: list[Execution] = field(default_factory=list)

    def progress(self, now: float) -> dict[str, Any]:
        states = Counter(execution.current_state(now) for execution in list(self.executions))
        codes = Counter(
            execution.outputs.get("errorCode") or f"HTTP {execution.http_status}"
            for execution in list(self.executions)
            if execution.state == FAILED
        )
        return {
            "id": self.id,
            "workflow": self.workflow.name,
            "records": self.records,
            "repeated": self.repeated,
            "pending": self.pending,
            "success": states[SUCCESS],
            "failed": dict(codes.most_common()),
            "blocked": states[BLOCKED],
            "expired": states[EXPIRED],
            "no_answer": states[NO_ANSWER],
            "done": self.pending == 0,
            "seconds": round((self.stopped_at or now) - self.started_at, 3),
        }


def enrol(
    state: State,
    workflow: Workflow,
    count: int,
    *,
    rate: float | None = None,
    repeat: float = 0.0,
    record_ids: list[str] | None = None,
    object_type: str | None = None,
) -> Enrolment:
    """Start `count` executions in the background, `rate` a second; a share `repeat` is delivered twice.

    Records are taken in the order of their ids, round and round. Raises ValueError for unknown records, and for types
    that the action is not for.
    """
    kind = object_type or workflow.object_type
    action = action_of(state, workflow)
    if action and not custom_action.is_for(action.definition, kind):
        raise ValueError(f"The action of {workflow.name} is not offered in workflows of {kind}.")
    known = state.records.get(kind)
    if not known:
        raise ValueError(f"There are no records of type {kind}.")
    if unknown := [record_id for record_id in record_ids or [] if record_id not in known]:
        raise ValueError(f"There is no {kind} record {', '.join(unknown)}.")
    chosen = record_ids or [record_id for record_id, record in known.items() if not record.archived]
    enrolment = Enrolment(state.new_id(), workflow, count, state.now(), pending=count)
    state.enrolments[enrolment.id] = enrolment
    work = partial(_run, state, enrolment, kind, list(islice(cycle(chosen), count)), rate, repeat)
    threading.Thread(target=work, name=f"enrolment-{enrolment.id}", daemon=True).start()
    return enrolment


def action_of(state: State, workflow: Workflow) -> CustomAction | None:
    """The action of a workflow's step, where its definition was made over the API. Raises ValueError for an id that is
    none."""
    found = custom_action.find(
        state.actions.values(), workflow.definition, workflow.url(state.settings.base_url)
    )
    if workflow.definition and found is None:
        raise ValueError(f"There is no action {workflow.definition}.")
    return found


def _run(
    state: State, enrolment: Enrolment, kind: str, record_ids: list[str], rate: float | None, repeat: float
) -> None:
    """Hand the records to the workers, never many more than they can take."""
    workers = state.settings.runner_workers
    chance = random.Random(enrolment.records)  # noqa: S311
    room = threading.BoundedSemaphore(workers * 2)
    begin = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        for position, record_id in enumerate(record_ids):
            if rate:
                time.sleep(max(0.0, begin + position / rate - time.monotonic()))
            if enrolment.id not in state.enrolments:  # the sandbox was reset
                break
            execution, body = _started(state, enrolment, kind, record_id)
            deliveries = [partial(deliver, state, enrolment, execution, body)]
            if chance.random() < repeat:
                with state.lock:
                    enrolment.pending += 1
                deliveries.append(partial(_deliver_again, state, enrolment, execution, body))
            for delivery in deliveries:
                room.acquire()
                pool.submit(delivery).add_done_callback(lambda _: room.release())


def _started(state: State, enrolment: Enrolment, kind: str, record_id: str) -> tuple[Execution, bytes]:
    with state.lock:
        number = state.new_id()
        action = action_of(state, enrolment.workflow)
        execution = Execution(
            callback_id=f"ap-{PORTAL_ID}-{number}-{ACTION_ID}-0",
            enrolment_id=enrolment.id,
            number=number,
            workflow=enrolment.workflow,
            object_type=kind,
            record_id=record_id,
            started_at=state.now(),
            action=action,
            definition=action.definition if action else {},
        )
        enrolment.executions.append(execution)
        state.executions[execution.callback_id] = execution
        return execution, _body(state, execution, state.records[kind][record_id])


# The request


def _body(state: State, execution: Execution, record: Record) -> bytes:
    """The execution request: the documented core, and the keys only seen in captured traffic."""
    workflow, settings, action = execution.workflow, state.settings, execution.action
    definition_id = int(action.id) if action else ACTION_DEFINITION_ID
    version = int(action.revision) if action else ACTION_DEFINITION_VERSION
    origin: dict[str, Any] = {
        "portalId": PORTAL_ID,
        "actionDefinitionId": definition_id,
        "actionDefinitionVersion": version,
    }
    context: dict[str, Any] = {"source": "WORKFLOWS", "workflowId": workflow.id}
    inputs = resolved_inputs(workflow.inputs, record, settings.runner_empty_input, state.records)
    defined = state.properties[execution.object_type]
    wanted = execution.definition["objectRequestOptions"]["properties"] if action else workflow.properties
    body: dict[str, Any] = {
        "callbackId": execution.callback_id,
        "origin": origin,
        "context": context,
        "object": {
            "objectId": int(record.id),
            "objectType": OBJECT_TYPES[execution.object_type].name,
            "properties": {name: record.properties.get(name) for name in wanted if name in defined},
        },
        "inputFields": inputs,
    }
    if settings.runner_payload == "full":
        index = {"enrollmentId": execution.number, "actionExecutionIndex": 0}
        origin |= {
            "userId": None,
            "actionExecutionIndexIdentifier": index,
            "extensionDefinitionVersionId": version,
            "extensionDefinitionId": definition_id,
        }
        context |= {"actionId": ACTION_ID, "actionExecutionIndexIdentifier": index}
        body["fields"] = inputs
        body["typedInputs"] = {name: {"value": value, "type": "STRING"} for name, value in inputs.items()}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


Records = Mapping[str, Mapping[str, Record]]


def resolved_inputs(
    inputs: dict[str, dict[str, str]], record: Record, empty: str, records: Records
) -> dict[str, str | None]:
    """Input values as sent, all of them texts; an unset property renders empty inside a text."""
    values: dict[str, str | None] = {}
    for name, item in inputs.items():
        if item["type"] == "STATIC_VALUE":
            values[name] = TOKEN.sub(lambda token: record.properties.get(token[1]) or "", str(item["value"]))
        elif found := _properties_of(item, record, records).get(item["propertyName"]):
            values[name] = found
        elif empty != "missing":
            values[name] = None if empty == "null" else ""
    return values


def _properties_of(item: dict[str, str], record: Record, records: Records) -> dict[str, str | None]:
    """The enrolled record's properties, or those of the first record of another type associated with it."""
    if "from" not in item:
        return record.properties
    linked = record.associations.get(item["from"], {})
    first = min(linked, key=int, default="")
    return records[item["from"]][first].properties if first else {}


def _post(state: State, execution: Execution, body: bytes) -> httpx.Response:
    """One signed POST; the URI signed is the one that goes over the wire."""
    settings = state.settings
    request = state.http.build_request(
        "POST",
        execution.definition.get("actionUrl") or execution.workflow.url(settings.base_url),
        content=body,
        headers={"Content-Type": "application/json", "User-Agent": "HubSpot Connect 2.0"},
        timeout=httpx.Timeout(settings.runner_read_timeout, connect=settings.runner_connect_timeout),
    )
    kind, secret = settings.runner_signature, settings.hubspot_client_secret
    request.headers.update(signature_headers(kind, secret, "POST", str(request.url), body, state.now()))
    return state.http.send(request)


# The answer


def deliver(state: State, enrolment: Enrolment, execution: Execution, body: bytes) -> None:
    """One attempt of an execution, and what follows from its answer."""
    answer, problem = None, None
    try:
        answer = _post(state, execution, body)
    except httpx.HTTPError as error:
        problem = f"{type(error).__name__}: {error}"
    with state.changed:
        execution.attempts += 1
        execution.http_status = answer.status_code if answer is not None else None
        execution.error = problem
        if answer is None or not _settled(execution, answer, state.now()):
            _retry(state, enrolment, execution, body, answer)
        _finish_if_completed(execution, state.now())
        if execution.state not in UNFINISHED:
            _settle_one(enrolment, state.now())
        if execution.state not in (*UNFINISHED, BLOCKED):
            execution.finished_at = state.now()
        state.changed.notify_all()


def _settled(execution: Execution, answer: httpx.Response, now: float) -> bool:
    """Take over an answer that is final or blocks; False where the request has to be repeated."""
    if answer.status_code == 429 or answer.status_code >= 500 or (answer.is_success and not answer.content):
        return False
    execution.outputs = _outputs(answer)
    if not answer.is_success:
        execution.state = FAILED
        return True
    match execution.outputs.get("hs_execution_state"):
        case "FAIL_CONTINUE":
            execution.state = FAILED
        case "BLOCK":
            execution.state = BLOCKED
            execution.expires_at = now + seconds(execution.outputs.get("hs_expiration_duration"))
        case _:
            execution.state = SUCCESS
    return True


def _outputs(answer: httpx.Response) -> dict[str, Any]:
    """`outputFields` of an answer; a body that is not such JSON has none, and is no failure."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    if not answer.is_success:
        return body if isinstance(body, dict) else {}
    outputs = body.get("outputFields") if isinstance(body, dict) else None
    return outputs if isinstance(outputs, dict) else {}


def seconds(duration: str | None) -> float:
    """An ISO 8601 duration in seconds; a week where there is none."""
    found = DURATION.fullmatch(duration or "")
    parts = found.groupdict() if found else {}
    return sum(int(parts[name]) * SECONDS[name] for name in parts if parts[name]) or WEEK


def _retry(
    state: State,
    enrolment: Enrolment,
    execution: Execution,
    body: bytes,
    answer: httpx.Response | None,
) -> None:
    settings = state.settings
    if execution.attempts >= settings.runner_attempts:
        execution.state = NO_ANSWER
        return
    execution.state = RETRYING
    delay = settings.runner_retry_delay * 2 ** (execution.attempts - 1)
    if answer is not None and answer.headers.get("retry-after", "").isdecimal():
        unit = 1000 if settings.runner_retry_after_unit == "ms" else 1
        delay = int(answer.headers["retry-after"]) / unit
    again = partial(deliver, state, enrolment, execution, body)
    state.scheduler.after(min(delay, settings.runner_retry_cap), again)


def _deliver_again(state: State, enrolment: Enrolment, execution: Execution, body: bytes) -> None:
    """The same request once more; its answer is noted and changes nothing."""
    outcome: dict[str, Any]
    try:
        answer = _post(state, execution, body)
        outcome = {"http_status": answer.status_code, "outputs": _outputs(answer)}
    except httpx.HTTPError as error:
        outcome = {"http_status": None, "error": f"{type(error).__name__}: {error}"}
    with state.changed:
        execution.repeats.append(outcome)
        enrolment.repeated += 1
        _settle_one(enrolment, state.now())
        state.changed.notify_all()


def _settle_one(enrolment: Enrolment, now: float) -> None:
    enrolment.pending -= 1
    enrolment.stopped_at = now


# Completion


def completed(state: State, callback_id: str, outputs: dict[str, Any]) -> bool:
    """Take a completion from the callback API; False where nothing waits for it.

    It may come before the answer that blocks, and is then kept.
    """
    execution = state.executions.get(callback_id)
    now = state.now()
    waits = (
        execution is not None
        and execution.completion is None
        and execution.current_state(now) in (*UNFINISHED, BLOCKED)
    )
    state.callbacks.append({"callback_id": callback_id, "outputs": outputs, "known": waits, "time": iso(now)})
    if execution is None or not waits:
        return False
    execution.completion = outputs
    _finish_if_completed(execution, now)
    state.changed.notify_all()
    return True


def _finish_if_completed(execution: Execution, now: float) -> None:
    if execution.state != BLOCKED or execution.completion is None:
        return
    succeeded = execution.completion.get("hs_execution_state") == "SUCCESS"
    execution.state = SUCCESS if succeeded else FAILED
    execution.outputs = {**execution.outputs, **execution.completion}
    execution.finished_at = now
