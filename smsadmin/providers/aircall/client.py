"""Aircall's Public API as we call it: Basic or OAuth credentials, JSON, and what its answers mean.

Aircall developer docs, "API references": 403 means a wrong credential, 401 a missing one; each POST, PUT, DELETE
and some GETs need Content-Type: application/json. docs/integrations/aircall.md says what nobody documents.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from smsadmin.providers import http, limits
from smsadmin.providers.base import AccountError, Turn
from smsadmin.providers.http import Answer

HEADERS = {"Content-Type": "application/json"}
#: The type of a number's messaging configuration that means proxy mode.
PROXY_TYPE = "Public Api"
PAGE = 50  # the most Aircall gives at once


class AircallError(AccountError):
    """What Aircall did not answer usably."""


class NotInPlan(AircallError):
    """Aircall forbids what its plans below Professional lack: the key itself is good."""


#: What is said of it, on the page of the connection too.
NOT_IN_PLAN = (
    "Aircall accepts the key and forbids sending by API: the plan may lack it (Professional has it)."
)


@dataclass(slots=True)
class Aircall:
    """One Aircall account, by an API key or, where there is an `access_token`, by that of an app that was
    granted access.

    `turn` is asked before each request and hears each answer, so that all of them share the account's pace;
    without one a request leaves at once. `pause(seconds)` waits before a read is repeated."""

    api_id: str = ""
    api_token: str = ""
    access_token: str = ""
    pause: Any = time.sleep
    turn: Turn | None = None
    reads: int = field(default=0)

    def request(self, method: str, path: str, **kwargs: Any) -> Answer:
        """One request, once; read `Answer.broke` and `Answer.status`."""
        url = f"{settings.AIRCALL_BASE_URL}{path}"
        if self.access_token:
            headers = {**HEADERS, "Authorization": f"Bearer {self.access_token}"}
            return http.call_in_turn(self.turn, method, url, headers=headers, **kwargs)
        auth = (self.api_id, self.api_token)
        return http.call_in_turn(self.turn, method, url, headers=HEADERS, auth=auth, **kwargs)

    def ping(self) -> Answer:
        """The credential probe: 200 when the key is accepted."""
        return self.request("GET", "/v1/ping", read_timeout=10)

    def get(self, path: str, **params: str) -> Answer:
        """A read at the account's pace: repeated at most 3 times after 429, 5xx or a broken connection.

        Raises AircallError when no usable answer came; 404 is an answer.
        """
        answer = self._read(path, params)
        for _ in range(3):
            if not answer.is_passing:
                break
            self.pause(limits.pause(answer.exchange))
            answer = self._read(path, params)
        if answer.status in (200, 404):
            return answer
        raise self._trouble(answer)

    def _trouble(self, answer: Answer) -> AircallError:
        """What an unusable answer means. The gateway refuses a single request now and then, and some are refused to an
        account's plan, so only a ping that is refused too tells of the key."""
        if answer.status not in (401, 403):
            return AircallError(words(answer))
        of_messaging = "/messages/" in answer.exchange.url
        if of_messaging and plan_may_lack(answer):
            return NotInPlan(NOT_IN_PLAN)
        ping = self.ping()
        if ping.status in (401, 403):
            return AircallError(words(answer), refused=True, credential=True)
        if of_messaging and ping.status == 200 and stopped_at_the_edge(answer):
            return NotInPlan(NOT_IN_PLAN)
        return AircallError(_refused_this(answer, ping), refused=True)

    def _read(self, path: str, params: dict[str, str]) -> Answer:
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

    # --- The account and its numbers. Each raises AircallError when no usable answer came. ---------------------------

    def integration(self) -> dict[str, Any] | None:
        """The app's own integration: `company_id`, `active`, and in `number_ids` the numbers that an admin connected to
        it. None for an API key, which belongs to no app."""
        answer = self.get("/v1/integrations/me")
        if answer.status == 404:
            return None
        found = answer.body.get("integration") if isinstance(answer.body, dict) else None
        if not isinstance(found, dict):
            raise AircallError("Aircall's answer about the integration is not in the form it documents.")
        return found

    def configuration(self, number_id: str) -> dict[str, Any] | None:
        """The number's messaging configuration, `type`, `callbackUrl` and `token`; None for one in native mode, of
        which Aircall says 404, or anything but the type of proxy mode."""
        answer = self.get(_configuration_path(number_id))
        return answer.body if _is_proxy(answer) else None

    def is_native(self, number_id: str) -> bool:
        """Whether Aircall says so when asked once: False also where it says nothing."""
        answer = self.request("GET", _configuration_path(number_id), read_timeout=10)
        return answer.status == 404 or (answer.status == 200 and not _is_proxy(answer))

    def configure(self, number_id: str, callback_url: str) -> dict[str, Any]:
        """Puts the number into proxy mode with this callback URL, or changes the URL of one that is in it; its
        configuration. From now on nobody texts from it in the Aircall app."""
        answer = self._written("POST", _configuration_path(number_id), {"callbackUrl": callback_url})
        if not isinstance(answer.body, dict):
            raise AircallError("Aircall's answer about the configuration is not in the form it documents.")
        return answer.body

    def unconfigure(self, number_id: str) -> None:
        """The number in native mode, also where it was before."""
        self._written("DELETE", _configuration_path(number_id), may_be_gone=True)

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
        raise self._trouble(answer)


def _configuration_path(number_id: str) -> str:
    return f"/v1/numbers/{number_id}/messages/configuration"


def _is_proxy(answer: Answer) -> bool:
    return answer.status == 200 and isinstance(answer.body, dict) and answer.body.get("type") == PROXY_TYPE


def stopped_at_the_edge(answer: Answer) -> bool:
    """The gateway's own refusal, for which there is no other sign: it never reached the service behind it."""
    return answer.status == 401 or (answer.status == 403 and answer.body == {"message": "Forbidden"})


def plan_may_lack(answer: Answer) -> bool:
    """Whether a refusal of the messaging service may be about the account's plan. Nobody documents how Aircall says it:
    a 403 whose key is "Forbidden" is what a user was told it means, unless its words name a limit. (The gateway's own
    403, which has no key, is told from it by a ping.)"""
    body = answer.body
    if answer.status != 403 or not isinstance(body, dict):
        return False
    keys = {str(body.get(name)) for name in ("error", "key", "code", "name")}
    return "Forbidden" in keys and "limit" not in key(answer)


def _webhook(answer: Answer) -> dict[str, Any]:
    found = answer.body.get("webhook") if isinstance(answer.body, dict) else None
    if not isinstance(found, dict):
        raise AircallError("Aircall's answer about a webhook is not in the form it documents.")
    return found


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def words(answer: Answer) -> str:
    """An unusable answer in one sentence."""
    if answer.broke == http.WITHHELD:
        return f"Aircall was not asked: {answer.exchange.failure}."
    if answer.broke:
        return f"Aircall did not answer: {answer.exchange.failure}."
    if answer.status in (401, 403):
        return f"Aircall refused the API key (HTTP {answer.status})."
    if answer.status == 429:
        return "Aircall asked to slow down, four times in a row."
    return f"Aircall answered HTTP {answer.status}: {key(answer) or answer.exchange.answer[:120]}"


def _refused_this(answer: Answer, ping: Answer) -> str:
    """A refusal that a ping does not put down to the key, in one sentence."""
    of_the_key = "accepts the key" if ping.status == 200 else "did not say whether the key is good"
    what = answer.exchange.url.removeprefix(settings.AIRCALL_BASE_URL)
    return f"Aircall refused {what} (HTTP {answer.status}), and {of_the_key}."


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
