"""What a message is made of when it is sent again: the record as HubSpot has it now, else as it was kept."""

import httpx
import pytest
from django.utils import timezone

from smsadmin.pacing.models import Pace
from smsadmin.resends import reading, running
from smsadmin.resends.reading import Reader
from smsadmin.sandbox.crm import associate
from smsadmin.sending.models import Message
from tests.crm.standin import stand_in
from tests.factories import make_action, make_connection, make_version
from tests.resends.conftest import limit, made_with, outcomes, worked

ADA, DEAL = "4242", "200000"
UNAVAILABLE = httpx.Response(503)


@pytest.fixture
def hubspot(monkeypatch):
    return stand_in(monkeypatch)


@pytest.fixture
def portal(workspace):
    return make_connection(workspace, "hubspot")


@pytest.fixture
def ada(hubspot, portal):
    """A contact with another name and number than were kept."""
    found = hubspot.state.records["contacts"][ADA]
    found.properties |= {"firstname": "Augusta", "phone": "+33687654321"}
    return found


@pytest.fixture
def welcome(action):
    """Makes a message about Ada."""
    return lambda **columns: made_with(action, **{"object_id": ADA, **columns})


def successor(message):
    return Message.objects.get(original=message.pk)


def reads(hubspot):
    return [path for path in hubspot.paths if "/objects/" in path]


def test_a_record_that_can_be_read_is_taken_as_it_is_now(hubspot, ada, welcome, ask):
    message = welcome()
    worked(ask(message))
    made = successor(message)
    assert (made.body, made.recipient) == ("Hi Augusta", "+33687654321")
    assert made.inputs["values"] == {"enrolled_object": {"firstname": "Augusta", "phone": "+33687654321"}}


def test_without_a_token_it_is_taken_as_it_was_kept(hubspot, welcome, ask):
    message = welcome()
    worked(ask(message))
    assert (successor(message).body, hubspot.calls) == ("Hi Ada", [])


def test_a_record_of_another_portal_is_not_looked_for_in_this_one(hubspot, ada, welcome, ask):
    message = welcome(origin={"portal": "9000002"})
    worked(ask(message))
    assert (successor(message).body, hubspot.calls) == ("Hi Ada", [])


def test_what_was_deleted_here_is_read_there(hubspot, ada, welcome, ask):
    message = welcome(inputs={}, body="")
    worked(ask(message))
    assert successor(message).body == "Hi Augusta"


def test_the_present_version_may_ask_for_what_the_first_did_not(hubspot, ada, action, welcome, ask):
    message = welcome()
    make_version(action, message="Hi {{Contact.lastname}}", sender_number=action.current.sender_number)
    ada.properties["lastname"] = "King"
    worked(ask(message))
    assert successor(message).body == "Hi King"


def test_a_deal_is_sent_to_its_contact_of_now_with_the_steps_own_fields_as_they_were(
    workspace, hubspot, ada, ask
):
    deal = hubspot.state.records["deals"][DEAL]
    deal.associations["contacts"] = {}
    associate(hubspot.state.records, "deals", DEAL, "contacts", ADA, 3)
    action = make_action(workspace, message="{{inputs.note}} {{Contact.firstname}}")
    values = {"inputs": {"note": "Hello"}, "Contact": {"firstname": "Ada", "phone": "+33612345678"}}
    message = made_with(action, object_type="deal", object_id=DEAL, inputs={"values": values})
    worked(ask(message))
    assert (successor(message).body, successor(message).recipient) == ("Hello Augusta", "+33687654321")


@pytest.mark.parametrize(
    "answer", [UNAVAILABLE, httpx.Response(401), httpx.Response(403), httpx.ReadTimeout("slow")]
)
def test_where_hubspot_cannot_be_read_what_was_kept_will_do(hubspot, ada, welcome, ask, answer):
    message = welcome()
    hubspot.fail(answer)
    worked(ask(message))
    assert successor(message).body == "Hi Ada"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
        (httpx.Response(401), "CREDENTIAL_REJECTED"),
        (httpx.Response(403), "SCOPE_MISSING"),
    ],
)
@pytest.mark.parametrize("kept", [{}, {"values": {"enrolled_object": {"phone": "+33612345678"}}}])
def test_where_that_lacks_a_value_the_message_is_refused_in_words(
    hubspot, ada, welcome, ask, answer, code, kept
):
    message = welcome(inputs=kept)
    hubspot.fail(answer)
    assert outcomes(worked(ask(message))) == {message.pk: ("refused", code)}
    assert Message.objects.count() == 1


def test_a_refused_token_shows_on_the_connection_and_is_not_tried_again(
    hubspot, ada, portal, welcome, ask, monkeypatch
):
    monkeypatch.setattr(running, "BATCH", 1)
    messages = [welcome() for _ in range(3)]
    hubspot.fail(httpx.Response(401), to="/objects/")
    worked(ask(*messages))
    portal.refresh_from_db()
    assert portal.state == "rejected"
    assert len(reads(hubspot)) == 1


def test_a_record_that_hubspot_no_longer_has_is_taken_as_it_was_kept(hubspot, ada, welcome, ask):
    kept, bare = welcome(object_id="1"), welcome(object_id="1", inputs={})
    resend = worked(ask(kept, bare))
    assert outcomes(resend) == {kept.pk: ("sent", ""), bare.pk: ("refused", "record")}
    assert successor(kept).body == "Hi Ada"


def test_a_hundred_messages_of_one_action_take_one_call(hubspot, ada, welcome, ask):
    messages = [welcome() for _ in range(100)]
    worked(ask(*messages))
    assert reads(hubspot) == ["/objects/contacts/batch/read"]


def test_calls_are_spread_over_time(hubspot, ada, portal, welcome, ask, monkeypatch):
    monkeypatch.setattr(running, "BATCH", 1)
    monkeypatch.setattr(reading.time, "monotonic", lambda: 100.0)
    slept = []
    messages = [welcome() for _ in range(4)]
    running.run(ask(*messages).pk, slept.append)
    assert slept == pytest.approx([1 / 3, 2 / 3, 1])  # the clock stands still


def test_hubspot_is_left_alone_when_it_asks_to_slow_down_then_asked_again(hubspot, ada, welcome, ask):
    message, slept = welcome(inputs={}), []
    hubspot.fail(httpx.Response(429), to="/objects/")

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) > 3:
            hubspot.fail(None)
            Pace.objects.update(paused_until=None)

    running.run(ask(message).pk, sleep)
    assert successor(message).body == "Hi Augusta"
    assert set(reading.PAUSES[:2]) <= set(slept)


def test_messages_that_wait_for_room_are_not_read(hubspot, ada, workspace, welcome, ask, monkeypatch):
    monkeypatch.setattr(running, "BATCH", 2)
    limit(workspace, "number", 1)
    messages = [welcome() for _ in range(6)]
    resend = worked(ask(*messages))
    assert len(reads(hubspot)) == 1
    assert [state for state, _ in outcomes(resend).values()] == ["sent"] + ["pending"] * 5


def test_a_resend_that_is_paused_while_it_reads_stops(hubspot, ada, welcome, ask, monkeypatch):
    resend = ask(welcome())
    pace = Reader._pace

    def paused(reader):
        running.pause(resend)
        pace(reader)

    monkeypatch.setattr(Reader, "_pace", paused)
    assert worked(resend).state == "paused"
    assert reads(hubspot) == []


# --- What a refusal keeps -----------------------------------------------------------------------------

UNREADABLE = "0151 1234567890123"


@pytest.mark.parametrize("gone", [("values_gone_at",), ("values_gone_at", "number_gone_at")])
def test_what_purges_have_passed_does_not_come_back_with_a_refusal(hubspot, ada, welcome, ask, gone):
    message = welcome(inputs={}, body="", recipient="", **dict.fromkeys(gone, timezone.now()))
    ada.properties["phone"] = UNREADABLE
    [item] = worked(ask(message)).items.all()
    assert (item.error_code, item.error_facts) == ("RECIPIENT_NO_COUNTRY_CODE", {"value": "•••"})


def test_a_refusal_keeps_no_value_that_the_configuration_hides(hubspot, ada, action, welcome, ask):
    message = welcome()
    make_version(
        action,
        message="Hi",
        sender_kind="property",
        sender_property="firstname",
        sender_number=None,
        hide_values=True,
    )
    [item] = worked(ask(message)).items.all()
    assert item.state == "refused"
    assert item.error_code
    assert "Augusta" not in str(item.error_facts)


def test_a_refusal_names_what_is_still_kept(hubspot, ada, welcome, ask):
    message = welcome()
    ada.properties["phone"] = UNREADABLE
    [item] = worked(ask(message)).items.all()
    assert item.error_facts == {"value": UNREADABLE}
