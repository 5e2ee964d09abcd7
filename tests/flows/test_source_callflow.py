"""What Callr's help says of sms@v1 in a call flow ("Send SMS within a Call Flow"), sentence by sentence."""

import pytest
from django.utils import timezone

from smsadmin import cache
from smsadmin.flows import bell, effects, fetching, running
from smsadmin.flows.language.document import check
from smsadmin.flows.models import FetchHost, FlowRun
from smsadmin.incoming import handling
from smsadmin.providers.base import Exchange
from smsadmin.providers.http import Answer
from smsadmin.senders import names
from smsadmin.sending import bell as sending_bell
from smsadmin.trials.models import TestNumber
from tests.factories import make_connection, make_number, make_user, make_workspace
from tests.flows.making import (
    MISSED_CALL,
    MOBILE,
    SENT,
    actions,
    begin,
    make_flow,
    make_start,
    make_version,
    messages,
    missed_call,
    ran,
    texting,
)

TO_CALLER = "to:\n  - ${{ call.fromNumber }}\n"


@pytest.fixture(autouse=True)
def _nobody_rung_for(monkeypatch):
    monkeypatch.setattr(bell, "ring", lambda: None)
    monkeypatch.setattr(bell, "tell_providers", lambda workspace_id: None)
    monkeypatch.setattr(sending_bell, "ring", lambda connection_id: None)


@pytest.fixture
def number(db):
    return make_number(make_workspace(), "+12025550101")


@pytest.fixture
def flow(number):
    return make_flow(number.workspace, sender=number)


@pytest.fixture
def callr(flow):
    """A Callr account that carries the flow's texts: it picks senders, and knows the name ACME."""
    account = make_connection(flow.workspace, "callr")
    pool = make_number(flow.workspace, kind="pool", provider_id="pool", connection=account, country="")
    pool.e164 = ""
    pool.save()
    names.request(account, "ACME", "", ["FR"], make_user(), timezone.now())
    flow.connection, flow.sender = account, None
    flow.save()
    cache.forget()
    return account


def the_text(flow, params, caller=MOBILE, more=""):
    """The message that such a step sends to a caller."""
    make_version(flow, texting(params, more))
    run = ran(begin(flow, caller))
    assert run.state == "done", run.error
    [message] = messages(run)
    return message


def written(params):
    """What is wrong with such a step as it is written."""
    return [(problem.code, problem.severity) for problem in check(texting(params)).problems]


# --- The example -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "texts"),
    [("+33 6 39 98 00 42", [SENT]), ("+33 1 99 00 12 34", [])],
    ids=["a mobile", "a landline"],
)
def test_missed_call_follow_up_if_the_call_fails_and_the_caller_is_using_a_mobile_number(
    flow, number, caller, texts
):
    assert check(MISSED_CALL).errors == ()
    make_start(flow)
    missed_call(number, raw_digits=caller)
    handling.run()
    running.work()

    run = FlowRun.objects.get()
    assert (run.state, [each.body for each in messages(run)]) == ("done", texts)
    assert [(step["condition"], step["value"]) for step in run.steps if step["condition"]] == [
        ("!$dial?.ok", "true"),
        ("call.fromType.match(/MOBILE/)", '["MOBILE"]' if texts else "null"),
    ]


def test_if_the_call_is_answered_nobody_is_texted(flow):
    run = ran(begin(flow, given={"$dial": {"ok": True}}))

    assert (run.state, messages(run)) == ("done", [])
    assert actions(run) == {"inbound-call.1": "given"}


def test_you_can_customize_the_body_using_expressions_and_pre_defined_variables(flow):
    message = the_text(flow, TO_CALLER + "body: ${{ call.fromNumber }} called ${{ call.toNumber }}")
    assert message.body == "+33639980042 called +12025550101"


def test_to_is_a_list_and_one_number_alone_is_taken_too(flow):
    make_version(flow, texting('to: ["+33639980042", "+33639980043"]\nbody: Hello'))
    assert [each.recipient for each in messages(ran(begin(flow)))] == ["+33639980042", "+33639980043"]
    assert the_text(flow, 'to: "+33639980044"\nbody: Hello').recipient == "+33639980044"


# --- from: the sender ID ------------------------------------------------------------------------------------


def test_leave_from_empty_to_let_callr_assign_a_default_based_on_destination(flow, callr):
    for line in ("", 'from: ""\n'):
        message = the_text(flow, TO_CALLER + line + "body: Hello")
        assert (message.status, message.sender, message.number.kind) == ("queued", "", "pool")


def test_from_may_be_a_phone_number(flow, number, callr):
    message = the_text(flow, TO_CALLER + f'from: "{number.e164}"\nbody: Hello')
    assert (message.status, message.sender) == ("queued", number.e164)


def test_from_may_be_an_alphanumeric_sender(flow, callr):
    message = the_text(flow, TO_CALLER + 'from: "ACME"\nbody: Hello')
    assert (message.status, message.sender, message.number.kind) == ("queued", "ACME", "name")


@pytest.mark.parametrize("name", ["TwelveLetter", "12345", "Été", "A_B C-1!"])
def test_up_to_11_characters_at_least_one_letter(name):
    assert written(TO_CALLER + f'from: "{name}"\nbody: Hello') == [("SMS_FROM", "error")]
    assert written(TO_CALLER + 'from: "ElevenChars"\nbody: Hello') == []


def test_custom_senders_must_be_approved(flow, callr):
    message = the_text(flow, TO_CALLER + 'from: "Unknown"\nbody: Hello')
    assert (message.status, message.error_code) == ("rejected", "SENDER_ID_NOT_APPROVED")


def test_some_destinations_require_approval_of_sender_ids(flow, callr):
    """Ireland wants names registered, and the United States take none."""
    for caller in ("+353851234567", "+12015550123"):
        message = the_text(flow, TO_CALLER + 'from: "ACME"\nbody: Hello', caller)
        assert message.error_code == "SENDER_ID_NOT_APPROVED"


# --- encoding -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "encoding"), [("Hello", "GSM-7"), ("Hello 👋", "UCS-2")])
def test_by_default_the_encoding_is_detected_by_the_characters(flow, body, encoding):
    assert the_text(flow, TO_CALLER + f"body: {body}").encoding == encoding


def test_gsm_allows_153_characters_a_part(flow):
    message = the_text(flow, TO_CALLER + f'encoding: "gsm"\nbody: {"a" * 307}')
    assert (message.encoding, message.segments) == ("GSM-7", 3)


def test_unicode_limits_to_67_characters_a_part(flow):
    message = the_text(flow, TO_CALLER + f'encoding: "unicode"\nbody: {"a" * 135}')
    assert (message.encoding, message.segments) == ("UCS-2", 3)


def test_any_other_encoding_is_refused():
    assert written(TO_CALLER + 'encoding: "utf-8"\nbody: Hello') == [("SMS_ENCODING", "error")]


# --- trafficType ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "traffic"),
    [
        ("", "marketing"),
        ('trafficType: "marketing"\n', "marketing"),
        ('trafficType: "alerting"\n', "alerting"),
    ],
)
def test_traffic_is_marketing_by_default_or_alerting(flow, line, traffic):
    assert the_text(flow, TO_CALLER + line + "body: Hello").traffic == traffic


def test_any_other_traffic_and_any_other_parameter_is_refused():
    assert written(TO_CALLER + 'trafficType: "promo"\nbody: Hello') == [("SMS_TRAFFIC", "error")]
    assert written(TO_CALLER + "text: Hello\nbody: Hello") == [("UNKNOWN_KEY", "error")]


# --- Build mode ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ["flow", "workspace"])
def test_in_build_mode_you_can_only_text_testing_numbers_that_you_own_and_have_verified(flow, of):
    whose = flow if of == "flow" else flow.workspace
    whose.build_mode = True
    whose.save()
    cache.forget()
    mine = TestNumber.objects.create(workspace=flow.workspace, e164=MOBILE, label="Mine")

    assert the_text(flow, TO_CALLER + "body: Hello").error_code == "TEST_NUMBERS_ONLY"
    mine.verified_at = timezone.now()
    mine.save()
    cache.forget()
    assert the_text(flow, TO_CALLER + "body: Hello").status == "queued"


# --- Tips ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "texts"),
    [
        ("call.fromType == 'MOBILE'", 1),
        ("call.fromCountry == 'FR'", 1),
        ("call.fromCountry == 'DE'", 0),
        ("call.cdr.status == 'agents_did_not_answer'", 1),
    ],
)
def test_use_from_type_from_country_and_cdr_status_to_fine_tune_logic(flow, number, condition, texts):
    source = texting(TO_CALLER + "body: Hello").replace("- action:", f'- if: "{condition}"\n        action:')
    make_version(flow, source)
    make_start(flow)
    missed_call(number)
    handling.run()
    running.work()

    assert len(messages(FlowRun.objects.get())) == texts


def test_use_fetch_and_sms_together_to_personalize_the_message(flow, monkeypatch):
    FetchHost.objects.create(workspace=flow.workspace, host="crm.example")
    asked = []

    def call(method, url, content, **_):
        asked.append(url)
        return Answer(Exchange(method, url, http_status=200), body='{"name": "Ada", "order": 17}')

    monkeypatch.setattr(fetching.http, "call_outside", call)
    make_version(
        flow,
        "branches:\n  inbound-call:\n    actions:\n"
        "      - action: fetch@v2\n        params: {url: 'https://crm.example/?n=${{ call.fromNumber }}'}\n"
        "        result: $user\n"
        "      - action: sms@v1\n        params:\n          to: ['${{ call.fromNumber }}']\n"
        "          body: 'Dear ${{ $user.json.name }}, order ${{ $user.json.order }} is on its way.'\n",
    )
    run = ran(begin(flow))

    assert asked == [f"https://crm.example/?n={MOBILE}"]
    assert [each.body for each in messages(run)] == ["Dear Ada, order 17 is on its way."]
    assert effects.made(run) == [each.pk for each in messages(run)]
