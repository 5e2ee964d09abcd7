"""The YAML of a call flow: read, checked, and taken apart into branches and steps."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from smsadmin.flows.language import actions, expressions
from smsadmin.flows.language.expressions import ROOTS, UNDEFINED
from smsadmin.flows.language.problems import Problem, excerpt, nearest, quoted
from smsadmin.flows.language.reading import MOST_CHARACTERS, Fields, Script, Unreadable, start_of

__all__ = ["HANGUP", "MOST_CHARACTERS", "STARTS", "Branch", "Checked", "Document", "Edge", "Step", "check"]

#: Branches that begin by themselves. `hangup` follows an inbound call.
STARTS: Final = ("inbound-call", "inbound-sms", "api-initiated")
HANGUP: Final = "hangup"
#: The param of dial@v1 that names a branch for whoever answers.
ANSWER_BRANCH: Final = "answerOnBranch"

_TOP = ("description", "compat", "variables", "defaults", "branches")
_STEP = ("action", "params", "result", "if", "then", "goto", "events")
_Check = Callable[[str, Collection[str]], Iterable[expressions.Refusal]]
_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
#: Paths and keys are made of names, with "." and "#" between them.
_LONGEST_NAME = 80
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{_LONGEST_NAME}}}")
MOST_EXPRESSIONS: Final = 300  # each takes time to be read


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a branch: an action, a goto or a `then`, each perhaps under a condition."""

    path: str  # branch and place, from 1: "voicemail.1"; in its then "voicemail.1.2", of an event "voicemail.1.ready.1"
    line: int
    condition: str = ""  # the bare expression of `if`, "" for none
    action: str = ""  # "sms@v1"
    params: Mapping[str, Any] = field(default_factory=dict)
    result: str = ""  # the variable that receives the result: "$dial"
    goto: str = ""  # the branch it goes to
    then: tuple["Step", ...] = ()
    events: Mapping[str, tuple["Step", ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Branch:
    name: str
    line: int
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one branch to another. `condition` is the expression it depends on, or the name of the event or param
    that leads there; "" for a goto that is always taken."""

    source: str
    target: str
    condition: str
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """A call flow without errors."""

    description: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)  # "$user": UNDEFINED
    defaults: Mapping[str, Any] = field(default_factory=dict)
    branches: Mapping[str, Branch] = field(default_factory=dict)

    @property
    def starts(self) -> tuple[str, ...]:
        """The branches that something can begin, in the order of STARTS."""
        return tuple(name for name in STARTS if name in self.branches)

    def edges(self) -> list[Edge]:
        """Every way between branches, in the order of the text."""
        ways = (edge for branch in self.branches.values() for edge in _ways(branch.name, branch.steps))
        return [edge for edge in ways if edge.target in self.branches]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was read, and what is wrong with it, in the order of the text. A document is there only without errors."""

    document: Document | None
    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "warning")


def check(source: str) -> Checked:
    """A call flow from its YAML, with everything that is wrong with it. Never raises, whatever the text."""
    script = Script(source)
    document = None
    with suppress(Unreadable):  # why is among the problems
        document = _Reader(script).document()
    problems = tuple(problem for _, problem in sorted(script.problems.items()))
    has_errors = any(problem.severity == "error" for problem in problems)
    return Checked(None if has_errors else document, problems)


def _ways(source: str, steps: tuple[Step, ...], outer: str = "") -> Iterator[Edge]:
    for step in steps:
        condition = " && ".join(filter(None, (outer, step.condition)))
        if step.goto:
            yield Edge(source, step.goto, condition, step.line)
        answers = step.params.get(ANSWER_BRANCH)
        if isinstance(answers, str):
            yield Edge(source, answers, ANSWER_BRANCH, step.line)
        yield from _ways(source, step.then, condition)
        for event, inner in step.events.items():
            yield from _ways(source, inner, event)


class _Reader:
    """Reads one script. What can only be judged once all is read is kept until then."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.names: set[str] = set(ROOTS)
        self.conditions: list[ScalarNode] = []
        self.params: list[Node] = []
        self.gotos: dict[str, ScalarNode] = {}  # by the step's path
        self.branch_nodes: dict[str, Node] = {}
        self.step_nodes: dict[str, Node] = {}

    def document(self) -> Document:
        """Raises Unreadable where nothing can be made of the text at all."""
        root = self.script.root()
        if not isinstance(root, MappingNode):
            self.script.report("NOT_A_FLOW", start_of(root))
            raise Unreadable
        fields = self.script.fields(root, _TOP)
        description = (
            self.script.text(fields["description"][1], "description") if "description" in fields else ""
        )
        self._mapping(fields, "compat")
        variables = self._variables(fields)
        defaults = self._mapping(fields, "defaults")
        document = Document(description, variables, defaults, self._branches(root, fields))
        self._check_expressions()
        self._check_ways(document)
        return document

    def _mapping(self, fields: Fields, key: str) -> dict[str, Any]:
        value = self.script.plain(fields[key][1]) if key in fields else None
        if isinstance(value, dict) or value is None:
            return value or {}
        self.script.report("NOT_A_MAPPING", start_of(fields[key][1]), key=key)
        return {}

    def _variables(self, fields: Fields) -> dict[str, Any]:
        variables = self._mapping(fields, "variables")
        nodes = self.script.fields(fields["variables"][1]) if variables else {}
        for name, (key, value) in nodes.items():
            if not _VARIABLE.fullmatch(name):
                self.script.report("VARIABLE_NAME", start_of(key), name=excerpt(name))
            elif expressions.has_expression(variables[name]):
                self.script.report("VARIABLE_EXPRESSION", start_of(value), name=name)
        self.names |= set(variables)
        return {name: UNDEFINED if value == "undefined" else value for name, value in variables.items()}

    def _branches(self, root: Node, fields: Fields) -> dict[str, Branch]:
        if "branches" not in fields:
            self.script.report("NO_BRANCHES", start_of(root))
            return {}
        key, value = fields["branches"]
        named = self._named(value, "branches", "BRANCH_NAME")
        if not named:
            self.script.report("NO_BRANCHES", start_of(key))
        elif not any(name in STARTS for name in named):
            self._report_no_start(key, named)
        self.branch_nodes = {name: label for name, (label, _) in named.items()}
        return {name: self._branch(name, label, node) for name, (label, node) in named.items()}

    def _report_no_start(self, key: Node, named: Fields) -> None:
        found = ((name, near) for name in named if (near := nearest(name, STARTS)))
        written, near = next(found, ("", ""))
        self.script.report("NO_START", start_of(key), written=excerpt(written), nearest=near)

    def _named(self, node: Node, key: str, wrong_name: str) -> Fields:
        """The fields of a mapping whose names are free, but may be part of a path."""
        if isinstance(node, MappingNode):
            fields = self.script.fields(node)
            for name, (label, _) in fields.items():
                if not _NAME.fullmatch(name):
                    self.script.report(wrong_name, start_of(label), name=excerpt(name), most=_LONGEST_NAME)
            return fields
        if not _is_null(node):
            self.script.report("NOT_A_MAPPING", start_of(node), key=key)
        return {}

    def _branch(self, name: str, label: Node, node: Node) -> Branch:
        line, _ = self.script.place(start_of(label))
        key: Node | None = label
        if isinstance(node, MappingNode):  # else a bare list of steps
            key, node = self.script.fields(node, ("actions",)).get("actions", (None, node))
        steps = self._steps(node, name, "actions") if key else ()
        if not steps:
            self.script.report("EMPTY_BRANCH", start_of(label), branch=excerpt(name))
        return Branch(name, line, steps)

    def _steps(self, node: Node, prefix: str, key: str) -> tuple[Step, ...]:
        if not isinstance(node, SequenceNode):
            if not _is_null(node):
                self.script.report("NOT_A_LIST", start_of(node), key=key)
            return ()
        return tuple(self._step(each, f"{prefix}.{number}") for number, each in enumerate(node.value, 1))

    def _step(self, node: Node, path: str) -> Step:
        line, _ = self.script.place(start_of(node))
        if not isinstance(node, MappingNode):
            self.script.report("STEP_FORM", start_of(node))
            return Step(path, line)
        self.step_nodes[path] = node
        fields = self.script.fields(node, _STEP)
        self._check_shape(node, fields)
        action = self._action(fields)
        return Step(
            path=path,
            line=line,
            condition=self._condition(fields),
            action=action,
            params=self._params(fields, action),
            result=self._result(fields),
            goto=self._goto(fields, path),
            then=self._steps(fields["then"][1], path, "then") if "then" in fields else (),
            events=self._events(fields, path),
        )

    def _check_shape(self, node: Node, fields: Fields) -> None:
        """A step does exactly one thing."""
        does = [key for key in fields if key in ("action", "goto", "then")]
        if not does:
            self.script.report("STEP_EMPTY", start_of(node))
        elif len(does) > 1:
            self.script.report("STEP_TWICE", start_of(fields[does[1]][0]), first=does[0], second=does[1])
        if "then" in does and "if" not in fields:
            self.script.report("NOTHING_DECIDES", start_of(fields["then"][0]))
        for key in ("params", "result", "events"):
            if does and "action" not in does and key in fields:
                self.script.report("NEEDS_ACTION", start_of(fields[key][0]), key=key)

    def _condition(self, fields: Fields) -> str:
        if "if" not in fields:
            return ""
        key, node = fields["if"]
        text = self.script.text(node, "if")
        if _is_null(node):
            self.script.report("EMPTY_EXPRESSION", start_of(key))
        elif text.startswith("${{"):
            bare = text.removeprefix("${{").removesuffix("}}").strip()
            self.script.report("IF_BRACES", start_of(node), quoted=quoted(excerpt(bare)))
        elif isinstance(node, ScalarNode):
            self.conditions.append(node)
        return text

    def _action(self, fields: Fields) -> str:
        if "action" not in fields:
            return ""
        node = fields["action"][1]
        action = self.script.text(node, "action")
        if action == actions.JAVASCRIPT:
            self.script.report("JAVASCRIPT", start_of(node))
        elif action not in actions.KNOWN:
            facts = {"known": ", ".join(sorted(actions.KNOWN)), "nearest": nearest(action, actions.KNOWN)}
            self.script.report("UNKNOWN_ACTION", start_of(node), action=excerpt(action), **facts)
        return action

    def _params(self, fields: Fields, action: str) -> dict[str, Any]:
        if "params" not in fields:
            self._report_params(actions.check(action, {}), fields)
            return {}
        _, node = fields["params"]
        params = self.script.plain(node)
        if not isinstance(params, dict | None):
            self.script.report("PARAMS_FORM", start_of(node), action=excerpt(action))
            return {}
        self.params.append(node)
        self._report_params(actions.check(action, params or {}), fields)
        return params or {}

    def _report_params(self, wrongs: list[actions.Wrong], fields: Fields) -> None:
        """Each at its value; what is missing where it would stand."""
        for wrong in wrongs:
            label, node = fields.get("params") or fields["action"]
            place = _found(node, wrong.path) if wrong.path else label
            self.script.report(wrong.code, start_of(place), **wrong.facts)

    def _result(self, fields: Fields) -> str:
        if "result" not in fields:
            return ""
        node = fields["result"][1]
        name = self.script.text(node, "result")
        if not _VARIABLE.fullmatch(name):
            self.script.report("RESULT_NAME", start_of(node), name=excerpt(name))
        self.names.add(name)
        return name

    def _goto(self, fields: Fields, path: str) -> str:
        if "goto" not in fields:
            return ""
        key, node = fields["goto"]
        branch = (
            self.script.fields(node, ("branch",)).get("branch") if isinstance(node, MappingNode) else None
        )
        if not branch or not isinstance(branch[1], ScalarNode) or _is_null(branch[1]):
            self.script.report("GOTO_FORM", start_of(node if isinstance(node, ScalarNode) else key))
            return ""
        self.gotos[path] = branch[1]
        return self.script.text(branch[1], "branch")

    def _events(self, fields: Fields, path: str) -> dict[str, tuple[Step, ...]]:
        if "events" not in fields:
            return {}
        named = self._named(fields["events"][1], "events", "EVENT_NAME")
        return {name: self._steps(node, f"{path}.{name}", name) for name, (_, node) in named.items()}

    def _check_expressions(self) -> None:
        texts = chain.from_iterable(map(self.script.texts, self.params))
        found: list[tuple[ScalarNode, _Check, int]] = [
            *((node, expressions.check, 1) for node in self.conditions),
            *((node, expressions.check_template, expressions.count(node.value)) for node in texts),
        ]
        seen = 0
        for node, check_one, count in sorted(found, key=lambda each: start_of(each[0])):
            seen += count
            if seen > MOST_EXPRESSIONS:
                self.script.report("TOO_MANY_EXPRESSIONS", start_of(node), most=MOST_EXPRESSIONS)
                return
            self._report_expressions(node, check_one(node.value, self.names))

    def _report_expressions(self, node: ScalarNode, refusals: Iterable[expressions.Refusal]) -> None:
        for refusal in refusals:
            self.script.report(refusal.code, self.script.at(node, refusal.offset), **refusal.facts)

    def _check_ways(self, document: Document) -> None:
        branches = document.branches
        for node in self.gotos.values():
            if (name := node.value) not in branches:
                facts = {"known": ", ".join(map(excerpt, branches)), "nearest": nearest(name, branches)}
                self.script.report("UNKNOWN_BRANCH", start_of(node), branch=excerpt(name), **facts)
        for name in branches.keys() - _reached(document):
            self.script.report("UNREACHABLE_BRANCH", start_of(self.branch_nodes[name]), branch=excerpt(name))
        for branch in branches.values():
            self._check_reached(branch.steps)
        for loop in _loops(branches):
            way = " → ".join(excerpt(step.goto) for step in (loop[-1], *loop))
            self.script.report("ENDLESS_LOOP", start_of(self.gotos[loop[0].path]), branches=way)
        for goto, names in _texting_rounds(branches):
            way, most = " → ".join(map(excerpt, names)), actions.MOST_TEXTS_EACH
            self.script.report("TEXTS_AGAIN", start_of(self.gotos[goto.path]), branches=way, most=most)

    def _check_reached(self, steps: tuple[Step, ...]) -> None:
        """What follows a goto that is always taken is never reached."""
        leaves = False
        for step in steps:
            if leaves:
                self.script.report("UNREACHABLE_STEP", start_of(self.step_nodes[step.path]))
                return
            leaves = bool(step.goto and not step.condition)
            for inner in (step.then, *step.events.values()):
                self._check_reached(inner)


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _found(node: Node, path: tuple[str | int, ...]) -> Node:
    """The node at the end of this way through mappings and lists; for a name that is not known, its key."""
    key, *rest = path
    if isinstance(node, SequenceNode) and isinstance(key, int):
        return _found(node.value[key], tuple(rest)) if rest else node.value[key]
    for label, value in node.value:
        if label.value == key:
            return _found(value, tuple(rest)) if rest else value
    return node


def _reached(document: Document) -> set[str]:
    """The branches that something leads to."""
    ahead: dict[str, list[str]] = {}
    for edge in document.edges():
        ahead.setdefault(edge.source, []).append(edge.target)
    reached: set[str] = set()
    waiting = [*STARTS, HANGUP]
    while waiting:
        if (name := waiting.pop()) not in reached:
            reached.add(name)
            waiting += ahead.get(name, [])
    return reached


def _loops(branches: Mapping[str, Branch]) -> Iterator[list[Step]]:
    """Rounds that nothing ever leaves: their gotos, from the branch that comes first."""
    ahead = {name: step for name, branch in branches.items() if (step := _certain(branch.steps))}
    seen: set[str] = set()
    for first in ahead:
        way: list[str] = []
        name = first
        while name in ahead and name not in seen:
            seen.add(name)
            way.append(name)
            name = ahead[name].goto
        if name in way:
            yield [ahead[each] for each in way[way.index(name) :]]


def _certain(steps: tuple[Step, ...]) -> Step | None:
    """The goto that a branch always ends with; None where it may end otherwise."""
    first = next(filter(_leads_away, steps), None)
    return first if first and first.goto and not first.condition else None


def _leads_away(step: Step) -> bool:
    return bool(step.goto) or any(map(_leads_away, chain(step.then, *step.events.values())))


def _texting_rounds(branches: Mapping[str, Branch]) -> Iterator[tuple[Step, list[str]]]:
    """Rounds of gotos that text on their way, one at most for each branch: the goto after the text, and the branches
    of the round."""
    ahead = {name: [step.goto for step in _gotos(branch.steps)] for name, branch in branches.items()}
    told: set[str] = set()
    for name, branch in branches.items():
        for goto in _after_texts(branch.steps)[0]:
            if name not in told and (way := _way(ahead, goto.goto, name)):
                told |= set(way)
                yield goto, [name, *way]


def _gotos(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        if step.goto:
            yield step
        for inner in (step.then, *step.events.values()):
            yield from _gotos(inner)


def _after_texts(steps: tuple[Step, ...], has_texted: bool = False) -> tuple[list[Step], bool]:
    """The gotos that may come after a text was sent, and whether one may have been where these steps go nowhere."""
    found: list[Step] = []
    for step in steps:
        has_texted |= step.action == actions.SMS
        if step.goto and has_texted:
            found.append(step)
        if step.goto and not step.condition:
            return found, False
        for inner in (step.then, *step.events.values()):
            more, texts = _after_texts(inner, has_texted)
            found += more
            has_texted |= texts
    return found, has_texted


def _way(ahead: Mapping[str, list[str]], start: str, end: str) -> list[str]:
    """The shortest way from one branch to another, with both; [] for none."""
    before = {start: ""}
    waiting = [start]
    for name in waiting:  # which grows meanwhile
        for target in ahead.get(name, ()):
            if target not in before:
                before[target] = name
                waiting.append(target)
    way: list[str] = []
    name = end if end in before else ""
    while name:
        way.append(name)
        name = before[name]
    return way[::-1]
