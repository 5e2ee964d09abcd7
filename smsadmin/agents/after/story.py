"""What is known of a call that is over: the facts that rules ask for and texts are filled from.

Neither what was said in it nor where it was recorded is among them, so neither is ever kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from smsadmin.agents.variables import spelt
from smsadmin.providers.told import mapping, text

Scalar = str | int | float | bool

#: The facts that have columns of their own in AgentCall, which hold nothing but what is proven.
FACTS = ("status", "end_reason", "direction", "party", "number", "duration")

#: As many actions and values of a call are kept at most, and so many characters of each.
MOST_ACTIONS, MOST_VALUES, MOST_CHARACTERS = 50, 100, 500


@dataclass(frozen=True, slots=True)
class Executed:
    """An action that the platform carried out in a call: "" for no error, and what it returned, by name."""

    name: str
    error: str = ""
    values: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Story:
    """The facts of a call; "" or None where nobody said. `is_over`: the platform says that it has ended; `is_whole`:
    it has no more to tell of it; `agent_id`: whose call it is, as the platform calls that agent."""

    status: str = ""
    end_reason: str = ""
    direction: str = ""  # inbound, outbound
    party: str = ""
    number: str = ""
    duration: int | None = None  # seconds
    actions: tuple[Executed, ...] = ()
    variables: Mapping[str, Scalar] = field(default_factory=dict)
    agent_id: str = ""
    is_over: bool = True
    is_whole: bool = True

    def value(self, name: str) -> Scalar | None:
        """What was collected under a name; else what an action returned under it; None for nothing. Where nothing has
        the very name, it may be spelt otherwise."""
        told = [self.variables, *(each.values for each in reversed(self.actions))]
        if exact := next((values for values in told if name in values), None):
            return exact[name]
        pairs = ((each, value) for values in told for each, value in values.items())
        return next((value for each, value in pairs if _key(each) == _key(name)), None)

    def executed(self, name: str) -> Executed | None:
        """The action of this name, as the platform carried it out last."""
        return next((each for each in reversed(self.actions) if alike(each.name, name)), None)

    def after(self, earlier: "Story") -> Self:
        """What is known once both were told: what the earlier one alone said stays."""
        kept = (*FACTS, "agent_id")
        names = {each.name for each in self.actions}
        return replace(
            self,
            **{name: getattr(self, name) or getattr(earlier, name) for name in kept},
            actions=(*(each for each in earlier.actions if each.name not in names), *self.actions),
            variables={**earlier.variables, **self.variables},
            is_over=self.is_over or earlier.is_over,
            is_whole=self.is_whole or earlier.is_whole,
        )

    def as_json(self) -> dict[str, Any]:
        """What AgentCall.told keeps; the rest has columns of its own."""
        return {
            "actions": [
                {"name": each.name, "error": each.error, "values": dict(each.values)} for each in self.actions
            ],
            "variables": dict(self.variables),
            "agent_id": self.agent_id,
            "over": self.is_over,
            "whole": self.is_whole,
        }

    @classmethod
    def proven(cls, call: Any) -> Self:
        """The facts of an AgentCall that are proven, whoever told them: nothing of what it keeps besides."""
        return cls(**{name: getattr(call, name) for name in FACTS}, is_over=False, is_whole=False)

    @classmethod
    def of(cls, call: Any) -> Self:
        """The story that an AgentCall keeps. Facts that are not proven are in it where no proven one is."""
        told = mapping(call.told)
        actions, facts = told.get("actions"), mapping(told.get("facts"))
        kept = cls(
            **{name: facts[name] for name in FACTS if name in facts},
            actions=tuple(
                Executed(text(each.get("name")), text(each.get("error")), scalars(each.get("values")))
                for each in (actions if isinstance(actions, list) else [])
            ),
            variables=scalars(told.get("variables")),
            agent_id=text(told.get("agent_id")),
            is_over=bool(told.get("over")),
            is_whole=bool(told.get("whole")),
        )
        return cls.proven(call).after(kept)


def scalars(value: Any) -> dict[str, Scalar]:
    """The values in JSON by their names, those in objects and lists as in "slot.date" and "slots.0.date"; as many as
    are kept."""
    found: dict[str, Scalar] = {}
    _gather(value, "", found, levels=4)
    return found


def _gather(value: Any, path: str, found: dict[str, Scalar], levels: int) -> None:
    if isinstance(value, dict | list) and levels:
        for name, each in value.items() if isinstance(value, dict) else enumerate(value):
            _gather(each, f"{path}.{name}" if path else str(name), found, levels - 1)
    elif path and len(found) < MOST_VALUES and isinstance(value, str | int | float):
        found[path[:120]] = value[:MOST_CHARACTERS] if isinstance(value, str) else value


def _key(name: str) -> list[str]:
    """The form in which names of values are compared, part by part: Slot.StartDate and slot.start_date are one."""
    return [spelt(part) or plain(part) for part in name.split(".")]


def alike(one: object, other: object) -> bool:
    """Whether two words are the same, however they are spelt: platforms write no-answer, no_answer and "No answer"."""
    return plain(one) == plain(other)


def plain(value: object) -> str:
    """A value as it is compared."""
    word = str(value).lower() if isinstance(value, bool) else str(value)
    return " ".join(word.casefold().replace("_", " ").replace("-", " ").split())
