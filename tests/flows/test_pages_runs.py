"""Running a flow with a sample call, and the pages of its runs: each step with its condition, each message linked."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache, keyset
from smsadmin.flows import bell, running, saving
from smsadmin.flows.language.starters import STARTERS
from smsadmin.flows.models import FetchHost, FlowRun
from smsadmin.privacy.models import Policy
from smsadmin.sending.models import Message
from smsadmin.trials.models import TestNumber
from tests.factories import make_member, make_message, make_number, make_user, make_workspace, uuid7_at

pytestmark = pytest.mark.django_db

MISSED = STARTERS[0].source
MOBILE, LANDLINE, MINE = "mobile-fr", "landline-fr", "+33639980099"
CALLER = "+33639980042"


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(bell, "ring", lambda: None)


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def flow(workspace):
    made = saving.create(workspace, "Follow-up", MISSED, "", make_user())
    made.sender = make_number(workspace, "+33199001200", country="FR", registration="", name="Paris")
    made.save()
    return made


@pytest.fixture
def operator(client, workspace):
    client.force_login(make_member(workspace, "operator").user)
    return client


def make_test_number(workspace):
    """A number that may be texted by a real run with a sample."""
    TestNumber.objects.create(workspace=workspace, e164=MINE, label="Mine", verified_at=timezone.now())
    cache.forget()


def text(response):
    """What the page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def tried(client, flow, do="dry", event=MOBILE, **values):
    """What the browser posts on the page of samples."""
    posted = {"do": do, "event": event, "from_number": "", "to_number": "", "body": "", "branch": ""}
    posted |= {"given_0": "missed", "key": str(uuid.uuid4()), "version": flow.current.number, **values}
    return client.post(reverse("flow-try", args=[flow.pk]), posted)


# --- Dry ------------------------------------------------------------------------------------------------


def test_a_dry_run_of_a_missed_call_from_a_mobile_shows_the_text_that_would_go(operator, flow):
    page = tried(operator, flow)

    (sent,) = page.context["story"].sends
    assert (sent.recipient, sent.sender) == (CALLER, "+33199001200")
    assert sent.body.startswith("Hello! You tried to reach us")
    said = text(page)
    assert "1 text would be sent" in said
    assert "if !$dial?.ok → true" in said
    assert "Not done here, their results came with the event: dial@v1" in said
    assert not Message.objects.exists()
    assert FlowRun.objects.get().dry


def test_a_dry_run_from_a_landline_texts_nobody_and_shows_the_condition_that_said_so(operator, flow):
    page = tried(operator, flow, event=LANDLINE)

    assert page.context["story"].sends == []
    assert "No text would be sent" in text(page)
    assert "if call.fromType.match(/MOBILE/) → null" in text(page)


def test_a_call_that_was_answered_texts_nobody(operator, flow):
    page = tried(operator, flow, given_0="ok")

    assert page.context["story"].texts == []


def test_a_text_that_would_be_refused_says_why_and_what_fixes_it(operator, flow):
    flow.sender = None
    flow.save()

    (refused,) = tried(operator, flow).context["story"].texts

    assert not refused.would_send
    assert refused.sentence
    assert refused.fix


def test_what_another_service_answers_is_written_in_for_a_dry_run(operator, workspace):
    by_name = next(each for each in STARTERS if "fetch@v2" in each.source)
    FetchHost.objects.create(workspace=workspace, host="crm.example.com")
    flow = saving.create(workspace, "By name", by_name.source, "", make_user())
    flow.sender = make_number(workspace, "+33199001201", country="FR", registration="")
    flow.save()

    (sent,) = tried(operator, flow, fetched_0='{"name": "Ada", "id": 7}').context["story"].texts

    assert "Ada" in sent.body
    for odd in ("{name}", "NaN", "[1e999]", "[" * 21 + "]" * 21, f'"{"x" * 65_536}"'):
        assert tried(operator, flow, fetched_0=odd).status_code == 422, odd[:30]


def test_own_numbers_take_the_place_of_the_sample(operator, flow):
    page = tried(operator, flow, event=LANDLINE, from_number="+33 6 39 98 00 99")

    assert [sent.recipient for sent in page.context["story"].sends] == [MINE]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"from_number": "12"}, "is not a full international number"),
        ({"event": "sms-fr"}, "not one of the available choices"),  # the flow has no such branch
        ({"event": "nothing"}, "not one of the available choices"),
    ],
)
def test_a_sample_that_cannot_be_is_refused_in_its_place(operator, flow, values, said):
    page = tried(operator, flow, **values)

    assert page.status_code == 422
    assert said in text(page)
    assert not FlowRun.objects.exists()


def test_a_flow_with_errors_is_not_run(operator, flow):
    flow.current.source = "branches: 1"
    flow.current.save()

    assert "so it cannot be run" in text(operator.get(reverse("flow-try", args=[flow.pk])))
    assert "so it cannot be run" in text(tried(operator, flow))


# --- For real -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("do", ["ask", "real"])
def test_a_real_run_texts_verified_test_numbers_alone(operator, flow, do):
    page = tried(operator, flow, do, from_number=MINE)

    running.work()
    run = FlowRun.objects.latest("pk")
    [told] = next(each["messages"] for each in run.effects.values())
    assert (told["ok"], told["code"]) == (False, "TEST_NUMBERS_ONLY")
    if do == "ask":
        assert "No text would be sent" in text(page)


@pytest.mark.parametrize("do", ["ask", "real"])
def test_a_version_that_nobody_looked_at_is_not_run(operator, flow, do):
    seen = flow.current.number
    saving.change(flow, flow.name, MISSED + "\n", "", make_user(), seen)
    flow.refresh_from_db()

    page = tried(operator, flow, do, from_number=MINE, version=seen)

    assert page.status_code == 422
    assert "Version 2 was saved meanwhile" in text(page)
    assert not FlowRun.objects.exists()
    assert 'name="version" value="2"' in page.content.decode()


@pytest.mark.parametrize("do", ["dry", "ask", "real"])
def test_a_flow_in_the_archive_is_not_run(operator, flow, do):
    saving.archive(flow)

    page = tried(operator, flow, do, from_number=MINE)

    assert (page.status_code, FlowRun.objects.exists()) == (422, False)
    assert "The flow is in the archive" in text(page)


def test_before_a_real_run_a_page_says_what_would_be_sent_and_sends_nothing(operator, flow):
    make_test_number(flow.workspace)
    page = tried(operator, flow, "ask", from_number=MINE)

    assert "1 real text would be sent" in text(page)
    assert "Run it and send 1 text" in text(page)
    assert "Hello! You tried to reach us" in text(page)
    assert not Message.objects.exists()


def test_a_real_run_goes_to_a_number_that_somebody_gave(operator, flow):
    assert tried(operator, flow, "ask").status_code == 422
    assert tried(operator, flow, "real").status_code == 422
    assert not FlowRun.objects.exists()


def test_a_real_run_is_begun_once_and_leads_to_its_page(operator, flow):
    key = str(uuid.uuid4())

    make_test_number(flow.workspace)
    first, second = (tried(operator, flow, "real", from_number=MINE, key=key) for _twice in range(2))

    run = FlowRun.objects.get(dry=False)
    assert first.url == second.url == reverse("flow-run", args=[run.pk])
    assert (run.cause, run.branch, run.party) == ("sample", "inbound-call", MINE)
    assert run.by_id == int(operator.session["_auth_user_id"])


def test_viewers_run_nothing(client, workspace, flow):
    client.force_login(make_member(workspace, "viewer").user)

    assert client.get(reverse("flow-try", args=[flow.pk])).status_code == 403
    assert tried(client, flow).status_code == 403


# --- A run ----------------------------------------------------------------------------------------------


def record(kind, path, name="", verdict="taken", **more):
    usual = {
        "line": 4,
        "key": "",
        "condition": "",
        "value": "",
        "result": None,
        "result_name": "",
        "note": {},
    }
    return {"kind": kind, "path": path, "name": name, "verdict": verdict, **usual, **more}


def sms_record(*messages):
    told = [{"ok": True, "id": str(each.pk), "to": each.recipient, "status": "queued"} for each in messages]
    result = {"ok": True, "messages": told, "error": None}
    return record(
        "action", "voicemail.1", "sms@v1", result=result, condition="call.fromType", value='"MOBILE"'
    )


def run_of(flow, *records, nth=0, **columns):
    made = uuid7_at(datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=nth))
    usual = {"key": made, "cause": "api", "branch": "inbound-call", "state": "done", "party": CALLER}
    usual |= {"workspace": flow.workspace, "version": flow.current, "steps": list(records)}
    return FlowRun.objects.create(pk=made, flow=flow, **{**usual, **columns})


def opened(client, run):
    return client.get(reverse("flow-run", args=[run.pk]))


def test_a_run_is_told_branch_by_branch_with_its_messages_as_they_are_now(operator, workspace, flow):
    sent = make_message(workspace, recipient=CALLER, status="delivered")
    failed = make_message(
        workspace,
        recipient=MINE,
        status="failed",
        error_code="DELIVERY_FAILED",
        error_facts={"answer": "gone"},
    )
    entered = record("branch", "voicemail", "voicemail", line=16)

    page = opened(operator, run_of(flow, entered, sms_record(sent, failed)))

    (part,) = page.context["story"].parts
    assert (part.branch, part.line) == ("voicemail", 16)
    assert [each.status for each in page.context["story"].texts] == ["delivered", "failed"]
    for message in (sent, failed):
        assert reverse("message", args=[message.pk]) in page.content.decode()
    assert 'if call.fromType → "MOBILE"' in text(page).replace("&quot;", '"')


def test_the_messages_of_a_run_cost_one_query_however_many_they_are(operator, workspace, flow):
    def cost_of(count):
        run = run_of(flow, sms_record(*(make_message(workspace) for _each in range(count))), nth=count)
        with CaptureQueriesContext(connection) as queries:
            opened(operator, run)
        return len(queries)

    opened(operator, run_of(flow))
    assert cost_of(1) == cost_of(6)


def test_a_message_that_was_deleted_by_age_is_told_as_gone(operator, workspace, flow):
    message = make_message(workspace)
    run = run_of(flow, sms_record(message))
    message.delete()

    assert "Deleted by age" in text(opened(operator, run))


def test_a_run_that_was_cut_off_tells_of_its_texts(operator, workspace, flow):
    message = make_message(workspace, recipient=CALLER, status="delivered")
    made = {"voicemail.1#1": sms_record(message)["result"]}

    page = opened(operator, run_of(flow, state="failed", effects=made))

    (told,) = page.context["story"].texts
    assert (told.recipient, told.status) == (CALLER, "delivered")
    assert "It was cut off before its steps were written." in text(page)
    assert "It took no step" not in text(page)
    whole = opened(operator, run_of(flow, sms_record(message), effects=made, nth=1))
    assert len(whole.context["story"].texts) == 1


def test_what_did_not_come_with_the_event_is_said(operator, flow):
    page = opened(operator, run_of(flow, record("action", "inbound-call.1", "dial@v1", "not_given")))

    assert "not known: nothing came with the event" in text(page)
    assert "Not done here, and no result came with the event: dial@v1" in text(page)


def test_a_text_that_a_run_was_refused_is_told_as_refused(operator, flow):
    refused = {"ok": False, "to": CALLER, "status": "rejected", "error": "the run has texted it 3 times"}
    page = opened(operator, run_of(flow, record("action", "a.1", "sms@v1", result={"messages": [refused]})))

    assert "Refused" in text(page)
    assert "Would be refused" not in text(page)


def test_a_run_that_failed_says_why_and_what_fixes_it(operator, flow):
    error = {"code": "LIMIT_STEPS", "facts": {"most": 1000}}

    page = text(opened(operator, run_of(flow, state="failed", error=error)))

    assert "The run was stopped after 1000 steps." in page
    assert "What fixes it: Look for branches" in page


def test_a_run_that_goes_on_asks_again_and_one_at_its_end_does_not(operator, flow):
    going, ended = run_of(flow, state="waiting", nth=1), run_of(flow, nth=2)

    assert "every 2s" in opened(operator, going).content.decode()
    assert "every 2s" not in opened(operator, ended).content.decode()


def test_who_may_not_see_numbers_and_texts_gets_them_masked(client, workspace, flow):
    Policy.objects.create(workspace=workspace, viewers="masked")
    client.force_login(make_member(workspace, "viewer").user)
    message = make_message(workspace, recipient=CALLER)
    fetched = record("action", "voicemail.2", "fetch@v2", result={"ok": True, "body": "Ada Lovelace"})
    run = run_of(flow, sms_record(message), fetched, context={"call": {"fromNumber": CALLER}})

    for page in (opened(client, run), client.get(reverse("flow-runs"))):
        content = page.content.decode()
        assert CALLER not in content
        assert CALLER[3:] not in content.replace(" ", "")
        assert "Ada Lovelace" not in content
    assert "are masked for your role" in text(opened(client, run))


# --- Lists ----------------------------------------------------------------------------------------------


def listed(client, url, **asked):
    return [row.run.pk for row in client.get(url, asked).context["rows"]]


def test_runs_are_narrowed_by_flow_state_and_cause(operator, workspace, flow):
    other = saving.create(workspace, "Other", MISSED, "", make_user())
    failed, sample, theirs = (
        run_of(flow, state="failed", nth=1),
        run_of(flow, cause="sample", nth=2),
        run_of(other, nth=3),
    )
    everything = reverse("flow-runs")

    assert listed(operator, everything) == [theirs.pk, sample.pk, failed.pk]
    assert listed(operator, everything, flow=other.pk) == [theirs.pk]
    assert listed(operator, everything, state="failed") == [failed.pk]
    assert listed(operator, everything, cause="sample") == [sample.pk]
    assert listed(operator, everything, state="nonsense", flow="x") == [theirs.pk, sample.pk, failed.pk]
    assert listed(operator, reverse("flow-runs-of", args=[flow.pk])) == [sample.pk, failed.pk]


def test_pages_of_runs_go_on_where_the_one_before_ended_and_keep_the_filter(operator, flow, monkeypatch):
    monkeypatch.setattr(keyset, "PER_PAGE", 2)
    made = [run_of(flow, nth=nth).pk for nth in range(5)][::-1]
    run_of(flow, state="failed", nth=9)

    pages, url = [], reverse("flow-runs") + "?state=done"
    while url:
        page = operator.get(url).context
        pages.append([row.run.pk for row in page["rows"]])
        url, newer = page["older"], page["newer"]
    assert pages == [made[:2], made[2:4], made[4:]]
    assert listed(operator, newer) == made[2:4]
    assert "state=done" in newer


def test_the_list_costs_the_same_for_many_runs(operator, flow):
    def cost_with(more):
        for nth in range(more):
            run_of(flow, nth=more * 10 + nth)
        with CaptureQueriesContext(connection) as queries:
            operator.get(reverse("flow-runs"))
        return len(queries)

    operator.get(reverse("flow-runs"))
    assert cost_with(1) == cost_with(6)
