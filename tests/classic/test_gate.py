"""Who may use the classic action, and until when: its dropdowns and its executions say the same."""

from datetime import UTC, date, datetime

import pytest

from smsadmin import cache
from smsadmin.classic import gate
from smsadmin.classic.models import ClassicSettings
from smsadmin.sending import explain
from smsadmin.sending.models import Message
from smsadmin.triggers.hubspot.parse import UNAVAILABLE
from tests.classic.conftest import NUMBERS, USERS, trace
from tests.factories import make_workspace

BETA = "This feature is in private beta, and it is not switched on in your account yet."


def test_a_new_workspace_has_it_off(db):
    assert not gate.read(make_workspace().pk).enabled


def test_off_refuses_executions_with_the_sentence_and_keeps_why_in_the_log(classic):
    classic.set(enabled=False)

    found = classic.run()

    assert (found["status"], found["hs_execution_state"]) == ("failed", "FAIL_CONTINUE")
    assert (found["errorCode"], found["errorMessage"]) == ("FEATURE_NOT_ENABLED", BETA)
    message = Message.objects.get()
    assert message.status == "rejected"
    assert trace(message)["action"] == ("refused", "FEATURE_NOT_ENABLED", {"feature": "classic"})


@pytest.mark.parametrize("path", [NUMBERS, USERS])
def test_off_shows_the_sentence_in_place_of_choices_and_it_cannot_be_sent_from(classic, path):
    classic.set(enabled=False)
    [option] = classic.list(path, classic.line.provider_id)
    assert option == {"label": BETA, "description": "", "value": UNAVAILABLE}

    classic.set(enabled=True)
    assert classic.run(classic.inputs(sender_number=option["value"]))["errorCode"] == "SENDER_REQUIRED"


def test_off_leaves_the_present_actions_lists_as_they_are(classic):
    classic.set(enabled=False)
    [option] = classic.list(NUMBERS, query="")
    assert option["value"] == classic.line.provider_id


def test_the_sentence_is_said_in_the_portals_language(classic):
    classic.set(enabled=False)
    classic.portal.connection.language = "de"
    classic.portal.connection.save()
    cache.forget()
    [option] = classic.list(NUMBERS)
    assert option["label"] == classic.run()["errorMessage"]


@pytest.mark.parametrize(
    ("zone", "now", "may"),
    [
        ("UTC", datetime(2026, 12, 31, 23, 59, tzinfo=UTC), True),
        ("UTC", datetime(2027, 1, 1, tzinfo=UTC), False),
        ("Europe/Berlin", datetime(2026, 12, 31, 22, 59, tzinfo=UTC), True),
        ("Europe/Berlin", datetime(2026, 12, 31, 23, 0, tzinfo=UTC), False),
        ("America/New_York", datetime(2027, 1, 1, 4, 59, tzinfo=UTC), True),
    ],
)
def test_its_last_day_is_a_whole_day_of_the_workspaces_zone(db, zone, now, may):
    workspace = make_workspace(time_zone=zone)
    ClassicSettings.objects.create(workspace=workspace, enabled=True, sunset_on=date(2026, 12, 31))
    assert (gate.refusal(workspace.pk, now) is None) == may


def test_after_its_last_day_executions_and_lists_name_that_day(classic, time_machine):
    classic.set(sunset_on=date(2026, 12, 31))
    time_machine.move_to(datetime(2027, 1, 1, 12, tzinfo=UTC), tick=True)

    found = classic.run()

    assert found["errorCode"] == "FEATURE_NOT_ENABLED"
    assert "its last day was Dec. 31, 2026" in found["errorMessage"]
    [option] = classic.list(NUMBERS)
    assert option["label"] == found["errorMessage"]
    assert explain.sentence(Message.objects.get()) == found["errorMessage"]


def test_a_switched_off_action_asks_hubspot_for_nothing(classic):
    """(The portal of the test cannot be reached: an execution that read its record would be put off, 503.)"""
    classic.set(enabled=False)
    found = classic.run(classic.inputs(message="Hi {{Contact.FirstName}}"))
    assert found["errorCode"] == "FEATURE_NOT_ENABLED"
