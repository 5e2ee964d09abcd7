"""A use of a tool: one text at most, whoever asks how often."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connection

from smsadmin.agents import running
from smsadmin.agents.models import AgentCall, AIAgent, Attachment, Invocation
from smsadmin.agents.running import Answer, CallFacts, use
from smsadmin.core.errors import CATALOGUE
from smsadmin.resends import making
from smsadmin.resends.models import Resend
from smsadmin.sending.models import Message
from tests.factories import (
    RECIPIENT,
    make_action,
    make_ai_agent,
    make_attachment,
    make_version,
    make_workspace,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
CALL = CallFacts("call-1", RECIPIENT, "+12025550100", "inbound")
DATE = {"date": "2 January"}


def ask(attachment: Attachment, arguments: Any = DATE, call: CallFacts = CALL, **more: Any) -> Answer:
    return use(attachment.agent, attachment, arguments, call, **{"dialect": "other", "now": NOW, **more})


def test_a_use_becomes_a_message_and_is_answered_at_once(attachment: Attachment) -> None:
    answer = ask(attachment)

    message = Message.objects.get()
    assert (answer.status, answer.ok, answer.say) == ("queued", True, "The text is on its way.")
    assert (message.body, message.recipient, message.trigger) == ("Booked for 2 January", RECIPIENT, "agent")
    assert message.origin["tool"] == "send_booking"
    assert (message.object_type, message.object_id) == ("call", "call-1")
    made = Invocation.objects.get()
    assert (made.outcome, made.message, made.arguments) == ("accepted", message.pk, {**DATE, "to": RECIPIENT})
    call = AgentCall.objects.get()
    assert (call.party, call.number, call.direction) == (RECIPIENT, "+12025550100", "inbound")
    assert made.call == call
    assert message.origin["call_pk"] == call.pk
    assert "date = “2 January”" in str(message.trace)
    assert "enrolled_object" not in str(message.trace)


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (2.0, "2"), (1.5, "1.5"), (True, "true"), ("{{date}}", "{{date}}")]
)
def test_what_has_a_text_is_inserted_as_it_is_and_never_read_as_a_token(
    attachment: Attachment, value: Any, text: str
) -> None:
    ask(attachment, {"date": value})
    assert Message.objects.get().body == f"Booked for {text}"


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        ({}, "arguments_missing", "date"),
        ({"date": ""}, "arguments_missing", "date"),
        ({"date": None}, "arguments_missing", "date"),
        ({"date": ["2"]}, "arguments_no_text", "date"),
        ({"date": {"day": 2}}, "arguments_no_text", "date"),
        ({"date": "2", "from": "+1"}, "arguments_unknown", "from"),
        ({"date": "2", "to": RECIPIENT}, "arguments_unknown", "to"),
        ({"date": "x" * 501}, "arguments_too_long", "date"),
        (None, "arguments_unreadable", ""),
    ],
)
def test_arguments_that_cannot_be_used_are_named(
    attachment: Attachment, arguments: Any, code: str, named: str
) -> None:
    answer = ask(attachment, arguments)
    assert (answer.status, answer.code) == ("rejected", code)
    assert named in answer.say
    assert Invocation.objects.get().outcome == "unusable"
    assert not Message.objects.exists()


def test_fixed_values_are_not_the_agents_to_give(attachment: Attachment) -> None:
    attachment.variables = {"date": {"source": "fixed", "value": "Monday"}}
    assert ask(attachment, DATE).code == "arguments_unknown"
    ask(attachment, {})
    assert Message.objects.get().body == "Booked for Monday"


def test_the_agent_never_says_who_sends_unless_the_attachment_opens_it(agent: AIAgent) -> None:
    action = make_action(
        agent.workspace,
        sender_kind="property",
        sender_property="Contact.line",
        message="Hello",
        object_type="call",
    )
    attachment = make_attachment(agent, action, tool_name="hello")
    assert ask(attachment, {"contact_line": "+12025550100"}).code == "arguments_unknown"
    assert ask(attachment, {}).code == "sender_required"
    attachment.variables = {"Contact.line": {"source": "agent", "name": "line"}}
    answer = ask(attachment, {"line": "+12025559999"}, call=CallFacts("call-2", RECIPIENT))
    assert answer.code == "number_not_in_integration"


def test_the_recipient_may_be_an_argument_that_the_usual_checks_look_at(attachment: Attachment) -> None:
    attachment.recipient = Attachment.Recipient.ARGUMENT
    assert ask(attachment).code == "arguments_missing"
    assert ask(attachment, {**DATE, "to": "not a number"}).code == "recipient_not_e164"
    assert ask(attachment, {**DATE, "to": "+1 (312) 555-0199"}).ok
    assert Message.objects.get(status="queued").recipient == "+13125550199"


def test_what_the_action_calls_its_recipient_is_the_recipient(agent: AIAgent) -> None:
    action = make_action(agent.workspace, message="We texted {{Contact.Phone}}")
    ask(make_attachment(agent, action, tool_name="told"), {})
    assert Message.objects.get().body == f"We texted {RECIPIENT}"


@pytest.mark.parametrize("spelt", ["inputs.recipient", "Inputs.Recipient", "in puts.recipient"])
def test_no_token_of_a_text_can_stand_for_the_recipient(agent: AIAgent, spelt: str) -> None:
    action = make_action(agent.workspace, object_type="call", message=f"We texted {{{{{spelt}}}}}")
    attachment = make_attachment(agent, action, tool_name="told")
    assert ask(attachment, {"inputs_recipient": "+12025559999"}).code == "arguments_unknown"
    assert ask(attachment, {}).ok
    assert (Message.objects.get().recipient, Message.objects.get().body) == (
        RECIPIENT,
        f"We texted {RECIPIENT}",
    )
    forged = {spelt: "+12025559999", "inputs.RECIPIENT": "+12025559999"}
    record = running.record_of(action.current, "call-1", RECIPIENT, forged)
    assert record.related["inputs"][running.RECIPIENT] == RECIPIENT


def test_a_call_has_one_other_party(attachment: Attachment) -> None:
    attachment.most_per_call = 5
    ask(attachment)
    other = ask(attachment, {"date": "3"}, call=replace(CALL, party="+12025559999"))
    assert (other.code, AgentCall.objects.get().party) == ("other_party", RECIPIENT)
    assert ask(attachment, {"date": "4"}, call=replace(CALL, party="")).ok
    assert ask(attachment, {"date": "5"}, call=replace(CALL, party="+1 (312) 555-0123")).ok
    assert set(Message.objects.values_list("recipient", flat=True)) == {RECIPIENT}


def _reading(attachment: Attachment, region: str) -> Attachment:
    """Another tool of the agent, that takes numbers without a country code for ones of that region."""
    action = make_action(
        attachment.workspace,
        name=region,
        object_type="call",
        recipient_property="phone",
        message="{{date}}",
        default_region=region,
    )
    return make_attachment(attachment.agent, action, tool_name=f"in_{region}", most_per_call=5)


def test_a_number_without_its_country_code_is_no_other_party_by_that(attachment: Attachment) -> None:
    german, austrian = _reading(attachment, "DE"), _reading(attachment, "AT")
    attachment.most_per_call = 5

    def asked(tool: Attachment, party: str) -> str:
        answer = ask(tool, {"date": f"{Invocation.objects.count()}"}, call=CallFacts("call-1", party))
        return answer.code or Message.objects.get(pk=answer.message_id).recipient

    assert asked(german, "anonymous") == "recipient_not_e164"
    assert asked(german, "0151 12345678") == "+4915112345678"
    assert asked(austrian, "0151 12345678") == "+4315112345678"
    assert asked(german, "0171 2345678") == "other_party"
    assert asked(german, "anonymous") == "+4915112345678"
    assert asked(attachment, "+12025559999") == "other_party"  # though it reads nothing of what is known
    assert asked(attachment, "0171 2345678") == "recipient_no_country_code"
    assert AgentCall.objects.get().party == "015112345678"
    assert asked(attachment, "+49 151 12345678") == "+4915112345678"
    assert AgentCall.objects.get().party == "+4915112345678"
    assert asked(austrian, "0151 12345678") == "+4915112345678"
    assert asked(austrian, "0171 2345678") == "other_party"
    assert asked(german, "4915112345678") == "+4915112345678"


def test_a_number_that_lacks_its_plus_is_not_taken_for_another_country_for_good(
    attachment: Attachment,
) -> None:
    ask(_reading(attachment, "DE"), call=CallFacts("call-1", "14155550100"))
    assert ask(attachment, call=CallFacts("call-1", "+14155550100")).ok
    assert Message.objects.latest("pk").recipient == AgentCall.objects.get().party == "+14155550100"


def test_a_call_that_is_deleted_while_it_is_used_begins_anew(
    attachment: Attachment, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = running._learn

    def late(row: AgentCall, *rest: Any) -> None:
        AgentCall.objects.filter(pk=row.pk).delete()
        learn(row, *rest)

    ask(attachment)
    monkeypatch.setattr(running, "_learn", late)
    assert ask(attachment).ok
    assert AgentCall.objects.get().party == RECIPIENT


def test_a_party_that_is_no_number_gives_way_to_one_that_is_and_to_no_second_one(
    attachment: Attachment,
) -> None:
    attachment.most_per_call = 5
    for nobody in ("anonymous", "+9991234567"):
        assert not ask(attachment, call=CallFacts("call-1", nobody)).ok
    assert ask(attachment).ok
    assert ask(attachment, {"date": "3"}, call=replace(CALL, party="+12025559999")).code == "other_party"
    assert AgentCall.objects.get().party == RECIPIENT


def test_nothing_is_learnt_of_a_call_from_what_comes_after_it(attachment: Attachment) -> None:
    assert ask(attachment, dialect="after", external_id="after").ok
    assert AgentCall.objects.get().party == ""


def test_numbers_that_were_deleted_are_not_learnt_anew(attachment: Attachment) -> None:
    ask(attachment)
    AgentCall.objects.update(party="", number="", number_gone_at=NOW)
    ask(attachment, {"date": "3"})
    assert AgentCall.objects.get().party == ""


def test_names_and_values_that_no_database_stores_are_kept_readably(attachment: Attachment) -> None:
    call = CallFacts("call\x00", "\ud800", "\x00", "in\x00")
    assert ask(attachment, {"\ud800\x00": "2", "date": "\x00"}, call=call).code == "arguments_unknown"
    assert ask(attachment, {"date": "\ud800"}, call=call, external_id="\x00").code == "recipient_not_e164"
    kept = [json.dumps([each.said, each.arguments, each.external_id]) for each in Invocation.objects.all()]
    kept += list(AgentCall.objects.values_list("call_id", "party", "number", "direction").get())
    assert not any(sign in text for text in kept for sign in ("\x00", "\\u0000", "\ud800", "\\ud800"))
    assert any("\\ufffd" in text for text in kept)


def test_what_marks_a_wish_betrays_neither_number_nor_text(attachment: Attachment, settings: Any) -> None:
    ask(attachment)
    settings.SECRET_KEY = "another"
    ask(attachment)
    one, other = Invocation.objects.values_list("digest", flat=True)
    assert one != other


def test_a_use_waits_for_nobody(
    attachment: Attachment, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    """It is answered while somebody speaks: within a few steps of our own database, and none of anybody else's."""
    ask(attachment, call=replace(CALL, call_id="call-0"))  # what processes remember is remembered

    def away(*_: Any, **__: Any) -> None:
        raise AssertionError("nobody is asked")

    monkeypatch.setattr(httpx.Client, "send", away)
    monkeypatch.setattr("time.sleep", away)
    with django_assert_max_num_queries(16):
        assert ask(attachment).ok


def test_names_come_from_properties_of_related_records_however_they_are_spelt(agent: AIAgent) -> None:
    text = "{{Contact.FirstName}} {{contact.lastname}}, {{Deal.Name | default('none')}}"
    attachment = make_attachment(agent, make_action(agent.workspace, message=text), tool_name="named")
    ask(attachment, {"contact_first_name": "Ada", "contact_lastname": "Byron"})
    assert Message.objects.get().body == "Ada Byron, none"


def test_an_action_that_keeps_no_values_keeps_none_of_the_agents(agent: AIAgent) -> None:
    action = make_action(agent.workspace, object_type="call", message="Code {{code}}", hide_values=True)
    attachment = make_attachment(agent, action, tool_name="code")
    ask(attachment, {"code": "4711"})
    ask(attachment, {"codes": "4711"}, call=replace(CALL, call_id="call-2"))
    kept = list(Invocation.objects.order_by("pk").values_list("arguments", flat=True))
    assert kept == [{"to": RECIPIENT}, {}]


def test_what_was_refused_can_be_sent_again_to_the_same_number(attachment: Attachment) -> None:
    attachment.agent.build_mode = True
    attachment.agent.save()
    ask(attachment)
    message = Message.objects.get()
    again = making.request(message, Resend.Which.PRESENT)
    assert again
    assert (again.config.recipient_property, making.recipient(again)) == ("inputs.recipient", RECIPIENT)
    resend = Resend(pk=uuid4(), workspace=message.workspace)
    assert making.finished(again, resend, message, again.record).build_mode
    assert again.origin["agent_name"] == attachment.agent.name


# --- Once ---------------------------------------------------------------------------------------------


def test_the_same_wish_within_ten_minutes_is_answered_as_before(attachment: Attachment) -> None:
    first, again = ask(attachment), ask(attachment, now=NOW + timedelta(minutes=9))
    assert (again.status, again.say, again.message_id) == (first.status, first.say, first.message_id)
    assert again.repeated
    assert [each.outcome for each in Invocation.objects.order_by("pk")] == ["accepted", "repeated"]
    later = ask(attachment, now=NOW + timedelta(minutes=11))
    assert later.code == "too_many_texts"
    assert Message.objects.count() == 1


def test_another_call_is_another_wish(attachment: Attachment) -> None:
    ask(attachment)
    assert ask(attachment, call=replace(CALL, call_id="call-2")).ok
    assert Message.objects.count() == 2


def test_an_id_that_is_never_given_twice_is_answered_as_before_for_as_long_as_the_call_lasts(
    attachment: Attachment,
) -> None:
    attachment.most_per_call = 3
    other, later = {"date": "3 January"}, NOW + timedelta(hours=1)
    first = ask(attachment, dialect="vapi", external_id="tool-1")
    again = ask(attachment, other, dialect="vapi", external_id="tool-1", now=later)
    assert again.message_id == first.message_id
    assert ask(attachment, other, dialect="vapi", external_id="tool-2").message_id != first.message_id
    elsewhere = replace(CALL, call_id="call-2")
    assert ask(attachment, call=elsewhere, dialect="vapi", external_id="tool-1").repeated is False


def test_an_id_that_may_begin_anew_is_the_same_for_the_same_text_alone(attachment: Attachment) -> None:
    attachment.most_per_call = 3
    first = ask(attachment, dialect="openai", external_id="call_1")
    other = ask(attachment, {"date": "3 January"}, dialect="openai", external_id="call_1")
    assert (other.repeated, Message.objects.count()) == (False, 2)
    later = NOW + timedelta(hours=1)
    again = ask(attachment, dialect="openai", external_id="call_1", now=later)
    assert again.message_id == first.message_id


@pytest.mark.parametrize("dialect", ["openai", "vapi"])
def test_an_id_without_a_call_means_nothing_after_ten_minutes(attachment: Attachment, dialect: str) -> None:
    nowhere = {"call": CallFacts(party=RECIPIENT), "dialect": dialect, "external_id": "call_1"}
    ask(attachment, **nowhere)
    assert ask(attachment, **nowhere, now=NOW + timedelta(minutes=9)).repeated
    assert not ask(attachment, **nowhere, now=NOW + timedelta(days=3)).repeated
    assert Message.objects.count() == 2


def test_a_call_has_so_many_texts_and_no_more(attachment: Attachment) -> None:
    attachment.most_per_call = 2
    codes = [ask(attachment, {"date": str(day)}).code for day in range(3)]
    assert codes == ["", "", "too_many_texts"]


def test_a_repeat_is_told_what_has_become_of_the_text(attachment: Attachment) -> None:
    told = {"dialect": "openai", "external_id": "call_1"}
    ask(attachment, **told)
    said = {
        "sent": ("queued", "", "The text is on its way."),
        "unknown": ("queued", "", "I do not know whether the text has gone out."),
        "failed": ("rejected", "recipient_refused", "I could not text that number. Is there another one?"),
        "undelivered": ("rejected", "delivery_failed", "The text could not be delivered to that number."),
    }
    for status, (answered, code, say) in said.items():
        Message.objects.update(status=status, error_code=code.upper())
        again = ask(attachment, **told)
        assert (again.status, again.code, again.say) == (answered, code, say)


@pytest.mark.parametrize("status", ["rejected", "failed"])
def test_what_surely_left_nobody_is_tried_again_under_another_id(attachment: Attachment, status: str) -> None:
    def asked(external_id: str, minutes: int) -> Answer:
        now = NOW + timedelta(minutes=minutes)
        return ask(attachment, dialect="openai", external_id=external_id, now=now)

    first = asked("call_1", 0)
    Message.objects.update(status=status, error_code="NUMBER_QUOTA_EXCEEDED")
    assert (asked("call_1", 1).repeated, asked("", 1).repeated) == (True, False)
    second = Message.objects.exclude(pk=first.message_id)
    second.update(status=status, error_code="NUMBER_QUOTA_EXCEEDED", original=first.message_id)
    assert asked("call_2", 2).message_id == first.message_id  # which was sent again meanwhile
    second.update(original=None)
    assert asked("call_3", 3).message_id not in ("", first.message_id)
    Message.objects.update(status=status)
    assert (asked("call_4", 4).code, Message.objects.count()) == ("too_many_tries", running.TRIES)


def test_what_a_person_took_for_lost_may_have_left(attachment: Attachment) -> None:
    first = ask(attachment)
    Message.objects.update(status="failed", error_code="PROVIDER_UNKNOWN")
    assert ask(attachment).message_id == first.message_id
    assert ask(attachment, {"date": "3"}).code == "too_many_texts"


def test_what_waits_to_be_sent_again_is_not_sent_beside_it(attachment: Attachment) -> None:
    first = ask(attachment)
    Message.objects.update(status="failed", error_code="PROVIDER_REJECTED")
    resend = Resend.objects.create(workspace=attachment.workspace, chosen=1)
    resend.items.create(original=first.message_id)
    assert ask(attachment).message_id == first.message_id
    Resend.objects.update(state=Resend.State.CANCELLED)
    assert ask(attachment).message_id not in ("", first.message_id)


def test_an_action_that_is_attached_twice_sends_the_same_text_once(attachment: Attachment) -> None:
    """During the call and after it, say. The use after it stays what it is, however late a worker asks anew."""
    other = make_attachment(attachment.agent, attachment.action, tool_name="send_after", when="after")
    first = ask(attachment)
    after = {"dialect": "after", "external_id": "after"}
    for later in (timedelta(minutes=3), timedelta(hours=3)):
        again = ask(other, now=NOW + later, **after)
        assert (again.repeated, again.status, again.message_id) == (True, "queued", first.message_id)
    assert ask(other, {"date": "3"}, now=NOW, call=replace(CALL, call_id="call-2"), **after).ok
    assert Message.objects.count() == 2


def test_texts_that_surely_left_nobody_are_tries_alone(attachment: Attachment) -> None:
    def failing(day: int, status: str = "failed") -> str:
        code = ask(attachment, {"date": str(day)}).code
        Message.objects.filter(status="queued").update(status=status, error_code="PROVIDER_REJECTED")
        return code

    assert [failing(day) for day in range(running.TRIES + 1)] == ["", "", "", "too_many_tries"]
    elsewhere = replace(CALL, call_id="call-2")
    ask(attachment, call=elsewhere)
    Message.objects.filter(status="queued").update(status="undelivered")
    assert ask(attachment, {"date": "3"}, call=elsewhere).code == "too_many_texts"


def test_what_was_refused_is_a_try_alone(attachment: Attachment) -> None:
    assert ask(attachment, call=CallFacts("call-1")).code == "recipient_missing"
    assert ask(attachment).ok


def test_without_a_call_a_recipient_has_so_many_texts_an_hour(attachment: Attachment) -> None:
    one, other = CallFacts(party=RECIPIENT), CallFacts(party="+13125550199")
    assert ask(attachment, call=one).ok
    assert ask(attachment, {"date": "3"}, call=one).code == "too_many_texts"
    assert ask(attachment, {"date": "3"}, call=other).ok
    assert ask(attachment, {"date": "3"}, call=one, now=NOW + timedelta(minutes=61)).ok


@pytest.mark.parametrize("after", ["the use", "the message"])
def test_a_worker_that_takes_over_sends_what_was_not_sent_and_nothing_twice(
    attachment: Attachment, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = running.accept

    def killed(*args: Any) -> Message:
        if after == "the message":
            accept(*args)
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(running, "accept", killed)
        with pytest.raises(SystemExit):
            ask(attachment)
    answer = ask(attachment, now=NOW + timedelta(minutes=1))
    assert (answer.status, answer.repeated, answer.message_id) == (
        "queued",
        True,
        str(Message.objects.get().pk),
    )
    assert Invocation.objects.get(outcome="accepted").message == Message.objects.get().pk


def test_a_refusal_is_asked_anew_once_the_action_was_changed(attachment: Attachment) -> None:
    action = attachment.action
    action.enabled = False
    action.save()
    assert ask(attachment).code == "action_disabled"
    action.enabled = True
    assert ask(attachment).ok


@pytest.mark.django_db(transaction=True)
@pytest.mark.services
@pytest.mark.parametrize(("texts", "most", "made"), [(1, 1, 1), (20, 3, 3)])
def test_twenty_at_once_make_no_more_than_they_may(texts: int, most: int, made: int) -> None:
    """And to one party alone, though each other one names another."""
    attachment = make_attachment(make_ai_agent(make_workspace())[0], most_per_call=most)
    running.call_of(attachment.agent, CallFacts("call-1"), NOW)
    parties = [RECIPIENT] if texts == 1 else [RECIPIENT, "+13125550199"]
    start = threading.Barrier(20)

    def one(number: int) -> Answer:
        start.wait()  # before the first query: there are fewer connections than threads
        try:
            found = Attachment.objects.select_related("agent", "action__current").get(pk=attachment.pk)
            call = replace(CALL, party=parties[number % len(parties)])
            return ask(found, {"date": str(number % texts)}, call=call)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(one, range(20)))

    assert Message.objects.count() == made
    assert len(set(Message.objects.values_list("recipient", flat=True))) == 1
    assert sum(answer.ok for answer in answers) == (20 if texts == 1 else made)


# --- Who may ----------------------------------------------------------------------------------------


def _agent_off(attachment: Attachment) -> None:
    attachment.agent.enabled = False


def _archived(attachment: Attachment) -> None:
    attachment.agent.enabled, attachment.agent.archived_at = False, NOW


def _attachment_off(attachment: Attachment) -> None:
    attachment.enabled = False


@pytest.mark.parametrize(
    ("switch", "code"), [(_agent_off, "agent_off"), (_archived, "agent_off"), (_attachment_off, "tool_off")]
)
def test_what_is_off_says_so(attachment: Attachment, switch: Callable[[Attachment], None], code: str) -> None:
    switch(attachment)
    answer = ask(attachment)
    assert (answer.status, answer.code) == ("rejected", code)
    assert answer.say
    assert not Message.objects.exists()


def test_build_mode_of_the_agent_texts_test_numbers_alone(attachment: Attachment) -> None:
    attachment.agent.build_mode = True
    assert ask(attachment).code == "test_numbers_only"


def test_a_rehearsal_says_the_same_and_writes_nothing(attachment: Attachment) -> None:
    answer, rehearsal = running.rehearse(attachment.agent, attachment, DATE, CALL)
    assert (answer.status, answer.say) == ("queued", "The text is on its way.")
    assert rehearsal
    assert rehearsal.draft.body == "Booked for 2 January"
    refused, nothing = running.rehearse(attachment.agent, attachment, {}, CALL)
    assert (refused.code, nothing) == ("arguments_missing", None)
    assert not Message.objects.exists()
    assert not Invocation.objects.exists()
    assert not AgentCall.objects.exists()


def test_the_next_version_of_the_action_is_what_is_sent(attachment: Attachment) -> None:
    sender = attachment.action.current.sender_number
    make_version(attachment.action, sender_number=sender, object_type="call", message="See you on {{date}}")
    ask(attachment)
    assert Message.objects.get().body.startswith("See you on")


def test_every_error_has_a_sentence_that_can_be_said() -> None:
    from smsadmin.agents.speaking import ERRORS, OUTCOMES

    assert set(ERRORS) == set(CATALOGUE)
    for sentence in map(str, [*ERRORS.values(), *OUTCOMES.values()]):
        assert "\n" not in sentence
        assert not any(sign.isdigit() or sign == "_" for sign in sentence)
