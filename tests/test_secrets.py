"""What no page and no log line shows: secrets, tokens, hashes and codes; and nothing on a page is from elsewhere."""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import cycle
from typing import Any

import httpx
import pytest
import time_machine
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.urls.converters import get_converters
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from smsadmin import cache, logs
from smsadmin.incoming.models import ProviderCall
from smsadmin.sending import bell, dispatch
from smsadmin.sending.accept import accept
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.fields import EncryptedJSONField
from smsadmin.workspaces.models import Connection, User
from tests.factories import PORTAL, ask, make_number, make_workspace
from tests.pages import (
    API_TOKEN,
    CLIENT_SECRET,
    ECHOED,
    FORMS,
    HOOK,
    PAGES,
    PASSWORD,
    WEBHOOK_ADDRESS,
    WEBHOOK_TOKEN,
    House,
    Visit,
    furnish,
    names,
    visits,
)
from tests.providers.conftest import Answers, answers

__all__ = ["answers"]

#: The language of a whole page, and of the part of it that htmx gets: in turn from page to page.
LANGUAGES = (("en", "de"), ("de", "en"))


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> Iterator[None]:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(bell, "ring", lambda *_: None)
    monkeypatch.setattr(bell, "once", lambda *_, **__: None)
    cache.forget()
    yield
    cache.forget()


@pytest.fixture
def house(db: None) -> House:
    return furnish()


@pytest.fixture
def client(house: House) -> Client:
    browser = Client()
    browser.force_login(house.owner.user)
    return browser


# --- Every address is looked at ----------------------------------------------------------------------


def test_every_address_is_among_the_pages_or_the_forms() -> None:
    """A new one joins PAGES or FORMS of tests/pages.py, with rows that fill it."""
    assert set(names()) == {*PAGES} | FORMS
    assert not {*PAGES} & FORMS


def test_what_a_form_changes_cannot_be_opened(client: Client) -> None:
    found = {
        each.name: client.get(_with_any_arguments(each)).status_code
        for each in _named_patterns(get_resolver())
        if each.name in FORMS
    }

    assert found == dict.fromkeys(FORMS, 405)


def test_no_page_shows_a_secret_or_loads_anything_from_elsewhere(
    house: House, client: Client, htmx_was_looked_for: list[bool]
) -> None:
    """Nor does a part of a page that htmx gets."""
    hidden, wrong = secrets_of(house), {}
    for visit, (whole, part) in zip(visits(house), cycle(LANGUAGES), strict=False):
        htmx_was_looked_for.clear()
        answers = [client.get(visit.url, headers={"Accept-Language": whole})]
        if htmx_was_looked_for:
            in_part = {"Accept-Language": part, "HX-Request": "true"}
            answers.append(client.get(visit.url, headers=in_part))
        for answer in answers:
            if found := _not_as_announced(visit, answer) or _told(visit, answer, hidden):
                wrong[visit.url] = found
    assert wrong == {}


@pytest.fixture
def htmx_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Filled by a view that answers htmx in another way than it answers others."""
    looked, is_htmx = list[bool](), HtmxDetails.__bool__

    def noted(self: HtmxDetails) -> bool:
        looked.append(True)
        return is_htmx(self)

    monkeypatch.setattr(HtmxDetails, "__bool__", noted)
    return looked


def _not_as_announced(visit: Visit, response: Any) -> list[str]:
    """A page is there, or leads to where the list of pages says, which leaves out what an address asks elsewhere."""
    if visit.leads_to and response.status_code in (301, 302):
        there = response["Location"]
        if visit.leads_to in (there, there.partition("?")[0]):
            return []
    return [f"answered {response.status_code}"] if visit.leads_to or response.status_code != 200 else []


def _told(visit: Visit, response: Any, hidden: dict[str, str]) -> list[str]:
    """What it says and must not."""
    body = _text(b"".join(response.streaming_content) if response.streaming else response.content)
    found = [what for what, secret in hidden.items() if secret in body] + _HASHED.findall(body)
    if HOOK in body and visit.name != "notice-endpoint":
        found.append("the address of a hook")
    return found + foreign(body) if response["Content-Type"].startswith("text/html") else found


def _text(content: bytes) -> str:
    """What can be read of an answer; of an archive, what is in its files."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content.decode()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist())


# --- Log lines ---------------------------------------------------------------------------------------

TO, TEXT = "+33612345678", "Meet me at the corner of Elm Street"
SENT = {"id": "SM-1", "status": "pending", "to": TO, "body": TEXT}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json=SENT),
        httpx.Response(400, json={"message": f"{TO} cannot get “{TEXT}”"}),
        httpx.Response(401, json={"message": f"Basic {API_TOKEN} is not known"}),
        httpx.Response(429, json=SENT),
        httpx.Response(502, text=f"no answer to {TEXT}"),
        httpx.ReadTimeout("too slow"),
        httpx.ConnectError("refused"),
        ZeroDivisionError("what nobody foresaw"),
    ],
    ids=lambda answer: repr(answer)[:30],
)
def test_a_send_leaves_neither_number_nor_text_nor_secret_in_the_logs(
    db: None, answers: Answers, logged: Callable[[], str], answer: Any
) -> None:
    number = make_number(make_workspace())
    Connection.objects.update(secrets={"api_id": "sandbox-id", "api_token": API_TOKEN})
    message = accept(ask(number, phone=TO, message=TEXT))
    answers(answer)

    with time_machine.travel(timezone.now(), tick=False) as clock:
        dispatch.drain(number.connection_id, clock.shift)

    message.refresh_from_db()
    assert message.attempts
    assert {said for said in (TO, TO[1:], TEXT, API_TOKEN, "Authorization") if said in logged()} == set()


def test_what_is_refused_or_breaks_at_the_door_leaves_no_secret_in_the_logs(
    house: House, settings: Any, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Client().get("/healthz")  # the people's handler is in the same process, and hears of every failure
    settings.MIDDLEWARE = settings.MACHINE_MIDDLEWARE  # as smsadmin.wsgi answers these paths
    door = Client(raise_request_exception=False)
    told = {"event": "message.status_updated", "token": WEBHOOK_TOKEN, "data": {"to": TO, "body": TEXT}}
    address = reverse("aircall-webhook", args=[WEBHOOK_ADDRESS])
    signed = {"X-HubSpot-Signature": "f" * 64, "X-HubSpot-Signature-Version": "v2"}
    execution = {"origin": {"portalId": int(PORTAL)}, "fields": {"recipient": TO, "message": TEXT}}

    def post(path: str, body: Any, **headers: str) -> int:
        return door.post(path, body, "application/json", headers=headers).status_code

    answered = [
        post(address, told),
        post(address, told | {"token": "tokenofsomebodyelse"}),
        post(address, "{"),
        post(reverse("aircall-webhook", args=["addressofnobody"]), told),
        post(reverse("hubspot-send-sms"), execution, **signed),
        post(reverse("hubspot-send-sms"), "{", **signed),
    ]
    monkeypatch.setattr(ProviderCall.objects, "create", _broken)
    answered.append(post(address, told))

    assert answered == [200, 401, 400, 404, 401, 400, 500]
    hidden = (
        TO,
        TO[1:],
        TEXT,
        WEBHOOK_ADDRESS,
        WEBHOOK_TOKEN,
        "addressofnobody",
        "tokenofsomebodyelse",
        "f" * 64,
    )
    assert {said for said in (*hidden, CLIENT_SECRET) if said in logged()} == set()


def _broken(**_: Any) -> None:
    raise ZeroDivisionError


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Everything that was logged, at the most talkative level, as a terminal shows it."""
    caplog.set_level(logging.DEBUG)
    lines = logs.formatter()
    return lambda: "\n".join(lines.format(record) for record in caplog.records)


# --- What must not be there --------------------------------------------------------------------------

#: Ciphertext of Fernet, and passwords as Django stores them.
_HASHED = re.compile(r"gAAAAA[\w-]{20,}|\b(?:pbkdf2_sha\d+|md5|argon2|scrypt|bcrypt_sha256)\$[\w.$]{3,}")


def secrets_of(house: House) -> dict[str, str]:
    """Every secret that is stored or configured, by what it is."""
    found = {f"echoed {nth}": text for nth, text in enumerate(ECHOED)}
    found |= {f"code {nth}": code for nth, code in enumerate(house.codes)}
    found |= {f"password of {user}": user.password for user in User.objects.all()}
    found |= {f"code of {phone}": phone.code_hash for phone in TestNumber.objects.exclude(code_hash="")}
    found |= {f"session {nth}": each.session_key for nth, each in enumerate(Session.objects.all())}
    found |= {"an API key": house.token, "its hash": house.key.token_hash}
    found |= {"a password": PASSWORD, "the secret key": django_settings.SECRET_KEY}
    found |= {"the app's secret": django_settings.HUBSPOT_CLIENT_SECRET}
    found |= dict(_encrypted())
    assert all(found.values())
    return found


def _encrypted() -> Iterator[tuple[str, str]]:
    """What tables keep encrypted, in the clear and as it is stored. Every such table must have a row in the house."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedJSONField):
                rows = list(model._default_manager.all())
                assert any(getattr(row, field.name) for row in rows), (
                    f"{model.__name__} of tests/pages.py has none"
                )
                for row in rows:
                    for name, secret in getattr(row, field.name).items():
                        yield f"{name} of {row}", secret
                yield from _stored(model._meta.db_table, field.column)


def _stored(table: str, column: str) -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")
        for nth, (value,) in enumerate(cursor.fetchall()):
            yield f"ciphertext {nth} of {table}", value


class _Foreign(HTMLParser):
    """What a page would load from elsewhere, or what the content policy would have to allow."""

    LOADED = frozenset({"src", "srcset", "poster", "data", "background", "formaction", "action", "manifest"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        told = self.get_starttag_text() or tag
        if tag in {"style", "base", "iframe", "object", "embed"} or (
            tag == "script" and "src" not in dict(attrs)
        ):
            self.found.append(told)
        if any(self._loads_or_runs(tag, name, value or "") for name, value in attrs):
            self.found.append(told)

    def _loads_or_runs(self, tag: str, name: str, value: str) -> bool:
        if name == "style" or name.startswith(("on", "hx-on")) or _RUNS.match(value):
            return True
        return (name in self.LOADED or (tag in {"link", "use", "image"} and name.endswith("href"))) and bool(
            _LEAVES.match(value)
        )

    def handle_data(self, data: str) -> None:
        if self.inside == "script" and data.strip():
            self.found.append(data.strip()[:80])

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""


_RUNS = re.compile(r"\s*(javascript|vbscript):", re.IGNORECASE)
_LEAVES = re.compile(r"\s*([a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


def foreign(html: str) -> list[str]:
    parser = _Foreign()
    parser.feed(html)
    return parser.found


@pytest.mark.parametrize(
    "markup",
    [
        "<p style='color: red'>",
        "<style>p {}</style>",
        "<script>alert(1)</script>",
        "<script src='/a.js'>alert(1)</script>",
        "<script src='//cdn.example/a.js'></script>",
        "<img src='https://cdn.example/a.png'>",
        "<link rel='stylesheet' href='https://cdn.example/a.css'>",
        "<button onclick='x()'>",
        "<a href='javascript:x()'>",
        "<form action='https://elsewhere.example/'>",
    ],
)
def test_what_is_from_elsewhere_is_seen(markup: str) -> None:
    assert foreign(markup)


def test_what_is_our_own_is_not() -> None:
    assert not foreign("<script src='/static/a.js' defer></script><a href='https://aircall.io'>Aircall</a>")


def _named_patterns(resolver: Any) -> Iterator[URLPattern]:
    for each in resolver.url_patterns:
        if isinstance(each, URLPattern):
            yield each
        else:
            yield from _named_patterns(each)


def _with_any_arguments(pattern: URLPattern) -> str:
    """The address with arguments of the right kind, whatever they lead to."""
    some = {"int": 1, "str": "x", "uuid": "01a1f8e0-0000-7000-8000-000000000000"}
    kinds = {type(converter): name for name, converter in get_converters().items()}
    arguments = {name: some[kinds[type(converter)]] for name, converter in pattern.pattern.converters.items()}
    return reverse(pattern.name or "", kwargs=arguments)
