"""A held message in the log and on its own page, as people see it."""

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smsadmin.actions import saving
from smsadmin.core.numbers import pretty
from smsadmin.quotas.models import Scope
from smsadmin.sending import expected, presenters
from smsadmin.sending.accept import accept
from smsadmin.sending.filters import log_url
from smsadmin.sending.hold import release
from smsadmin.workspaces.models import Workspace
from tests.factories import ask, make_action
from tests.sending.conftest import NOW
from tests.sending.test_accept import limit
from tests.sending.test_hold import HOLD, RESET
from tests.sending.test_log_pages import shown, signed_in, words


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def full(number):
    """A number that sends one message a minute, and has sent it."""
    Workspace.objects.update(time_zone="Europe/Berlin")
    limit(number, Scope.NUMBER, 1)
    accept(ask(number))
    return number


def names(message):
    message.refresh_from_db()
    return [line.name for line in presenters.timeline(message, [])]


def test_the_log_and_the_page_say_why_and_until_when_in_the_viewers_zone(full):
    message = accept(ask(full, **HOLD))
    client = signed_in(full.workspace)

    row, page = words(client.get(log_url(status="held"))), words(shown(client, message))

    why = f"Held until 11:08: {pretty(full.e164)} has used 1 of 1 messages per minute"
    assert f"Held {why}" in row
    assert f"{why} Held Whose: Quota NUMBER_QUOTA_EXCEEDED" in page
    assert f"Quota passed, with a warning {why}" in page
    assert "Waits for room until 12:07 at most" in page
    assert "only an accepted message uses quota" in page
    assert "What fixes it" not in page


def test_reasons_of_held_messages_cost_the_log_no_queries(full, django_assert_num_queries):
    client = signed_in(full.workspace)
    accept(ask(full, **HOLD))
    client.get(log_url())  # what a process remembers is read
    with CaptureQueriesContext(connection) as one:
        client.get(log_url())
    for _ in range(5):
        accept(ask(full, **HOLD))
    with django_assert_num_queries(len(one)):
        client.get(log_url())


def test_a_message_put_off_says_until_when_it_waits_now_and_for_what(full):
    long = {**HOLD, "hold_minutes": 120}
    line = [accept(ask(full, **long)), accept(ask(full, **long))]
    limit(full, Scope.NUMBER, 1, "hour")
    release(RESET)

    for message, until in zip(line, ("12:00", "13:00"), strict=True):
        message.refresh_from_db()
        with timezone.override("Europe/Berlin"):
            told = presenters.headline(message, expected.of([message], RESET)[message.pk])
        assert told.startswith(f"Held until {until}: ")
        assert told.endswith("has used 1 of 1 messages per hour")


def test_what_was_not_held_for_want_of_time_says_both_times(full):
    limit(full, Scope.NUMBER, 1, "hour")
    message = accept(ask(full, at_quota="hold", hold_minutes=20))

    page = words(shown(signed_in(full.workspace), message))

    assert "Not held: there is no room before 12:00, and the action waits until 11:27 at most" in page
    assert "per hour; there is room again at 12:00." in page


def test_the_timeline_tells_of_the_hold_and_how_it_ended(full, clock):
    late = accept(ask(full, at_quota="hold", hold_minutes=1))
    message = accept(ask(full, **HOLD))
    held = ["Received", "Held, as there was no room in a quota"]
    assert names(message) == [*held, "To be released, if there is room"]

    clock.move_to(late.expires_at)
    release()

    assert names(message) == [*held, "Released and counted"]
    assert names(late) == [*held, "Expired"]


def test_a_message_cancelled_for_its_action_says_so(full):
    action = make_action(full.workspace, name="Welcome", sender_number=full)
    message = accept(ask(full, action_id=action.pk, version_id=action.current_id, **HOLD))
    saving.switch(action, on=False, reason="Legal review")
    release(RESET)

    page = words(shown(signed_in(full.workspace), message))

    assert "Not sent: The action “Welcome” is switched off. Cancelled" in page
    assert "Legal review" in page
