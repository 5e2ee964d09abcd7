"""Build mode: while it is on, verified test numbers are texted and nobody else."""

from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache
from smsadmin.agents.models import AIAgent
from smsadmin.api import keys
from smsadmin.core import errors
from smsadmin.core.message import ActionConfig, Record
from smsadmin.flows.models import Flow
from smsadmin.quotas.models import Scope
from smsadmin.sending import bell, dispatch, hold, intervene
from smsadmin.sending.accept import accept
from smsadmin.sending.filters import AGENT, API, CALLFLOW, OPT_OUT
from smsadmin.trials import sending, verification
from smsadmin.trials.checks import meanwhile
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import Role
from tests.factories import (
    RECIPIENT,
    FakeProvider,
    ask,
    make_ai_agent,
    make_member,
    make_number,
    make_workspace,
)
from tests.sending.test_accept import limit

OURS, NEW = "+447400123456", "+447400123457"


@pytest.fixture
def number(workspace):
    workspace.build_mode = True
    workspace.save()
    TestNumber.objects.create(workspace=workspace, e164=OURS, label="Alex", verified_at=timezone.now())
    TestNumber.objects.create(workspace=workspace, e164=NEW, label="Kim")
    return make_number(workspace)


@pytest.mark.parametrize(
    ("phone", "code"), [(OURS, ""), (NEW, "TEST_NUMBERS_ONLY"), (RECIPIENT, "TEST_NUMBERS_ONLY")]
)
def test_only_verified_test_numbers_are_texted(number, phone, code):
    assert accept(ask(number, phone=phone)).error_code == code


def test_a_request_may_be_in_build_mode_while_its_workspace_is_live(number, workspace):
    workspace.build_mode = False
    workspace.save()
    cache.forget()
    assert accept(ask(number)).status == "queued"
    assert accept(ask(number, build_mode=True)).error_code == "TEST_NUMBERS_ONLY"
    assert accept(ask(number, build_mode=True, phone=OURS)).status == "queued"


def test_a_test_number_of_another_workspace_is_none_of_ours(number):
    TestNumber.objects.create(
        workspace=make_workspace(), e164=RECIPIENT, label="Theirs", verified_at=timezone.now()
    )
    cache.forget()
    assert accept(ask(number)).error_code == "TEST_NUMBERS_ONLY"


def test_the_code_that_verifies_a_number_goes_out(number, workspace, editor):
    waiting = TestNumber.objects.get(e164=NEW)
    message = verification.send_code(waiting, number, editor.user, "click", timezone.now())
    assert message.status == "queued"


def test_a_test_goes_to_its_verified_number_whosever_the_record_is(number, workspace, editor):
    phone = TestNumber.objects.get(e164=OURS)
    config = ActionConfig("number", "Contact.phone", "Hello", sender_number_id=number.pk)
    record = Record("contact", "501", {"phone": RECIPIENT})
    message = sending.send_test(workspace, editor.user, phone, config, record, token="click")
    assert (message.status, message.recipient) == ("queued", OURS)


@pytest.mark.parametrize("over", [{"trigger": OPT_OUT, "origin": {"confirms": "stop"}}, {"by_person": True}])
def test_answers_to_stop_and_those_of_people_are_no_exception(number, over):
    assert accept(ask(number, **over)).error_code == "TEST_NUMBERS_ONLY"


# --- While a message waits


@pytest.fixture
def provider(monkeypatch, settings):
    settings.DISPATCH_LINGER = 0
    fake = FakeProvider()
    monkeypatch.setattr(dispatch, "provider_of", lambda connection: fake)
    monkeypatch.setattr(bell, "ring", lambda connection_id: None)
    return fake


def switch(workspace, on):
    workspace.build_mode = on
    workspace.save()
    cache.forget()


def texted(number, provider):
    dispatch.drain(number.connection_id, sleep=lambda seconds: None)
    return [sms.recipient for sms in provider.sent]


def outcome(message):
    message.refresh_from_db()
    return message.status, message.error_code


@pytest.mark.services
def test_what_waits_when_build_mode_is_entered_never_leaves(number, workspace, editor, provider):
    switch(workspace, on=False)
    stranger, ours = accept(ask(number)), accept(ask(number, phone=OURS))
    code = verification.send_code(
        TestNumber.objects.get(e164=NEW), number, editor.user, "click", timezone.now()
    )
    switch(workspace, on=True)
    assert sorted(texted(number, provider)) == [OURS, NEW]
    assert outcome(stranger) == ("failed", "TEST_NUMBERS_ONLY")
    assert stranger.error_facts == {"recipient": RECIPIENT}
    assert stranger.refunded_at
    assert outcome(ours) == outcome(code) == ("sent", "")


@pytest.mark.services
def test_so_it_is_with_what_a_flow_or_an_agent_asked_for_that_is_in_build_mode_by_then(
    number, workspace, provider
):
    switch(workspace, on=False)
    tried, live = (Flow.objects.create(workspace=workspace, name=name) for name in ("Tried", "Live"))
    agent, _token = make_ai_agent(workspace)
    by_flow = {"trigger": CALLFLOW, "origin": {"flow": tried.pk}}
    by_agent = {"trigger": AGENT, "origin": {"agent": agent.pk}}
    strangers = [accept(ask(number, **by)) for by in (by_flow, by_agent)]
    for over in (
        by_flow | {"phone": OURS},
        by_flow | {"origin": {"flow": live.pk}},
        by_agent | {"phone": OURS},
    ):
        accept(ask(number, **over))
    Flow.objects.filter(pk=tried.pk).update(build_mode=True)
    AIAgent.objects.update(build_mode=True)
    cache.forget()
    assert sorted(texted(number, provider)) == [RECIPIENT, OURS, OURS]
    assert [outcome(each) for each in strangers] == [("failed", "TEST_NUMBERS_ONLY")] * 2


def test_what_a_key_in_test_mode_asked_for_stops_where_its_number_is_no_test_number_any_more(
    number, workspace, editor, provider
):
    switch(workspace, on=False)
    keys.make(workspace, "Trial", editor.user, timezone.now(), None, test=True)
    by_test = {"trigger": API, "origin": {"test": True}, "build_mode": True}
    tried, live = accept(ask(number, phone=OURS, **by_test)), accept(ask(number, phone=OURS, trigger=API))
    assert (tried.status, live.status) == ("queued", "queued")
    TestNumber.objects.all().delete()
    cache.forget()
    assert texted(number, provider) == [OURS]
    assert (outcome(tried), outcome(live)) == (("failed", "TEST_NUMBERS_ONLY"), ("sent", ""))


def test_where_nothing_is_in_build_mode_a_message_that_leaves_costs_no_query(
    number, workspace, django_assert_num_queries
):
    switch(workspace, on=False)
    waiting = {uuid4(): RECIPIENT}
    meanwhile(workspace.pk, waiting)
    with django_assert_num_queries(0):
        assert meanwhile(workspace.pk, waiting) == {}


def test_a_flow_of_another_workspace_in_build_mode_stops_nothing_of_ours(number, workspace, provider):
    switch(workspace, on=False)
    Flow.objects.create(workspace=make_workspace(), name="Theirs", build_mode=True)
    accept(ask(number))
    assert texted(number, provider) == [RECIPIENT]


@pytest.fixture
def held(number, workspace, time_machine):
    """One to a stranger and one to a phone of ours that wait for room, and a number with room again."""
    time_machine.move_to("2026-11-21T10:07:30Z", tick=False)
    switch(workspace, on=False)
    limit(number, Scope.NUMBER, 1)
    accept(ask(number))
    waiting = [
        accept(ask(number, phone=phone, at_quota="hold", hold_minutes=60)) for phone in (RECIPIENT, OURS)
    ]
    assert [message.status for message in waiting] == ["held", "held"]
    switch(workspace, on=True)
    time_machine.move_to("2026-11-21T10:08:00Z", tick=False)
    return waiting


def test_what_is_held_is_taken_out_when_its_turn_comes_and_takes_no_room(held, provider):
    stranger, ours = held
    hold.release()
    assert outcome(stranger) == ("cancelled", "TEST_NUMBERS_ONLY")
    assert outcome(ours) == ("queued", "")


def test_a_person_cannot_release_it_before_its_turn_either(held, editor, provider):
    stranger, ours = held
    with pytest.raises(errors.OnlyTestNumbers):
        intervene.release(stranger, editor.user, timezone.now())
    assert outcome(stranger)[0] == "held"
    assert intervene.release(ours, editor.user, timezone.now())


# --- Pages


def test_a_number_counts_from_the_moment_it_is_verified_until_it_is_removed(number, workspace, signed_in):
    waiting = TestNumber.objects.get(e164=NEW)
    assert accept(ask(number, phone=NEW)).error_code == "TEST_NUMBERS_ONLY"
    TestNumber.objects.filter(pk=waiting.pk).update(verified_at=timezone.now())
    cache.forget()
    assert accept(ask(number, phone=NEW)).status == "queued"
    signed_in.post(reverse("test-number-remove", args=[waiting.pk]))
    assert accept(ask(number, phone=NEW)).error_code == "TEST_NUMBERS_ONLY"


def test_a_page_says_so_at_its_top_without_a_question_more(
    number, workspace, signed_in, django_assert_max_num_queries
):
    on = signed_in.get(reverse("sender-ids"))
    assert "only verified test numbers are texted" in on.content.decode()
    assert reverse("test-numbers") in on.content.decode()
    workspace.build_mode = False
    workspace.save()
    assert (
        "only verified test numbers are texted" not in signed_in.get(reverse("sender-ids")).content.decode()
    )


def test_the_list_of_test_numbers_says_how_many_are_verified_and_when_none_is(number, workspace, signed_in):
    assert "1 of 2 is verified" in signed_in.get(reverse("test-numbers")).content.decode()
    TestNumber.objects.update(verified_at=None)
    assert "nobody at all is texted" in signed_in.get(reverse("test-numbers")).content.decode()


def test_an_owner_enters_and_leaves_it_and_reads_first_what_follows(number, workspace, client):
    client.force_login(make_member(workspace, Role.OWNER).user)
    asked = client.get(reverse("build-mode")).content.decode()
    assert "everybody is texted again" in asked
    client.post(reverse("build-mode"), {"do": "nothing known"})
    workspace.refresh_from_db()
    assert workspace.build_mode
    client.post(reverse("build-mode"), {"do": "leave"})
    workspace.refresh_from_db()
    assert not workspace.build_mode
    assert accept(ask(number)).status == "queued"
    entering = client.get(reverse("build-mode")).content.decode()
    assert "Alex" in entering
    assert "Kim" not in entering
    assert "1 message was accepted before" in entering
    assert "it is refused when its turn comes" in entering
    client.post(reverse("build-mode"), {"do": "enter"})
    assert accept(ask(number)).error_code == "TEST_NUMBERS_ONLY"


def test_an_editor_may_not_switch_it(signed_in, workspace):
    assert signed_in.post(reverse("build-mode"), {"do": "enter"}).status_code == 403
    workspace.refresh_from_db()
    assert not workspace.build_mode
