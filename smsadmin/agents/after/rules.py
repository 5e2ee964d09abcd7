"""The rules by which actions are sent after a call: all or any of some conditions over what is known of it.

A rule is stored as JSON, {"match": "all" | "any", "conditions": [{"fact", "test", "name", "value"}]}; {} always holds,
and UNWRITTEN never does.
Conditions in free words are not among them: only who hears the call can judge those, which is the agent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from smsadmin.agents.after.story import Story, alike, plain
from smsadmin.providers.told import mapping, text

#: A rule with more conditions than this is nobody's to read.
MOST_CONDITIONS = 12
#: Characters of a name or of a value to compare with.
MOST_CHARACTERS = 120

#: What is stored until somebody has written a rule, or said that there is to be none.
UNWRITTEN = {"unwritten": True}

Words = str | Promise


class Fact(StrEnum):
    STATUS = "status"
    END_REASON = "end_reason"
    DURATION = "duration"
    DIRECTION = "direction"
    ACTION = "action"  # executed by the platform, by its name
    VARIABLE = "variable"  # collected in the call, or returned by one of its actions


class Test(StrEnum):
    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    PRESENT = "present"
    ABSENT = "absent"
    FAILED = "failed"
    TRUE = "true"


#: Which tests go with which fact, in the order in which they are offered: the words of the choice, and those of a
#: sentence.
TESTS: Mapping[Fact, Mapping[Test, tuple[Words, Words]]] = {
    Fact.STATUS: {
        Test.IS: (gettext_lazy("Status: is"), gettext_lazy("the status is “%(value)s”")),
        Test.IS_NOT: (gettext_lazy("Status: is not"), gettext_lazy("the status is not “%(value)s”")),
        Test.CONTAINS: (gettext_lazy("Status: contains"), gettext_lazy("the status contains “%(value)s”")),
    },
    Fact.END_REASON: {
        Test.IS: (gettext_lazy("End reason: is"), gettext_lazy("the end reason is “%(value)s”")),
        Test.IS_NOT: (gettext_lazy("End reason: is not"), gettext_lazy("the end reason is not “%(value)s”")),
        Test.CONTAINS: (
            gettext_lazy("End reason: contains"),
            gettext_lazy("the end reason contains “%(value)s”"),
        ),
    },
    Fact.DURATION: {
        Test.AT_LEAST: (
            gettext_lazy("Duration: at least (seconds)"),
            gettext_lazy("it lasted %(value)s s or longer"),
        ),
        Test.AT_MOST: (
            gettext_lazy("Duration: at most (seconds)"),
            gettext_lazy("it lasted %(value)s s or shorter"),
        ),
    },
    Fact.DIRECTION: {
        Test.IS: (
            gettext_lazy("Direction: is (inbound or outbound)"),
            gettext_lazy("the direction is “%(value)s”"),
        )
    },
    Fact.ACTION: {
        Test.PRESENT: (
            gettext_lazy("Action: was executed"),
            gettext_lazy("the action “%(name)s” was executed"),
        ),
        Test.ABSENT: (
            gettext_lazy("Action: was not executed"),
            gettext_lazy("the action “%(name)s” was not executed"),
        ),
        Test.FAILED: (gettext_lazy("Action: failed"), gettext_lazy("the action “%(name)s” failed")),
    },
    Fact.VARIABLE: {
        Test.IS: (
            gettext_lazy("Variable: is"),
            gettext_lazy("the variable “%(name)s” is “%(value)s”"),
        ),
        Test.CONTAINS: (
            gettext_lazy("Variable: contains"),
            gettext_lazy("the variable “%(name)s” contains “%(value)s”"),
        ),
        Test.TRUE: (gettext_lazy("Variable: is true"), gettext_lazy("the variable “%(name)s” is true")),
        Test.PRESENT: (
            gettext_lazy("Variable: is there"),
            gettext_lazy("the variable “%(name)s” is there"),
        ),
        Test.ABSENT: (
            gettext_lazy("Variable: is not there"),
            gettext_lazy("the variable “%(name)s” is not there"),
        ),
    },
}
#: What is asked by name, and which tests compare with a value.
NAMED = frozenset({Fact.ACTION, Fact.VARIABLE})
COMPARING = frozenset({Test.IS, Test.IS_NOT, Test.CONTAINS, Test.AT_LEAST, Test.AT_MOST})
#: The words of a call's direction.
DIRECTIONS: Mapping[str, Words] = {
    "inbound": pgettext_lazy("direction of a call", "inbound"),
    "outbound": pgettext_lazy("direction of a call", "outbound"),
}
#: What counts as true where a variable holds a word.
_TRUE = frozenset({"true", "yes", "y", "1", "on", "ja", "wahr"})


class RuleError(ValueError):
    """What is stored is no rule; says why."""


class UnwrittenError(RuleError):
    """No rule was written yet."""


@dataclass(frozen=True, slots=True)
class Condition:
    fact: Fact
    test: Test
    name: str = ""
    value: str = ""

    def as_json(self) -> dict[str, str]:
        return {"fact": self.fact, "test": self.test, "name": self.name, "value": self.value}


@dataclass(frozen=True, slots=True)
class Rule:
    """One without conditions always holds."""

    conditions: tuple[Condition, ...] = ()
    any: bool = False

    def as_json(self) -> dict[str, Any]:
        """What is stored: {} where it always holds."""
        if not self.conditions:
            return {}
        match = "any" if self.any else "all"
        return {"match": match, "conditions": [each.as_json() for each in self.conditions]}


@dataclass(frozen=True, slots=True)
class Seen:
    """A condition, whether it holds, and the value that was seen: None where nobody told any."""

    condition: Condition
    holds: bool
    value: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    holds: bool
    seen: tuple[Seen, ...] = ()

    def as_json(self) -> list[dict[str, Any]]:
        """The conditions, as AgentCall.told keeps them beside `holds`."""
        return [{**each.condition.as_json(), "holds": each.holds, "seen": each.value} for each in self.seen]


def read(stored: Any) -> Rule:
    """The rule that is stored. Raises RuleError, UnwrittenError where there is none yet."""
    if stored == {}:
        return Rule()
    if is_unwritten(stored):
        raise UnwrittenError("no rule was written yet")
    found = mapping(stored)
    conditions = found.get("conditions")
    if found.get("match") not in ("all", "any") or not isinstance(conditions, list):
        raise RuleError("a rule has match (all or any) and conditions")
    return Rule(tuple(map(_condition, conditions)), any=found["match"] == "any")


def is_unwritten(stored: Any) -> bool:
    """Whether somebody still has to write it. Until then nothing is sent by it."""
    return bool(stored == UNWRITTEN)


def _condition(stored: Any) -> Condition:
    found = mapping(stored)
    try:
        fact, test = Fact(found.get("fact", "")), Test(found.get("test", ""))
    except ValueError as error:
        raise RuleError(str(error)) from error
    condition = Condition(fact, test, text(found.get("name")), text(found.get("value")))
    if test not in TESTS[fact] or (fact in NAMED and not condition.name):
        raise RuleError(f"{fact} cannot be asked {test}")
    if fact == Fact.DURATION and not condition.value.isdecimal():
        raise RuleError("a duration is compared with a whole number of seconds")
    return condition


# --- For people ---------------------------------------------------------------------------------------


def words(stored: Any) -> str:
    """A stored rule in a sentence, in the reader's language."""
    try:
        rule = read(stored)
    except UnwrittenError:
        return _("No rule was written yet, so nothing is sent by it: write one.")
    except RuleError:
        return _("The rule cannot be read: write it anew.")
    if not rule.conditions:
        return _("After every call that has ended.")
    parts = "; ".join(map(condition_words, rule.conditions))
    if len(rule.conditions) == 1:
        return _("Where this holds: %(condition)s.") % {"condition": parts}
    if rule.any:
        return _("Where one of these holds: %(conditions)s.") % {"conditions": parts}
    return _("Where all of these hold: %(conditions)s.") % {"conditions": parts}


def condition_words(condition: Condition) -> str:
    """One condition, as a part of a sentence."""
    _choice, sentence = TESTS[condition.fact][condition.test]
    value = str(DIRECTIONS.get(condition.value, condition.value))
    return str(sentence) % {"name": condition.name, "value": value}


def stored_words(stored: Mapping[str, Any]) -> str:
    """The words of a stored condition whose values may be masked; "" for what is none."""
    try:
        fact, test = Fact(stored.get("fact", "")), Test(stored.get("test", ""))
    except ValueError:
        return ""
    if test not in TESTS[fact]:
        return ""
    return condition_words(Condition(fact, test, text(stored.get("name")), text(stored.get("value"))))


# --- Judged -------------------------------------------------------------------------------------------


def judge(stored: Any, story: Story) -> Verdict:
    """Whether a stored rule holds for a call, with what each condition saw. What nobody told meets no condition but
    that it is not there. Raises RuleError."""
    rule = read(stored)
    seen = tuple(_seen(each, story) for each in rule.conditions)
    held = [each.holds for each in seen]
    return Verdict(any(held) if rule.any and held else all(held), seen)


def _seen(condition: Condition, story: Story) -> Seen:
    value = _VALUES[condition.fact](condition.name, story)
    return Seen(condition, _holds(condition, value, story), None if value is None else plainly(value))


#: What a condition looks at; None where nobody told it.
_VALUES: Mapping[Fact, Callable[[str, Story], Any]] = {
    Fact.STATUS: lambda name, story: story.status or None,
    Fact.END_REASON: lambda name, story: story.end_reason or None,
    Fact.DURATION: lambda name, story: story.duration,
    Fact.DIRECTION: lambda name, story: story.direction or None,
    Fact.ACTION: lambda name, story: found.error if (found := story.executed(name)) else None,
    Fact.VARIABLE: lambda name, story: story.value(name),
}


def _holds(condition: Condition, value: Any, story: Story) -> bool:
    if condition.test == Test.ABSENT:
        return value is None
    return value is not None and _COMPARED[condition.test](value, condition.value)


_COMPARED: Mapping[Test, Callable[[Any, str], bool]] = {
    Test.IS: alike,
    Test.IS_NOT: lambda value, wanted: not alike(value, wanted),
    Test.CONTAINS: lambda value, wanted: plain(wanted) in plain(value),
    Test.AT_LEAST: lambda value, wanted: value >= int(wanted),
    Test.AT_MOST: lambda value, wanted: value <= int(wanted),
    Test.PRESENT: lambda value, wanted: True,
    Test.FAILED: lambda value, wanted: bool(value),
    Test.TRUE: lambda value, wanted: plain(value) in _TRUE,
}


def plainly(value: object) -> str:
    """A value as a page shows it."""
    return (str(value).lower() if isinstance(value, bool) else str(value))[:MOST_CHARACTERS]
