"""What an action's text leaves open, and who says it in each attachment: the agent, or the attachment itself.

The parts of a path are compared as tokens compare names: a text that spells a property differently in its next version
keeps its settings.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from smsadmin.actions.calls import CALL_ID
from smsadmin.actions.models import ActionVersion, ObjectType
from smsadmin.core import tokens
from smsadmin.sending.resolve import INPUTS

#: What calls carry beside the arguments (dialects.flat): the platform says it, and no agent.
CALL_FACTS = frozenset(
    {
        *("call_id", "twilio_call_sid", "direction"),
        *("user_phone_number", "from_phone_number", "to_phone_number"),
    }
)
#: No variable can be called so. Besides, what requests have at their root: the number and the tool (dialects.flat), the
#: arguments and the call (dialects.retell).
RESERVED = CALL_FACTS | {"to", "tool", "args", "call"}
#: How the recipient is handed over, whatever an action calls it (running.config_of).
RECIPIENT = "recipient"
TOLD_RECIPIENT = f"{INPUTS}.{RECIPIENT}"
NAME = re.compile(r"[a-z0-9_]{1,64}")
MOST_NAME = 64

_EDGES = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Need:
    """A property that an action names: its path, what an agent calls it unless its attachment says otherwise, and how
    people read it. `is_text`: it stands in the text alone; else it decides about the sender or the user. `has_default`:
    its tokens say what stands there without a value."""

    path: str
    name: str
    label: str
    is_text: bool
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """Who says a value: of "fixed" it is `value`; of "agent" the others say what the agent reads about it. "nobody"
    is the property of a sender or user that the attachment does not open to the agent."""

    source: Literal["agent", "fixed", "nobody"]
    name: str
    value: str = ""
    description: str = ""
    example: str = ""
    required: bool = True


def needed(version: ActionVersion) -> list[Need]:
    """Every property that the action names but the recipient, in the order of its text; each has a name of its own."""
    found: dict[tuple[str, str], _Use] = {}
    for path in (version.sender_property, version.send_as_property):
        if path:
            found.setdefault(key_of(path, version.object_type), _Use(path)).is_text = False
    with suppress(tokens.TemplateError):
        for token in tokens.tokens(version.message):
            path = f"{token.object}.{token.property}"
            use = found.setdefault(key_of(path, version.object_type), _Use(path))
            use.has_default = use.has_default and token.fallback is not None
    for path in (version.recipient_property, TOLD_RECIPIENT):
        found.pop(key_of(path, version.object_type), None)
    if version.object_type == ObjectType.CALL:  # known of every call: nobody has to say it
        found.pop(key_of(CALL_ID, version.object_type), None)
    return list(_named(found.values()))


@dataclass(slots=True)
class _Use:
    path: str
    is_text: bool = True
    has_default: bool = True


def _named(uses: Iterable[_Use]) -> Iterable[Need]:
    taken: set[str] = set()
    for use in sorted(uses, key=lambda use: not use.is_text):
        name = free(name_of(use.path), taken)
        taken.add(name)
        yield Need(use.path, name, label_of(use.path), use.is_text, use.is_text and use.has_default)


def settings(variables: Mapping[str, Any], needs: Iterable[Need], object_type: str) -> dict[Need, Setting]:
    """Who says each of the needs, by what an attachment keeps (Attachment.variables). No two agent's ones share a
    name."""
    kept = {key_of(path, object_type): found for path, found in variables.items() if isinstance(found, dict)}
    settled: dict[Need, Setting] = {}
    taken: set[str] = set()
    for need in needs:
        setting = _setting(need, kept.get(key_of(need.path, object_type)), taken)
        if setting.source == "agent":
            taken.add(setting.name)
        settled[need] = setting
    return settled


def _setting(need: Need, kept: Mapping[str, Any] | None, taken: Collection[str]) -> Setting:
    if kept is None:
        source: Literal["agent", "nobody"] = "agent" if need.is_text else "nobody"
        return Setting(source, free(need.name, taken), required=not need.has_default)
    if kept.get("source") == "fixed":
        return Setting("fixed", need.name, value=str(kept.get("value") or ""))
    given = str(kept.get("name") or "")
    return Setting(
        "agent",
        free(given if is_name(given) else need.name, taken),
        description=str(kept.get("description") or ""),
        example=str(kept.get("example") or ""),
        required=bool(kept.get("required", not need.has_default)),
    )


def is_name(text: str) -> bool:
    """Whether an agent may call a variable so."""
    return NAME.fullmatch(text) is not None and text not in RESERVED


def name_of(path: str) -> str:
    """What an agent calls a property: Contact.FirstName is contact_first_name, and {{date}} of no object is date."""
    return spelt(label_of(path)) or "value"


def spelt(words: str) -> str:
    """The words as a name for machines, of small letters, digits and underscores; "" where nothing can be kept."""
    plain = unicodedata.normalize("NFKD", _EDGES.sub("_", words.replace("ß", "ss")))
    ascii_only = plain.encode("ascii", "ignore").decode()
    return _OTHER.sub("_", ascii_only.lower()).strip("_")[:MOST_NAME].rstrip("_")


def free(name: str, taken: Collection[str]) -> str:
    """The name, numbered where it is taken or means something else."""
    for number in count(1):
        tail = f"_{number}" if number > 1 else ""
        found = name[: MOST_NAME - len(tail)] + tail
        if found not in taken and found not in RESERVED:
            return found
    raise AssertionError  # count() has no end


def label_of(path: str) -> str:
    """How people read a path: as a text spells it."""
    return path.removeprefix(f"{tokens.ENROLLED}.")


def parts(path: str, object_type: str) -> tuple[str, str]:
    """The object and the property of a path as a record has them; the object is "" for the record itself."""
    first, dot, rest = path.partition(".")
    if not dot:
        return "", path
    return ("", rest) if _is_own(first, object_type) else (first, rest)


def key_of(path: str, object_type: str) -> tuple[str, str]:
    """The form in which paths are compared."""
    first, rest = parts(path, object_type)
    return tokens.key(first), tokens.key(rest)


def _is_own(name: str, object_type: str) -> bool:
    return tokens.key(name) in (tokens.key(tokens.ENROLLED), tokens.key(object_type))
