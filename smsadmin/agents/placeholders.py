"""Placeholders of Synthflow's texts as our tokens. Three notations are about: {date} of its variables, <date> of custom
actions and texts during a call, and {{date}} of its vendor's own files.

Only a name in brackets is a placeholder: braces and angle brackets around anything else are part of the text. A
variable there whose name means something else in our texts gets another one: {phone} is whatever an agent was told to
say, and {{phone}} is the number of whom it talks with.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from itertools import count

from smsadmin.actions.calls import CALL_ID, PHONE
from smsadmin.actions.models import ObjectType
from smsadmin.agents.after.filling import NAMED
from smsadmin.agents.variables import TOLD_RECIPIENT, key_of
from smsadmin.core import tokens

#: What Synthflow itself fills in, and what our texts call it.
SYSTEM = {"user_phone_number": PHONE, "call_id": CALL_ID}
#: Its others; our texts have nothing that is always the same.
OTHER_SYSTEM = frozenset({"from_phone_number", "to_phone_number", "twilio_call_sid", "sms_reply"})

#: What our texts name so is known of every call, whatever an agent says.
_MEANT = frozenset(key_of(name, ObjectType.CALL) for name in (*NAMED, CALL_ID, TOLD_RECIPIENT))

_NAME = r"[^\W\d]\w*(?:\.\w+)*"
_WORDS = r"[^\W\d]\w*(?:[ .-]\w+)*"
_PLACEHOLDER = re.compile(
    rf"\{{\{{\s*(?P<double>{_WORDS})\s*\}}\}}|\{{\s*(?P<single>{_WORDS})\s*\}}|<\s*(?P<angle>{_NAME})\s*>"
)


@dataclass(frozen=True, slots=True)
class Converted:
    """A text with our tokens, the names that it takes by their placeholders' ones, and why it cannot be used: "" where
    it can."""

    text: str
    names: dict[str, str]
    problem: str = ""

    @property
    def renamed(self) -> dict[str, str]:
        """The names of those that are called otherwise here, by their placeholders' ones."""
        return {theirs: ours for theirs, ours in self.names.items() if ours != SYSTEM.get(theirs, theirs)}


def convert(text: str) -> Converted:
    """The text with our tokens in place of every placeholder."""
    theirs = list(dict.fromkeys(map(_name, _PLACEHOLDER.finditer(text))))
    taken = set(map(_key, theirs))
    names = {each: SYSTEM.get(each) or _free(each, taken) for each in theirs}
    converted = _PLACEHOLDER.sub(lambda found: "{{" + names[_name(found)] + "}}", text)
    try:
        tokens.parse(converted)
    except tokens.TemplateError as error:
        return Converted(converted, names, str(error))
    return Converted(converted, names)


def _name(found: re.Match[str]) -> str:
    return next(filter(None, found.groups()))


def _free(theirs: str, taken: Container[tuple[str, str]]) -> str:
    """The name, numbered where ours of that name means something else."""
    if _key(theirs) not in _MEANT:
        return theirs
    numbered = (f"{theirs}_{number}" for number in count(2))
    return next(each for each in numbered if _key(each) not in taken)


def _key(name: str) -> tuple[str, str]:
    return key_of(name, ObjectType.CALL)
