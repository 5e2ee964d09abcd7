"""A rule tells once for each episode, whatever it waits for."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from smsadmin.core.status import TROUBLE, Status
from smsadmin.notices import watching, wording
from smsadmin.notices.models import Delivery, Episode, Notice, NoticeRule
from smsadmin.workspaces.models import Workspace
from tests.factories import make_message, make_workspace
from tests.notices.conftest import START, at, decide, failed, look, make_endpoint, make_rule

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.services,
]  # what failed lately is read by a statement of our own

MINUTE = timedelta(minutes=1)


def told() -> list[str]:
    return [notice.facts["code"] for notice in Notice.objects.order_by("pk")]


# --- Any new cause ------------------------------------------------------------------------------------


def test_the_first_message_of_a_new_cause_is_told_and_the_next_ones_are_not(workspace: Workspace) -> None:
    make_rule(workspace)
    failed(workspace, at(seconds=10))

    assert look(at(minutes=1)) == 1
    for minutes in range(1, 10):
        failed(workspace, at(minutes=minutes, seconds=20))
        assert look(at(minutes=minutes + 1)) == 1


def test_each_cause_is_told_of_by_itself(workspace: Workspace) -> None:
    make_rule(workspace)
    for sender in ("+12025550101", "+12025550102"):
        failed(workspace, at(seconds=10), "NUMBER_NOT_SMS_CAPABLE", {"sender": sender})

    assert look(at(minutes=1)) == 2


def test_a_flood_of_causes_is_told_in_few_notices(workspace: Workspace) -> None:
    """One by one those that stopped most messages; the others once, together."""
    make_rule(workspace)
    for nth in range(watching.MOST_TOLD + 37):
        for _ in range(2 if nth < watching.MOST_TOLD else 1):
            failed(workspace, at(seconds=nth), "NUMBER_NOT_SMS_CAPABLE", {"sender": f"+120255501{nth:02}"})

    assert look(at(minutes=2)) == watching.MOST_TOLD + 1
    *alone, together = Notice.objects.order_by("pk")
    assert {notice.facts["count"] for notice in alone} == {2}
    said = wording.told(together)
    assert (said.type, said.sentence) == ("failure.more", "Messages also failed for 37 further causes.")
    assert said.lines == (("How many", "37 messages by then"), ("Rule", "Operators"))
    assert said.path == "/failures/?days=30"
    assert said.data == {"rule": "Operators", "causes": 37, "count": 37, "owner": "", "whose": "", "fix": ""}

    failed(workspace, at(minutes=2), "NUMBER_NOT_SMS_CAPABLE", {"sender": "+12025550146"})
    assert look(at(minutes=3)) == watching.MOST_TOLD + 1, "its episode goes on"


def test_a_cause_that_was_there_before_the_rule_is_no_news(workspace: Workspace) -> None:
    failed(workspace, at(hours=-23))
    watching.take_stock(make_rule(workspace), START)
    failed(workspace, at(minutes=1))
    failed(workspace, at(minutes=1), "MESSAGE_EMPTY", {})

    look(at(minutes=2))

    assert told() == ["MESSAGE_EMPTY"]


@pytest.mark.parametrize(("status", "notices"), [(status, int(status in TROUBLE)) for status in Status])
def test_only_messages_in_trouble_are_told_of(workspace: Workspace, status: Status, notices: int) -> None:
    make_rule(workspace)
    failed(workspace, at(seconds=10), status=status)

    assert look(at(minutes=1)) == notices


def test_a_message_that_turns_bad_late_counts_when_it_does(workspace: Workspace) -> None:
    """Its rule was made after it came in; carriers take up to days."""
    watching.take_stock(make_rule(workspace), START)
    failed(workspace, at(hours=-50), "DELIVERY_FAILED", after=timedelta(hours=50, minutes=1))

    assert look(at(minutes=2)) == 1


def test_what_is_written_a_little_after_the_look_is_seen_by_the_next(workspace: Workspace) -> None:
    make_rule(workspace)
    look(at(minutes=10))
    failed(workspace, at(minutes=9, seconds=58))

    assert look(at(minutes=11)) == 1


PAUSES = [
    ([1, 24 * 60 - 1], 1),  # never a pause of 24 hours
    ([1, 24 * 60 + 1], 2),  # exactly 24 hours
    ([1, 30 * 60], 2),
    ([1, 23 * 60, 46 * 60, 69 * 60], 1),
    ([1, 30 * 60, 31 * 60, 60 * 60], 3),
]


@pytest.mark.parametrize(("minutes", "notices"), PAUSES)
def test_an_episode_ends_with_a_pause_of_24_hours(
    workspace: Workspace, minutes: list[int], notices: int
) -> None:
    make_rule(workspace)
    for minute in minutes:
        failed(workspace, at(minutes=minute))
        look(at(minutes=minute, seconds=30))

    assert Notice.objects.count() == notices


def test_the_end_of_an_episode_is_written_when_the_pause_is_over(workspace: Workspace) -> None:
    make_rule(workspace)
    failed(workspace, at(minutes=1))
    look(at(minutes=2))

    look(at(hours=24))
    assert Episode.objects.get().ended_at is None
    look(at(hours=24, minutes=1))
    assert Episode.objects.get().ended_at == at(hours=24, minutes=1)


@pytest.mark.parametrize("state", ["acknowledged", "muted"])
def test_an_acknowledged_or_muted_cause_tells_nobody(workspace: Workspace, state: str) -> None:
    make_rule(workspace)
    decide(workspace, failed(workspace, at(hours=-2)), state, at(hours=-1))
    failed(workspace, at(minutes=1))

    assert look(at(minutes=2)) == 0


def test_a_resolved_cause_that_recurs_is_told_again(workspace: Workspace) -> None:
    make_rule(workspace)
    message = failed(workspace, at(minutes=1))
    assert look(at(minutes=2)) == 1
    decide(workspace, message, "resolved", at(minutes=3))
    assert look(at(minutes=4)) == 1
    failed(workspace, at(minutes=5))
    assert look(at(minutes=6)) == 2
    failed(workspace, at(minutes=7))
    assert look(at(minutes=8)) == 2


def test_resolved_and_recurred_between_two_looks_is_told_again(workspace: Workspace) -> None:
    make_rule(workspace)
    message = failed(workspace, at(minutes=1))
    look(at(minutes=2))
    decide(workspace, message, "resolved", at(minutes=2, seconds=10))
    failed(workspace, at(minutes=2, seconds=20))

    assert look(at(minutes=3)) == 2
    assert look(at(minutes=4)) == 2


def test_a_muted_cause_is_told_again_once_it_recurs_after_a_pause(workspace: Workspace) -> None:
    make_rule(workspace)
    message = failed(workspace, at(minutes=1))
    look(at(minutes=2))
    decide(workspace, message, "muted", at(minutes=3))
    for hours in (4, 20):
        failed(workspace, at(hours=hours))
        assert look(at(hours=hours, minutes=1)) == 1
    failed(workspace, at(hours=45))

    assert look(at(hours=45, minutes=1)) == 2


def test_a_cause_that_is_opened_again_is_told_with_its_next_message(workspace: Workspace) -> None:
    make_rule(workspace)
    message = failed(workspace, at(minutes=1))
    look(at(minutes=2))
    decide(workspace, message, "acknowledged", at(minutes=3))
    failed(workspace, at(minutes=4))
    assert look(at(minutes=5)) == 1
    decide(workspace, message, "new", at(minutes=6))
    assert look(at(minutes=7)) == 1
    failed(workspace, at(minutes=8))

    assert look(at(minutes=9)) == 2


def test_a_note_alone_does_not_make_it_news_again(workspace: Workspace) -> None:
    make_rule(workspace)
    message = failed(workspace, at(minutes=1))
    look(at(minutes=2))
    decide(workspace, message, "new", at(minutes=3))  # as failures.states writes a note about a new cause
    failed(workspace, at(minutes=4))

    assert look(at(minutes=5)) == 1


# --- One cause or code --------------------------------------------------------------------------------


def test_a_rule_of_a_code_is_told_of_all_its_causes_and_of_nothing_else(workspace: Workspace) -> None:
    make_rule(workspace, when="cause", cause="NUMBER_NOT_SMS_CAPABLE")
    failed(workspace, at(minutes=1))
    for sender in ("+12025550101", "+12025550102"):
        failed(workspace, at(minutes=1), "NUMBER_NOT_SMS_CAPABLE", {"sender": sender})

    look(at(minutes=2))

    assert told() == ["NUMBER_NOT_SMS_CAPABLE"] * 2


def test_a_rule_of_a_cause_is_told_of_that_one(workspace: Workspace) -> None:
    first = failed(workspace, at(minutes=1), "NUMBER_NOT_SMS_CAPABLE", {"sender": "+12025550101"})
    failed(workspace, at(minutes=1), "NUMBER_NOT_SMS_CAPABLE", {"sender": "+12025550102"})
    make_rule(workspace, when="cause", cause=first.cause)

    look(at(minutes=2))

    assert [notice.facts["cause"] for notice in Notice.objects.all()] == [first.cause]


# --- How many of one cause ----------------------------------------------------------------------------


def counting(workspace: Workspace, **columns: Any) -> NoticeRule:
    return make_rule(workspace, **{"when": "count", "messages": 3, "minutes": 10, **columns})


def many(workspace: Workspace, count: int, came: datetime, **columns: Any) -> None:
    for nth in range(count):
        failed(workspace, came + timedelta(milliseconds=nth), **columns)


@pytest.mark.parametrize(("count", "notices"), [(3, 0), (4, 1)])
def test_more_messages_than_the_threshold_are_told(workspace: Workspace, count: int, notices: int) -> None:
    counting(workspace)
    many(workspace, count, at(minutes=1))

    assert look(at(minutes=2)) == notices


def test_messages_are_counted_within_the_window_and_cause_by_cause(workspace: Workspace) -> None:
    counting(workspace)
    many(workspace, 2, at(minutes=1))
    many(workspace, 2, at(minutes=1), code="MESSAGE_EMPTY", facts={})
    many(workspace, 3, at(minutes=12))

    assert look(at(minutes=13)) == 0


def test_messages_count_when_they_fail_not_when_they_came_in(workspace: Workspace) -> None:
    counting(workspace)
    many(workspace, 4, at(minutes=-40), after=timedelta(minutes=41))

    assert look(at(minutes=2)) == 1


def test_a_count_is_told_again_only_after_a_whole_window_below(workspace: Workspace) -> None:
    counting(workspace)
    notices = []
    for minute in range(60):
        if minute in (1, 14, 40):
            many(workspace, 4, at(minutes=minute))
        notices.append(look(at(minutes=minute, seconds=30)))

    assert notices[5] == 1
    assert notices[14] == 1, "three minutes after the first crossing left the window"
    assert notices[40] == notices[-1] == 2


def test_a_count_begins_anew_after_a_decision(workspace: Workspace) -> None:
    counting(workspace)
    message = failed(workspace, at(minutes=1))
    many(workspace, 4, at(minutes=1))
    assert look(at(minutes=2)) == 1
    decide(workspace, message, "resolved", at(minutes=3))
    failed(workspace, at(minutes=4))
    assert look(at(minutes=5)) == 1, "one straggler after the resolution is not more than three"
    many(workspace, 3, at(minutes=6))

    assert look(at(minutes=7)) == 2


def test_an_acknowledged_cause_is_not_counted(workspace: Workspace) -> None:
    counting(workspace)
    decide(workspace, failed(workspace, at(minutes=1)), "acknowledged", at(minutes=2))
    many(workspace, 9, at(minutes=3))

    assert look(at(minutes=4)) == 0


# --- Which share of all -------------------------------------------------------------------------------


def sharing(workspace: Workspace, **columns: Any) -> NoticeRule:
    return make_rule(workspace, **{"when": "rate", "percent": 50, "at_least": 4, "minutes": 10, **columns})


def well(workspace: Workspace, count: int, came: datetime) -> None:
    for nth in range(count):
        make_message(workspace, at=came + timedelta(milliseconds=nth))


@pytest.mark.parametrize(
    ("bad", "good", "notices"),
    [(2, 2, 0), (3, 2, 1), (3, 0, 0), (4, 0, 1), (0, 9, 0)],
    ids=["just half", "more than half", "too few", "just enough", "none"],
)
def test_a_share_of_enough_messages_is_told(workspace: Workspace, bad: int, good: int, notices: int) -> None:
    sharing(workspace)
    many(workspace, bad, at(minutes=1))
    well(workspace, good, at(minutes=1))

    assert look(at(minutes=2)) == notices


def test_a_share_is_of_what_came_in_or_failed_within_the_window(workspace: Workspace) -> None:
    sharing(workspace)
    many(workspace, 5, at(minutes=-40), after=timedelta(minutes=41))
    well(workspace, 3, at(minutes=1))
    well(workspace, 9, at(minutes=-40))

    look(at(minutes=2))

    facts = Notice.objects.get().facts
    assert (facts["count"], facts["of"], facts["share"]) == (5, 8, 62)


def test_a_share_counts_all_causes_but_those_that_somebody_looks_after(workspace: Workspace) -> None:
    sharing(workspace)
    many(workspace, 3, at(minutes=1))
    many(workspace, 2, at(minutes=1), code="MESSAGE_EMPTY", facts={})
    muted = failed(workspace, at(minutes=1), "RECIPIENT_OPTED_OUT", {})
    decide(workspace, muted, "muted", at(minutes=1))
    many(workspace, 8, at(minutes=1), code="RECIPIENT_OPTED_OUT", facts={})
    well(workspace, 1, at(minutes=1))
    assert look(at(minutes=2)) == 0, "five of fifteen"
    well_known = NoticeRule.objects.get()
    NoticeRule.objects.filter(pk=well_known.pk).update(percent=30)

    look(at(minutes=3))

    facts = Notice.objects.get().facts
    assert (facts["count"], facts["of"], facts["code"]) == (5, 15, "RATE_LIMITED")


def test_a_share_is_told_again_only_after_a_whole_window_below(workspace: Workspace) -> None:
    sharing(workspace)
    notices = []
    for minute in range(60):
        if minute in (1, 14, 40):
            many(workspace, 4, at(minutes=minute))
        notices.append(look(at(minutes=minute, seconds=30)))

    assert (notices[5], notices[14], notices[40], notices[-1]) == (1, 1, 2, 2)


# --- Rules, workspaces, addresses ---------------------------------------------------------------------


def test_a_rule_that_is_off_tells_nobody(workspace: Workspace) -> None:
    make_rule(workspace, enabled=False)
    failed(workspace, at(minutes=1))

    assert look(at(minutes=2)) == 0


def test_a_workspace_is_told_of_its_own_failures(workspace: Workspace) -> None:
    make_rule(workspace)
    failed(make_workspace(), at(minutes=1))

    assert look(at(minutes=2)) == 0


def test_one_workspace_whose_look_fails_stops_no_other(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (workspace, make_workspace()):
        make_rule(each)
        failed(each, at(minutes=1))
    look_at, asked = watching.tallies, iter([ValueError("of one"), None])

    def tallies(*arguments: Any) -> Any:
        if error := next(asked):
            raise error
        return look_at(*arguments)

    monkeypatch.setattr(watching, "tallies", tallies)

    assert look(at(minutes=2)) == 1


def test_a_notice_has_one_delivery_for_each_address(workspace: Workspace, rings: list[str]) -> None:
    endpoint = make_endpoint(workspace)
    make_rule(workspace, emails=["a@example.com", "b@example.com"], endpoint=endpoint)
    failed(workspace, at(minutes=1))

    look(at(minutes=2))

    found = Delivery.objects.values_list("channel", "address", "state")
    assert list(found) == [
        ("email", "a@example.com", "waiting"),
        ("email", "b@example.com", "waiting"),
        ("webhook", "127.0.0.1:9", "waiting"),
    ]


def test_a_notice_keeps_neither_the_number_nor_the_values_of_a_recipient(workspace: Workspace) -> None:
    make_rule(workspace)
    answer = "Ada +33 6 12 34 56 78 has no inbox"
    facts = {"recipient": "+33612345678", "answer": answer}
    failed(workspace, at(minutes=1), "DELIVERY_FAILED", facts)

    look(at(minutes=2))

    kept = str(Notice.objects.get().facts)
    assert "345678" not in kept.replace(" ", "")
    assert "+33 ••• •••78" in kept


def test_what_was_there_when_a_count_was_made_is_no_news_until_it_was_over(workspace: Workspace) -> None:
    many(workspace, 9, at(minutes=-1))
    watching.take_stock(counting(workspace), START)
    assert look(at(minutes=1)) == 0
    look(at(minutes=9))
    look(at(minutes=20))
    many(workspace, 9, at(minutes=21))

    assert look(at(minutes=22)) == 1
