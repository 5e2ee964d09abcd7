"""Aircall's Public API as we call it: Basic authentication, JSON, and what its answers mean.

Aircall developer docs, "API references": 403 means a wrong credential, 401 a missing one; each POST, PUT, DELETE
and some GETs need Content-Type: application/json. docs/integrations/aircall.md says what nobody documents.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from smsadmin.providers import http
from smsadmin.providers.http import Answer

HEADERS = {"Content-Type": "application/json"}
PAGE = 50  # the most Aircall gives at once
MOST_WAIT = 60.0


class AircallError(Exception):
    """A read of the account that failed, in words; `credential` tells whether the key was refused."""

    def __init__(self, words: str, *, credential: bool = False) -> None:
        self.credential = credential
        super().__init__(words)


@dataclass(slots=True)
class Aircall:
    """One Aircall account. `pause(seconds)` is called before each read, and to wait out a rate limit."""

    api_id: str
    api_token: str
    pause: Any = time.sleep
    interval: float = 0.0  # seconds between two reads
    reads: int = field(default=0)

    def request(self, method: str, path: str, **kwargs: Any) -> Answer:
        """One request, once; read `Answer.broke` and `Answer.status`."""
        url = f"{settings.AIRCALL_BASE_URL}{path}"
        return http.call(method, url, headers=HEADERS, auth=(self.api_id, self.api_token), **kwargs)

    def ping(self) -> Answer:
        """The credential probe: 200 when the key is accepted."""
        return self.request("GET", "/v1/ping", read_timeout=10)

    def get(self, path: str, **params: str) -> Answer:
        """A read at the account's pace: repeated at most 3 times after 429, 5xx or a broken connection.

        Raises AircallError when no usable answer came; 404 is an answer.
        """
        answer = self._read(path, params)
        for _ in range(3):
            if answer.status and answer.status != 429 and answer.status < 500:
                break
            self.pause(retry_after(answer))
            answer = self._read(path, params)
        if answer.status in (200, 404):
            return answer
        raise AircallError(words(answer), credential=answer.status in (401, 403))

    def _read(self, path: str, params: dict[str, str]) -> Answer:
        if self.reads and self.interval:
            self.pause(self.interval)
        self.reads += 1
        return self.request("GET", path, params=params or None)

    def pages(
        self, path: str, name: str, told: Callable[[int, int], None] = lambda read, total: None
    ) -> Iterator[dict[str, Any]]:
        """Every item of a list. The page link only says that there is more: it drops other parameters.

        `told(read, total)` hears after each page how many items were read, and how many Aircall says there are.
        """
        page, read = 1, 0
        while True:
            body = self.get(path, page=str(page), per_page=str(PAGE)).body
            if not isinstance(body, dict) or not isinstance(body.get(name), list):
                raise AircallError(f"Aircall's list of {name} is not in the form it documents.")
            meta = body.get("meta") or {}
            read += len(body[name])
            told(read, max(read, _whole(meta.get("total"))))
            yield from body[name]
            if not body[name] or not meta.get("next_page_link"):
                return
            page += 1

    # --- Webhooks (Aircall developer docs: "Webhooks"). Each raises AircallError when Aircall does not do it. -------

    def webhooks(self) -> Iterator[dict[str, Any]]:
        """Every webhook of the account, those of others too; each with its token."""
        return self.pages("/v1/webhooks", "webhooks")

    def webhook(self, webhook_id: str) -> dict[str, Any] | None:
        """One webhook; None where Aircall has none of this id."""
        answer = self.get(f"/v1/webhooks/{webhook_id}")
        return None if answer.status == 404 else _webhook(answer)

    def create_webhook(self, url: str, name: str, events: Sequence[str]) -> dict[str, Any]:
        """A webhook that calls `url` for these events; none at all would mean every event there is."""
        body = {"url": url, "custom_name": name, "events": list(events)}
        return _webhook(self._written("POST", "/v1/webhooks", body))

    def change_webhook(self, webhook_id: str, url: str, events: Sequence[str]) -> dict[str, Any]:
        """The webhook as it is to be: with this URL and these events, and switched on."""
        body = {"url": url, "events": list(events), "active": True}
        return _webhook(self._written("PUT", f"/v1/webhooks/{webhook_id}", body))

    def delete_webhook(self, webhook_id: str) -> None:
        """No webhook of this id, also where there was none."""
        self._written("DELETE", f"/v1/webhooks/{webhook_id}", may_be_gone=True)

    def _written(self, method: str, path: str, body: Any = None, *, may_be_gone: bool = False) -> Answer:
        """A change, made once: somebody waits for it, and can ask for it again."""
        answer = self.request(method, path, json_body=body, read_timeout=10)
        if 200 <= answer.status < 300 or (may_be_gone and answer.status == 404):
            return answer
        if answer.status == 429:
            raise AircallError("Aircall asked to slow down: try again in a minute.")
        raise AircallError(words(answer), credential=answer.status in (401, 403))


def _webhook(answer: Answer) -> dict[str, Any]:
    found = answer.body.get("webhook") if isinstance(answer.body, dict) else None
    if not isinstance(found, dict):
        raise AircallError("Aircall's answer about a webhook is not in the form it documents.")
    return found


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def words(answer: Answer) -> str:
    """An unusable answer in one sentence."""
    if answer.broke:
        return f"Aircall did not answer: {answer.exchange.failure}."
    if answer.status in (401, 403):
        return f"Aircall refused the API key (HTTP {answer.status})."
    if answer.status == 429:
        return "Aircall asked to slow down, four times in a row."
    return f"Aircall answered HTTP {answer.status}: {key(answer) or answer.exchange.answer[:120]}"


def key(answer: Answer) -> str:
    """What Aircall calls the error. Which field holds it differs between its services, so each is tried."""
    body = answer.body
    if not isinstance(body, dict):
        return answer.exchange.answer[:200]
    found = [str(body[name]) for name in ("error", "key", "code", "name") if body.get(name)]
    if not found and isinstance(body.get("errors"), list) and body["errors"]:
        found = [str(body["errors"][0])]
    found += [str(body[name]) for name in ("message", "troubleshoot") if body.get(name)]
    return ": ".join(dict.fromkeys(found))[:300]


def retry_after(answer: Answer, now: float | None = None) -> float:
    """Seconds to wait after a 429 (Retry-After, or X-AircallApi-Reset as a Unix time), at most a minute.

    The unit of Reset is not documented: values too large for seconds are read as milliseconds.
    """
    headers = answer.exchange.headers
    given = _number(headers.get("retry-after"))
    if given is None and (reset := _number(headers.get("x-aircallapi-reset"))) is not None:
        given = (reset / 1000 if reset > 1e11 else reset) - (now or time.time())
    return min(max(given if given is not None else 2.0, 0.5), MOST_WAIT)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
