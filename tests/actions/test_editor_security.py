"""What a hostile form, a hostile record and a curious member get from the editor: nothing, in little time."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from smsadmin import cache
from smsadmin.actions.describe import rewritten
from smsadmin.actions.fields import MOST_TEMPLATE
from smsadmin.actions.forms import ActionForm
from smsadmin.actions.models import Action, ActionVersion
from smsadmin.actions.trying import MOST_PASTED
from smsadmin.providers import http
from smsadmin.sending.models import Message
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import Workspace
from tests.actions.test_pages import edited, errors, form
from tests.crm.standin import StandIn, stand_in
from tests.factories import (
    make_action,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_version,
    make_workspace,
)

pytestmark = pytest.mark.django_db
NEW = "/actions/new/"
#: Everything a button may post in `do`; a word nobody knows is one more.
DOS = (
    "save", "live", "preview", "find", "tokens", "insert:x", "replace", "fallbacks",
    "refilter", "reread", "test", "off", "on", "archive", "back", "unheard-of",
)  # fmt: skip
HUGE_ID = "9" * 30


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace("Example Ltd")


@pytest.fixture
def editor(client: Client, workspace: Workspace) -> Client:
    client.force_login(make_member(workspace, "editor").user)
    return client


@pytest.fixture
def hubspot(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> Iterator[StandIn]:
    cache.forget()
    make_connection(workspace, "hubspot")
    yield stand_in(monkeypatch)
    cache.forget()


def press(client: Client, do: str, typed: dict[str, Any], url: str = NEW) -> Any:
    return client.post(url, typed | {"do": do}, headers={"HX-Request": "true"})


def make_phone(workspace: Workspace, e164: str = "+447400123456") -> TestNumber:
    return TestNumber.objects.create(
        workspace=workspace, e164=e164, label="A phone", verified_at=timezone.now()
    )


# --- Who may do what -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_below_editor_nobody_has_hubspot_read_nor_sends_a_test(
    client: Client, workspace: Workspace, hubspot: StandIn, role: str
) -> None:
    client.force_login(make_member(workspace, role).user)
    action, phone = make_action(workspace), make_phone(workspace)
    typed = edited(action, record_q="ada", test_number=str(phone.pk))

    statuses = {press(client, do, typed, f"/actions/{action.pk}/").status_code for do in DOS}
    opened = [client.get(url).status_code for url in (NEW, f"{NEW}?copy={action.pk}")]

    assert (statuses, opened) == ({403}, [403, 403])
    assert not any("/objects" in path for path in hubspot.paths)
    assert not Message.objects.exists()
    assert client.post(f"/actions/{action.pk}/versions/1/", {"base": "1"}).status_code == 403


def test_every_change_needs_the_token_of_its_page(workspace: Workspace) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_member(workspace, "owner").user)
    action = make_action(workspace)
    page = f"/actions/{action.pk}/"

    for url in (NEW, page, f"{page}versions/1/"):
        assert browser.post(url, {"do": "off", "reason": "x", "base": "1"}).status_code == 403
        browser.get(url)
    action.refresh_from_db()
    assert (action.enabled, action.archived_at, action.versions.count()) == (True, None, 1)


# --- Another workspace's ids -----------------------------------------------------------------------------


def test_no_field_reaches_into_another_workspace(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    other = make_workspace("Elsewhere")
    theirs = make_number(other, name="Their line", users=("their@example.com",))
    message = make_message(other, number=theirs, object_type="contact", object_id="4242")
    phone = make_phone(other)
    own = make_number(workspace)
    agent = str(theirs.agents.get().pk)

    number = editor.post(NEW, form(theirs))
    user = editor.post(NEW, form(own, send_as_kind="user", send_as_agent=agent))
    execution = press(editor, "live", form(own, record=f"message:contact:{message.pk}")).content.decode()
    test = press(editor, "test", form(own, test_number=str(phone.pk))).content.decode()

    assert "sender_number" in errors(number)
    assert "send_as_agent" in errors(user)
    assert "That message is not in the log" in execution
    assert "Choose one of the test numbers." in test
    for told in (number.content.decode(), user.content.decode(), execution, test):
        assert "Their line" not in told
        assert "their@example.com" not in told
    assert not Action.objects.exists()
    assert list(Message.objects.all()) == [message]


def test_another_workspaces_action_does_not_exist_at_any_address(editor: Client) -> None:
    action = make_action(make_workspace())
    make_version(action)
    page = f"/actions/{action.pk}/"

    for url in (page, f"{page}?from=1", f"{NEW}?copy={action.pk}", f"{page}versions/", f"{page}versions/1/"):
        assert editor.get(url).status_code == 404
    for url in (page, f"{page}versions/1/"):
        assert editor.post(url, {"base": "2", "do": "off", "reason": "x"}).status_code == 404
    action.refresh_from_db()
    assert (action.enabled, action.archived_at, action.versions.count()) == (True, None, 2)


def test_a_version_belongs_to_its_action(editor: Client, workspace: Workspace) -> None:
    one, other = make_action(workspace), make_action(workspace)
    make_version(other)

    assert editor.get(f"/actions/{one.pk}/versions/2/").status_code == 404
    assert editor.get(f"/actions/{one.pk}/?from=2").status_code == 404


@pytest.mark.services
@pytest.mark.parametrize("pk", [HUGE_ID, "9223372036854775808", "2147483648", "0"])
def test_ids_that_no_database_holds_are_not_found(editor: Client, workspace: Workspace, pk: str) -> None:
    page, own = f"/actions/{pk}/", f"/actions/{make_action(workspace).pk}/"

    for url in (page, f"{page}versions/", f"{page}versions/1/", f"{own}versions/{pk}/"):
        assert editor.get(url).status_code == 404
        assert editor.post(url, {"base": pk}).status_code in (404, 405)
    for url in (f"{own}?from={pk}", f"{NEW}?copy={pk}"):
        assert editor.get(url).status_code in (200, 404)


# --- What may be posted ----------------------------------------------------------------------------------


NUL = "a\x00b"
STRANGE: list[dict[str, Any]] = [
    {"at_quota": "hold", "hold_minutes": "abc"},
    {"at_quota": "hold", "hold_minutes": "9" * 4_000},
    {"encoding": "x", "traffic": "x", "default_region": "zz", "mobile_only": "x"},
    {"object_type": "x", "sender_kind": "x", "send_as_kind": "x"},
    {"sender_number": HUGE_ID, "send_as_kind": "user", "send_as_agent": "٣" * 18},
    {"base": HUGE_ID},
    {"base": "x"},
    {"message": NUL},
    {"name": NUL, "note": NUL, "recipient_property": NUL},
    {"record_q": NUL, "token_q": NUL},
    {"message": "{{a.b}}", "token": ["{{a.b}}"] * 50, "empty": ["text"] * 50, "instead": ["}}\x00"] * 50},
]
STRANGE_RECORDS: list[dict[str, Any]] = [
    {"record": "message:contact:\x00"},
    {"record": "message:contact:x"},
    {"record": "id:contact:../../owners"},
    {"record": "id:contact:"},
    {"record": "x"},
    {"record": "payload", "payload": "[" * 50_000},
    {"record": "payload", "payload": '{"a":' * 50_000},
    {"record": "payload", "payload": '{"phone": "\\ud83d", "firstname": "\\ud83d\\u0000"}'},
    {"record": "payload", "payload": '{"phone": "+33612345678", "firstname": "Ada\\ud83d\\u0000"}'},
    {"record": "payload", "payload": '{"object": {"objectType": "\\ud83d", "objectId": ".."}}'},
    {"record": "payload", "payload": '{"object": {"objectId": {"a": 1}, "properties": {"phone": [1]}}}'},
    {"record": "payload", "payload": "1" * 5_000},
    {"record": "payload", "payload": "null"},
]


@pytest.mark.parametrize(
    ("typed", "dos"),
    [
        *((typed, ("live", "find", "fallbacks", "test", "save")) for typed in STRANGE),
        *((typed, ("live", "find", "test")) for typed in STRANGE_RECORDS),
    ],
    ids=[str(each)[:40] for each in STRANGE + STRANGE_RECORDS],
)
def test_nothing_that_is_posted_breaks_the_editor(
    editor: Client, workspace: Workspace, hubspot: StandIn, typed: dict[str, Any], dos: tuple[str, ...]
) -> None:
    phone = make_phone(workspace)
    whole = form(make_number(workspace), message="Hello", test_number=str(phone.pk)) | typed

    for do in dos:
        assert press(editor, do, whole).status_code in (200, 302, 422)
    asked = {path for path in hubspot.paths if path.startswith("/objects/")}
    assert asked <= {"/objects/contacts/search", "/objects/contacts/batch/read"}


def test_the_preview_shows_half_characters_as_the_log_would(editor: Client, workspace: Workspace) -> None:
    """A send drops them from the text; the trace shows that there was something."""
    payload = '{"phone": "+33612345678", "firstname": "Ada\\ud83d"}'
    typed = form(make_number(workspace), record="payload", payload=payload)
    typed["message"] = "Hi {{Contact.firstname}}!"

    page = press(editor, "live", typed).content.decode()

    assert "Hi Ada!" in page
    assert "Contact.firstname = “Ada\ufffd”" in page


# --- Size ------------------------------------------------------------------------------------------------


LONG = {
    "letters": "a" * 800_000,
    "one name": "{{" + "a." * 400_000 + "}}",
    "tokens": "{{a.b}}" * 100_000,
    "as many tokens as it may have": "{{a}}" * (MOST_TEMPLATE // 5),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", LONG)
def test_a_message_of_any_length_is_answered_in_good_time(
    editor: Client, workspace: Workspace, hubspot: StandIn, kind: str
) -> None:
    typed = form(make_number(workspace), message=LONG[kind])
    typed |= {"token": ["{{a.b}}"] * 300, "empty": ["text"] * 300, "instead": ["x"] * 300}

    for do in ("live", "replace"):
        assert press(editor, do, typed).status_code == 200


def test_a_template_has_an_end_whatever_its_tokens_insert(editor: Client, workspace: Workspace) -> None:
    fallback = '{{Contact.firstname | default("%s")}}'
    longest = fallback % ("x" * (MOST_TEMPLATE - len(fallback % "")))
    number = make_number(workspace)

    assert editor.post(NEW, form(number, message=longest)).status_code == 302
    refused = editor.post(NEW, form(number, name="Another", message=longest + "!"))
    assert "The message has 10,001 characters with its tokens and fallbacks" in errors(refused)["message"]
    assert longest + "!" in html.unescape(refused.content.decode())


@pytest.mark.timeout(20)
def test_a_payload_has_an_end_and_its_values_do_not_multiply(editor: Client, workspace: Workspace) -> None:
    typed = form(make_number(workspace), record="payload", message="{{a}}" * (MOST_TEMPLATE // 5))
    long, too_long = (
        json.dumps({"phone": "+33612345678", "a": "x" * size}) for size in (90_000, MOST_PASTED)
    )

    multiplied = press(editor, "live", typed | {"payload": long}).content.decode()
    refused = press(editor, "live", typed | {"payload": too_long}).content.decode()

    assert "The message has 180,000,000 characters; 1,600 is the most." in multiplied
    assert "it has more than 100000 characters." in refused


def test_long_values_of_hubspots_records_do_not_multiply_either(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    press(editor, "live", form(make_number(workspace)))  # reads the properties
    cache.forget()
    record = {"id": "5", "properties": {"phone": "+33612345678", "firstname": "x" * 60_000}}
    hubspot.fail(httpx.Response(200, json={"results": [record]}), to="/objects")

    page = press(editor, "live", form(make_number(workspace), message="Hi" + "{{Contact.firstname}}" * 400))

    assert "The message has 24,000,002 characters; 1,600 is the most." in page.content.decode()


@pytest.mark.timeout(20)
def test_versions_made_to_be_compared_slowly_are_not(workspace: Workspace) -> None:
    signs = [chr(0x2190 + place) for place in range(101)]
    before, after = ("".join(signs[i * step % 101] for i in range(MOST_TEMPLATE)) for step in (1, 7))

    assert [(piece.kind, piece.text) for piece in rewritten(before, after)] == [
        ("removed", before),
        ("added", after),
    ]


# --- Whose words these are -------------------------------------------------------------------------------


EVIL = "<img src=x onerror=alert(1)>\"' onfocus=evil hx-get=/evil </textarea></script>"


class Evil(HTMLParser):
    """Attributes and tags that came out of somebody's words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            is_ours = not name.startswith("on") and "evil" not in name and (name, value) != ("src", "x")
            if not is_ours or (name.startswith("hx-get") and "evil" in (value or "")):
                self.found.append((tag, name, value))


def evil_portal(request: httpx.Request) -> httpx.Response:
    """HubSpot, if all of it were written by an enemy."""
    if "/properties/" in request.url.path:
        kinds = {"phone": "phonenumber", "firstname": "text", EVIL: "text"}
        found = [
            {"name": name, "label": EVIL + name, "groupName": EVIL, "fieldType": kind}
            for name, kind in kinds.items()
        ]
        return httpx.Response(200, json={"results": found})
    record = {
        "id": "5",
        "properties": {"phone": "+33612345678", "firstname": EVIL, "email": EVIL, EVIL: EVIL},
    }
    is_list = request.url.path.endswith(("/search", "/batch/read"))
    return httpx.Response(200, json={"results": [record]} if is_list else record)


def test_what_anybody_wrote_is_shown_and_not_obeyed(
    editor: Client, workspace: Workspace, hubspot: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    enemy = httpx.Client(transport=httpx.MockTransport(evil_portal))
    monkeypatch.setattr(http, "client", lambda: enemy)
    number = make_number(workspace, name=EVIL, users=("mia@example.com",))
    number.agents.update(name=EVIL)
    cache.forget()
    make_phone(workspace)
    TestNumber.objects.update(label=EVIL)
    typed = form(number, name=EVIL[:80], send_as_kind="user", send_as_agent=str(number.agents.get().pk))
    typed |= {"message": f'{EVIL} {{{{Contact.firstname | default("<b onx=1>")}}}}', "record_q": EVIL}
    typed |= {"record": "id:contact:5:" + EVIL, "payload": json.dumps({"firstname": EVIL, "phone": EVIL})}
    typed |= {"note": EVIL, "reason": EVIL, "recipient_property": EVIL}

    pages = [press(editor, do, typed) for do in ("live", "find", "tokens", "fallbacks", "refilter", "reread")]
    pages += [editor.post(NEW, typed | {"do": do, "record": "payload"}) for do in ("preview", "save")]
    action = make_action(workspace, name=EVIL[:70], sender_number=number, message=EVIL, note=EVIL)
    make_version(action, sender_number=number, message=EVIL[::-1], recipient_property=EVIL)
    editor.post(f"/actions/{action.pk}/", edited(action, do="off", reason=EVIL))
    address = f"/actions/{action.pk}/"
    for url in ("/actions/", address, f"{address}?from=1", f"{address}versions/", f"{address}versions/1/"):
        pages.append(editor.get(url))

    shown = [page.content.decode() for page in pages if page.content]
    assert sum("onfocus=evil" in page for page in shown) > 10
    for page in shown:
        assert Evil(page).found == []


# --- Customers -------------------------------------------------------------------------------------------


def _stored() -> str:
    """Every column of every row."""
    rows = (row for model in apps.get_models() for row in model._default_manager.values_list())
    return "\n".join(str(row) for row in rows)


def test_customers_looked_at_in_the_editor_are_nowhere_but_in_memory(
    editor: Client, workspace: Workspace, hubspot: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    found = press(editor, "find", form(record_q="Ada Lovelace")).content.decode()
    [choice] = re.findall(r'value="(id:contact:4242:[^"]*)"', found)
    typed = form(make_number(workspace), message="Hi {{Contact.firstname}} of {{Contact.city}}")
    typed |= {"record_q": "Ada Lovelace", "record": html.unescape(choice)}
    customer = {"firstname": "Grace-Brewster", "phone": "+33612345678", "city": "Arlington"}

    with caplog.at_level(logging.DEBUG), capture_logs() as lines:
        shown = [press(editor, do, typed).content.decode() for do in ("live", "tokens", "preview", "find")]
        pasted = typed | {"record": "payload", "payload": json.dumps(customer)}
        shown.append(press(editor, "live", pasted).content.decode())
        hubspot.fail(httpx.Response(400, json={"message": "not that"}))
        press(editor, "find", typed | {"record_q": "Lovelace"})
        press(editor, "save", typed | {"name": ""})

    told = "\n".join([_stored(), caplog.text, str(lines)])
    assert "Lovelace" in shown[0]
    assert "Grace-Brewster" in shown[-1]
    for secret in ("Lovelace", "Grace-Brewster", "Arlington", "sandbox-hubspot-token"):
        assert secret not in told


def test_every_field_of_the_form_that_is_no_setting_is_left_out_when_somebody_was_signed_out() -> None:
    from smsadmin.workspaces import typed

    assert not set(typed.LEFT_OUT) & set(ActionForm.base_fields)
    assert not set(typed.LEFT_OUT) & {field.name for field in ActionVersion._meta.get_fields()}
