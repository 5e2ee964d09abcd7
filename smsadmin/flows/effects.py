"""What the steps of a run do outside: texts, calls of other hosts, and the results of voice actions that came with it.

Everything is done once: what it came to is on the row of the run, under the key of its step, and answers a worker that
takes the run over. A text has the key of its step and recipient in the log too.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.views.decorators.debug import sensitive_variables

from smsadmin.core import errors, numbers
from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.core.status import Status
from smsadmin.flows import fetching, voice
from smsadmin.flows.language import actions
from smsadmin.flows.language.engine import Postponed
from smsadmin.flows.models import FlowRun
from smsadmin.sending.accept import accept
from smsadmin.sending.filters import CALLFLOW
from smsadmin.sending.log import storable
from smsadmin.sending.models import Message
from smsadmin.sending.rehearse import rehearse
from smsadmin.sending.resolve import INPUTS

Params = Mapping[str, Any]
Result = dict[str, Any]
Effect = TypeVar("Effect", bound=Callable[..., Result | None])

#: A flow answers somebody who called or texted: campaigns have their own ways in, and a flow that goes round in
#: circles comes to an end. Refused texts count too.
MOST_TEXTS = 100  # of a run
MOST_CHARACTERS = 10_000  # of a text
#: Nothing that a number is written with is longer.
_LONGEST_RECIPIENT = 100

#: A call of a host that was begun. Nobody knows what became of one whose worker was killed before the answer.
BEGUN = {"begun": True}
#: Beside the effects of steps, what calls of hosts have used of what one run may (fetching.Used).
FETCHED = "#fetched"
#: In the context of a rehearsal: it says what a real run with this sample would do.
FOR_REAL = "for_real"
_UNANSWERED = "its worker stopped before the answer came, and it is not repeated"


class Away(Postponed):
    """The database is away: the run is taken again later."""


class Broke(Exception):
    """Something nobody foresaw: the run ends with it."""


def _foreseen(effect: Effect) -> Effect:
    """An effect that raises nothing but Postponed and Broke."""

    @wraps(effect)
    def guarded(self: "Effects", *args: Any) -> Result | None:
        try:
            return effect(self, *args)
        except Postponed:
            raise
        except (OperationalError, InterfaceError) as error:
            raise Away(str(error)) from error
        except Exception as unforeseen:  # which the engine logs
            self.broke = type(unforeseen).__name__
            raise Broke(f"smsadmin itself failed: {self.broke}") from unforeseen

    return guarded  # type: ignore[return-value]


@dataclass
class Effects:
    """Those of one run. `variables` are those that results go to, by the path of their step.

    `go_on` is called before anything is done, and `keep` writes what is known by then on the run's row: both raise
    Postponed where this worker is to stop. `broke` is the kind of an error that nobody foresaw.
    """

    run: FlowRun
    variables: Mapping[str, str]
    go_on: Callable[[], None]
    keep: Callable[[], None]
    broke: str = ""

    @_foreseen
    def sms(self, params: Params, key: str) -> Result:
        """One message for each recipient; {"ok", "messages": [{"id", "to", "status", "code"}], "error"}."""
        if answered := self._answered(key):
            return answered
        self.go_on()
        return self._kept(key, self._sent(params, key))

    @_foreseen
    def fetch(self, params: Params, key: str, version: str) -> Result:
        """Calls a host that the workspace allows; {"ok", "status", "statusText", "headers", "body", "json"}."""
        answered = self._answered(key)
        if answered == BEGUN:
            return self._kept(key, fetching.failed(_UNANSWERED))
        if answered:
            return answered
        if refusal := fetching.why_not(self.run.workspace_id, params):
            return self._kept(key, fetching.failed(refusal))
        return self._fetched(params, key, f"fetch@{version}")

    @_foreseen
    def given(self, action: str, params: Params, key: str) -> Result | None:
        """What came with the event for this action; None where nobody knows what it came to."""
        return voice.result(self.run.context, action, self.variables.get(_path(key), ""))

    def _answered(self, key: str) -> Result | None:
        found: Result | None = self.run.effects.get(key)
        return found

    def _kept(self, key: str, result: Result) -> Result:
        kept: Result = storable(result)
        self.run.effects[key] = kept
        self.keep()
        return kept

    def _sent(self, params: Params, key: str) -> Result:
        recipients = _recipients(params["to"])
        if (characters := len(params["body"])) > MOST_CHARACTERS:
            return _unsent(f"its text has {characters} characters, and {MOST_CHARACTERS} are the most")
        before = self._texted()
        if before.total() + len(recipients) > MOST_TEXTS:
            return _unsent(
                f"with {len(recipients)} more recipients the run would text {before.total() + len(recipients)} times, "
                f"and {MOST_TEXTS} are the most"
            )
        told = [
            self._one(self._ask(params, key, to)) if before[to] < actions.MOST_TEXTS_EACH else _too_often(to)
            for to in recipients
        ]
        return {"ok": all(each["ok"] for each in told), "messages": told, "error": _first_error(told)}

    def _texted(self) -> Counter[str]:
        """How often the run has texted each recipient so far, or was refused to. A step that a killed worker began is
        not among them: it is taken again from its beginning, under the same keys."""
        results = (result.get("messages") or () for result in self.run.effects.values())
        return Counter(each["to"] for told in results for each in told)

    def _one(self, ask: SendRequest) -> Result:
        return _of_message(accept(ask), ask.record.related[INPUTS]["to"] or "")

    def _ask(self, params: Params, key: str, to: str) -> SendRequest:
        """A text of the caller's is a value, so that nothing in it is read as a token."""
        run, flow = self.run, self.run.flow
        return SendRequest(
            workspace_id=run.workspace_id,
            trigger=CALLFLOW,
            key=f"{run.pk}:{key}:{to}",
            config=ActionConfig(
                sender_kind="given",
                sender_given=params["from"],
                sender_connection_id=flow.connection_id,
                sender_number_id=run.number_id if flow.answers_from_called else flow.sender_id,
                sender_called=flow.answers_from_called,
                recipient_property=f"{INPUTS}.to",
                message=f"{{{{{INPUTS}.body}}}}",
                mobile_only=flow.mobile_only,
                traffic=params["trafficType"],
                encoding=params["encoding"] or "auto",
            ),
            record=Record(*_about(run), related={INPUTS: {"to": to, "body": params["body"]}}),
            origin={
                "flow": flow.pk,
                "flow_name": flow.name,
                "version": run.version.number,
                "run": str(run.pk),
                "step": _path(key),
                **({"test": True} if run.test else {}),
            },
            build_mode=flow.build_mode or run.test or _is_tried(run),
        )

    @sensitive_variables()
    def _fetched(self, params: Params, key: str, action: str) -> Result:
        """Time is reserved before the call: what a killed worker began has used it up."""
        used = fetching.Used(**self.run.effects.get(FETCHED, {}))
        if refusal := used.up():
            return self._kept(key, fetching.failed(refusal))
        self.go_on()
        self.run.effects[FETCHED] = used.begun(params).as_json()
        self._kept(key, BEGUN)
        result, used = fetching.call(self.run.workspace_id, params, used)
        self.run.effects[FETCHED] = used.as_json()
        return self._kept(key, result)


class Rehearsal(Effects):
    """What they would come to: nothing is sent, nothing counted, and nobody called."""

    def _one(self, ask: SendRequest) -> Result:
        found = rehearse(ask)
        error, draft = found.error, found.draft
        status = Status.REJECTED if error else Status.HELD if found.held_until else Status.QUEUED
        return {
            "ok": error is None,
            "to": draft.recipient.e164 if draft.recipient else ask.record.related[INPUTS]["to"],
            "from": draft.number.e164 if draft.number else "",
            "body": draft.body,
            "segments": draft.measure.segments if draft.measure else 0,
            "status": status.value,
            **({"code": error.code, "facts": error.facts, "error": str(error)} if error else {}),
        }

    def _fetched(self, params: Params, key: str, action: str) -> Result:
        sample = voice.result(self.run.context, action, self.variables.get(_path(key), ""))
        return self._kept(key, sample or fetching.failed("a rehearsal calls nobody"))


def made(run: FlowRun) -> list[UUID]:
    """The messages that a run made so far; also one whose steps were never written."""
    told = [step["result"] for step in run.steps if step["name"].startswith("sms@")]
    results = [*filter(None, told), *run.effects.values()]
    found = (each["id"] for result in results for each in result.get("messages", ()) if "id" in each)
    return [UUID(pk) for pk in dict.fromkeys(found)]


def _path(key: str) -> str:
    """The path of the step that an execution is of."""
    return key.partition("#")[0]


# --- Texts --------------------------------------------------------------------------------------------


def _recipients(given: list[str]) -> list[str]:
    """Each number once, in whatever spelling; what is none as it was given, to be refused by name."""
    return list(dict.fromkeys(map(_spelt, given)))


def _spelt(given: str) -> str:
    try:
        return numbers.read(given).e164
    except numbers.NumberError:
        return given.strip()[:_LONGEST_RECIPIENT]


def _is_tried(run: FlowRun) -> bool:
    """Whether somebody runs it with a sample for real, or asks what that would do: only numbers that were verified for
    tests are texted."""
    return run.cause == FlowRun.Cause.SAMPLE and (not run.dry or bool(run.context.get(FOR_REAL)))


def _about(run: FlowRun) -> tuple[str, str]:
    """The call or text that began the run, as a record: its kind and its id at the provider."""
    kind = next((kind for kind in ("call", "sms") if run.context.get(kind)), "")
    event = run.context.get(kind) or {}
    cdr = event.get("cdr")
    found = event.get("sid") or (cdr.get("callid") if isinstance(cdr, dict) else "") or ""
    return kind, found if isinstance(found, str) and len(found) <= 40 else ""


def _of_message(message: Message, to: str) -> Result:
    error = message.error if message.status == Status.REJECTED else None
    sentence = errors.fill(error.sentence(message.error_facts), message.error_facts) if error else ""
    return {
        "ok": error is None,
        "id": str(message.pk),
        "to": message.recipient or to,
        "status": message.status,
        **({"code": message.error_code, "error": sentence} if error else {}),
    }


def _too_often(to: str) -> Result:
    why = f"the run has texted it {actions.MOST_TEXTS_EACH} times already, which is the most"
    return {"ok": False, "to": to, "status": Status.REJECTED.value, "error": why}


def _unsent(why: str) -> Result:
    return {"ok": False, "messages": [], "error": why}


def _first_error(told: list[Result]) -> str | None:
    return next((each["error"] for each in told if not each["ok"]), None)
