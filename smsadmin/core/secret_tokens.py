"""Tokens that programs show to be let in: <word>_<prefix>_<secret>.

Scanners of source code know them by their word. The prefix finds the row; the secret has 256 random bits, so one round
of SHA-256 hides it, and nobody guesses it.
"""

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass
from functools import cached_property

_SIGNS = string.ascii_letters + string.digits
_PREFIX, _SECRET = 8, 43  # 43 of 62 signs: more than 256 bits


@dataclass(frozen=True)
class Kind:
    """The tokens that begin with this word."""

    word: str

    @cached_property
    def form(self) -> re.Pattern[str]:
        return re.compile(rf"{self.word}_([0-9A-Za-z]{{{_PREFIX}}})_[0-9A-Za-z]{{{_SECRET}}}", re.ASCII)

    def make(self) -> tuple[str, str, str]:
        """A new token: its prefix, what is kept to know it again, and the token itself."""
        prefix = _random(_PREFIX)
        token = f"{self.word}_{prefix}_{_random(_SECRET)}"
        return prefix, _hash(token), token

    def keep(self, token: str) -> tuple[str, str]:
        """The prefix and what is kept of a token that there is already. Raises ValueError for what is none."""
        if not (prefix := self.prefix(token)):
            raise ValueError(f"This is no token of the form {self.word}_….")
        return prefix, _hash(token)

    def prefix(self, token: str) -> str | None:
        """The part that finds its row; None for what is no token of this kind."""
        read = self.form.fullmatch(token)
        return read[1] if read else None


def matches(token: str, kept: str) -> bool:
    """Whether this is the token of which `kept` was kept; takes as long for any other."""
    return hmac.compare_digest(kept, _hash(token))


def _random(signs: int) -> str:
    return "".join(secrets.choice(_SIGNS) for _ in range(signs))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
