"""Callr's REST API v2 as we call it: the account's credentials, JSON, and what its answers mean.

Callr docs, "Authentication", "Errors" and "Best practices": an API key in a header of its own, or as the password of
the account's SID. docs/integrations/callr.md says what nobody documents.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from smsadmin.providers import http, limits
from smsadmin.providers.base import AccountError, Turn
from smsadmin.providers.callr.options import BASIC, Options
from smsadmin.providers.http import Answer

V2 = "/v2.0"
PAGE = 100  # the most Callr gives at once


class CallrError(AccountError):
    """What Callr did not answer usably."""


@dataclass(slots=True)
class Callr:
    """One Callr account, by its API key or by the login and password of the earlier API.

    `turn` is asked before each request and hears each answer, so that all of them share the account's pace; without one
    a request leaves at once. `pause(seconds)` waits before a read is repeated."""

    sid: str = ""
    api_key: str = ""
    login: str = ""
    password: str = ""
    options: Options = field(default_factory=Options)
    pause: Any = time.sleep
    turn: Turn | None = None
    reads: int = field(default=0)

    def request(self, method: str, path: str, **kwargs: Any) -> Answer:
        """One request to v2, once; read `Answer.broke` and `Answer.status`."""
        url = f"{settings.CALLR_BASE_URL}{V2}{path}"
        return http.call_in_turn(self.turn, method, url, **self._credentials(), **kwargs)

    def ask_rpc(self, path: str, headers: dict[str, str], json_body: Any) -> Answer:
        """One request to the earlier API, once (providers.callr.rpc)."""
        login = self._login()
        key = {} if login else {"Authorization": f"Api-Key {self.api_key}"}
        url = f"{settings.CALLR_BASE_URL}{path}"
        return http.call_in_turn(
            self.turn, "POST", url, **login, headers={**headers, **key}, json_body=json_body
        )

    def _credentials(self) -> dict[str, Any]:
        if self.api_key and self.options.key_in == BASIC:
            return {"auth": (self.sid, self.api_key)}
        return {"headers": {"x-api-key": self.api_key}} if self.api_key else self._login()

    def _login(self) -> dict[str, Any]:
        return {"auth": (self.login, self.password)} if self.login else {}

    def ping(self) -> Answer:
        """The credential probe: 200 when the credentials are accepted."""
        return self.request("GET", "/ping", read_timeout=10)

    def numbers(self, told: Callable[[int, int], None]) -> Iterator[dict[str, Any]]:
        """Every number of the account; `told(read, total)` hears after each page how many were read, and how many there
        are. Raises CallrError."""
        read = 0
        while True:
            page = self._page("/numbers", read)
            read += len(page["hits"])
            told(read, max(read, page["total"] if isinstance(page.get("total"), int) else 0))
            yield from page["hits"]
            if not page["hits"] or not page.get("hasMore"):
                return

    def _page(self, path: str, offset: int) -> dict[str, Any]:
        body = self._read(path, offset=str(offset), limit=str(PAGE)).body
        if not isinstance(body, dict) or not isinstance(body.get("hits"), list):
            raise CallrError("Callr's list of numbers is not in the form it documents.")
        return {**body, "hits": [each for each in body["hits"] if isinstance(each, dict)]}

    def _read(self, path: str, **params: str) -> Answer:
        """A read at the account's pace: repeated at most 3 times after 429, 5xx or a broken connection. Raises
        CallrError when no usable answer came."""
        answer = self._read_once(path, params)
        for _ in range(3):
            if not answer.is_passing:
                break
            self.pause(limits.pause(answer.exchange))
            answer = self._read_once(path, params)
        if answer.status == 200:
            return answer
        raise self._trouble(answer)

    def _read_once(self, path: str, params: dict[str, str]) -> Answer:
        self.reads += 1
        return self.request("GET", path, params=params)

    def _trouble(self, answer: Answer) -> CallrError:
        """What an unusable answer means: only a ping that is refused too tells of the credentials."""
        if answer.status not in (401, 403):
            return CallrError(words(answer))
        is_of_credentials = self.ping().status in (401, 403)
        return CallrError(words(answer), refused=True, credential=is_of_credentials)


def words(answer: Answer) -> str:
    """An unusable answer in one sentence."""
    if answer.broke == http.WITHHELD:
        return f"Callr was not asked: {answer.exchange.failure}."
    if answer.broke:
        return f"Callr did not answer: {answer.exchange.failure}."
    if answer.status == 401:
        return "Callr refused the credentials (HTTP 401)."
    if answer.status == 429:
        return "Callr asked to slow down, four times in a row."
    return f"Callr answered HTTP {answer.status}: {said(answer) or answer.exchange.answer[:120]}"


def said(answer: Answer) -> str:
    """What Callr calls the error: its code and its words, as they came. Callr docs, "Errors": most have both."""
    body = answer.body
    if not isinstance(body, dict):
        return answer.exchange.answer[:200]
    found = [str(body[name]) for name in ("code", "message") if body.get(name)]
    return ": ".join(found)[:300]
