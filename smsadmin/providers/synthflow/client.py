"""Synthflow's API v2 as we call it: reads of actions, agents and calls, wrapped replies, and what its errors mean.

Synthflow docs, "API reference": a bearer key, replies in {"status", "response"}, errors in one of several shapes.
docs/integrations/synthflow.md says what nobody documents. Nothing is ever changed there from here.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from smsadmin.providers import http, limits
from smsadmin.providers.base import AccountError
from smsadmin.providers.http import Answer
from smsadmin.providers.synthflow.options import Options
from smsadmin.workspaces.models import Connection

V2 = "/v2"
PAGE = 20
#: A list that never ends is cut off: nobody has so many actions.
MOST_PAGES = 100
#: Seconds between the requests of one list. Synthflow names no limit; a person waits for the list.
PACE = 0.1
#: Longer than any of its documents takes to be read.
READ_TIMEOUT = 10


class SynthflowError(AccountError):
    """What Synthflow did not answer usably. `missing`: it does not know what was asked for; `passing`: asked again
    later, it may."""

    def __init__(
        self,
        words: str,
        *,
        refused: bool = False,
        missing: bool = False,
        passing: bool = False,
    ) -> None:
        self.missing, self.passing = missing, passing
        super().__init__(words, refused=refused, credential=refused)


@dataclass(slots=True)
class Synthflow:
    """One Synthflow workspace, by its API key. `pause(seconds)` waits between requests and before one is repeated;
    `tries`: how often a read is made that is not answered; `until`: the time.monotonic() after which nothing is asked
    any more, None for no end."""

    api_key: str
    options: Options = field(default_factory=Options)
    pause: Any = time.sleep
    tries: int = 3
    until: float | None = None

    def test(self) -> None:
        """Asks for one action. Raises SynthflowError."""
        self._listed(self._read("/actions", limit="1", offset="0"), "actions")

    def actions(self) -> Iterator[dict[str, Any]]:
        """Every action, whatever its type. Raises SynthflowError."""
        offset = 0
        for page in range(MOST_PAGES):
            if page:
                self.pause(PACE)
            response = self._read("/actions", limit=str(PAGE), offset=str(offset))
            found = self._listed(response, "actions")
            yield from found
            offset += len(found)
            if not found or offset >= _total(response, offset, len(found)):
                return

    def action(self, action_id: str) -> dict[str, Any]:
        """One action with the agents it is attached to. Raises SynthflowError."""
        response = self._read(f"/actions/{quote(action_id, safe='')}", include_assistants="true")
        found = response.get("action", response)
        return found if isinstance(found, dict) else {}

    def assistant(self, model_id: str) -> dict[str, Any]:
        """One agent. Raises SynthflowError."""
        response = self._read(f"/assistants/{quote(model_id, safe='')}")
        listed = response.get("assistants")
        found = listed[0] if isinstance(listed, list) and listed else response.get("assistant", response)
        return found if isinstance(found, dict) else {}

    def call(self, call_id: str) -> dict[str, Any]:
        """The record of a call. Raises SynthflowError, `missing` where there is none."""
        found = self._listed(self._read(f"/calls/{quote(call_id, safe='')}"), "calls")
        if not found or found[0].get("call_id") not in (None, call_id):
            raise SynthflowError("Synthflow has no record of this call.", missing=True)
        return found[0]

    def _listed(self, response: dict[str, Any], name: str) -> list[dict[str, Any]]:
        found = response.get(name)
        if not isinstance(found, list):
            raise SynthflowError(f"Synthflow's list of {name} is not in the form it documents.")
        return [each for each in found if isinstance(each, dict)]

    def _read(self, path: str, **params: str) -> dict[str, Any]:
        """What stands in `response`. Repeated after 429, 5xx or a broken connection, as far as time allows. Raises
        SynthflowError."""
        answer = self._asked(path, params)
        for _ in range(self.tries - 1):
            pause = limits.pause(answer.exchange)
            if not answer.is_passing or pause >= self._left():
                break
            self.pause(pause)
            answer = self._asked(path, params)
        response = answer.body.get("response") if isinstance(answer.body, dict) else None
        if answer.status == 200 and isinstance(response, dict):
            return response
        raise _trouble(answer)

    def _left(self) -> float:
        """Seconds that are left."""
        return math.inf if self.until is None else self.until - time.monotonic()

    def _asked(self, path: str, params: dict[str, str]) -> Answer:
        if (left := self._left()) <= 0:
            raise SynthflowError("Synthflow took too long to tell everything.", passing=True)
        return http.call(
            "GET",
            f"{self.options.base_url}{V2}{path}",
            headers={"Authorization": f"Bearer {self.api_key}"},
            params=params or None,
            read_timeout=min(READ_TIMEOUT, left),
        )


def of(connection: Connection, *, tries: int = 3, seconds: float | None = None) -> Synthflow:
    """The API client of a Synthflow connection; with `seconds`, for no longer than that."""
    options = Options.read(connection.options)
    until = None if seconds is None else time.monotonic() + seconds
    return Synthflow(connection.secrets.get("api_key", ""), options, tries=tries, until=until)


def _total(response: dict[str, Any], read: int, last: int) -> int:
    """How many there are; where it is not told, more as long as a page is full."""
    pagination = response.get("pagination")
    total = pagination.get("total_records") if isinstance(pagination, dict) else None
    if isinstance(total, int) and not isinstance(total, bool):
        return total
    return read + 1 if last >= PAGE else read


def _trouble(answer: Answer) -> SynthflowError:
    return SynthflowError(
        words(answer),
        refused=answer.status in (401, 403),
        missing=answer.status == 404,
        passing=answer.is_passing,
    )


def words(answer: Answer) -> str:
    """An unusable answer in one sentence."""
    if answer.broke:
        return f"Synthflow did not answer: {answer.exchange.failure}."
    if answer.status == 200:
        return "Synthflow's answer is not in the form it documents."
    if answer.status in (401, 403):
        return f"Synthflow refused the API key (HTTP {answer.status})."
    if answer.status == 429:
        return "Synthflow asked to slow down."
    return f"Synthflow answered HTTP {answer.status}: {said(answer)[:200] or 'nothing more'}"


def said(answer: Answer) -> str:
    """What Synthflow calls the error, in any of the shapes that its documents show: {"detail": {"description"}},
    {"detail": [{"msg"}]}, {"error", "message"}, or an object of its own."""
    body = answer.body
    if not isinstance(body, dict):
        return answer.exchange.answer
    detail = body.get("detail", body.get("response", body))
    if isinstance(detail, list) and detail:
        detail = detail[0]
    if not isinstance(detail, dict):
        return str(detail)
    named = (detail.get(name) for name in ("description", "message", "msg", "error", "status"))
    return next((str(each) for each in named if isinstance(each, str) and each), answer.exchange.answer)
