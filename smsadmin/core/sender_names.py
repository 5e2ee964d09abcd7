"""What may stand in place of a number as the sender of a text (Callr: SMS senders).

Up to 11 letters, digits, spaces, dashes and underscores, at least one of them a letter.
"""

import re
from typing import Literal

MOST = 11

Fault = Literal["", "empty", "characters", "too_long", "no_letter"]

_CHARACTERS = re.compile(r"[A-Za-z0-9 _-]*")
_LETTER = re.compile(r"[A-Za-z]")
#: What all countries that take names take, as far as the help pages of several providers say.
_SAFEST = re.compile(r"[A-Za-z0-9 ]{3,11}")


def fault(name: str) -> Fault:
    """Why it cannot be a sender's name; "" where it can. White space around it is part of it."""
    if not name:
        return "empty"
    if not _CHARACTERS.fullmatch(name) or name != name.strip():
        return "characters"
    if len(name) > MOST:
        return "too_long"
    return "" if _LETTER.search(name) else "no_letter"


def is_safest(name: str) -> bool:
    """Whether it is written as every country takes names: 3 to 11 letters, digits and spaces."""
    return bool(_SAFEST.fullmatch(name))
