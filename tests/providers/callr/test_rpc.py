"""Callr's earlier API: JSON-RPC with positional parameters, a result or an error."""

import json

import httpx
import pytest

from smsadmin.core.message import Accepted
from smsadmin.providers.callr.client import Callr
from smsadmin.providers.callr.options import Options
from smsadmin.providers.callr.send import CallrSender
from tests.providers.callr.conftest import ADA, make_sender, make_sms


def rpc(**options):
    return make_sender(protocol="rpc", **options)


def result(value):
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "result": value})


def error(code, message):
    refused = {"code": code, "message": message, "data": None}
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "error": refused})


def test_a_send_has_positional_parameters(callr_answers):
    [request] = _sent(callr_answers, make_sms(sender="ACME", traffic="marketing"))

    assert (request.method, request.url.path) == ("POST", "/json-rpc/v1.1/")
    assert request.headers["content-type"] == "application/json-rpc; charset=utf-8"
    assert request.headers["authorization"] == "Api-Key sandbox-callr-key"
    assert json.loads(request.content) == {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "sms.send",
        "params": ["ACME", ADA, "Hello", {"nature": "MARKETING"}],
    }


def test_where_callr_picks_the_sender_it_is_an_empty_one(callr_answers):
    [request] = _sent(callr_answers, make_sms(sender=""))

    assert json.loads(request.content)["params"][0] == ""


def test_unicode_where_the_text_does_not_need_it_is_forced(callr_answers):
    [request] = _sent(callr_answers, make_sms(encoding="UCS-2"))

    assert json.loads(request.content)["params"][3]["force_encoding"] == "UNICODE"


def test_login_and_password_are_basic_credentials(callr_answers):
    requests = callr_answers(result("8242D945"))
    callr = Callr("sandbox1", login="ada", password="secret", options=Options(protocol="rpc"))
    CallrSender(callr).send(make_sms())

    assert requests[0].headers["authorization"].startswith("Basic ")


def _sent(callr_answers, sms):
    requests = callr_answers(result("8242D945"))
    rpc().send(sms)
    return requests


def test_a_result_is_the_hash_of_the_message(callr_answers):
    callr_answers(result("8242D945"))

    assert rpc().send(make_sms()).accepted == Accepted("8242d945")


@pytest.mark.parametrize(
    "message", ["PROPERTY_VALUE_ERROR [from]", "PROPERTY_TYPE_ERROR [to]", "INVALID_PARAM_FORMAT [body]"]
)
def test_an_error_refuses_the_message_in_callrs_words(callr_answers, message):
    callr_answers(error(-1, message))
    refused = rpc().send(make_sms()).error

    assert (refused.code, refused.facts["answer"]) == ("PROVIDER_REJECTED", f"-1: {message}")


@pytest.mark.parametrize(
    "answer",
    [
        error(-32603, "Internal error"),
        error(-32050, "Server error"),
        httpx.Response(200, json={"jsonrpc": "2.0", "id": 1}),
        httpx.Response(200, text="<html>"),
        httpx.Response(500, json={}),
        httpx.ReadTimeout("slow"),
    ],
)
def test_what_is_neither_a_result_nor_a_refusal_leaves_the_outcome_open(callr_answers, answer):
    callr_answers(answer)

    assert rpc().send(make_sms()).error.code == "PROVIDER_UNKNOWN"


def test_any_other_status_of_the_way_there_did_not_reach_the_method(callr_answers):
    callr_answers(httpx.Response(404, text="not here"))

    assert rpc().send(make_sms()).error.code == "PROVIDER_REJECTED"


def test_refused_credentials_are_told_by_the_ping_of_v2(callr_answers):
    callr_answers(httpx.Response(401), httpx.Response(401))

    assert rpc().send(make_sms()).reason == "credential"


def test_the_sandbox_speaks_it(sandbox):
    accepted = rpc().send(make_sms(sender="ACME")).accepted
    [message] = sandbox.state.messages

    assert (accepted.provider_id, message.mode, message.sender) == (message.id, "rpc", "ACME")
