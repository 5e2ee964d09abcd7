"""Which messages may be sent again, and in which words the others may not."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from smsadmin.core.status import SETTLED, Status
from smsadmin.quotas.counting import QuotaExceeded
from smsadmin.resends.models import Resend, ResendItem
from smsadmin.sending import again, search
from smsadmin.sending.accept import again as send_again
from smsadmin.sending.again import WORDS, Reason, verdicts
from smsadmin.sending.asked import filter_of
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace
from tests.factories import ask, make_action, make_connection, make_message, make_number, make_workspace
from tests.sending.test_accept import counted, limit

KEPT: dict[str, Any] = {"config": {"recipient_property": "Contact.phone"}, "values": {}}


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


def failed(workspace: Workspace, **columns: Any) -> Message:
    """A message with all that it takes to make it again."""
    return make_message(workspace, **{"status": "rejected", "inputs": KEPT, **columns})


def reason(message: Message, **within: Any) -> Reason | None:
    return verdicts(message.workspace, [message], **within)[message.pk].reason


def in_resend(message: Message, state: str, item_state: str) -> Resend:
    """A resend that has the message."""
    resend = Resend.objects.create(workspace=message.workspace, chosen=1, state=state)
    ResendItem.objects.create(resend=resend, original=message.pk, state=item_state)
    return resend


@pytest.mark.parametrize("status", Status)
def test_only_what_ended_and_surely_did_not_arrive_may_be_sent_again(workspace, status):
    may = status in SETTLED - {Status.SENT, Status.DELIVERED, Status.UNKNOWN}

    verdict = verdicts(workspace, [message := failed(workspace, status=status)])[message.pk]

    assert verdict.may == may
    assert bool(verdict.words) != may


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("queued", Reason.UNDER_WAY),
        ("held", Reason.UNDER_WAY),
        ("sent", Reason.SENT),
        ("delivered", Reason.DELIVERED),
        ("unknown", Reason.UNKNOWN),
    ],
)
def test_each_status_that_forbids_it_has_its_own_words(workspace, status, expected):
    assert reason(failed(workspace, status=status)) == expected


def test_codes_and_tests_are_not_sent_again(workspace):
    assert reason(failed(workspace, trigger="verification", status="failed")) == Reason.CODE
    assert reason(failed(workspace, trigger="test", status="failed")) == Reason.TEST


def test_who_opted_out_gets_nothing_more(workspace):
    assert reason(failed(workspace, error_code="RECIPIENT_OPTED_OUT")) == Reason.NEVER


def test_an_unknown_one_that_somebody_decided_did_not_go_out_may_be_sent_again(workspace):
    assert reason(failed(workspace, status="failed", error_code="PROVIDER_UNKNOWN")) is None


def test_a_message_is_sent_again_once_and_then_its_successor_may_be(workspace):
    first = failed(workspace)
    second = failed(workspace, trigger="resend", original=first.pk)

    found = verdicts(workspace, [first, second])

    assert (found[first.pk].reason, found[first.pk].successor) == (Reason.AGAIN, second.pk)
    assert found[second.pk].may


@pytest.mark.parametrize(
    ("state", "item_state", "expected"),
    [
        ("waiting", "pending", Reason.QUEUED),
        ("running", "pending", Reason.QUEUED),
        ("paused", "pending", Reason.QUEUED),
        ("cancelled", "pending", None),
        ("running", "refused", None),
    ],
)
def test_a_message_that_waits_in_another_resend_is_left_to_it(workspace, state, item_state, expected):
    message = failed(workspace)
    resend = in_resend(message, state, item_state)

    assert reason(message) == expected
    assert reason(message, within=resend.pk) is None


def test_what_the_text_is_made_of_is_on_the_row_or_still_in_the_records_portal(workspace):
    action = make_action(workspace)
    bare = {"action": action, "version": action.current, "object_type": "contact", "object_id": "501"}
    read_again = failed(workspace, inputs={}, **bare)
    no_record = failed(workspace, inputs={}, **{**bare, "object_id": ""})
    elsewhere = failed(workspace, inputs={}, origin={"portal": "9000002"}, **bare)
    no_config = failed(workspace, inputs={"values": {}})
    both_kept = failed(workspace, inputs={"values": {}}, **bare)

    assert [reason(each) for each in (read_again, no_config, both_kept)] == [Reason.GONE, Reason.CONFIG, None]
    make_connection(workspace, "hubspot", external_id="9000002", secrets={"client_secret": "no token"})
    make_connection(workspace, "hubspot")
    assert [reason(each) for each in (read_again, no_record, elsewhere)] == [None, Reason.GONE, Reason.GONE]


def test_a_page_of_the_log_costs_four_queries_however_long_it_is(workspace):
    def queries() -> int:
        rows = list(Message.objects.defer(*Message.LONG, "body"))
        with CaptureQueriesContext(connection) as seen:
            verdicts(workspace, rows)
        return len(seen)

    failed(workspace)
    few = queries()
    for _ in range(20):
        failed(workspace)
    assert queries() == few <= 4


def test_every_reason_has_words():
    assert WORDS.keys() == set(Reason)
    assert all(again.of_status(status) is None or status in Status for status in Status)


# --- Through the front door ---------------------------------------------------------------------------


@pytest.mark.services
def test_what_is_larger_than_a_limit_is_refused_and_what_finds_no_room_is_not(workspace):
    number = make_number(workspace, users=("mia@example.com",))
    agent = number.agents.get()
    asked = {"send_as_kind": "user", "send_as_user_id": agent.pk, "message": "x" * 400}
    limit(number, "user", 2, window="month", unit="segments")

    with pytest.raises(Exception, match="segments") as refused:
        send_again(ask(number, **asked))
    assert type(refused.value).code == "USER_OUT_OF_SEGMENTS"

    limit(number, "user", 5, window="month", unit="segments")
    send_again(ask(number, **asked))
    with pytest.raises(QuotaExceeded):
        send_again(ask(number, **asked))
    assert Message.objects.count() == 1
    assert counted(number) == {str(number.pk): 1}


# --- In the log ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        ("resend", {"resend"}),
        ("no-tests", {"hubspot", "resend"}),
        ("hubspot", {"hubspot"}),
        ("test", {"test"}),
    ],
)
def test_the_log_can_be_narrowed_to_what_was_sent_again(workspace, trigger, expected):
    for each in ("hubspot", "resend", "test", "verification"):
        make_message(workspace, trigger=each)
    make_message(make_workspace(), trigger="resend")

    found = filter_of(workspace, {"trigger": trigger})

    assert found.form.is_valid()
    assert {message.trigger for message in found.qs} == expected
    assert all(message.workspace_id == workspace.pk for message in found.qs)


@pytest.mark.parametrize(
    ("german", "text", "written"),
    [
        (False, "trigger:resend", "trigger:resend"),
        (False, "trigger:again", "trigger:resend"),
        (True, "auslöser:erneut", "auslöser:erneut"),
    ],
)
def test_the_search_box_has_a_word_for_it(german, text, written):
    here = search.Around(german=german)
    read = search.parse(text, here)
    assert (read.filters, read.complaints) == ({"trigger": "resend"}, [])
    assert search.render(read.filters, here) == written
