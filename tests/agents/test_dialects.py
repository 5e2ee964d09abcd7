"""Tool calls as the platforms make them, over HTTP: who calls, what is read of it, and in which form it is answered."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from smsadmin.agents import running
from smsadmin.agents.dialects import proving, views
from smsadmin.agents.dialects.base import Use
from smsadmin.agents.dialects.vapi import Vapi
from smsadmin.agents.models import AgentCall, AIAgent, Attachment, Invocation
from smsadmin.sending.models import Message, RefusedCall
from tests.factories import RECIPIENT, make_ai_agent, make_attachment, make_workspace

URL, TOOL = "/agents/tools/", "send_booking"
ITEM_OF_ANOTHER = {"type": "function_call", "call_id": "c1", "name": "other_tool", "arguments": "{}"}
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def made(platform: str, **columns: Any) -> tuple[Attachment, str]:
    agent, token = make_ai_agent(make_workspace(), platform, **columns)
    return make_attachment(agent), token


def post(token: str, body: Any, path: str = URL, **headers: str) -> HttpResponse:
    sent = body if isinstance(body, str | bytes) else json.dumps(body)
    shown = {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}
    named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return Client().post(path, sent, content_type="application/json", **shown, **named)  # type: ignore[arg-type]


def call() -> tuple[str, str, str, str]:
    found = AgentCall.objects.get()
    return found.call_id, found.party, found.number, found.direction


# --- Synthflow, and any program -----------------------------------------------------------------------


def test_synthflow_sends_what_its_action_was_set_up_with(db: None) -> None:
    _attachment, token = made("synthflow")
    body = {
        "call_id": "1711646262471x768387119913843100",
        "user_phone_number": RECIPIENT,
        "date": "2026-04-01",
    }

    response = post(token, body, URL + TOOL)

    message = Message.objects.get()
    assert response.status_code == 200
    assert response.json() == {
        "status": "queued",
        "message_id": str(message.pk),
        "message": "The text is on its way.",
        "error": None,
    }
    assert message.body == "Booked for 2026-04-01"
    assert call()[:2] == ("1711646262471x768387119913843100", RECIPIENT)
    assert AIAgent.objects.get().last_seen_at


def test_to_is_whom_the_call_is_with_where_the_tool_takes_no_number(db: None) -> None:
    _attachment, token = made("other")
    assert (
        post(token, {"call_id": "c1", "to": RECIPIENT, "date": "2"}, URL + TOOL).json()["status"] == "queued"
    )
    assert Message.objects.get().recipient == RECIPIENT
    both = {"call_id": "c2", "to": "+13125550199", "user_phone_number": RECIPIENT, "date": "2"}
    assert post(token, both, URL + TOOL).json()["error"]["code"] == "arguments_unknown"
    later = {"call_id": "c1", "to": "+13125550199", "date": "3"}
    assert post(token, later, URL + TOOL).json()["error"]["code"] == "other_party"


def test_headers_prevail_over_a_body_that_a_model_may_have_filled(db: None) -> None:
    _attachment, token = made("other")
    headers = {"x_call_id": "c1", "x_caller_number": RECIPIENT}
    spoofed = {"call_id": "c9", "user_phone_number": "+13125550199"}
    assert post(token, {**spoofed, "date": "1"}, URL + TOOL, **headers).json()["status"] == "queued"
    again = post(token, {**spoofed, "call_id": "c8", "date": "2"}, URL + TOOL, **headers).json()
    assert again["error"]["code"] == "too_many_texts"
    assert call()[:2] == ("c1", RECIPIENT)
    named = post(token, {"to": "+13125550199", "date": "3"}, URL + TOOL, **headers).json()
    assert named["error"]["code"] == "arguments_unknown"


def test_headers_that_no_signature_covers_fill_gaps_alone(db: None) -> None:
    attachment, _token = made("retell", secrets={"signing": "s3"})
    path = f"{URL}?agent={attachment.agent.public_id}"
    about = {"call_id": "r1", "direction": "inbound", "from_number": RECIPIENT}
    body = json.dumps({"name": TOOL, "args": {"date": "1"}, "call": about}).encode()
    stamp = str(int(datetime.now(UTC).timestamp() * 1000))
    digest = hmac.new(b"s3", body + stamp.encode(), hashlib.sha256).hexdigest()
    headers = {"x_retell_signature": f"v={stamp},d={digest}", "x_caller_number": "+13125550199"}
    assert post("", body, path, **headers).json()["status"] == "queued"
    assert Message.objects.get().recipient == RECIPIENT


def test_a_refusal_is_an_answer_like_others(db: None) -> None:
    _attachment, token = made("synthflow")
    response = post(token, {"call_id": "c1", "user_phone_number": "anonymous", "date": "2"}, URL + TOOL)
    told = response.json()
    assert (response.status_code, told["status"]) == (200, "rejected")
    assert told["error"]["code"] == "recipient_not_e164"
    assert "anonymous" in told["error"]["detail"]
    assert "country code" in told["message"]


def test_what_the_platform_did_not_fill_in_is_missing(db: None) -> None:
    _attachment, token = made("synthflow")
    body = {"call_id": "<call_id>", "user_phone_number": RECIPIENT, "date": "<date>"}
    assert post(token, body, URL + TOOL).json()["error"]["code"] == "arguments_missing"
    assert not AgentCall.objects.exists()


def test_an_unknown_tool_and_an_unreadable_body(db: None) -> None:
    _attachment, token = made("other")
    unknown = post(token, {"call_id": "c1"}, URL + "other_tool")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_tool")
    named = post(made("openai")[1], ITEM_OF_ANOTHER, URL + TOOL).json()
    assert named["input"][0]["output"] == "I have no such text to send."
    broken = post(token, '{"date": ', URL + TOOL)
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "unreadable")
    assert post(token, "[]", URL + TOOL).status_code == 400
    assert post(token, b"\xff\xfe", URL + TOOL).status_code == 400
    large = post(token, '{"date": "' + "x" * views.MOST_BYTES + '"}', URL + TOOL)
    assert large.status_code == 413
    assert Client().get(URL + TOOL).status_code == 405


# --- Vapi ---------------------------------------------------------------------------------------------


def vapi(*calls: Any, **message: Any) -> dict[str, Any]:
    call = {"id": "vapi-1", "type": "inboundPhoneCall", "customer": {"number": RECIPIENT}}
    told = {"type": "tool-calls", "toolCallList": list(calls), "call": call, **message}
    return {"message": told}


def test_vapi_may_use_several_tools_at_once_and_writes_them_in_several_ways(db: None) -> None:
    attachment, token = made("vapi")
    make_attachment(attachment.agent, attachment.action, tool_name="again")
    body = vapi(
        {"id": "t1", "name": TOOL, "arguments": {"date": "1"}},
        {"id": "t2", "name": "again", "parameters": {"date": "2"}},
        {"id": "t3", "function": {"name": TOOL, "arguments": '{"date": "3"}'}},
        {"id": "t4", "name": "nothing", "arguments": {}},
        {"id": "t5", "name": TOOL, "arguments": '{"date": '},
        phoneNumber={"number": "+12025550100"},
    )

    response = post(token, body)

    assert response.status_code == 200
    results = response.json()["results"]
    assert [each["toolCallId"] for each in results] == ["t1", "t2", "t3", "t4", "t5"]
    assert [next(name for name in each if name != "toolCallId") for each in results] == [
        "result", "result", "error", "error", "error",
    ]  # fmt: skip
    assert all("\n" not in text for each in results for text in each.values())
    assert call() == ("vapi-1", RECIPIENT, "+12025550100", "inbound")
    assert sorted(Message.objects.values_list("body", flat=True)) == ["Booked for 1", "Booked for 2"]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"arguments": None, "parameters": {"a": 1}}, {"a": 1}),
        ({"arguments": {}, "function": {"arguments": {"a": 1}}}, {"a": 1}),
        ({"arguments": "", "function": {"parameters": '{"a": 1}'}}, {"a": 1}),
        ({"arguments": {"a": 1}, "parameters": {"b": 2}}, {"a": 1}),
        ({"arguments": "{", "parameters": {"b": 2}}, None),
        ({"arguments": "{}"}, {}),
    ],
)
def test_the_first_arguments_of_vapi_that_are_not_empty_count(call: Any, expected: Any) -> None:
    [use] = Vapi().read(vapi({"id": "t1", "name": TOOL, **call}), in_url=False).uses
    assert (use.name, use.arguments) == (TOOL, expected)


@pytest.mark.parametrize(
    "listed",
    [
        {"name": TOOL, "parameters": {"type": "object"}, "toolCall": {"id": "t1", "parameters": {"a": 1}}},
        {"function": {"name": TOOL}, "toolCall": {"id": "t1", "arguments": {"a": 1}}},
        {"toolCall": {"id": "t1", "function": {"name": TOOL, "arguments": '{"a": 1}'}}},
    ],
)
def test_calls_of_vapi_that_stand_in_their_tools_alone_are_read_there(listed: Any) -> None:
    message = vapi(toolWithToolCallList=[listed])
    assert Vapi().read(message, in_url=False).uses == [Use(TOOL, {"a": 1}, "t1")]
    message = vapi({"id": "t2", "name": "b"}, toolWithToolCallList=[listed])
    assert Vapi().read(message, in_url=False).uses == [Use("b", {}, "t2")]


def test_vapi_is_always_answered_with_200(db: None, settings: Any) -> None:
    _attachment, token = made("vapi")
    assert post(token, {"message": {"type": "status-update"}}).json() == {"results": []}
    broken = post(token, "{")
    assert (broken.status_code, broken.json()["results"]) == (200, [])
    settings.AGENT_REQUESTS_PER_MINUTE = 0
    flood = post(token, vapi({"id": "t1", "name": TOOL, "arguments": {"date": "1"}}))
    assert flood.status_code == 200
    assert flood.json()["results"] == [
        {
            "toolCallId": "t1",
            "error": "I have tried to send too many texts in a short time. It may work again in a minute.",
        }
    ]


def test_a_tool_call_of_vapi_that_comes_again_gets_the_first_answer(db: None) -> None:
    _attachment, token = made("vapi")
    body = vapi({"id": "t1", "name": TOOL, "arguments": {"date": "1"}})
    assert post(token, body).json() == post(token, body).json()
    assert Message.objects.count() == 1


# --- Retell -------------------------------------------------------------------------------------------


def test_retell_wraps_the_arguments_or_sends_them_alone(db: None) -> None:
    attachment, token = made("retell")
    attachment.most_per_call = 2
    attachment.save()
    about = {"call_id": "r1", "direction": "outbound", "from_number": "+12025550100", "to_number": RECIPIENT}
    assert post(token, {"name": TOOL, "args": {"date": "1"}, "call": about}).json()["status"] == "queued"
    assert post(token, {"date": "2", "call": about}, URL + TOOL).json()["status"] == "queued"
    assert call() == ("r1", RECIPIENT, "+12025550100", "outbound")
    bare = post(token, {"name": TOOL, "date": "2", "call": about})
    assert (bare.status_code, bare.json()["error"]["code"]) == (404, "unknown_tool")
    model = {"name": TOOL, "args": {"date": "3", "to": "+13125550199"}, "call": {"call_id": "r2"}}
    assert post(token, model).json()["error"]["code"] == "arguments_unknown"


# --- OpenAI -------------------------------------------------------------------------------------------


def test_tool_calls_of_a_chat_completion_are_answered_as_messages(db: None) -> None:
    _attachment, token = made("openai")
    calls = [
        {"id": "c1", "type": "function", "function": {"name": TOOL, "arguments": '{"date": "1"}'}},
        {"id": "c2", "type": "function", "function": {"name": TOOL, "arguments": '{"date": "1",'}},
    ]
    whole = {
        "choices": [{"message": {"role": "assistant", "tool_calls": calls}}],
        "user_phone_number": RECIPIENT,
    }
    told = post(token, {**whole, "call_id": "o1"}).json()["messages"]
    assert told[0] == {"role": "tool", "tool_call_id": "c1", "content": "The text is on its way."}
    assert told[1]["content"].startswith("The text was not sent")
    assert call()[:2] == ("o1", RECIPIENT)


def test_items_of_a_response_are_answered_as_items(db: None) -> None:
    _attachment, token = made("openai")
    item = {"type": "function_call", "call_id": "c1", "name": TOOL, "arguments": '{"date": "1"}'}
    expected = {"type": "function_call_output", "call_id": "c1", "output": "The text is on its way."}
    headers = {"x_call_id": "o1", "x_caller_number": RECIPIENT}
    for body in (item, [{"type": "reasoning"}, item], {"output": [item]}):
        assert post(token, body, **headers).json() == {"input": [expected]}
    assert Message.objects.count() == 1
    assert post(token, {"text": "hello"}).status_code == 400


# --- Who calls ----------------------------------------------------------------------------------------


def test_a_call_without_a_token_that_we_know_is_turned_away_and_kept(db: None) -> None:
    _attachment, token = made("other")
    for shown, reason in (
        ("", "no token"),
        (token[:-1] + ("y" if token.endswith("x") else "x"), "unknown token"),
        ("smsadmin_x", "unknown token"),
    ):
        response = post(shown, {"date": "1"}, URL + TOOL)
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (
            401,
            'Bearer realm="smsadmin"',
        )
        assert RefusedCall.objects.latest("pk").reason == reason
    assert not RefusedCall.objects.filter(detail__contains=token[:12]).exists()
    assert not Message.objects.exists()


@pytest.mark.parametrize("header", ["X_VAPI_SECRET", "BEARER", "AUTHORIZATION"])
def test_the_token_is_found_where_platforms_put_it(db: None, header: str) -> None:
    _attachment, token = made("other")
    assert post("", {"date": "1", "to": RECIPIENT}, URL + TOOL, **{header: token}).status_code == 200


def test_an_agent_uses_its_own_tools_alone(db: None) -> None:
    made("other")
    _agent, own = make_ai_agent(make_workspace())
    assert post(own, {"date": "1", "to": RECIPIENT}, URL + TOOL).status_code == 404


RETELL_BODY = b'{"name":"send_sms","args":{"to":"+14155550100"}}'
RETELL_SIGNED_AT = datetime.fromtimestamp(1_767_225_600, UTC)
RETELL_SIGNATURE = "v=1767225600000,d=7a00aa6af07aa70862b80473299a5224e268eb7ffe605f68968e232efb290079"


@pytest.mark.parametrize(
    ("signature", "minutes", "reason"),
    [
        (RETELL_SIGNATURE, 4, ""),
        (RETELL_SIGNATURE, 6, "signature stale"),
        (RETELL_SIGNATURE.replace("7a00", "7a01"), 0, "forged agent"),
        ("", 0, "unsigned"),
        ("v=1,d=2", 0, "forged agent"),
    ],
)
def test_retell_signs_the_body_and_the_moment(
    db: None, signature: str, minutes: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attachment, _token = made("retell", secrets={"signing": "key_test"})
    attachment.tool_name, attachment.recipient = "send_sms", Attachment.Recipient.ARGUMENT
    attachment.variables = {"date": {"source": "fixed", "value": "today"}}
    attachment.save()
    moment = RETELL_SIGNED_AT.replace(minute=minutes)
    monkeypatch.setattr(views.timezone, "now", lambda: moment)
    path = f"{URL}?agent={attachment.agent.public_id}"
    response = post("", RETELL_BODY, path, **({"x_retell_signature": signature} if signature else {}))
    if reason:
        assert (response.status_code, RefusedCall.objects.get().reason) == (401, reason)
    else:
        assert response.json()["status"] == "queued"
        assert Message.objects.get().recipient == "+14155550100"


@pytest.mark.parametrize("stamped", [True, False])
def test_vapi_signs_as_its_credential_says(db: None, stamped: bool) -> None:
    options = {"header": "X-Hub", "algorithm": "sha512", "timestamp_header": "X-At" if stamped else ""}
    attachment, _token = made("vapi", secrets={"signing": "s3"}, options=options)
    body = json.dumps(vapi({"id": "t1", "name": TOOL, "arguments": {"date": "1"}})).encode()
    path = f"{URL}?agent={attachment.agent.public_id}"
    stamp = str(int(datetime.now(UTC).timestamp()))
    signed = f"{stamp}.".encode() + body if stamped else body
    digest = hmac.new(b"s3", signed, hashlib.sha512).hexdigest()
    at = {"x_at": stamp} if stamped else {}

    assert "result" in post("", body, path, x_hub=digest, **at).json()["results"][0]
    assert "result" in post("", body, path, x_hub=f"sha512={digest}", **at).json()["results"][0]
    assert post("", body + b" ", path, x_hub=digest, **at).status_code == 401
    if stamped:
        alone = hmac.new(b"s3", body, hashlib.sha512).hexdigest()
        assert post("", body, path, x_hub=digest).status_code == 401
        assert post("", body, path, x_hub=alone, **at).status_code == 401
    else:  # a header of the time that nobody named may be a proxy's, or the one that is signed
        dated = hmac.new(b"s3", f"{stamp}.".encode() + body, hashlib.sha512).hexdigest()
        for signature, moment in ((digest, stamp), (digest, "1767225600"), (dated, stamp)):
            assert post("", body, path, x_hub=signature, x_timestamp=moment).status_code == 200


def test_a_signature_of_long_ago_is_stale(db: None) -> None:
    attachment, _token = made("vapi", secrets={"signing": "s3"})
    digest = hmac.new(b"s3", b"1767225600.{}", hashlib.sha256).hexdigest()
    path = f"{URL}?agent={attachment.agent.public_id}"
    assert post("", b"{}", path, x_signature=digest, x_timestamp="1767225600").status_code == 401
    assert RefusedCall.objects.get().reason == "signature stale"


def test_a_platform_that_signs_nothing_is_not_believed_by_its_address(db: None) -> None:
    attachment, _token = made("other", secrets={"signing": "s3"})
    assert post("", {"date": "1"}, f"{URL}{TOOL}?agent={attachment.agent.public_id}").status_code == 401
    for nobody in ("nobody", "00000000-0000-0000-0000-000000000000", "%00"):
        assert post("", {"date": "1"}, f"{URL}{TOOL}?agent={nobody}").status_code == 401


@pytest.mark.parametrize(
    ("stamp", "moment"),
    [
        ("1767225600", RETELL_SIGNED_AT),
        ("1767225600000", RETELL_SIGNED_AT),
        ("2026-01-01T00:00:00Z", RETELL_SIGNED_AT),
        ("2026-13-01T00:00:00Z", None),
        ("999999999999999", None),
        ("soon", None),
    ],
)
def test_a_moment_is_read_in_the_forms_that_platforms_use(stamp: str, moment: datetime | None) -> None:
    assert proving._moment(stamp) == moment


# --- Floods, faults and whatever else may come ----------------------------------------------------------


def test_too_many_calls_in_a_minute_are_told_when_to_come_again(db: None, settings: Any) -> None:
    settings.AGENT_REQUESTS_PER_MINUTE = 1
    _attachment, token = made("other")
    body = {"call_id": "c1", "to": RECIPIENT, "date": "1"}
    assert post(token, body, URL + TOOL).status_code == 200
    response = post(token, body, URL + TOOL)
    assert (response.status_code, response.json()["error"]["code"]) == (429, "too_many_requests")
    assert 1 <= int(response.headers["Retry-After"]) <= 60


def test_each_of_several_uses_counts(db: None, settings: Any) -> None:
    settings.AGENT_REQUESTS_PER_MINUTE = 3
    _attachment, token = made("vapi")
    calls = [{"id": f"t{at}", "name": TOOL, "arguments": {"date": "1"}} for at in (1, 2)]
    for said in ("result", "error"):
        assert [said in each for each in post(token, vapi(*calls)).json()["results"]] == [True, True]


@pytest.mark.parametrize(("platform", "status"), [("other", 503), ("vapi", 200)])
def test_without_a_database_the_same_call_may_be_made_again(
    db: None, platform: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _attachment, token = made(platform)

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(running, "use", away)
    body = (
        vapi({"id": "t1", "name": TOOL, "arguments": {"date": "1"}}) if platform == "vapi" else {"date": "1"}
    )
    assert post(token, body, URL + TOOL).status_code == status


@pytest.mark.parametrize(
    ("fault", "say"), [(OperationalError("away"), "just now"), (ZeroDivisionError(), "on our side")]
)
def test_a_use_that_fails_takes_back_no_other(
    db: None, fault: Exception, say: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _attachment, token = made("vapi")
    use = running.use

    def away_at_two(*given: Any, **named: Any) -> running.Answer:
        if named["external_id"] == "t2":
            raise fault
        return use(*given, **named)

    monkeypatch.setattr(running, "use", away_at_two)
    calls = [{"id": f"t{at}", "name": TOOL, "arguments": {"date": "1"}} for at in (1, 2, 3)]
    first, second, third = post(token, vapi(*calls)).json()["results"]
    assert first == {"toolCallId": "t1", "result": "The text is on its way."}
    assert (second["toolCallId"], say in second["error"]) == ("t2", True)
    assert third == {**first, "toolCallId": "t3"}
    assert Message.objects.count() == 1


def test_answers_are_in_the_language_of_the_agent(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    spoken: list[str] = []
    sentence = running.speaking.sentence
    monkeypatch.setattr(
        running.speaking,
        "sentence",
        lambda word, language, **names: spoken.append(language) or sentence(word, language),
    )
    _attachment, token = made("other", language="de")
    post(token, {"to": RECIPIENT, "date": "1"}, URL + TOOL)
    assert spoken == ["de"]


_few = examples(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
NAMES = [
    *(
        "message",
        "type",
        "toolCallList",
        "function",
        "arguments",
        "name",
        "id",
        "call",
        "args",
        "customer",
        "x",
    ),
    *("tool_calls", "output", "call_id", "choices", "number", "date", "to"),
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("platform", ["other", "vapi", "retell", "openai"])
def test_whatever_comes_is_answered(db: None, platform: str, settings: Any) -> None:
    settings.AGENT_REQUESTS_PER_MINUTE = 100_000
    _attachment, token = made(platform)

    @given(ANYTHING, st.sampled_from([URL, URL + TOOL]))
    @_few
    def check(payload: Any, path: str) -> None:
        if platform == "vapi" and isinstance(payload, dict):
            payload = {"message": {"type": "tool-calls", **payload}}
        response = post(token, json.dumps(payload), path)
        assert response.status_code in (200, 400, 404)
        response.json()

    check()
    assert not Invocation.objects.filter(outcome="").exists()
