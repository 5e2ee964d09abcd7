"""Messages by program: sent without an action, listed by the log's own filters, told in full, and taken out."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from smsadmin import cache
from smsadmin.api.models import Key, KeyScope
from smsadmin.directory.models import Agent, Number
from smsadmin.resends import making
from smsadmin.routing import scope
from smsadmin.sending import again
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Event, Message
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import Member
from tests.api.conftest import Program, make_program, told
from tests.api.test_openapi import DOCUMENT, described
from tests.factories import (
    ask,
    make_action,
    make_agent,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_workspace,
    put_on,
)

LIST, ONE = "/api/v1/messages", "/api/v1/messages/{message}"
RECIPIENT = "+13125550123"
NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)


def no_room(number: Number) -> None:
    """From now on the number may send nothing more today."""
    number.workspace.quota_rules.all().delete()
    number.workspace.quota_rules.create(scope="number", window="day", limit=1)
    cache.forget()
    accept(ask(number))


def text(number: Number, **over: Any) -> dict[str, Any]:
    return {"from": number.e164, "to": RECIPIENT, "text": "Hello {{you}}", **over}


# --- Sending -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["e164", "pk"])
def test_a_text_is_sent_from_the_number_that_is_named(program: Program, number: Number, by: str) -> None:
    body = text(number, **{"from": getattr(number, by), "send_as": "mia@example.com"})
    response = program.post("messages", body, "order-1")

    message = Message.objects.get()
    assert (response.status_code, response.json()["id"]) == (202, str(message.pk))
    assert described(LIST, response) == []
    assert (message.number, message.send_as, message.recipient) == (number, "mia@example.com", RECIPIENT)
    assert message.body == "Hello {{you}}"  # nothing in it is read as a token
    assert message.trigger == "api"


def test_of_two_accounts_with_the_same_number_the_one_whose_id_is_given_sends(
    program: Program, number: Number
) -> None:
    second = make_number(number.workspace, number.e164, connection=make_connection(number.workspace))
    for nth, each in enumerate((number, second)):
        sent = program.post("messages", text(number, **{"from": each.pk}), f"order-{nth}")
        assert Message.objects.get(pk=sent.json()["id"]).number == each
    refused = program.post("messages", text(number), "order-3")
    [fault] = told(refused, 422, "BAD_BODY")["errors"]
    ids = f"2 accounts have it, so say which by its id: {number.pk} or {second.pk}."
    assert (fault["pointer"], fault["detail"]) == ("/from", ids)
    for path in ("numbers/", "quotas/numbers/", "messages?number=", "quotas/fit?number="):
        at = f"/api/v1/{path}%2B12025550101"
        problem = told(program.client.get(at, headers=program.headers), 400, "BAD_PARAMETER")
        assert (problem["parameter"], problem["detail"]) == ("number", ids)
        assert program.client.get(f"/api/v1/{path}{second.pk}", headers=program.headers).status_code == 200


def test_of_two_accounts_with_the_same_user_the_one_of_the_number_is_meant(
    program: Program, number: Number, mia: Agent
) -> None:
    second = make_number(number.workspace, connection=make_connection(number.workspace))
    other = make_agent(number.workspace, mia.email.upper(), connection=second.connection)
    put_on(second, other)
    detail = f"say which by its id: {mia.pk} or {other.pk}."
    for path in ("messages?user=", "quotas/users/"):
        response = program.client.get(f"/api/v1/{path}{mia.email}", headers=program.headers)
        assert detail in told(response, 400, "BAD_PARAMETER")["detail"]
    for each in (number, second):
        assert program.get("quotas/fit", number=each.pk, user=mia.email).status_code == 200


def test_no_route_is_asked_about_a_sender_that_the_program_names(program: Program, number: Number) -> None:
    action = make_action(number.workspace, sender_number=number)
    body = {"record": {"properties": {"phone": RECIPIENT}}}
    named, chosen = (
        Message.objects.get(pk=program.post(path, each, path).json()["id"])
        for path, each in (("messages", text(number)), (f"actions/{action.pk}/messages", body))
    )
    assert (named.routed, chosen.routed) == (False, True)
    successor = making.request(named, "original")
    assert successor
    assert not scope.concerns(successor)


def test_a_repeat_of_a_text_gets_the_first_answer(program: Program, number: Number) -> None:
    first = program.post("messages", text(number), "order-1")
    again = program.post("messages", text(number), "order-1")
    assert (again.json(), again["Idempotency-Replayed"]) == (first.json(), "true")
    told(program.post("messages", text(number, text="Bye"), "order-1"), 422, "IDEMPOTENCY_KEY_REUSED")
    assert Message.objects.count() == 1


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"from": "+19995550100"}, "NUMBER_NOT_IN_INTEGRATION"),
    ({"from": 99_999}, "NUMBER_NOT_IN_INTEGRATION"),
    ({"from": "ACME"}, "SENDER_ID_NOT_APPROVED"),
    ({"to": "555 0123"}, "RECIPIENT_NO_COUNTRY_CODE"),
    ({"send_as": "leo@example.com"}, "USER_NOT_FOUND"),
    ({"text": "x" * 1_601}, "MESSAGE_TOO_LONG"),
]


def test_what_cannot_be_sent_is_refused_as_any_message_is(program: Program, number: Number) -> None:
    for nth, (over, code) in enumerate(REFUSED):
        response = program.post("messages", text(number, **over), f"order-{nth}")
        assert told(response, 422, code)["message"] == str(Message.objects.latest("pk").pk)
        assert described(LIST, response) == []
    assert Message.objects.count() == len(REFUSED)


def test_without_room_it_waits_where_that_is_wished_and_is_refused_with_the_limit_else(
    program: Program, number: Number
) -> None:
    no_room(number)
    held = program.post("messages", text(number, at_quota="hold", hold_minutes=2_000), "order-1")
    assert (held.status_code, held.json()["status"]) == (202, "held")
    assert held.json()["expires_at"]
    refused = program.post("messages", text(number), "order-2")
    told(refused, 422, "NUMBER_QUOTA_EXCEEDED")
    assert (refused["RateLimit-Limit"], refused["RateLimit-Remaining"]) == ("1", "0")
    assert described(LIST, refused) == []


def test_a_program_and_its_words_are_in_the_trace(program: Program, number: Number) -> None:
    sent = program.post("messages", text(number), "order-1").json()
    response = program.get(f"messages/{sent['id']}/trace")
    assert described(f"{ONE}/trace", response) == []
    steps = {each["step"]: each["sentence"] for each in response.json()["steps"]}
    [received] = [
        each
        for each in program.get(f"messages/{sent['id']}/events").json()["results"]
        if each["type"] == "received"
    ]
    assert received["sentence"] == "Received · The program with the API key Planner"
    assert steps["action"] == "Asked for by the program with the API key “Planner”, without a saved action"
    assert steps["sender"] == "The program names +1 202-555-0101 (Sales US)"


# --- Sent again --------------------------------------------------------------------------------------


def test_sent_again_it_goes_to_whom_the_program_named(program: Program, number: Number) -> None:
    action = make_action(number.workspace, sender_number=number)
    body = {"record": {"properties": {"phone": "+13125550100"}}, "to": RECIPIENT}
    program.post(f"actions/{action.pk}/messages", body, "order-1")
    program.post("messages", text(number), "order-2")
    for message in Message.objects.all():
        ask = making.request(message, "original")
        assert ask
        assert making.recipient(ask) == RECIPIENT
    redirected = Message.objects.get(action=action)
    redirected.inputs = {}  # deleted by age: the record's own number must not get what was meant for another
    ask = making.request(redirected, "original")
    assert ask
    assert ask.config.recipient_property == "inputs.recipient"
    assert "recipient_named" in ask.origin


def test_what_was_tried_out_is_never_sent_again(owner: Member, number: Number) -> None:
    make_program(owner, test=True).post("messages", text(number), "order-1")
    message = Message.objects.get()
    assert again.verdicts(owner.workspace, [message])[message.pk].reason == again.Reason.TEST


# --- The list ----------------------------------------------------------------------------------------


@pytest.fixture
def three(number: Number, mia: Agent) -> list[Message]:
    """Newest first: one in trouble of a program's, one delivered as Mia, one queued from another number."""
    other = make_number(number.workspace, "+12025550102")
    common = {"workspace": number.workspace}
    action = make_action(number.workspace, sender_number=number)
    return [
        make_message(
            **common,
            at=NOW,
            number=number,
            status="rejected",
            error_code="RECIPIENT_MISSING",
            error_facts={"source": "phone"},
            trigger="api",
            recipient=RECIPIENT,
            action=action,
            version=action.current,
        ),
        make_message(
            **common,
            at=NOW - timedelta(hours=1),
            number=number,
            agent=mia,
            send_as=mia.email,
            status="delivered",
            provider_id="SM-1",
            object_type="contact",
            object_id="501",
        ),
        make_message(**common, at=NOW - timedelta(hours=2), number=other, status="queued"),
    ]


def places(response: Any, three: list[Message]) -> list[int]:
    """Which of the three are in an answer, which must be as described."""
    assert (response.status_code, described(LIST, response)) == (200, []), response.content
    ids = [str(each.pk) for each in three]
    return [ids.index(each["id"]) for each in response.json()["results"]]


FILTERS: list[tuple[dict[str, str], list[int]]] = [
    ({}, [0, 1, 2]),
    ({"status": "delivered"}, [1]),
    ({"group": "trouble"}, [0]),
    ({"trigger": "api"}, [0]),
    ({"number": "+12025550102"}, [2]),
    ({"user": "MIA@example.com"}, [1]),
    ({"to": RECIPIENT}, [0]),
    ({"code": "RECIPIENT_MISSING"}, [0]),
    ({"record": "501"}, [1]),
    ({"since": "2026-11-21T09:07:30Z"}, [0, 1]),
    ({"until": "2026-11-21T11:07:30+02:00"}, [2]),
    ({"since": "2026-11-21T10:07:29.501Z", "until": "2026-11-21T10:07:30.001Z"}, [0]),
    ({"since": "2026-11-21T10:07:30.001Z"}, []),
    ({"until": "1969-01-01T00:00:00Z"}, []),
    ({"group": "waiting", "to": RECIPIENT}, []),
]


def test_the_list_is_narrowed_by_the_filters_of_the_log(program: Program, three: list[Message]) -> None:
    for query, found in FILTERS:
        assert places(program.get("messages", **query), three) == found, query
    action = three[0].action_id
    assert places(program.get("messages", action=action), three) == [0]


MEANINGLESS: list[tuple[dict[str, str], str]] = [
    ({"status": "gone"}, "status"),
    ({"status": "sent", "group": "left"}, "group"),
    ({"number": "+19995550100"}, "number"),
    ({"number": "99999"}, "number"),
    ({"user": "leo@example.com"}, "user"),
    ({"action": "x"}, "action"),
    ({"action": "99999"}, "action"),
    ({"code": "NO_SUCH_CODE"}, "code"),
    ({"to": "Ada"}, "to"),
    ({"since": "yesterday"}, "since"),
    ({"until": "2026-11-21"}, "until"),
    ({"cursor": "17"}, "cursor"),
    ({"before": "17"}, "before"),
]


def test_a_filter_that_means_nothing_is_named(program: Program, three: list[Message]) -> None:
    for query, parameter in MEANINGLESS:
        response = program.get("messages", **query)
        assert told(response, 400, "BAD_PARAMETER")["parameter"] == parameter, query
        assert described(LIST, response) == []


def test_pages_together_are_the_whole_list_and_keep_the_filters(
    program: Program, three: list[Message], number: Number
) -> None:
    first = program.get("messages", limit=1, number=number.e164, since="2026-11-21T09:00:00Z")
    assert places(first, three) == [0]
    make_message(number.workspace, number=number)  # which moves nothing
    second = program.client.get(first.json()["next"], headers=program.headers)
    assert places(second, three) == [1]
    assert second.json()["next"] is None


def test_many_messages_cost_the_queries_of_few(program: Program, number: Number, mia: Agent) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert program.get("messages").status_code == 200
        return len(found)

    def some(count: int) -> None:
        for _ in range(count):
            action = make_action(number.workspace, sender_number=number)
            make_message(number.workspace, number=number, agent=mia, action=action, version=action.current)

    program.get("messages")
    some(2)
    few = queries()
    some(10)
    assert queries() == few
    assert few <= 4


# --- One ---------------------------------------------------------------------------------------------


def test_one_tells_its_error_and_one_its_provider(program: Program, three: list[Message]) -> None:
    rejected, delivered = (program.get(f"messages/{each.pk}") for each in three[:2])
    assert described(ONE, rejected) == described(ONE, delivered) == []
    error = rejected.json()["error"]
    assert (error["code"], error["whose"], error["retry"]) == ("RECIPIENT_MISSING", "record", "after_fix")
    assert error["sentence"]
    assert error["help"] == "http://testserver/help/errors/#RECIPIENT_MISSING"
    found = delivered.json()
    assert (found["error"], found["provider_id"], found["account"]["provider"]) == (None, "SM-1", "aircall")
    assert (found["user"]["email"], found["record"]) == (
        "mia@example.com",
        {"type": "contact", "id": "501"},
    )


def test_what_befell_it_is_told_in_order(program: Program, three: list[Message]) -> None:
    Event.objects.create(
        message=three[1], at=NOW, kind="attempt", data={"status": 200, "ms": 240, "request": "secret"}
    )
    response = program.get(f"messages/{three[1].pk}/events")
    assert described(f"{ONE}/events", response) == []
    assert "secret" not in response.content.decode()
    found = {each["type"]: each for each in response.json()["results"]}
    assert {*found} == {"received", "accepted", "attempt", "ended"}
    assert (found["received"]["status"], found["attempt"]["status"]) == ("received", None)
    assert found["attempt"]["sentence"] == "Aircall answered: HTTP 200 · took 240 ms"
    assert (found["ended"]["status"], found["ended"]["code"]) == ("delivered", None)


def test_what_befell_it_has_codes_and_not_what_is_to_come(program: Program, number: Number) -> None:
    again = make_message(number.workspace, at=NOW, status="queued", claimed_at=NOW, next_attempt_at=NOW)
    lost = make_message(number.workspace, at=NOW, status="unknown", error_code="PROVIDER_UNKNOWN")
    Message.objects.filter(pk=lost.pk).update(finished_at=NOW)
    Event.objects.create(message=lost, at=NOW, kind="lost")
    told = {each: program.get(f"messages/{each.pk}/events") for each in (again, lost)}
    assert [described(f"{ONE}/events", each) for each in told.values()] == [[], []]
    types, ended = ([each["type"] for each in told[one].json()["results"]] for one in (again, lost))
    assert (types[-1], ended[-2:]) == ("claimed", ["lost", "ended"])
    assert told[lost].json()["results"][-1]["code"] == "PROVIDER_UNKNOWN"


def test_its_quotas_have_the_names_that_quotas_have(program: Program, number: Number) -> None:
    sent = program.post("messages", text(number, send_as="mia@example.com"), "order-1").json()
    response = program.get(f"messages/{sent['id']}")
    assert described(ONE, response) == []
    for path in (f"numbers/{number.pk}", "users/mia@example.com"):
        now = program.get(f"quotas/{path}").json()
        [limits, _binding] = now.pop("limits"), now.pop("binding")
        its = [each for each in response.json()["quota"] if each["scope"] == now["scope"]]
        same = ("window", "zone", "unit", "limit")
        expected = [
            {**now, **{name: each[name] for name in same}, "before": 0, "after": 1} for each in limits
        ]
        assert its == expected


def test_messages_of_others_are_not_there(program: Program, three: list[Message]) -> None:
    stranger = make_program(make_member(make_workspace()))
    assert stranger.get("messages").json()["results"] == []
    told(stranger.get("messages", number=str(three[0].number_id)), 400, "BAD_PARAMETER")
    for path in ("", "/events", "/trace"):
        told(stranger.get(f"messages/{three[0].pk}{path}"), 404, "NOT_FOUND")
    told(stranger.post(f"messages/{three[0].pk}/cancel"), 404, "NOT_FOUND")


def test_words_are_english_whatever_the_thread_spoke_before(program: Program, three: list[Message]) -> None:
    with translation.override("de"):
        sentence = program.get(f"messages/{three[0].pk}").json()["error"]["sentence"]
    assert sentence == "The record has no recipient number: phone is empty."


# --- Taking it out -----------------------------------------------------------------------------------


def test_a_held_message_is_taken_out_once_and_that_is_on_record(program: Program, number: Number) -> None:
    no_room(number)
    held = program.post("messages", text(number, at_quota="hold", hold_minutes=2_000), "order-1").json()
    shown = program.get(f"messages/{held['id']}")
    assert described(ONE, shown) == []
    assert shown.json()["why_held"].startswith("Held until")

    for _ in range(2):
        response = program.post(f"messages/{held['id']}/cancel")
        assert (response.status_code, response.json()["status"]) == (200, "cancelled")
        assert described(f"{ONE}/cancel", response) == []

    assert Event.objects.get(kind="decision").data["who"] == "API key Planner"
    [entry] = LogEntry.objects.get_for_object(Message.objects.get(pk=held["id"]))
    assert entry.changes["note"] == ["", "API key Planner"]


def test_a_program_in_test_mode_changes_nothing_but_tests(
    program: Program, owner: Member, number: Number
) -> None:
    trial, holding = make_program(owner, test=True), {"at_quota": "hold", "hold_minutes": 2_000}
    TestNumber.objects.create(workspace=owner.workspace, e164=RECIPIENT, verified_at=NOW)
    no_room(number)
    real, tried = (
        each.post("messages", text(number, **holding), "1").json()["id"] for each in (program, trial)
    )
    refused = trial.post(f"messages/{real}/cancel")
    assert "in test mode" in told(refused, 403, "TEST_KEY")["detail"]
    assert described(f"{ONE}/cancel", refused) == []
    assert trial.post(f"messages/{tried}/cancel").status_code == 200
    assert Message.objects.get(pk=real).status == "held"

    told(trial.post("opt-outs", {"number": RECIPIENT, "reason": "Asked"}), 403, "TEST_KEY")
    opted = program.post("opt-outs", {"number": RECIPIENT, "reason": "Asked"})
    told(trial.delete(f"opt-outs/{RECIPIENT}", reason="Back"), 403, "TEST_KEY")
    assert (opted.status_code, trial.get(f"opt-outs/{RECIPIENT}").json()["state"]) == (201, "out")


def test_what_is_not_held_cannot_be_taken_out(program: Program, three: list[Message]) -> None:
    response = program.post(f"messages/{three[2].pk}/cancel")
    assert "The message is queued" in told(response, 409, "NOT_HELD")["detail"]
    assert described(f"{ONE}/cancel", response) == []


# --- Scopes ------------------------------------------------------------------------------------------


def test_each_operation_is_for_keys_of_its_scope_alone(program: Program, three: list[Message]) -> None:
    """What the description says of scopes is what keys are held to."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            if not operation["security"]:
                continue
            [scope] = operation["security"][0]["key"]
            Key.objects.update(scopes=[each for each in Key.objects.get().scopes if each != scope])
            given = {
                each["name"]: str(each["example"])
                for each in operation.get("parameters", ())
                if "example" in each
            }
            address = path.format(**given)
            response = program.client.generic(
                method.upper(), address, json.dumps({}), "application/json", headers=program.headers
            )
            assert told(response, 403, "KEY_SCOPE")["scope"] == scope, operation["operationId"]
            Key.objects.update(scopes=KeyScope.values)
