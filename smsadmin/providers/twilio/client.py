"""Twilio's REST API as we call it: the account's credentials, forms out, JSON in, and what its answers mean.

Twilio docs, "Twilio API requests" and "Twilio API responses"; its OpenAPI document has the calls. Requests are made
with an API key where there is one: the Auth Token, which signs Twilio's own calls, can then be changed without stopping
them.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings

from smsadmin.providers import http, limits
from smsadmin.providers.base import AccountError, Turn
from smsadmin.providers.http import Answer
from smsadmin.providers.told import text
from smsadmin.providers.twilio.codes import Refusal
from smsadmin.providers.twilio.options import Options

VERSION = "/2010-04-01"
SERVICES = "/v1/Services"
PAGE = 1_000  # the most Twilio gives at once
#: An account with more pages than this is not believed to end.
MOST_PAGES = 200
_PATIENCE = 10  # seconds that a read may take


class TwilioError(AccountError):
    """What Twilio did not answer usably."""


@dataclass(slots=True)
class Twilio:
    """One Twilio account, by its SID with the Auth Token, or with an API key and its secret.

    `turn` is asked before each request and hears each answer, so that all of them share the account's pace; without one
    a request leaves at once. `pause(seconds)` waits before a read is repeated, which it is so often at most."""

    sid: str
    auth_token: str = ""
    key_sid: str = ""
    key_secret: str = ""
    options: Options = field(default_factory=Options)
    pause: Any = time.sleep
    repeats: int = 3
    turn: Turn | None = None
    reads: int = field(default=0)

    def request(self, method: str, path: str, **kwargs: Any) -> Answer:
        """One request to the account, once; read `Answer.broke` and `Answer.status`."""
        return self._call(method, f"{self._account}{path}", **kwargs)

    @property
    def _account(self) -> str:
        return f"{settings.TWILIO_BASE_URL}{VERSION}/Accounts/{quote(self.sid, safe='')}"

    @property
    def _credentials(self) -> tuple[str, str]:
        return (self.key_sid, self.key_secret) if self.key_sid else (self.sid, self.auth_token)

    def _call(self, method: str, url: str, auth: tuple[str, str] | None = None, **kwargs: Any) -> Answer:
        return http.call_in_turn(self.turn, method, url, auth=auth or self._credentials, **kwargs)

    def ping(self) -> Answer:
        """Whether the credentials that send are accepted (200): what most keys may read is asked for."""
        return self.request(
            "GET", "/IncomingPhoneNumbers.json", params={"PageSize": "1"}, read_timeout=_PATIENCE
        )

    def account(self) -> Answer:
        """The account with its name, status and type, by the Auth Token: keys may not read it."""
        auth = (self.sid, self.auth_token)
        return self._call("GET", f"{self._account}.json", auth=auth, read_timeout=_PATIENCE)

    def numbers(self, told: Callable[[int, int], None]) -> Iterator[dict[str, Any]]:
        """Every number of the account; `told(read, total)` hears after each page how many were read. Raises
        TwilioError."""
        return self._list("/IncomingPhoneNumbers.json", "incoming_phone_numbers", {}, told)

    def messages(self, most_pages: int = MOST_PAGES, **wanted: str) -> Iterator[dict[str, Any]]:
        """The messages of the account, the newest first, narrowed by what Twilio calls so. Raises TwilioError."""
        return self._list("/Messages.json", "messages", wanted, lambda _read, _total: None, most_pages)

    def message(self, sid: str) -> dict[str, Any]:
        """One message as it stands. Raises TwilioError."""
        found = self._read(f"{self._account}/Messages/{quote(sid, safe='')}.json", {}).body
        if not isinstance(found, dict):
            raise TwilioError("Twilio's answer about a message is not in the form it documents.")
        return found

    def services(self) -> list[dict[str, Any]]:
        """The messaging services, which have a host of their own. Raises TwilioError."""
        found: list[dict[str, Any]] = []
        url, params = f"{settings.TWILIO_MESSAGING_BASE_URL}{SERVICES}", {"PageSize": "100"}
        for _page in range(MOST_PAGES):
            body = self._read(url, params).body
            listed = body.get("services") if isinstance(body, dict) else None
            if not isinstance(listed, list):
                raise TwilioError("Twilio's list of messaging services is not in the form it documents.")
            found += [each for each in listed if isinstance(each, dict)]
            following = _path(text((body.get("meta") or {}).get("next_page_url")))
            if not following.startswith(f"{SERVICES}?"):
                break
            url, params = f"{settings.TWILIO_MESSAGING_BASE_URL}{following}", {}
        return found

    def change_number(self, sid: str, form: dict[str, str]) -> dict[str, Any]:
        """Changes a number of the account; the number as it is then. Raises TwilioError."""
        path = f"/IncomingPhoneNumbers/{quote(sid, safe='')}.json"
        answer = self.request("POST", path, data=form, read_timeout=_PATIENCE)
        if answer.status != 200 or not isinstance(answer.body, dict):
            raise TwilioError(words(answer))
        return answer.body

    def have_texts_told(self, sid: str, address: str, *, application: str = "") -> None:
        """Has the texts that come to a number told there, and there once more where that fails, which is all that
        Twilio repeats by itself. An `application` that the number has would be asked in place of the address. Raises
        TwilioError."""
        form = {
            "SmsUrl": address,
            "SmsMethod": "POST",
            "SmsFallbackUrl": address,
            "SmsFallbackMethod": "POST",
        }
        self.change_number(sid, form | ({"SmsApplicationSid": ""} if application else {}))

    def _list(
        self,
        path: str,
        name: str,
        wanted: dict[str, str],
        told: Callable[[int, int], None],
        most_pages: int = MOST_PAGES,
    ) -> Iterator[dict[str, Any]]:
        """The items of a list, from page to page: each names the next one by its path."""
        url, params, read = f"{self._account}{path}", {**wanted, "PageSize": str(PAGE)}, 0
        for _page in range(most_pages):
            body = self._read(url, params).body
            items = body.get(name) if isinstance(body, dict) else None
            if not isinstance(items, list):
                raise TwilioError(
                    f"Twilio's list of {name.replace('_', ' ')} is not in the form it documents."
                )
            read += len(items)
            told(read, read)
            yield from (each for each in items if isinstance(each, dict))
            following = _path(text(body.get("next_page_uri")))
            if not following.startswith(f"{VERSION}/Accounts/"):
                return
            url, params = f"{settings.TWILIO_BASE_URL}{following}", {}

    def _read(self, url: str, params: dict[str, str]) -> Answer:
        """A read at the account's pace: repeated after 429, 5xx or a broken connection. Raises TwilioError when no
        usable answer came."""
        answer = self._read_once(url, params)
        for _ in range(self.repeats):
            if not answer.is_passing:
                break
            self.pause(limits.pause(answer.exchange))
            answer = self._read_once(url, params)
        if answer.status == 200:
            return answer
        refused = answer.status in (401, 403)
        raise TwilioError(words(answer), refused=refused, credential=answer.status == 401)

    def _read_once(self, url: str, params: dict[str, str]) -> Answer:
        self.reads += 1
        return self._call("GET", url, params=params or None, read_timeout=_PATIENCE)


def _path(address: str) -> str:
    """The path and query of an address, which a list may name whole or not: only our host is ever asked."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def words(answer: Answer) -> str:
    """An unusable answer in one sentence."""
    if answer.broke == http.WITHHELD:
        return f"Twilio was not asked: {answer.exchange.failure}."
    if answer.broke:
        return f"Twilio did not answer: {answer.exchange.failure}."
    if answer.status == 401:
        return "Twilio refused the credentials (HTTP 401)."
    if answer.status == 429:
        return "Twilio asked to slow down."
    return f"Twilio answered HTTP {answer.status}: {refusal(answer).answer}"


def refusal(answer: Answer) -> Refusal:
    """What Twilio says of a refused request: `code` and `message`, or `detail` and `title` as RFC 9457 has them. A body
    that is neither, such as a page of HTML, is its own words."""
    body = answer.body
    if not isinstance(body, dict):
        return Refusal(0, answer.exchange.answer[:200], answer.status)
    said = next((text(body[name], 300) for name in ("message", "detail", "title") if body.get(name)), "")
    return Refusal(code_of(body.get("code")), said, answer.status)


def code_of(value: Any) -> int:
    """An error code, which is a number or spelt as one; 0 for none."""
    digits = text(value, 9)
    return int(digits) if digits.isascii() and digits.isdigit() else 0
