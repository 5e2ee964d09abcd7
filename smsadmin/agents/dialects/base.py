"""What a dialect is: how a platform's request is read, and in which form it wants its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from smsadmin.agents.running import Answer, Arguments, CallFacts
from smsadmin.core import strict_json

Json = dict[str, Any]
NO_CALL = CallFacts()


class Unreadable(ValueError):
    """A body that is none of the dialect's; the text says what belongs there, to who set the platform up."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a tool that a request asks for. `name` is the tool's as the body has it, "" where it names none;
    `external_id` the platform's own id of it."""

    name: str
    arguments: Arguments
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: in which order, and in which call."""

    uses: Sequence[Use]
    call: CallFacts = NO_CALL


@dataclass(frozen=True, slots=True)
class Done:
    """A use and what came of it. `known`: there is such a tool. `fault`: the HTTP status of a fault of ours, where
    nothing else came of it."""

    use: Use
    answer: Answer
    known: bool = True
    fault: int = 0


class Dialect(Protocol):
    """`mixed`: arguments and what is known of the call stand in one object. `always_200`: the platform reads no answer
    of another status."""

    mixed: bool
    always_200: bool

    def read(self, payload: Any, *, in_url: bool) -> Asked:
        """What the body asks for; `in_url`: the address names the tool. Raises Unreadable."""

    def write(self, done: Sequence[Done], payload: Any) -> tuple[int, Json]:
        """The HTTP status and the body of the answer, uses in the order in which they were read."""

    def failed(self, answer: Answer) -> Json:
        """The body of the answer where nothing of the request could be dealt with."""


def text(value: Any) -> str:
    """An id or a number as text; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()


def member(value: Any, *names: str) -> Any:
    """What stands under these names, one inside the other; None where there is no such thing."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def first_text(*values: Any) -> str:
    """The first of them that is one."""
    return next(filter(None, map(text, values)), "")


def arguments(value: Any) -> Arguments:
    """An object, or the JSON text of one; nothing is an object without members. None for what is neither."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = strict_json.read(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def one_line(words: str) -> str:
    return " ".join(words.split())
