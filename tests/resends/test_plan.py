"""What a resend will do is said before: from which numbers, how many at once, and until when the others wait."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from smsadmin import cache
from smsadmin.core.windows import Moment
from smsadmin.quotas.models import Counter, Rule
from smsadmin.resends import choice, rehearsal
from smsadmin.resends.models import Resend
from smsadmin.resends.plan import Wait, plan
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand
from smsadmin.sending.room import when_room
from tests.factories import (
    PORTAL,
    make_action,
    make_agent,
    make_connection,
    make_number,
    make_version,
    put_on,
)
from tests.resends.conftest import limit, made_with

NOW = datetime(2026, 11, 22, 10, 7, 30, tzinfo=UTC)
RESET = NOW.replace(minute=8, second=0)
MINUTE = timedelta(minutes=1)


def planned(*messages, which="present"):
    workspace = messages[0].workspace
    return plan(choice.of_rows(workspace, [message.pk for message in messages]), which, NOW)


def used(number, messages, at=NOW):
    """So many messages of the number were counted in that minute."""
    Counter.objects.create(
        workspace=number.workspace,
        scope="number",
        subject_id=number.pk,
        minute_at=Moment.of(at).minute,
        minute_messages=messages,
    )


def test_a_plan_says_how_many_go_from_which_number_and_adds_up(workspace):
    sales, service = make_action(workspace), make_action(workspace)
    messages = [made_with(sales, segments=2) for _ in range(3)]
    messages += [made_with(service, segments=0)]  # refused before it was measured
    messages += [made_with(sales, status="sent"), made_with(sales, status="queued")]

    found = planned(*messages)

    assert (found.chosen, found.eligible, found.segments) == (6, 4, 7)
    assert found.left_out == {"sent": 1, "under_way": 1}
    assert [(line.number, line.messages, line.segments, line.now) for line in found.lines] == [
        (sales.current.sender_number, 3, 6, 3),
        (service.current.sender_number, 1, 1, 1),
    ]
    assert all(line.waits == [] and line.never == 0 for line in found.lines)


def test_what_has_no_room_waits_window_after_window(workspace, action):
    limit(workspace, "number", 3)
    used(action.current.sender_number, 1)
    [line] = planned(*(made_with(action) for _ in range(9))).lines
    assert line.now == 2
    assert line.waits == [Wait(3, RESET), Wait(3, RESET + MINUTE), Wait(1, RESET + 2 * MINUTE)]


def test_the_window_that_resets_last_decides(workspace, action):
    limit(workspace, "number", 3)
    limit(workspace, "number", 4, window="hour")
    [line] = planned(*(made_with(action) for _ in range(6))).lines
    assert line.now == 3
    assert line.waits == [Wait(1, RESET), Wait(2, NOW.replace(hour=11, minute=0, second=0))]


def test_a_count_of_an_earlier_window_is_nothing_now(workspace, action):
    limit(workspace, "number", 3)
    used(action.current.sender_number, 3, at=NOW - MINUTE)
    [line] = planned(made_with(action)).lines
    assert (line.now, line.waits) == (1, [])


def test_a_user_has_one_quota_on_all_numbers(workspace):
    mia = make_agent(workspace)
    numbers = [make_number(workspace), make_number(workspace)]
    for number in numbers:
        put_on(number, mia)
    actions = [
        make_action(workspace, sender_number=number, send_as_kind="user", send_as_agent=mia)
        for number in numbers
    ]
    limit(workspace, "user", 3, window="day", unit="messages")

    found = planned(*(made_with(action) for _ in range(2) for action in actions))

    assert [(line.messages, line.now) for line in found.lines] == [(2, 2), (2, 1)]
    assert found.lines[1].waits == [Wait(1, datetime(2026, 11, 23, tzinfo=UTC))]


def test_a_user_without_room_lets_others_of_the_number_pass(workspace):
    number = make_number(workspace)
    mia, leo = make_agent(workspace), make_agent(workspace)
    put_on(number, mia, leo)
    as_mia, as_leo = (
        make_action(workspace, sender_number=number, send_as_kind="user", send_as_agent=agent)
        for agent in (mia, leo)
    )
    limit(workspace, "user", 2)
    [line] = planned(*(made_with(as_mia) for _ in range(5)), made_with(as_leo)).lines
    assert (line.now, line.waits) == (3, [Wait(2, RESET), Wait(1, RESET + MINUTE)])


def test_segments_are_counted_where_a_limit_counts_them(workspace):
    number = make_number(workspace, users=("mia@example.com",))
    action = make_action(
        workspace, sender_number=number, send_as_kind="user", send_as_agent=number.agents.get()
    )
    limit(workspace, "user", 5, window="month", unit="segments")
    [line] = planned(*(made_with(action, segments=2) for _ in range(3)), made_with(action, segments=6)).lines
    assert (line.now, line.never, line.waits) == (2, 1, [Wait(1, datetime(2026, 12, 1, tzinfo=UTC))])


def test_the_oldest_goes_first_and_nothing_small_slips_past_what_waits(workspace):
    number = make_number(workspace)
    mia, leo = make_agent(workspace), make_agent(workspace)
    put_on(number, mia, leo)
    as_mia, as_leo = (
        make_action(workspace, sender_number=number, send_as_kind="user", send_as_agent=agent)
        for agent in (mia, leo)
    )
    Rule.objects.create(workspace=workspace, scope="number", window="minute", unit="segments", limit=3)
    cache.forget()
    sizes = [(as_mia, 2), (as_mia, 2), (as_leo, 1), (as_leo, 1)]

    [line] = planned(*(made_with(action, segments=segments) for action, segments in sizes)).lines

    assert (line.now, line.waits) == (1, [Wait(2, RESET), Wait(1, RESET + MINUTE)])


@pytest.mark.parametrize(("which", "index"), [("present", 1), ("original", 0)])
def test_number_and_user_are_those_of_the_configuration_that_will_be_used(workspace, which, index):
    numbers = [make_number(workspace), make_number(workspace)]
    action = make_action(workspace, sender_number=numbers[0])
    message = made_with(action)
    make_version(action, sender_number=numbers[1])
    assert [line.number for line in planned(message, which=which).lines] == [numbers[index]]


def test_a_number_that_a_property_names_is_that_of_the_kept_value_or_none(workspace):
    number = make_number(workspace)
    action = make_action(workspace, sender_kind="property", sender_property="Contact.sender")
    values = {"enrolled_object": {"phone": "+33612345678", "sender": number.e164}}
    told = made_with(action, number=number, inputs={"values": values})
    untold = made_with(action, number=number, segments=2)

    found = planned(told, untold)

    assert [(line.number, line.messages, line.segments) for line in found.lines] == [
        (number, 1, 1),
        (None, 1, 2),
    ]


def stops(found):
    return [
        (stop.cause if isinstance(stop.cause, str) else stop.cause.code, stop.count) for stop in found.stops
    ]


def test_what_would_be_stopped_again_is_counted_by_cause(workspace):
    fine, off = make_action(workspace), make_action(workspace, enabled=False)
    lacking = make_action(workspace, message="Hi {{Contact.lastname}}")
    messages = [made_with(fine), made_with(off), made_with(off), made_with(lacking)]
    assert stops(planned(*messages)) == [("ACTION_DISABLED", 2), ("gone", 1)]


def test_what_a_record_may_mend_that_is_read_anew_is_not_counted_as_stopped(workspace):
    make_connection(workspace, "hubspot")
    read_anew = {"origin": {"portal": PORTAL}, "inputs": {"values": {"enrolled_object": {"phone": "12"}}}}
    fine, off = make_action(workspace), make_action(workspace, enabled=False)
    proxied = make_action(workspace, sender_number=make_number(workspace, proxy_mode=True))

    found = planned(*(made_with(action, **read_anew) for action in (fine, off, proxied)))

    assert sorted(stops(found)) == [("ACTION_DISABLED", 1), ("NUMBER_IN_PROXY_MODE", 1)]
    assert found.depending == 1


def test_no_more_than_the_newest_few_are_rehearsed(workspace, monkeypatch):
    monkeypatch.setattr(rehearsal, "MOST", 2)
    off = make_action(workspace, enabled=False)
    found = planned(*(made_with(off) for _ in range(3)))
    assert (found.eligible, found.tried, stops(found)) == (3, 2, [("ACTION_DISABLED", 2)])


def test_recipients_with_several_messages_are_those_of_the_row_or_of_the_kept_values(workspace, action):
    rows = [
        made_with(action, recipient="+33612345678"),
        made_with(action, recipient=""),  # stopped before its recipient was read: the value that was kept
        made_with(action, recipient="+33600000000"),
        made_with(action, recipient="", inputs={"values": {"enrolled_object": {"phone": ""}}}),
        made_with(action, recipient="", inputs={"values": {"enrolled_object": {"phone": ""}}}),
    ]
    assert planned(*rows).several == [2]


def test_planning_writes_and_counts_nothing(workspace, action):
    message = made_with(action)
    planned(message)
    assert not Counter.objects.exists()
    assert not Resend.objects.exists()
    assert Message.objects.count() == 1


def test_a_plan_costs_as_many_queries_however_many_messages_there_are(workspace):
    def queries(messages):
        with CaptureQueriesContext(connection) as seen:
            planned(*messages)
        return len(seen)

    actions = [make_action(workspace) for _ in range(3)]
    messages = [made_with(action) for action in actions]
    few = queries(messages)
    messages += [made_with(action) for _ in range(20) for action in actions]
    assert queries(messages) <= few <= 23


def test_ten_thousand_messages_that_wait_one_by_one_are_planned_in_time(workspace, action):
    limit(workspace, "number", 1)
    number = action.current.sender_number
    moments = when_room(workspace.pk, [Demand(number, None, 1)] * 10_000, NOW)
    assert len(set(moments)) == 10_000
