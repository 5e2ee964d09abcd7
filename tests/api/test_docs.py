"""The page of the API: drawn from the description, for everybody, in the reader's frame."""

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from smsadmin import settings as product
from smsadmin.api import docs, openapi
from smsadmin.api.problems import CODES
from smsadmin.workspaces.models import Member
from smsadmin.wsgi import by_caller

PAGE = "/api/v1/docs/"
DOCUMENT = openapi.document()


@pytest.fixture(autouse=True)
def _people(_fresh: None, settings: Any) -> None:
    settings.MIDDLEWARE = product.MIDDLEWARE


@pytest.fixture
def page(db: None) -> str:
    return Client().get(PAGE).content.decode()


def test_every_operation_is_on_it_with_its_address_and_how_to_try_it(page: str) -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            part = page[page.index(f'<h3 class="card-title" lang="en" id="{operation["operationId"]}"') :]
            part = html.unescape(part[: part.index("</article>")])
            assert f'href="#{operation["operationId"]}"' in page
            assert f"<strong>{method.upper()}</strong> <code>{path}</code>" in part
            assert "curl " in part
            assert "data-copy" in part
            for each in operation.get("parameters", ()):
                assert f"<code>{each['name']}</code>" in part


def test_every_code_has_a_place_that_problems_lead_to(page: str) -> None:
    for code in CODES:
        assert f'<tr id="{code}">' in page


def test_what_is_to_be_tried_can_be(page: str) -> None:
    [send] = [
        each
        for area in docs.Drawn(DOCUMENT).areas()
        for each in area.operations
        if each.anchor == "sendMessage"
    ]
    assert send.curl.startswith('curl -X POST "$SMSADMIN/api/v1/messages" \\\n')
    assert "-H 'Idempotency-Key: order-4711-shipped'" in send.curl
    assert '-H "Authorization: Bearer $SMSADMIN_KEY"' in send.curl
    assert "Your order 4711 is on its way." in send.curl
    names = {part.name: (part.kind, part.required) for part in send.body}
    assert names["hold_minutes"] == ("integer 1–10080", False)
    assert names["text"][1]


def test_members_inside_others_are_listed_too() -> None:
    [listed] = [
        each
        for area in docs.Drawn(DOCUMENT).areas()
        for each in area.operations
        if each.anchor == "listMessages"
    ]
    names = [part.name for part in listed.answers[0].parts]
    assert {"results", "results[].id", "results[].number.name", "results[].error.code", "next"} <= {*names}


def test_it_works_without_scripts_and_keeps_to_the_policy_of_pages(page: str) -> None:
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", page)
    response = Client().get(PAGE)
    assert "default-src 'none'" in response["Content-Security-Policy"]


def test_its_frame_speaks_the_readers_language_and_what_is_described_english(db: None) -> None:
    with translation.override("en"):  # the language of a request stays in its thread
        page = Client().get(PAGE, headers={"Accept-Language": "de"}).content.decode()
    assert '<html lang="de"' in page
    assert '<p lang="en">Sends texts and tells what becomes of them.' in page


def test_members_see_it_within_the_product(owner: Member) -> None:
    browser = Client()
    browser.force_login(owner.user)
    page = browser.get(PAGE).content.decode()
    assert 'class="sidebar"' in page
    assert 'class="sidebar"' not in Client().get(PAGE).content.decode()


def test_it_is_a_page_for_people_and_its_neighbours_are_for_machines() -> None:
    def answers(name: str) -> Any:
        return lambda environ, start_response: [name]

    app = by_caller(answers("people"), answers("machines"))
    found = {path: app({"PATH_INFO": path}, lambda *_: None) for path in (PAGE, "/api/v1/messages")}
    assert found == {PAGE: ["people"], "/api/v1/messages": ["machines"]}
