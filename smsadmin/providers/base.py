"""A provider is an adapter: an `Sms` in, a `Result` out. It raises nothing it can foresee."""

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from smsadmin.core.errors import SendError
from smsadmin.core.message import Accepted, Sms


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as kept in the log. Holds no credential; `failure` says why there is no answer."""

    method: str
    url: str
    request: Any = None
    http_status: int | None = None
    answer: str = ""
    elapsed_ms: int = 0
    failure: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        kept = {
            "method": self.method,
            "url": self.url,
            "request": self.request,
            "status": self.http_status,
            "answer": self.answer,
            "ms": self.elapsed_ms,
            "failure": self.failure,
        }
        return {name: value for name, value in kept.items() if value not in (None, "")}


@dataclass(frozen=True, slots=True)
class Result:
    """How one attempt ended: exactly one of `accepted`, `error` and `retry_in` is set.

    `retry_in` (seconds) says that the message surely never left and why it may be tried again: `reason` is
    "rate_limited", "unreachable" or "credential", where the account is refused as a whole. `learnt` are facts about the
    number that the answer proved; `plan_refused`: the account's plan may be why it was refused. `about` is who is the
    cause, where the answer says more of that than its error or reason does.
    """

    exchange: Exchange
    accepted: Accepted | None = None
    error: SendError | None = None
    retry_in: float | None = None
    reason: str = ""
    detail: str = ""
    learnt: dict[str, bool] = field(default_factory=dict)
    plan_refused: bool = False
    about: Literal["", "sender", "account"] = ""
    requests: int = 1  # how many it took, where one was not enough


class AccountError(Exception):
    """A read of an account, or a change to it, that failed, in words. `refused` tells that it was answered 401 or 403,
    `credential` that the credentials themselves are refused."""

    def __init__(self, words: str, *, refused: bool = False, credential: bool = False) -> None:
        self.refused, self.credential = refused, credential
        super().__init__(words)


class Turn(Protocol):
    """When a request to an account may leave (smsadmin.pacing.turns)."""

    def begin(self) -> str:
        """Waits until a request may leave; "" when it may, else why it may not."""
        ...

    def heard(self, exchange: Exchange) -> None:
        """What an answer said of the account's limit."""
        ...


class Provider(Protocol):
    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def send(self, sms: Sms) -> Result:
        """Asks the provider to carry one SMS, once."""
        ...
