"""How one attempt to deliver something ended."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it arrived, and what was said, in English as smsadmin.phrases knows it. `ours`: we failed at it
    ourselves, which says nothing of whom it was for."""

    arrived: bool
    said: str
    ours: bool = False
