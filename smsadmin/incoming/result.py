"""What comes of one call of a provider."""

from dataclasses import dataclass
from uuid import UUID

from smsadmin.incoming.models import ProviderCall


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome, the message it is about, and the account whose numbers or users have changed."""

    outcome: ProviderCall.Outcome
    message: UUID | None = None
    detail: str = ""
    refresh: int | None = None


class Wait(Exception):
    """It is too early to say; `in_vain` is what is said where waiting did not help."""

    def __init__(self, in_vain: Result) -> None:
        self.in_vain = in_vain
        super().__init__(in_vain.outcome)
