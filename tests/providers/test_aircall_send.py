"""One SMS through Aircall: what goes over the wire, and what each answer means for the message.

Nothing that may have left is ever sent again: Aircall has no idempotency key and shows no message back.
"""

import base64
import json
import socket

import httpx
import pytest

from smsadmin.core.message import Accepted, Sms
from smsadmin.providers.aircall.client import Aircall
from smsadmin.providers.aircall.send import AircallSender
from smsadmin.sandbox.faults import Fault

SMS = Sms("message-1", "+12025550100", "1234", "+12025550123", "Grüße Zoë 👋")
SENT = {"id": "exampleSM1", "status": "pending"}
EDGE = {"message": "Forbidden"}


def ok():
    return httpx.Response(200, json=SENT)


def edge():
    return httpx.Response(403, json=EDGE)


# On the wire


def test_a_send_is_exactly_the_documented_request(answers, sender):
    (request,) = _sent(answers, sender, SMS)
    assert (request.method, str(request.url)) == (
        "POST",
        "https://aircall.example/v1/numbers/1234/messages/native/send",
    )
    assert json.loads(request.content) == {"to": "+12025550123", "body": "Grüße Zoë 👋"}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "application/json"
    assert (
        request.headers["authorization"] == "Basic " + base64.b64encode(b"sandbox-id:sandbox-token").decode()
    )


def test_send_as_is_an_integer_agent_id_and_only_there_when_asked_for(answers, sender):
    sms = Sms("message-1", "+12025550100", "1234", "+12025550123", "Hello", send_as_id="456")
    (request,) = _sent(answers, sender, sms)
    assert json.loads(request.content) == {"to": "+12025550123", "body": "Hello", "agentId": 456}


def _sent(answers, sender, sms):
    requests = answers(ok())
    sender.send(sms)
    return requests


# What an answer means


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        (ok(), Accepted("exampleSM1", "pending")),
        (httpx.Response(201, json=SENT), Accepted("exampleSM1", "pending")),
        (httpx.Response(200, json={"status": "pending"}), Accepted("", "pending")),
        (httpx.Response(200, json={"id": None}), Accepted()),
        (httpx.Response(200, json=[SENT]), Accepted()),
        (httpx.Response(200, text='{"id": "exampleSM'), Accepted()),
        (httpx.Response(200, text="<html>"), Accepted()),
        (httpx.Response(200, text="[" * 100_000), Accepted()),
        (httpx.Response(204), Accepted()),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_any_2xx_is_an_acceptance_even_without_a_readable_id(answers, sender, answer, accepted):
    requests = answers(answer)
    result = sender.send(SMS)
    assert (result.accepted, result.error, result.retry_in) == (accepted, None, None)
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("told", "segments"),
    [
        (3, 3),
        (1, 1),
        (0, None),
        (-1, None),
        (256, None),
        (True, None),
        ("3", None),
        (2.5, None),
        (None, None),
    ],
)
def test_segments_are_taken_where_an_answer_names_a_number_that_can_be(answers, sender, told, segments):
    answers(httpx.Response(200, json=SENT | {"segments": told}))
    assert sender.send(SMS).accepted == Accepted("exampleSM1", "pending", segments)


@pytest.mark.parametrize(
    "answer",
    [
        *[httpx.Response(status) for status in (500, 502, 503, 504, 520, 301, 302, 304, 408)],
        httpx.Response(502, text="<html>Bad Gateway</html>"),
        httpx.ReadTimeout("slow"),
        httpx.WriteTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.WriteError("reset"),
        httpx.RemoteProtocolError("cut"),
        httpx.DecodingError("bad gzip"),
    ],
    ids=repr,
)
def test_what_may_have_left_is_unknown_and_never_sent_again(answers, sender, answer):
    requests = answers(answer)
    result = sender.send(SMS)
    assert (result.accepted, result.error.code, result.retry_in) == (None, "PROVIDER_UNKNOWN", None)
    assert len(requests) == 1


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("busy")],
    ids=repr,
)
def test_what_surely_never_left_may_be_tried_again(answers, sender, error):
    answers(error)
    result = sender.send(SMS)
    assert (result.accepted, result.error, result.reason) == (None, None, "unreachable")
    assert result.retry_in > 0


def test_an_address_that_cannot_be_called_never_left_either(sender, settings):
    for url in ("api.aircall.io", "ftp://api.aircall.io", "http://"):
        settings.AIRCALL_BASE_URL = url
        assert sender.send(SMS).reason == "unreachable"


NOW = 1_795_291_200


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"X-AircallApi-Reset": str(NOW + 20)}, 20),
        ({"X-AircallApi-Reset": str((NOW + 20) * 1000)}, 20),
        ({"Retry-After": "7", "X-AircallApi-Reset": str(NOW + 20)}, 7),
        ({"Retry-After": "Sat, 21 Nov 2026 10:00:00 GMT", "X-AircallApi-Reset": str(NOW + 20)}, 20),
        ({"X-AircallApi-Reset": str(NOW - 20)}, 0.5),
        ({"X-AircallApi-Reset": str(NOW + 86_400)}, 60),
        ({"Retry-After": "0"}, 0.5),
        ({"Retry-After": "-3"}, 0.5),
        ({"Retry-After": "86400"}, 60),
        ({"Retry-After": "nan"}, 2),
        ({"Retry-After": "inf"}, 2),
        ({"Retry-After": "soon"}, 2),
        ({"Retry-After": ""}, 2),
        ({}, 2),
    ],
)
def test_after_429_the_wait_is_what_the_headers_say_within_half_a_second_and_a_minute(
    answers, sender, time_machine, headers, seconds
):
    time_machine.move_to(NOW, tick=False)
    requests = answers(httpx.Response(429, headers=headers, json={"error": "Too Many Requests"}))
    result = sender.send(SMS)
    assert (result.retry_in, result.reason, result.error) == (seconds, "rate_limited", None)
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            httpx.Response(400, json={"error": "InvalidPayload", "message": "to is wrong"}),
            "InvalidPayload: to is wrong",
        ),
        (httpx.Response(400, json={"key": "SameDestinationAsSender"}), "SameDestinationAsSender"),
        (httpx.Response(400, json={"code": "InvalidContentType"}), "InvalidContentType"),
        (httpx.Response(400, json={"name": "X", "troubleshoot": "Look"}), "X: Look"),
        (httpx.Response(422, json={"errors": ["first", "second"]}), "first"),
        (
            httpx.Response(403, json={"message": "Forbidden", "error": "Forbidden Exception"}),
            "Forbidden Exception",
        ),
        (httpx.Response(404, json={"error": "Not Found", "troubleshoot": ""}), "Not Found"),
        (httpx.Response(400, text="plain words"), "plain words"),
        (httpx.Response(400), "—"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_refusal_carries_aircalls_own_words_whichever_field_holds_them(answers, sender, answer, words):
    requests = answers(answer)
    result = sender.send(SMS)
    assert result.error.code == "PROVIDER_REJECTED"
    assert result.error.facts["answer"].startswith(words)
    assert (result.learnt, len(requests)) == ({}, 1)


@pytest.mark.parametrize("field", ["error", "key", "code", "name", "message"])
def test_a_number_that_proves_to_be_in_proxy_mode_is_remembered_so(answers, sender, field):
    answers(httpx.Response(403, json={field: "LineIsNotNativeException"}))
    result = sender.send(SMS)
    assert (result.error.code, result.learnt) == ("PROVIDER_REJECTED", {"proxy_mode": True})


# The gateway's 403


def test_an_edge_403_is_tried_once_more_when_the_key_proves_good(answers, sender):
    requests = answers(edge(), httpx.Response(200, json={"ping": "pong"}), ok())
    assert sender.send(SMS).accepted == Accepted("exampleSM1", "pending")
    assert [request.url.path.rpartition("/")[2] for request in requests] == ["send", "ping", "send"]


def test_a_second_edge_403_with_a_good_key_is_about_the_message_and_not_the_key(answers, sender):
    requests = answers(edge(), httpx.Response(200), edge())
    assert sender.send(SMS).error.code == "PROVIDER_REJECTED"
    assert len(requests) == 3


@pytest.mark.parametrize("status", [401, 403])
def test_an_edge_403_with_a_bad_key_is_the_key_and_the_message_waits_for_a_better_one(
    answers, sender, status
):
    requests = answers(edge(), httpx.Response(status, json=EDGE))
    result = sender.send(SMS)
    assert (result.error, result.reason) == (None, "credential")
    assert result.retry_in > 0
    assert len(requests) == 2


@pytest.mark.parametrize(
    "ping", [httpx.Response(500), httpx.Response(429), httpx.ReadTimeout("slow")], ids=repr
)
def test_an_edge_403_whose_cause_nobody_can_tell_never_left_and_may_be_tried_again(answers, sender, ping):
    answers(edge(), ping)
    result = sender.send(SMS)
    assert (result.error, result.reason) == (None, "unreachable")


def test_a_401_is_the_key_where_a_ping_says_so_too(answers, sender):
    requests = answers(httpx.Response(401, json={"message": "Unauthorized"}), httpx.Response(401))
    assert sender.send(SMS).reason == "credential"
    assert len(requests) == 2


def test_a_stray_401_does_not_stop_a_text(answers, sender):
    answers(httpx.Response(401, json={"message": "Unauthorized"}), httpx.Response(200), ok())
    assert sender.send(SMS).accepted


def test_the_second_try_is_judged_like_any_other(answers, sender):
    answers(edge(), httpx.Response(200), httpx.Response(500))
    assert sender.send(SMS).error.code == "PROVIDER_UNKNOWN"


@pytest.mark.parametrize(
    ("ping", "code", "reason"),
    [
        (httpx.Response(200), "PROVIDER_REJECTED", ""),
        (httpx.Response(401), None, "credential"),
        (httpx.Response(403, json=EDGE), None, "credential"),
        (httpx.Response(500), None, "unreachable"),
    ],
    ids=repr,
)
def test_a_403_that_may_be_the_plan_is_told_from_a_bad_key_by_a_ping_and_not_posted_again(
    answers, sender, ping, code, reason
):
    requests = answers(httpx.Response(403, json={"error": "Forbidden"}), ping)
    result = sender.send(SMS)
    assert (result.error.code if result.error else None, result.reason) == (code, reason)
    assert (result.requests, len(requests), result.plan_refused) == (2, 2, code is not None)


# What is kept


@pytest.mark.parametrize(
    "prepared",
    [
        [ok()],
        [httpx.Response(401), httpx.Response(401)],
        [httpx.Response(400, text="x" * 5_000)],
        [httpx.ConnectError("no")],
        [edge(), edge()],
    ],
)
def test_the_kept_exchange_tells_everything_but_the_credential(answers, sender, prepared):
    answers(*prepared)
    kept = sender.send(SMS).exchange.as_json()
    text = json.dumps(kept)
    assert kept["request"] == {"to": SMS.recipient, "body": SMS.body}
    assert kept["url"].endswith("/v1/numbers/1234/messages/native/send")
    assert len(kept.get("answer", "")) <= 1_000
    for secret in ("sandbox-token", base64.b64encode(b"sandbox-id:sandbox-token").decode(), "Authorization"):
        assert secret not in text


# Against the stand-in, over real HTTP


@pytest.fixture
def native(sandbox):
    """A number of the stand-in that can text, and one of its users."""
    plain = (n for n in sandbox.state.numbers.values() if n.sms and not (n.third_party or n.configuration))
    return next(number for number in plain if number.user_ids and number.country == "US")


def text(number, recipient="+12025550123", **columns):
    return Sms("message-1", number.e164, str(number.id), recipient, "Hello", **columns)


def test_the_stand_in_takes_a_text_as_its_user(sandbox, sender, native):
    user_id = next(iter(native.user_ids))
    result = sender.send(text(native, send_as_id=str(user_id)))
    (message,) = sandbox.state.messages
    assert result.accepted == Accepted(message.id, "pending")
    assert (message.recipient, message.body, message.user_id) == ("+12025550123", "Hello", user_id)


def test_the_stand_in_tells_its_segments_only_where_it_is_set_to(sandbox, sender, native):
    sandbox.state.settings.change({"aircall_segments_added": 1})
    assert sender.send(text(native)).accepted.segments is None
    sandbox.state.settings.change({"aircall_segments": "answer"})
    assert sender.send(text(native)).accepted.segments == 2


@pytest.mark.parametrize(
    ("kind", "outcome", "arrived"),
    [
        ("429", "rate_limited", 0),
        ("400", "PROVIDER_REJECTED", 0),
        ("forbidden", "PROVIDER_REJECTED", 0),
        ("401", "PROVIDER_REJECTED", 0),
        ("edge403", "PROVIDER_REJECTED", 0),
        ("500", "PROVIDER_UNKNOWN", 0),
        ("502", "PROVIDER_UNKNOWN", 0),
        ("hang", "PROVIDER_UNKNOWN", 0),
        ("reset_before", "PROVIDER_UNKNOWN", 0),
        ("reset_after", "PROVIDER_UNKNOWN", 1),
        ("timeout", "PROVIDER_UNKNOWN", 1),
        ("slow", "PROVIDER_UNKNOWN", 1),
        ("500_after", "PROVIDER_UNKNOWN", 1),
        ("cut", "PROVIDER_UNKNOWN", 1),
        ("garbage", "PROVIDER_UNKNOWN", 1),
        ("invalid_json", "accepted", 1),
        ("no_id", "accepted", 1),
    ],
)
def test_each_fault_of_the_stand_in_ends_as_it_must_and_nothing_is_sent_twice(
    sandbox, sender, native, kind, outcome, arrived
):
    sandbox.state.faults.append(Fault.parse({"kind": kind, "seconds": 2}))
    result = sender.send(text(native))
    ended = "accepted" if result.accepted else result.error.code if result.error else result.reason
    assert (ended, len(sandbox.state.messages)) == (outcome, arrived)


def test_one_stray_edge_403_does_not_stop_a_text(sandbox, sender, native):
    sandbox.state.faults.append(Fault.parse({"kind": "edge403", "count": 1}))
    assert sender.send(text(native)).accepted
    assert len(sandbox.state.messages) == 1


def test_a_wrong_key_is_told_from_a_refusal(sandbox, native):
    stranger = AircallSender(Aircall("sandbox-id", "wrong"))
    assert stranger.send(text(native)).reason == "credential"


def test_a_port_where_nobody_listens_never_got_it(sender, settings):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        settings.AIRCALL_BASE_URL = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        result = sender.send(SMS)
    assert (result.reason, result.exchange.failure) == (
        "unreachable",
        "the connection was refused or the host is unknown",
    )


def test_a_number_in_proxy_mode_is_learnt_from_the_stand_in(sandbox, sender):
    proxy = next(number for number in sandbox.state.numbers.values() if number.configuration)
    assert sender.send(text(proxy)).learnt == {"proxy_mode": True}
