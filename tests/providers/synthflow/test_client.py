"""Synthflow's API as our client reads it: pages, wrapped replies, and errors in every documented shape."""

import pytest

from smsadmin.providers import http
from smsadmin.providers.base import Exchange
from smsadmin.providers.synthflow.client import Synthflow, SynthflowError, said
from smsadmin.providers.synthflow.options import Options
from tests.synthflow import synthflow as _synthflow

synthflow = _synthflow


@pytest.fixture
def client():
    return Synthflow("sandbox-synthflow-key", pause=lambda seconds: None)


def test_a_list_is_read_to_its_end_page_by_page(synthflow, client):
    assert [each["action_id"] for each in client.actions()] == ["act-confirmation", "act-address", "act-book"]
    assert synthflow.asked == [
        "/synthflow/v2/actions?limit=20&offset=0",
        "/synthflow/v2/actions?limit=20&offset=2",
    ]


def test_a_list_that_does_not_say_how_long_it_is_ends_with_a_short_page(client, monkeypatch):
    pages = iter([20, 20, 3])

    def call(method, url, **_options):
        listed = [{"action_id": "a"}] * next(pages)
        return http.Answer(Exchange(method, url, http_status=200), body={"response": {"actions": listed}})

    monkeypatch.setattr(http, "call", call)
    assert len(list(client.actions())) == 43


def test_a_call_an_agent_and_an_action_are_found_by_their_ids(synthflow, client):
    synthflow.state.synthflow_calls["c1"] = {"call_id": "c1", "status": "completed", "model_id": "x"}
    assert client.call("c1")["status"] == "completed"
    assert client.assistant("agent-sales")["name"] == "Sales calls"
    assert client.action("act-confirmation")["assistants"] == ["agent-reception", "agent-sales"]


@pytest.mark.parametrize("shape", ["detail", "list", "error"])
def test_errors_are_read_in_every_shape(synthflow, client, shape):
    synthflow.state.settings.synthflow_error_shape = shape
    with pytest.raises(SynthflowError, match="There is no such call") as caught:
        client.call("nobody/x")
    assert caught.value.missing
    synthflow.state.settings.synthflow_key_refused = True
    with pytest.raises(SynthflowError, match="refused the API key") as caught:
        client.test()
    assert (caught.value.refused, caught.value.passing) == (True, False)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"detail": {"status": "x", "description": "no call", "category": "c"}}, "no call"),
        ({"detail": [{"msg": "no call"}]}, "no call"),
        ({"detail": "no call"}, "no call"),
        ({"error": "not_found", "message": "no call"}, "no call"),
        ({"error": "no call"}, "no call"),
        ({"status": "error", "response": {"message": "no call"}}, "no call"),
        ({}, "raw"),
        (None, "raw"),
    ],
)
def test_what_synthflow_calls_the_error(body, words):
    assert said(http.Answer(Exchange("GET", "", http_status=400, answer="raw"), body=body)) == words


def test_a_read_is_repeated_where_it_may_be_answered_later(client, monkeypatch):
    answers = [(429, None), (503, None), (200, {"response": {"actions": []}})]

    def call(method, url, **_options):
        status, body = answers.pop(0)
        return http.Answer(Exchange(method, url, http_status=status), body=body)

    monkeypatch.setattr(http, "call", call)
    client.test()
    assert answers == []


def test_a_reply_in_another_form_is_said(client, monkeypatch):
    odd = http.Answer(Exchange("GET", "", http_status=200), body={"actions": []})
    monkeypatch.setattr(http, "call", lambda *_, **__: odd)
    with pytest.raises(SynthflowError, match="not in the form it documents"):
        client.test()


def test_each_region_has_its_host(settings):
    settings.SANDBOX, settings.SYNTHFLOW_BASE_URL = False, "https://api.synthflow.ai"
    hosts = {region: Options.read({"region": region}).base_url for region in ("global", "us", "eu", "mars")}
    assert hosts == {
        "global": "https://api.synthflow.ai",
        "us": "https://api.us.synthflow.ai",
        "eu": "https://api.eu.synthflow.ai",
        "mars": "https://api.synthflow.ai",
    }
