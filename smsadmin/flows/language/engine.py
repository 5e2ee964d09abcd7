"""Takes the steps of a call flow: conditions, gotos, results. What reaches the outside world is given to it."""

import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, Protocol

from smsadmin.flows.language import actions, expressions, keeping
from smsadmin.flows.language.actions import ParamsError
from smsadmin.flows.language.document import HANGUP, Document, Step
from smsadmin.flows.language.expressions import SECONDS_TOGETHER, UNDEFINED, Budget, ExpressionError

log = logging.getLogger(__name__)

#: `given` and `not_given` are those of voice actions: whether a result came with the event.
Verdict = Literal["taken", "skipped", "given", "not_given", "failed"]


@dataclass(frozen=True, slots=True)
class Limits:
    steps: int = 1_000
    gotos: int = 100
    fetches: int = 20
    seconds: float = SECONDS_TOGETHER  # of processor time for all expressions of a run
    characters: int = 2_000_000  # of all records, as JSON


LIMITS: Final = Limits()


class Postponed(Exception):
    """Raised by an effect to stop the run, which is then taken again later from its beginning. Passes through run()."""


class Effects(Protocol):
    """What steps do outside. `key` names one execution of a step within the run ("voicemail.1#1") and is the same when
    the run is taken again, so what was done before can be answered from a store.

    Results are plain data. What an effect raises ends the run as failed; only Postponed passes through.
    """

    def sms(self, params: Mapping[str, Any], key: str) -> dict[str, Any]:
        """`params` are whole: to (list of texts), body, from, encoding ("", "gsm", "unicode"), trafficType."""
        ...

    def fetch(self, params: Mapping[str, Any], key: str, version: str) -> dict[str, Any]:
        """`params` are whole: url, method, headers, body, timeout (seconds or None); `version` is "v1" or "v2"."""
        ...

    def given(self, action: str, params: Mapping[str, Any], key: str) -> dict[str, Any] | None:
        """The result of a voice action, which was done elsewhere and came with the event; None where nothing came.
        `params` are filled in.

        The names under its "events" are those that happened: their steps are taken.
        """
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a run's story: a branch that was entered, or a step with its condition and what became of it."""

    kind: Literal["branch", "action", "goto", "then", "event"]
    path: str  # the branch, or the step's path
    line: int
    verdict: Verdict
    name: str = ""  # the branch entered, the action, where the goto leads, the event
    key: str = ""  # of an action that was executed
    condition: str = ""
    value: str = ""  # of the condition, as people read it: true, null, ["MOBILE"], undefined
    result: Any = None  # what the action answered, as keeping.kept leaves it
    result_name: str = ""  # the variable that received it
    note: Mapping[str, Any] = field(
        default_factory=dict
    )  # of what failed: {"code", "facts"} as in problems.KINDS

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ran:
    records: list[Record]
    state: Literal["done", "failed"]
    error: Mapping[str, Any] = field(
        default_factory=dict
    )  # {"code", "facts"} as in problems.KINDS; {} if done


def run(
    document: Document, branch: str, scope: Mapping[str, Any], effects: Effects, limits: Limits = LIMITS
) -> Ran:
    """Take the steps from this branch on, then those of `hangup` if an inbound call is what began.

    `scope` holds call, sms, run, scenario, integrations and now (ISO 8601 text), each where there is one.
    Raises Postponed where an effect does.
    """
    taken = _Run(document, scope, effects, limits)
    try:
        taken.follow(branch)
        if branch == "inbound-call" and HANGUP in document.branches and not taken.has_hung_up:
            taken.follow(HANGUP)
    except _Failed as failure:
        return Ran(taken.records, "failed", failure.error)
    return Ran(taken.records, "done")


class _Failed(Exception):
    """What ends the run."""

    def __init__(self, code: str, facts: Mapping[str, Any]) -> None:
        super().__init__(code)
        self.error = {"code": code, "facts": dict(facts)}


class _Run:
    def __init__(
        self, document: Document, scope: Mapping[str, Any], effects: Effects, limits: Limits
    ) -> None:
        self.document, self.effects, self.limits = document, effects, limits
        self.scope: dict[str, Any] = {**document.variables, **scope}
        self.records: list[Record] = []
        self.executions: Counter[str] = Counter()
        self.steps = self.gotos = self.fetches = self.characters = 0
        self.budget = Budget(limits.seconds)
        self.has_hung_up = False  # the branch was taken by a goto already

    def follow(self, name: str) -> None:
        """A branch, and those that its gotos lead to; raises _Failed."""
        while name:
            branch = self.document.branches.get(name)
            if branch is None:
                raise _Failed("NO_SUCH_BRANCH", {"branch": name})
            self.has_hung_up |= name == HANGUP
            self._keep(Record("branch", name, branch.line, "taken", name))
            name = self._take(branch.steps)

    def _take(self, steps: tuple[Step, ...]) -> str:
        """These steps in turn; the branch that one of them goes to, "" for none."""
        for step in steps:
            if target := self._step(step):
                return target
        return ""

    def _step(self, step: Step) -> str:
        self.steps += 1
        if self.steps > self.limits.steps:
            raise self._failed(step, "LIMIT_STEPS", {"most": self.limits.steps})
        if self.characters > self.limits.characters:
            raise self._failed(step, "LIMIT_RECORDS", {"most": self.limits.characters})
        value = ""
        if step.condition:
            found = self._evaluated(step)
            value = expressions.shown(found)
            if not expressions.truth(found):
                self._record(step, "skipped", value=value)
                return ""
        if step.action:
            return self._act(step, value)
        if step.goto:
            return self._go(step, value)
        self._record(step, "taken", value=value)
        return self._take(step.then)

    def _go(self, step: Step, value: str) -> str:
        self.gotos += 1
        if self.gotos > self.limits.gotos:
            raise self._failed(step, "LIMIT_GOTOS", {"most": self.limits.gotos}, value=value)
        self._record(step, "taken", value=value)
        return step.goto

    def _act(self, step: Step, value: str) -> str:
        self.executions[step.path] += 1
        key = f"{step.path}#{self.executions[step.path]}"
        result = self._done(step, key, value)
        self._record(step, _verdict(step, result), value=value, key=key, result=keeping.kept(result))
        if step.result:
            self.scope[step.result] = UNDEFINED if result is None else result
        return self._happened(step, result or {})

    def _happened(self, step: Step, result: Mapping[str, Any]) -> str:
        """The steps of those events that the result names, in a list of texts."""
        happened = result.get("events")
        for name, steps in step.events.items():
            if isinstance(happened, list) and name in happened:
                line = steps[0].line if steps else step.line
                self._keep(Record("event", step.path, line, "given", name))
                if target := self._take(steps):
                    return target
        return ""

    def _done(self, step: Step, key: str, value: str) -> dict[str, Any] | None:
        """What the action answers, None where nothing came for it; raises _Failed."""
        self.fetches += step.action in actions.FETCHES
        if self.fetches > self.limits.fetches:
            raise self._failed(step, "LIMIT_FETCHES", {"most": self.limits.fetches}, value=value, key=key)
        params = self._filled(step, key, value)
        try:
            if step.action == actions.SMS:
                return self.effects.sms(actions.sms(params), key)
            if step.action in actions.FETCHES:
                version = step.action.partition("@")[2]
                return self.effects.fetch(actions.fetch(step.action, params), key, version)
            if step.action == actions.LOG:
                return {"message": actions.log(params.get("message", ""))}
            return self.effects.given(step.action, params, key)
        except Postponed:
            raise
        except ParamsError as wrong:
            raise self._failed(step, wrong.code, wrong.facts, value=value, key=key) from None
        except Exception as problem:  # whatever it is, the run's page must say how far the run came
            log.exception("a step of a call flow failed", extra={"step": key, "action": step.action})
            facts = {"action": step.action, "reason": type(problem).__name__}
            raise self._failed(step, "EFFECT_FAILED", facts, value=value, key=key) from problem

    def _filled(self, step: Step, key: str, value: str) -> dict[str, Any]:
        try:
            return expressions.fill(step.params, self.scope, self.budget)
        except ExpressionError as problem:
            raise self._failed(step, problem.code, problem.facts, value=value, key=key) from None

    def _evaluated(self, step: Step) -> Any:
        try:
            return expressions.evaluate(step.condition, self.scope, self.budget)
        except ExpressionError as problem:
            raise self._failed(step, problem.code, problem.facts) from None

    def _record(self, step: Step, verdict: Verdict, **said: Any) -> None:
        kind: Literal["action", "goto", "then"] = "action" if step.action else "goto" if step.goto else "then"
        name, result_name = step.action or step.goto, step.result if "result" in said else ""
        said = {"condition": step.condition, "result_name": result_name, **said}
        self._keep(Record(kind, step.path, step.line, verdict, name, **said))

    def _keep(self, record: Record) -> None:
        self.records.append(record)
        self.characters += len(json.dumps(record.as_json(), ensure_ascii=False, default=str))

    def _failed(self, step: Step, code: str, facts: Mapping[str, Any], **said: Any) -> _Failed:
        failure = _Failed(code, facts)
        self._record(step, "failed", note=failure.error, **said)
        return failure


def _verdict(step: Step, result: Mapping[str, Any] | None) -> Verdict:
    if step.action not in actions.GIVEN:
        return "taken"
    return "not_given" if result is None else "given"
