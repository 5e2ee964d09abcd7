"""Placeholders of Synthflow's texts as our tokens. Three notations are about: {date} of its variables, <date> of custom
actions and texts during a call, and {{date}} of its vendor's own files.

Only a name in brackets is a placeholder: braces and angle brackets around anything else are part of the text.
"""

import re
from dataclasses import dataclass

from smsadmin.actions.calls import CALL_ID, PHONE
from smsadmin.core import tokens

#: What Synthflow itself fills in, and what our texts call it.
SYSTEM = {"user_phone_number": PHONE, "call_id": CALL_ID}
#: Its others; our texts have nothing that is always the same.
OTHER_SYSTEM = frozenset({"from_phone_number", "to_phone_number", "twilio_call_sid", "sms_reply"})

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


def convert(text: str) -> Converted:
    """The text with our tokens in place of every placeholder."""
    names: dict[str, str] = {}

    def token(found: re.Match[str]) -> str:
        theirs = next(filter(None, found.groups()))
        names[theirs] = ours = SYSTEM.get(theirs, theirs)
        return "{{" + ours + "}}"

    converted = _PLACEHOLDER.sub(token, text)
    try:
        tokens.parse(converted)
    except tokens.TemplateError as error:
        return Converted(converted, names, str(error))
    return Converted(converted, names)
