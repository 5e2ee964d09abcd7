"""After a call: confirmed where it can be, judged, and sent once whatever is repeated."""

from datetime import timedelta

import pytest
from django.utils import timezone

from smsadmin.agents import running as uses
from smsadmin.agents.after import running, shown
from smsadmin.agents.after.rules import UNWRITTEN
from smsadmin.agents.models import AgentCall, Invocation
from smsadmin.agents.running import CallFacts
from smsadmin.workspaces.models import Connection
from tests.agents.after.conftest import ADA, CALL, made_house

ENDED = {"party": ADA, "status": "completed", "variables": {"purchase": "car"}}


def rule(fact, test, name="", value=""):
    return {"match": "all", "conditions": [{"fact": fact, "test": test, "name": name, "value": value}]}


@pytest.mark.services
def test_a_text_follows_a_call_whose_rule_holds(house):
    house.attach(rule=rule("status", "is", "", "completed"))
    house.tell_plainly(ENDED)
    house.work()

    assert house.texts == [(ADA, "Thank you for the car")]
    assert house.call.after == "done"
    [decided] = house.decided
    assert (decided["holds"], decided["outcome"]) == (True, "queued")
    assert decided["seen"][0]["seen"] == "completed"
    assert Invocation.objects.get().dialect == "after"


def test_no_text_follows_where_it_does_not_and_the_page_says_why(house):
    house.attach(rule=rule("duration", "at_least", "", "60"))
    house.tell_plainly(ENDED | {"duration": 5})
    house.work()

    assert house.texts == []
    [decided] = shown.of(house.call).decided
    assert not decided.sent
    assert [(each.words, each.holds, each.seen) for each in decided.conditions] == [
        ("it lasted 60 s or longer", False, "5")
    ]


def test_a_rule_that_is_not_written_yet_never_holds(house):
    house.attach(rule=UNWRITTEN)
    house.tell_plainly(ENDED)
    house.work()
    assert (house.texts, house.decided[0]["code"]) == ([], "rule_unwritten")
    assert "No rule was written yet" in shown.of(house.call).decided[0].sentence


def test_only_what_is_on_and_for_after_the_call_is_judged(house):
    house.attach(enabled=False)
    house.attach(when="during")
    house.tell_plainly(ENDED)
    house.work()
    assert (house.call.after, house.decided) == ("none", [])


def test_an_agent_that_is_off_sends_nothing_after_its_calls_either(house):
    house.attach()
    house.agent.enabled = False
    house.agent.save()
    house.tell_plainly(ENDED)
    house.work()
    assert (house.texts, house.decided[0]["code"]) == ([], "agent_off")


def test_a_value_that_nobody_collected_refuses_the_text_by_name(house):
    house.attach()
    house.tell_plainly(ENDED | {"variables": {}})
    house.work()
    assert house.texts == []
    assert house.decided[0]["code"] == "arguments_missing"
    assert "purchase" in Invocation.objects.get().said


def test_values_come_from_actions_and_from_the_call_itself_too(house):
    house.attach("Slot {{date}}, call {{call_id}} of {{duration}} s")
    house.tell_plainly(
        ENDED | {"duration": 32, "actions": [{"name": "book", "values": {"slot": {"date": "3 March"}}}]}
    )
    house.work()
    assert house.texts == [(ADA, f"Slot 3 March, call {house.call.call_id} of 32 s")]


def test_a_number_that_is_to_be_given_is_the_variable_to(house):
    house.attach("Hello", recipient="argument")
    house.tell_plainly(ENDED | {"variables": {"to": "+12025550144"}})
    house.work()
    assert house.texts == [("+12025550144", "Hello")]


# --- Told again -----------------------------------------------------------------------------------------


@pytest.mark.services
def test_a_call_that_is_told_again_texts_once(house):
    house.attach()
    for _ in range(3):
        house.tell_plainly(ENDED)
        house.work()
    assert len(house.texts) == 1


def test_a_call_is_judged_by_what_was_attached_when_it_ended(house):
    house.tell_plainly(ENDED)
    house.work()
    house.attach()
    house.tell_plainly(ENDED)
    assert house.work() == 0
    assert house.texts == []


def test_retells_two_parts_make_one_text_from_both(db):
    house = made_house("retell")
    house.attach("In {{city}}")
    bearer = {"Authorization": f"Bearer {house.token}"}
    call = {"call_id": "r1", "from_number": ADA}
    house.tell({"event": "call_ended", "call": call}, **bearer)
    assert running.run() == 0  # the rest is waited for
    analysis = {"call_analysis": {"custom_analysis_data": {"city": "Berlin"}}}
    house.tell({"event": "call_analyzed", "call": call | analysis}, **bearer)
    assert running.run() == 1
    house.tell({"event": "call_ended", "call": call}, **bearer)
    house.work()
    assert house.texts == [(ADA, "In Berlin")]


RETELL = [
    {"event": "call_analyzed", "call": {"call_id": "r1", "from_number": ADA, "call_analysis": {}}},
    {"event": "call_ended", "call": {"call_id": "r1", "from_number": ADA}},
]
VAPI = [
    {"message": {"type": "end-of-call-report", "call": {"id": "v1", "customer": {"number": ADA}}, **more}}
    for more in ({}, {"endedReason": "customer-ended-call"})
]


@pytest.mark.parametrize(
    ("platform", "told"),
    [("retell", [*RETELL, *RETELL]), ("retell", [*RETELL[::-1], *RETELL]), ("vapi", [*VAPI, *VAPI])],
)
def test_in_any_order_and_worked_on_in_between_one_text_leaves(db, platform, told):
    house = made_house(platform)
    house.attach("Hello")
    for body in told:
        assert house.tell(body, Authorization=f"Bearer {house.token}").status_code == 200
        house.work()
    assert house.texts == [(ADA, "Hello")]
    assert house.call.after == "done"


@pytest.mark.parametrize("later", [timedelta(0), timedelta(hours=3)])
def test_a_worker_killed_between_the_text_and_its_note_leaves_one_text(house, monkeypatch, later):
    house.attach()
    house.tell_plainly(ENDED)
    with monkeypatch.context() as killed:
        killed.setattr(running, "_end", _die)
        with pytest.raises(KeyboardInterrupt):
            house.work()
    assert (house.call.after, len(house.texts)) == ("waiting", 1)
    Invocation.objects.update(at=timezone.now() - later)

    house.work()
    assert (house.call.after, len(house.texts)) == ("done", 1)
    assert house.decided[0]["outcome"] == "queued"


def test_a_worker_killed_before_the_answer_was_noted_sends_with_the_same_key(house, monkeypatch):
    house.attach()
    house.tell_plainly(ENDED)
    with monkeypatch.context() as killed:
        killed.setattr(uses, "_of_message", _die)
        with pytest.raises(KeyboardInterrupt):
            house.work()
    assert Invocation.objects.get().outcome == ""

    house.work()
    assert len(house.texts) == 1
    assert Invocation.objects.exclude(outcome="repeated").get().outcome == "accepted"


def _die(*_args, **_more):
    raise KeyboardInterrupt


def test_a_call_that_another_worker_holds_is_left_alone(house):
    house.tell_plainly(ENDED)
    AgentCall.objects.update(next_look_at=timezone.now() + running.LEASE)
    assert running.run() == 0


def test_what_we_fail_at_is_tried_again_and_then_said(house, monkeypatch):
    house.attach()
    house.tell_plainly(ENDED)
    monkeypatch.setattr(running, "_decided", lambda *_: 1 / 0)
    for _ in range(len(running.PAUSES) + 1):
        assert house.call.after == "waiting"
        house.work()
    assert (house.call.after, house.call.problem) == ("failed", "smsadmin itself failed: ZeroDivisionError")


# --- Confirmed ------------------------------------------------------------------------------------------


def test_a_signature_over_the_id_alone_sends_nothing(house):
    house.attach()
    house.tell_signed()
    house.work()
    assert (house.texts, house.call.after) == ([], "failed")
    assert "Unconfirmed" in shown.of(house.call).confirmation
    assert "Only the id of the call is proven" in shown.of(house.call).work


def test_unless_the_agent_says_that_it_may(house):
    house.attach()
    house.trust()
    house.tell_signed()
    house.work()
    assert house.texts == [(ADA, "Thank you for the car")]


@pytest.mark.parametrize("trusts", [False, True])
def test_no_later_use_of_a_tool_goes_to_a_number_that_is_not_proven(house, trusts):
    during = house.attach("Your code", when="during")
    house.attach("Goodbye")
    if trusts:
        house.trust()
    house.tell_signed()
    house.work()
    answer = uses.use(house.agent, during, {}, CallFacts(house.call.call_id), dialect="synthflow")
    assert (answer.ok, house.call.party) == (False, "")
    assert [each for each in house.texts if each[0]] == ([(ADA, "Goodbye")] if trusts else [])


def test_what_a_tool_call_proved_stays_where_the_rest_is_replaced(house, api):
    house.connect()
    uses.call_of(house.agent, CallFacts(CALL, "+12025550199"), timezone.now())
    api.says(type_of_call="")  # so nobody knows which number is whose
    house.tell_signed()
    house.work()
    assert (house.call.party, house.call.status) == ("+12025550199", "completed")


@pytest.mark.services
def test_what_synthflow_itself_says_prevails(house, api):
    house.connect()
    house.attach("Hi {{first_name}}, {{date}}")
    house.tell_signed()
    house.work()

    assert house.texts == [(ADA, "Hi Ada, 3 March")]
    assert house.call.confirmed_at
    assert house.call.end_reason == "human_ended_call"
    assert [each["name"] for each in house.call.told["actions"]] == ["book"]  # none of the webhook's
    house.tell_plainly({"status": "failed", "variables": {"first_name": "Eve"}})
    assert (house.call.status, house.call.told["variables"]) == ("completed", {"first_name": "Ada"})


def test_a_call_that_synthflow_does_not_know_is_asked_for_a_few_times(house, api):
    house.connect()
    house.attach("Hello")
    api.status, api.body = 404, {"detail": {"status": "not_found", "description": "no such call"}}
    house.tell_signed()
    house.work()
    assert house.call.after == "waiting"
    for _ in running.PAUSES:
        house.work()
    assert (house.texts, house.call.after) == ([], "failed")
    assert house.call.problem == "Synthflow answered HTTP 404: no such call"

    api.says()
    assert running.look_again(house.call, timezone.now())
    house.work()
    assert (house.texts, house.call.after) == ([(ADA, "Hello")], "done")
    assert not running.look_again(house.call, timezone.now())


def test_a_call_waits_while_the_key_is_refused(house, api):
    house.connect()
    house.attach("Hello")
    api.status = 401
    house.tell_signed()
    for _ in range(len(running.PAUSES) + 2):
        house.work()
    account = Connection.objects.get(kind="synthflow")
    assert (house.call.after, account.state, len(api.asked)) == ("waiting", "rejected", 1)

    api.says()
    account.mark("working")  # somebody entered another key
    house.work()
    assert (house.texts, house.call.after) == ([(ADA, "Hello")], "done")


def test_but_for_a_day_at_most(house, api):
    house.connect()
    api.status = 401
    house.tell_signed()
    AgentCall.objects.update(ended_at=timezone.now() - running.WAITS - timedelta(minutes=1))
    house.work()
    assert (house.call.after, house.call.problem) == ("failed", "Synthflow refused the API key (HTTP 401).")


def test_another_agents_call_sends_nothing(house, api):
    house.connect()
    house.attach()
    api.says(model_id="agent-2")
    house.tell_signed()
    house.work()
    assert (house.texts, house.call.after) == ([], "failed")


def test_without_the_id_of_the_agent_no_call_is_its_own(house, api):
    house.connect()
    house.attach()
    house.agent.external_id = ""
    house.agent.save()
    house.tell_signed()
    house.work()
    assert (house.texts, house.call.after, api.asked) == ([], "failed", [])
    assert "lack its id at Synthflow" in shown.of(house.call).work


def test_a_call_that_is_not_over_there_is_asked_for_again(house, api):
    house.connect()
    house.attach("Hello")
    api.says(status="in-progress")
    house.tell_signed()
    house.work()
    assert house.call.after == "waiting"
    api.says()
    house.work()
    assert (house.texts, house.call.after) == ([(ADA, "Hello")], "done")


def test_a_platform_that_is_away_is_asked_a_few_times(house, api):
    house.connect()
    house.attach("Hello")
    api.down = True
    house.tell_signed()
    house.work()
    assert house.call.after == "waiting"
    assert house.call.next_look_at > timezone.now()
    assert running.run() == 0  # not before its pause is over
    for _ in running.PAUSES:
        house.work()
    assert (house.texts, house.call.after) == ([], "failed")
    assert len(api.asked) == len(running.PAUSES) + 1
