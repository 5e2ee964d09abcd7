"""Tests and codes in the log: marked, told apart, and without what only HubSpot's messages have."""

import html
import re

import pytest
from django.urls import reverse

from smsadmin.core.status import Status
from smsadmin.sending import presenters
from smsadmin.sending.filters import log_url
from tests.factories import make_action, make_message, make_workspace
from tests.trials.conftest import PHONE

ALEX = {"by": 1, "who": "Alex Admin"}


def words(response):
    bare = re.sub(
        r"<(svg|head|nav|option)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL
    )
    return html.unescape(" ".join(bare.split()))


@pytest.fixture
def tried(workspace, sender):
    """A message of a trigger that a person set off."""

    def make(trigger, **columns):
        return make_message(workspace, trigger=trigger, recipient=PHONE, **{"origin": ALEX, **columns})

    return make


def test_tests_and_codes_are_marked_in_the_list(client, workspace, tried):
    make_message(workspace)
    tried("test")
    tried("verification")

    page = words(client.get(reverse("log")))

    assert re.search(r"Sent Code .* Test numbers .* Sent Test .* The editor .* Sent Sales US", page)


@pytest.mark.parametrize(
    ("trigger", "sentence"),
    [
        ("test", "Test by Alex Admin from the editor"),
        ("verification", "Code for a test number, asked for by Alex Admin"),
        ("hubspot", ""),
    ],
)
def test_the_message_page_says_who_tried_what(client, tried, trigger, sentence):
    message = tried(trigger, origin={**ALEX, "workflow": "17"} if trigger == "hubspot" else ALEX)

    page = words(client.get(reverse("message", args=[message.pk])))

    assert sentence in page
    assert ("Alex Admin" in page) is bool(sentence)


def test_a_test_leads_to_the_version_that_it_tried(workspace, tried):
    action = make_action(workspace, name="Welcome")
    address = reverse("action", args=[action.pk])

    saved = presenters.came_from(tried("test", action=action, version=action.current))
    form = presenters.came_from(tried("test", action=action))
    unnamed = presenters.came_from(tried("test"))

    assert (saved.words, saved.url) == ("Welcome, version 1", address)
    assert (form.words, form.url) == ("Test by Alex Admin from the editor", address)
    assert (unnamed.words, unnamed.url) == ("Test by Alex Admin from the editor", "")


@pytest.mark.parametrize("trigger", ["test", "verification"])
def test_nothing_of_hubspot_is_on_the_page_of_a_message_that_it_did_not_ask_for(client, tried, trigger):
    message = tried(trigger, object_id="" if trigger == "verification" else "501")

    page = words(client.get(reverse("message", args=[message.pk])))

    assert "HubSpot" not in page
    assert "Unknown" not in page


@pytest.mark.parametrize("code", ["RECIPIENT_IMPOSSIBLE", "PROVIDER_REJECTED", "TOKEN_UNKNOWN"])
def test_a_code_that_was_not_sent_leads_back_to_the_test_numbers(tried, code):
    message = tried("verification", status=Status.REJECTED, error_code=code)

    assert presenters.next_step(message).url == reverse("test-numbers")


@pytest.mark.services
def test_tests_can_be_left_out_or_shown_alone(client, workspace, tried):
    real, test, code = make_message(workspace), tried("test"), tried("verification")
    make_message(make_workspace(), trigger="test")

    def rows(trigger):
        page = client.get(log_url(trigger=trigger), follow=True).content.decode()
        return re.findall(r'class="row-link" href="/log/([0-9a-f-]{36})/', page)

    assert rows("no-tests") == [str(real.pk)]
    assert rows("test") == [str(test.pk)]
    assert rows("verification") == [str(code.pk)]
    assert len(rows("")) == 3
    assert client.get(log_url(trigger="carrier pigeon")).status_code == 422


@pytest.mark.parametrize("body", ["", "135791 is the code"])
def test_a_code_is_hidden_however_far_its_message_came(client, tried, body):
    message = tried("verification", body=body, template="135791 is  the code")

    page = words(client.get(reverse("message", args=[message.pk])))

    assert "135791" not in page
    assert "The code is not shown here." in page
