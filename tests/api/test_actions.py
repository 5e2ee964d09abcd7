"""Running and rehearsing saved actions by program: once for each key, through the one way that every message takes."""

import threading
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from smsadmin import cache
from smsadmin.actions.models import Action
from smsadmin.api import asking, keys
from smsadmin.api.models import KeyScope
from smsadmin.crm import records
from smsadmin.directory.models import Number
from smsadmin.providers.hubspot import client
from smsadmin.sending.models import Event, Message
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import Connection, Member, Workspace
from tests.api.conftest import Program, make_program, told
from tests.api.test_openapi import described
from tests.factories import PORTAL, make_action, make_connection, make_member, make_version, make_workspace

RUN, REHEARSE = "/api/v1/actions/{action}/messages", "/api/v1/actions/{action}/rehearsals"
RECIPIENT = "+13125550123"
ADA = {"record": {"type": "contact", "properties": {"phone": RECIPIENT, "firstname": "Ada"}}}


@pytest.fixture
def action(number: Number) -> Action:
    text = 'Hi {{Contact.firstname | default("there")}}, order {{Contact.order | default("yours")}} left.'
    return make_action(number.workspace, name="Order shipped", sender_number=number, message=text)


def run(program: Program, action: Action, body: Any, key: str = "order-1") -> Any:
    return program.post(f"actions/{action.pk}/messages", body, key)


# --- Running -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_action_is_run_and_its_message_is_queued(program: Program, action: Action, slash: str) -> None:
    response = program.post(f"actions/{action.pk}/messages{slash}", ADA, "order-1")

    message = Message.objects.get()
    url = f"http://testserver/api/v1/messages/{message.pk}"
    assert (response.status_code, response["Location"], response.json()["url"]) == (202, url, url)
    assert (response.json()["id"], response.json()["status"]) == (str(message.pk), "queued")
    assert described(RUN, response) == []
    assert (message.trigger, message.status, message.recipient) == ("api", "queued", RECIPIENT)
    assert (message.body, message.version) == ("Hi Ada, order yours left.", action.current)
    assert (message.origin["key"], message.origin["key_name"]) == (program.key.prefix, "Planner")


def test_a_recipient_that_is_named_goes_before_the_actions_own(program: Program, action: Action) -> None:
    run(program, action, {**ADA, "to": "+13125550199"})
    assert Message.objects.get().recipient == "+13125550199"


def test_values_of_every_kind_of_json_become_text(program: Program, action: Action) -> None:
    properties = {"phone": RECIPIENT, "firstname": None, "order": 4711.0}
    run(program, action, {"record": {"properties": properties}})
    assert Message.objects.get().body == "Hi there, order 4711 left."


def test_an_action_about_a_call_takes_values_of_any_name(program: Program, number: Number) -> None:
    action = make_action(
        number.workspace,
        sender_number=number,
        object_type="call",
        recipient_property="phone",
        message="See you on {{date}}.",
    )
    needs = program.get(f"actions/{action.pk}").json()["needs"]
    assert [each["pointer"] for each in needs] == ["/values/phone", "/values/date"]
    response = run(program, action, {"values": {"date": "3 March"}, "to": RECIPIENT})
    assert (response.status_code, Message.objects.get().body) == (202, "See you on 3 March.")


def test_what_is_refused_leaves_its_row_and_says_whose_it_is_and_what_mends_it(
    program: Program, action: Action
) -> None:
    response = run(program, action, {"record": {"properties": {"phone": "0123"}}})

    message = Message.objects.get()
    problem = told(response, 422, "RECIPIENT_NO_COUNTRY_CODE")
    assert (problem["message"], problem["whose"], message.status) == (str(message.pk), "record", "rejected")
    assert problem["fix"]
    assert problem["type"] == "http://testserver/help/errors/#RECIPIENT_NO_COUNTRY_CODE"
    assert described(RUN, response) == []


def test_an_action_that_is_off_refuses_and_one_that_is_not_there_is_not_found(
    program: Program, action: Action
) -> None:
    Action.objects.update(enabled=False)
    cache.forget()
    told(run(program, action, ADA), 422, "ACTION_DISABLED")
    told(program.post(f"actions/{action.pk + 1}/messages", ADA, "other"), 404, "NOT_FOUND")
    stranger = make_program(make_member(make_workspace()))
    told(run(stranger, action, ADA), 404, "NOT_FOUND")
    assert Message.objects.count() == 1


# --- Once --------------------------------------------------------------------------------------------


def test_a_repeat_gets_the_first_answer_whatever_became_of_it_since(program: Program, action: Action) -> None:
    first = run(program, action, ADA)
    Message.objects.update(status="delivered")

    again = run(program, action, {"record": dict(reversed(ADA["record"].items()))})

    assert (again.status_code, again["Idempotency-Replayed"], again.json()) == (202, "true", first.json())
    assert "Idempotency-Replayed" not in first
    assert described(RUN, again) == []
    assert Event.objects.get().kind == "repeat"
    assert Message.objects.count() == 1


def test_a_repeat_of_what_was_refused_is_refused_the_same(program: Program, action: Action) -> None:
    body = {"record": {"properties": {}}}
    first, again = run(program, action, body), run(program, action, body)
    assert (again.status_code, again["Idempotency-Replayed"]) == (422, "true")
    assert first.json() == again.json()
    assert described(RUN, again) == []


def test_the_same_key_for_something_else_is_refused(program: Program, action: Action) -> None:
    run(program, action, ADA)
    other = make_action(action.workspace, sender_number=action.current.sender_number)  # type: ignore[union-attr]
    for response in (run(program, action, {**ADA, "to": "+13125550199"}), run(program, other, ADA)):
        told(response, 422, "IDEMPOTENCY_KEY_REUSED")
        assert described(RUN, response) == []
    assert Message.objects.count() == 1


def test_a_repeat_is_known_when_the_servers_own_secret_was_changed(
    program: Program, action: Action, settings: LazySettings
) -> None:
    first = run(program, action, ADA)
    settings.SECRET_KEY = "another"
    assert (run(program, action, ADA).json(), Message.objects.count()) == (first.json(), 1)


def test_programs_do_not_meet_in_a_key(program: Program, owner: Member, action: Action) -> None:
    other, token = keys.make(action.workspace, "Shop", owner.user, timezone.now(), None, KeyScope)
    assert run(program, action, ADA, key="1").status_code == 202
    assert (
        run(Program(other, token, program.client), action, {**ADA, "to": RECIPIENT}, key="1").status_code
        == 202
    )
    assert Message.objects.count() == 2


def test_a_key_is_asked_for(program: Program, action: Action) -> None:
    told(run(program, action, ADA, key=""), 400, "IDEMPOTENCY_KEY_MISSING")
    problem = told(run(program, action, ADA, key="x" * 256), 400, "BAD_PARAMETER")
    assert problem["parameter"] == "Idempotency-Key"
    assert not Message.objects.exists()


def test_what_was_tried_does_not_stand_in_the_way_of_the_real_thing(
    program: Program, owner: Member, action: Action
) -> None:
    trial = make_program(owner, test=True)
    told(run(trial, action, ADA), 422, "TEST_NUMBERS_ONLY")
    assert run(program, action, ADA).status_code == 202


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_sent(program: Program, action: Action) -> None:
    answers: list[Any] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        try:
            answers.append(run(program, action, ADA))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    message = Message.objects.get()
    assert {(each.status_code, each.json()["id"]) for each in answers} == {(202, str(message.pk))}
    assert sum("Idempotency-Replayed" in each for each in answers) == 7


# --- Keys in test mode -------------------------------------------------------------------------------


def test_a_key_in_test_mode_texts_verified_test_numbers_alone_and_says_so(
    owner: Member, action: Action
) -> None:
    trial = make_program(owner, test=True)
    refused = run(trial, action, ADA)
    assert (told(refused, 422, "TEST_NUMBERS_ONLY")["test"], refused["Smsadmin-Test"]) == (True, "true")
    TestNumber.objects.create(workspace=action.workspace, e164=RECIPIENT, verified_at="2026-11-21T10:00:00Z")
    cache.forget()
    sent = run(trial, action, ADA, key="order-2")
    assert (sent.status_code, sent.json()["test"], sent["Smsadmin-Test"]) == (202, True, "true")
    assert described(RUN, sent) == []
    assert trial.get(f"messages/{sent.json()['id']}").json()["test"] is True


# --- Records of HubSpot ------------------------------------------------------------------------------


@pytest.fixture
def portal(workspace: Workspace) -> Connection:
    return make_connection(workspace, Connection.Kind.HUBSPOT)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked of HubSpot, which knows the number of everybody."""
    found: list[Any] = []

    def completed(record: Any, missing: Any, connection: Connection) -> Any:
        found.append((record.object_id, sorted(missing)))
        return asking.replace(record, properties={**record.properties, "phone": RECIPIENT})

    monkeypatch.setattr(records, "completed", completed)
    return found


def test_what_is_not_given_of_a_record_is_read_from_hubspot(
    program: Program, action: Action, portal: Connection, asked: list[Any]
) -> None:
    body = {"record": {"id": "501", "properties": {"firstname": "Ada", "order": "4711"}}}
    assert run(program, action, body).status_code == 202
    assert asked == [("501", [("contact", "phone")])]
    message = Message.objects.get()
    assert (message.body, message.object_id, message.origin["portal"]) == (
        "Hi Ada, order 4711 left.",
        "501",
        PORTAL,
    )
    run(program, action, body)
    assert len(asked) == 1  # a repeat reads nothing


def test_of_a_record_that_hubspot_does_not_have_fallbacks_stand_in(
    program: Program, action: Action, portal: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "completed", lambda record, missing, connection: record)
    run(program, action, {"record": {"id": "501", "properties": {"phone": RECIPIENT}}})
    assert Message.objects.get().body == "Hi there, order yours left."


@pytest.mark.parametrize("body", [ADA, {"record": {"id": "not-one", **ADA["record"]}}])
def test_without_an_id_of_a_record_nothing_is_read(
    program: Program, action: Action, portal: Connection, asked: list[Any], body: Any
) -> None:
    assert run(program, action, body).status_code == 202
    assert asked == []


def test_while_hubspot_is_away_nothing_is_accepted(
    program: Program, action: Action, portal: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise client.Unavailable("it did not answer")

    monkeypatch.setattr(records, "completed", away)
    response = run(program, action, {"record": {"id": "501"}})
    assert "HubSpot" in told(response, 503, "NOT_NOW")["detail"]
    assert described(RUN, response) == []
    assert not Message.objects.exists()


# --- Bodies ------------------------------------------------------------------------------------------


FAULTS: list[tuple[Any, str, str]] = [
    ({"record": {"type": "deal"}}, "/record/type", "about a record of type contact"),
    ({"record": {"type": "cat"}}, "/record/type", "Give contact, deal"),
    ({"record": {"id": 501}}, "/record/id", "It is a number. Give a text."),
    ({"record": {"properties": {"a/b": [1]}}}, "/record/properties/a~1b", "It is a list."),
    ({"related": {"kitten": {}}}, "/related/kitten", "Give contact"),
    ({"to": "01234"}, "/to", "Give a number as +12025550123"),
    ({"values": {"date": "today"}}, "/values", "for actions about calls"),
    ({"recipient": RECIPIENT}, "/recipient", "There are record, related, inputs, to, values."),
    ([], "", "It is a list. Give an object."),
]


def test_a_fault_of_a_body_is_named_with_its_place_and_what_would_be_right(
    program: Program, action: Action
) -> None:
    for body, pointer, words in FAULTS:
        response = run(program, action, body)
        [fault] = told(response, 422, "BAD_BODY")["errors"]
        assert (fault["pointer"], words in fault["detail"]) == (pointer, True), fault
        assert described(RUN, response) == []
    assert not Message.objects.exists()


def test_a_body_that_is_no_json_is_a_bad_request(program: Program, action: Action) -> None:
    for body in (b" ", b"{", b"\xff", b'{"to": NaN}', b"[" * 60_000, b'{"inputs": {"a": 1e999}}'):
        told(run(program, action, body), 400, "BAD_REQUEST")


def test_a_body_of_another_type_or_too_large_says_so(program: Program, action: Action) -> None:
    headers = {**program.headers, "Idempotency-Key": "order-1"}
    response = program.client.post(f"/api/v1/actions/{action.pk}/messages", {"to": "1"}, headers=headers)
    told(response, 415, "NOT_JSON")
    assert described(RUN, response) == []
    response = run(program, action, {"inputs": {"a": "x" * 70_000}})
    assert "65536" in told(response, 413, "BODY_TOO_LARGE")["detail"]
    assert described(RUN, response) == []


def test_who_takes_no_json_is_told_so(program: Program) -> None:
    response = program.client.get("/api/v1/quotas/", headers={**program.headers, "Accept": "text/csv"})
    told(response, 406, "NOT_ACCEPTABLE")


# --- Rehearsing --------------------------------------------------------------------------------------


def rehearse(program: Program, action: Action, body: Any) -> Any:
    response = program.post(f"actions/{action.pk}/rehearsals", body)
    assert described(REHEARSE, response) == []
    return response.json()


def test_a_rehearsal_says_what_would_come_of_it_and_writes_nothing(
    program: Program, action: Action, number: Number
) -> None:
    found = rehearse(program, action, ADA)
    assert (found["verdict"], found["error"], found["to"]) == ("sends", None, RECIPIENT)
    assert (found["text"], found["segments"], found["encoding"]) == ("Hi Ada, order yours left.", 1, "GSM-7")
    assert (found["from"], found["number"]["id"]) == (number.e164, number.pk)
    assert found["steps"][0] == {
        "step": "action",
        "name": "Action",
        "verdict": "passed",
        "sentence": "“Order shipped”, version 1, is on",
    }
    assert not Message.objects.exists()


def test_a_rehearsal_goes_on_after_what_would_refuse_it(program: Program, action: Action) -> None:
    found = rehearse(program, action, {"record": {"properties": {}}})
    assert (found["verdict"], found["error"]["code"]) == ("refuses", "RECIPIENT_MISSING")
    assert found["text"] == "Hi there, order yours left."
    verdicts = {each["step"]: each["verdict"] for each in found["steps"]}
    assert (verdicts["recipient"], verdicts["message"], verdicts["quota"]) == (
        "refused",
        "passed",
        "not_reached",
    )


def test_a_rehearsal_with_a_key_in_test_mode_is_one_of_a_test(owner: Member, action: Action) -> None:
    found = rehearse(make_program(owner, test=True), action, ADA)
    assert (found["test"], found["error"]["code"]) == (True, "TEST_NUMBERS_ONLY")


# --- Reading -----------------------------------------------------------------------------------------


def test_an_action_tells_what_it_needs_and_where_that_goes(program: Program, action: Action) -> None:
    response = program.get(f"actions/{action.pk}")
    assert described("/api/v1/actions/{action}", response) == []
    found = response.json()
    assert (found["name"], found["version"], found["enabled"], found["about"]) == (
        "Order shipped",
        1,
        True,
        "contact",
    )
    assert [(each["pointer"], each["uses"], each["required"]) for each in found["needs"]] == [
        ("/record/properties/phone", ["recipient"], True),
        ("/record/properties/firstname", ["text"], False),
        ("/record/properties/order", ["text"], False),
    ]


def test_values_of_others_are_told_where_they_go(program: Program, number: Number) -> None:
    text = "{{Deal.amount}} {{deal.Amount}} {{amount}} {{Contact.firstname}}"
    action = make_action(number.workspace, sender_number=number, object_type="deal", message=text)
    needs = program.get(f"actions/{action.pk}").json()["needs"]
    assert [each["pointer"] for each in needs] == [
        "/related/contact/phone",
        "/record/properties/amount",
        "/related/contact/firstname",
    ]


def test_actions_come_in_pages_for_the_same_queries_without_archived_ones(
    program: Program, action: Action, django_assert_num_queries: Any
) -> None:
    for nth in range(3):
        make_action(action.workspace, name=f"More {nth}", sender_number=action.current.sender_number)  # type: ignore[union-attr]
    Action.objects.filter(name="More 0").update(enabled=False, archived_at="2026-11-21T10:00:00Z")
    make_version(action, sender_number=action.current.sender_number)  # type: ignore[union-attr]
    first = program.get("actions", limit=2)
    assert described("/api/v1/actions", first) == []
    assert [each["name"] for each in first.json()["results"]] == ["Order shipped", "More 1"]
    with django_assert_num_queries(2), time_machine.travel("2026-11-21T10:00:00Z", tick=False):
        second = program.client.get(first.json()["next"], headers=program.headers)
    assert ([each["name"] for each in second.json()["results"]], second.json()["next"]) == (["More 2"], None)


def test_actions_of_others_are_not_there(program: Program, action: Action) -> None:
    stranger = make_program(make_member(make_workspace()))
    assert stranger.get("actions").json()["results"] == []
    told(stranger.get(f"actions/{action.pk}"), 404, "NOT_FOUND")
