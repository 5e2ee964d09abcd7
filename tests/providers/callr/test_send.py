"""One SMS through Callr: what goes over the wire, and what each answer means for the message."""

import base64
import json

import httpx
import pytest

from smsadmin.core.message import Accepted
from smsadmin.providers.callr.client import Callr
from smsadmin.providers.callr.options import ALWAYS, FORCED, NEVER, Options
from smsadmin.providers.callr.send import CallrSender
from smsadmin.sandbox.faults import Fault
from tests.providers.callr.conftest import ADA, OURS, make_sender, make_sms

PONG = {"pong": "pong", "time": "2024-04-24T12:00:42.000Z"}


def ok(body=None, status=201):
    return httpx.Response(status, json={"sid": "abcd1234"} if body is None else body)


def sent(answers, sms=None, **options):
    requests = answers(ok())
    make_sender(**options).send(sms or make_sms())
    return requests[0]


# On the wire


def test_a_send_is_exactly_the_documented_request(callr_answers):
    request = sent(callr_answers, make_sms(sender="", traffic="marketing", body="Hello world!"))

    assert (request.method, request.url.path) == ("POST", "/v2.0/sms")
    assert request.url.query == b"to=%2B33612345678&trafficType=marketing"
    assert json.loads(request.content) == {"text": "Hello world!"}
    assert request.headers["x-api-key"] == "sandbox-callr-key"
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers


@pytest.mark.parametrize("sender", [OURS, "ACME", "My Shop-1"])
def test_a_sender_is_a_number_or_a_name_and_only_there_where_there_is_one(callr_answers, sender):
    assert sent(callr_answers, make_sms(sender=sender)).url.params["from"] == sender
    assert "from" not in sent(callr_answers, make_sms(sender="")).url.params


def test_the_parameters_that_no_source_names_are_settings(callr_answers, monkeypatch):
    monkeypatch.setattr("tests.interfaces.problems", lambda *_, **__: [])  # it knows the likeliest names
    sms = make_sms(encoding="UCS-2", body="Hello")
    request = sent(callr_answers, sms, sender_parameter="senderId", encoding_parameter="charset")

    assert {"senderId", "charset"} <= set(request.url.params)
    assert not {"from", "encoding"} & set(request.url.params)


@pytest.mark.parametrize(
    ("body", "measured", "when", "told"),
    [
        ("Hello", "GSM-7", FORCED, None),
        ("Привет", "UCS-2", FORCED, None),  # Callr sees that by itself
        ("Hello", "UCS-2", FORCED, "unicode"),
        ("Hello", "GSM-7", ALWAYS, "gsm"),
        ("Привет", "UCS-2", ALWAYS, "unicode"),
        ("Hello", "UCS-2", NEVER, None),
    ],
)
def test_the_encoding_is_told_as_the_account_is_set(callr_answers, body, measured, when, told):
    request = sent(callr_answers, make_sms(body=body, encoding=measured), encoding=when)

    assert request.url.params.get("encoding") == told


def test_a_sub_account_takes_the_key_of_its_main_account_as_basic_credentials(callr_answers):
    request = sent(callr_answers, key_in="basic")

    assert request.headers["authorization"] == _basic("sandbox1:sandbox-callr-key")
    assert "x-api-key" not in request.headers


def test_an_account_without_a_key_goes_by_login_and_password(callr_answers):
    requests = callr_answers(ok())
    CallrSender(Callr("sandbox1", login="ada", password="secret")).send(make_sms())

    assert requests[0].headers["authorization"] == _basic("ada:secret")


def _basic(text):
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def test_the_log_shows_what_was_asked_and_the_address_without_it(callr_answers):
    callr_answers(ok())
    exchange = make_sender().send(make_sms(traffic="alerting")).exchange

    assert exchange.url == "https://callr.example/v2.0/sms"
    assert exchange.request == {"to": ADA, "trafficType": "alerting", "from": OURS, "text": "Hello"}
    assert "sandbox-callr-key" not in json.dumps(exchange.as_json())


# What an answer means


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        ({"sid": "abcd1234"}, Accepted("abcd1234")),
        ({"hash": "8242D945"}, Accepted("8242d945")),  # the earlier API writes it in capitals
        ({"id": 42}, Accepted("42")),
        ({"sid": "abcd1234", "status": "created", "parts": 2}, Accepted("abcd1234", "created", 2)),
        ("abcd1234", Accepted("abcd1234")),
        ([], Accepted()),
        ({"sid": None, "parts": "two"}, Accepted()),
    ],
)
def test_any_2xx_is_an_acceptance_whatever_its_form(callr_answers, status, body, accepted):
    callr_answers(httpx.Response(status, json=body))

    assert make_sender().send(make_sms()).accepted == accepted


@pytest.mark.parametrize("protocol", ["rest", "rpc"])
@pytest.mark.parametrize(
    ("sms", "answer"),
    [
        ({"sid": "abcd1234", "status": "error", "status_error": "no credit"}, "error: no credit"),
        ({"sid": "abcd1234", "status": "FAILED"}, "FAILED"),
        ({"hash": "ABCD1234", "status": "expired", "statusError": "late"}, "expired: late"),
    ],
)
def test_an_sms_that_callr_says_does_not_go_out_is_refused(callr_answers, protocol, sms, answer):
    callr_answers(httpx.Response(200, json={"result": sms} if protocol == "rpc" else sms))
    result = make_sender(protocol=protocol).send(make_sms())

    assert (result.accepted, result.error.code) == (None, "PROVIDER_REJECTED")
    assert result.error.facts["answer"] == answer


def test_an_acceptance_without_a_body_has_no_id(callr_answers):
    callr_answers(httpx.Response(204))

    assert make_sender().send(make_sms()).accepted == Accepted()


@pytest.mark.parametrize("status", [400, 404, 405, 409, 422])
def test_a_refusal_is_by_its_http_status_and_keeps_callrs_code(callr_answers, status):
    callr_answers(
        httpx.Response(status, json={"code": "sms-destination-invalid", "message": "No such number"})
    )
    error = make_sender().send(make_sms()).error

    assert error.code == "PROVIDER_REJECTED"
    assert error.facts["answer"] == "sms-destination-invalid: No such number"
    assert error.facts["http_status"] == status


@pytest.mark.parametrize(
    "words",
    [
        {"code": "testing-number-required", "message": "Forbidden"},
        {"code": "forbidden", "message": "Your account is in Build mode."},
    ],
)
def test_a_refusal_of_callrs_own_build_mode_says_so(callr_answers, words):
    callr_answers(httpx.Response(403, json=words), httpx.Response(200, json=PONG))
    result = make_sender().send(make_sms())

    assert (result.error.code, result.error.facts["recipient"]) == ("ACCOUNT_IN_BUILD_MODE", ADA)
    assert words["code"] in str(result.error)
    assert result.requests == 2


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_stop_the_account_once_a_ping_says_so_too(callr_answers, status):
    callr_answers(httpx.Response(status, json={}), httpx.Response(401, json={}))
    result = make_sender().send(make_sms())

    assert (result.reason, result.error) == ("credential", None)


def test_a_refusal_while_the_ping_is_answered_is_about_the_message(callr_answers):
    callr_answers(httpx.Response(403, json={"code": "forbidden"}), httpx.Response(200, json=PONG))

    assert make_sender().send(make_sms()).error.code == "PROVIDER_REJECTED"


def test_a_refusal_that_no_ping_explains_is_tried_again(callr_answers):
    callr_answers(httpx.Response(401, json={}), httpx.Response(502))

    assert make_sender().send(make_sms()).reason == "unreachable"


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "7"}])
def test_429_is_tried_again_after_a_pause_with_jitter(callr_answers, headers):
    least = float(headers.get("Retry-After", 2))
    waits = set()
    for _ in range(5):
        callr_answers(httpx.Response(429, headers=headers, json={}))
        result = make_sender().send(make_sms())
        assert result.reason == "rate_limited"
        waits.add(result.retry_in)

    assert all(least <= wait <= least * 1.5 for wait in waits)
    assert len(waits) > 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(503),
        httpx.Response(302),
        httpx.Response(408),
        httpx.Response(425),
        httpx.ReadTimeout("slow"),
        httpx.ReadError(""),
    ],
)
def test_what_may_have_left_is_never_sent_again(callr_answers, answer):
    requests = callr_answers(answer)
    result = make_sender().send(make_sms())

    assert (result.error.code, result.retry_in) == ("PROVIDER_UNKNOWN", None)
    assert len(requests) == 1


def test_what_surely_never_left_is_tried_again(callr_answers):
    callr_answers(httpx.ConnectError("refused"))

    assert make_sender().send(make_sms()).reason == "unreachable"


# Against the sandbox, over the wire


@pytest.mark.parametrize("reply", ["sms", "sid", "hash", "id", "empty"])
def test_every_form_that_the_sandbox_answers_in_is_understood(sandbox, reply):
    sandbox.state.settings.callr_reply = reply
    result = make_sender().send(make_sms(sender=""))
    [message] = sandbox.state.messages

    assert result.accepted.provider_id == ("" if reply == "empty" else message.id)
    assert (message.service, message.recipient, message.body) == ("callr", ADA, "Hello")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("500", "PROVIDER_UNKNOWN"),
        ("reset_after", "PROVIDER_UNKNOWN"),
        ("cut", "PROVIDER_UNKNOWN"),
        ("400", "PROVIDER_REJECTED"),
    ],
)
def test_the_sandboxs_faults_mean_what_they_do_elsewhere(sandbox, kind, code):
    sandbox.state.faults.append(Fault.parse({"service": "callr", "kind": kind, "count": 1}))

    assert make_sender().send(make_sms()).error.code == code


@pytest.mark.parametrize("protocol", ["rest", "rpc"])
def test_build_mode_texts_testing_numbers_alone(sandbox, protocol):
    sandbox.state.settings.callr_build_mode = True
    sandbox.state.settings.callr_testing_numbers = ADA
    sender = make_sender(protocol=protocol)

    assert sender.send(make_sms()).accepted
    assert sender.send(make_sms(recipient="+33612345679")).error.code == "ACCOUNT_IN_BUILD_MODE"


def test_options_that_nobody_knows_or_of_a_wrong_type_are_as_installed():
    stored = {"protocol": "rpc", "signed": "yes", "key_in": 5, "unheard": "of"}

    assert Options.read(stored) == Options(protocol="rpc")
