"""How a Twilio account is spoken to, where its documents leave that open or to choose: Connection.options with types
and defaults. docs/integrations/twilio.md says of each what is known."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

#: The longest that Twilio keeps a message in its queue, which is also what it does unless told otherwise (seconds).
MOST_VALIDITY = 36_000


@dataclass(frozen=True, slots=True)
class Options:
    """What is left to choose, or what nobody says."""

    smart_encoded: bool = False  # Twilio puts look-alikes into a text, so that it fits GSM-7
    validity: int = 0  # seconds a message may wait at Twilio; 0: as long as Twilio does by itself
    answers_keywords: bool = True  # Twilio answers STOP, START and HELP itself
    overrides: str = ""  # how Twilio repeats a callback that failed, as the fragment of its address

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Of what is stored; what is missing there, or of another type, is as installed."""
        known: dict[str, type] = {each.name: type(each.default) for each in fields(cls)}
        given: dict[str, Any] = {k: value for k, value in stored.items() if type(value) is known.get(k)}
        return cls(**given)

    def as_stored(self) -> dict[str, Any]:
        return asdict(self)
