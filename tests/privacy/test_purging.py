"""What age deletes, what it leaves, and that a purge may be stopped at any moment."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from smsadmin.core.status import SETTLED, Status
from smsadmin.incoming.models import InboundMessage
from smsadmin.privacy import counting, purging
from smsadmin.privacy.models import Part, Passed, Purge, PurgedCount
from smsadmin.resends.models import Resend, ResendItem
from smsadmin.sending import again, log
from smsadmin.sending.models import Event, Message, RefusedCall, Reply
from smsadmin.workspaces.models import Workspace
from tests.factories import make_connection, make_message, make_number, make_workspace
from tests.privacy.conftest import BODY, CITY, GIVEN, MAIL, NAME, RECIPIENT, happened, policy, telling
from tests.sending.test_accept import at_once

pytestmark = pytest.mark.services  # PostgreSQL locks and compares in another way

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def ago(**distance: float) -> datetime:
    return NOW - timedelta(**distance)


def everything_of(message: Message) -> str:
    """All that the database says of a message."""
    row = Message.objects.filter(pk=message.pk).values()
    return f"{list(row)} {list(Event.objects.filter(message=message).values())}"


def settled_ids(workspace: Workspace, **filters: Any) -> set[Any]:
    return set(Message.objects.filter(workspace=workspace, **filters).values_list("pk", flat=True))


# --- Texts and values --------------------------------------------------------------------------------


def test_a_text_goes_with_its_values_wherever_they_are_and_the_number_stays(workspace: Workspace) -> None:
    policy(workspace, text_days=30)
    old, young = (telling(workspace, at=ago(days=days), status=Status.UNDELIVERED) for days in (30.01, 29.99))

    purging.run(NOW)

    said = everything_of(old)
    assert not [secret for secret in (NAME, CITY, MAIL, BODY) if secret in said]
    old.refresh_from_db()
    assert (old.recipient, old.recipient_given) == (RECIPIENT, GIVEN)
    assert (old.values_gone_at, old.number_gone_at) == (NOW, None)
    assert old.error_facts["recipient"] == RECIPIENT
    assert [step[:3] for step in old.trace] == [step[:3] for step in young.trace]
    assert NAME in everything_of(young)


def test_a_template_stays_where_an_action_has_it_anyway(workspace: Workspace) -> None:
    policy(workspace, text_days=30)
    saved = telling(workspace, at=ago(days=40))
    typed = telling(workspace, at=ago(days=40), action=None, template=f"Dear {NAME}")

    purging.run(NOW)

    saved.refresh_from_db()
    typed.refresh_from_db()
    assert (saved.template, typed.template) == ("Dear {{Contact.firstname}}, see you in {{Contact.city}}", "")


def test_what_became_of_it_stays(workspace: Workspace) -> None:
    policy(workspace, text_days=1, number_days=1)
    message = telling(workspace, at=ago(days=2), status=Status.FAILED, provider_id="SM-7")

    purging.run(NOW)

    kept = Message.objects.get(pk=message.pk)
    for name in (
        "status",
        "error_code",
        "cause",
        "provider_id",
        "segments",
        "sender",
        "finished_at",
        "origin",
    ):
        assert getattr(kept, name) == getattr(message, name), name
    assert [event.data.get("ms") for event in kept.events.all()][:1] == [40]


def test_what_cannot_be_made_anew_is_not_sent_again(workspace: Workspace) -> None:
    policy(workspace, text_days=1)
    message = telling(workspace, at=ago(days=2), status=Status.FAILED)
    assert again.verdicts(workspace, [message])[message.pk].may

    purging.run(NOW)

    message.refresh_from_db()
    assert again.verdicts(workspace, [message])[message.pk].reason == again.Reason.GONE


# --- Numbers -----------------------------------------------------------------------------------------


def test_a_number_goes_in_every_spelling_and_what_was_said_with_it(workspace: Workspace) -> None:
    policy(workspace, text_days=10, number_days=30)
    message = telling(workspace, at=ago(days=31), status=Status.UNDELIVERED)

    purging.run(NOW)

    said = everything_of(message)
    assert "2345678" not in "".join(each for each in said if each not in " -+().")
    assert NAME not in said
    message.refresh_from_db()
    assert (message.recipient, message.recipient_given, message.number_gone_at) == ("", "", NOW)
    assert message.error_facts["recipient"] == "+49 ••• •••78"


def test_numbers_that_came_in_go_too(workspace: Workspace) -> None:
    policy(workspace, text_days=10, number_days=30)
    account = make_connection(workspace)
    for days in (5, 20, 40):
        InboundMessage.objects.create(
            workspace=workspace,
            connection=account,
            sender=RECIPIENT,
            body=BODY,
            at=ago(days=days),
            provider_id=f"in-{days}",
        )

    purging.run(NOW)

    kept = (
        dict(InboundMessage.objects.values_list("provider_id", "sender")),
        dict(InboundMessage.objects.values_list("provider_id", "body")),
    )
    assert kept == (
        {"in-5": RECIPIENT, "in-20": RECIPIENT, "in-40": ""},
        {"in-5": BODY, "in-20": "", "in-40": ""},
    )


def test_a_resend_that_failed_forgets_what_it_saw(workspace: Workspace) -> None:
    policy(workspace, text_days=1)
    message = telling(workspace, at=ago(days=2))
    resend = Resend.objects.create(workspace=workspace, chosen=1)
    item = ResendItem.objects.create(
        resend=resend, original=message.pk, error_code="RECIPIENT_NOT_E164", error_facts={"value": GIVEN}
    )

    purging.run(NOW)

    item.refresh_from_db()
    assert (item.error_code, item.error_facts) == ("RECIPIENT_NOT_E164", {})


# --- Messages ----------------------------------------------------------------------------------------


def test_a_message_goes_with_its_timeline_and_what_refers_to_it_stays(workspace: Workspace) -> None:
    policy(workspace, message_days=90)
    old, young = (telling(workspace, at=ago(days=days)) for days in (91, 89))
    again_sent = make_message(workspace, at=ago(days=1), original=old.pk)
    resend = Resend.objects.create(workspace=workspace, chosen=1)
    ResendItem.objects.create(resend=resend, original=old.pk, error_facts={"value": GIVEN})

    purging.run(NOW)

    assert settled_ids(workspace) == {young.pk, again_sent.pk}
    assert not Event.objects.filter(message=old.pk).exists()
    assert Message.objects.get(pk=again_sent.pk).original == old.pk
    assert ResendItem.objects.get().error_facts == {}


def test_calls_that_were_turned_away_go_with_messages_of_their_age(workspace: Workspace) -> None:
    policy(workspace, message_days=7)
    old, young, other = (
        RefusedCall.objects.create(workspace=each, path="/") for each in (workspace, workspace, None)
    )
    RefusedCall.objects.filter(pk__in=[old.pk, other.pk]).update(at=ago(days=8))
    RefusedCall.objects.filter(pk=young.pk).update(at=ago(days=6))

    purging.run(NOW)

    assert set(RefusedCall.objects.values_list("pk", flat=True)) == {young.pk, other.pk}


def test_messages_that_are_gone_stay_counted(workspace: Workspace) -> None:
    policy(workspace, message_days=90)
    number = make_number(workspace)
    late = datetime(2026, 7, 31, 23, 59, tzinfo=UTC)
    for at, status, segments in (
        (late, Status.SENT, 1),
        (late, Status.SENT, 3),
        (late + timedelta(minutes=2), Status.SENT, 1),
    ):
        make_message(workspace, at=at, status=status, segments=segments, number=number)
    failed = make_message(workspace, at=late, status=Status.FAILED, error_code="RATE_LIMITED", number=None)

    purging.run(NOW)

    rows = PurgedCount.objects.values_list("day", "number_id", "status", "error_code", "messages", "segments")
    assert Counter(rows) == Counter(
        [
            (date(2026, 7, 31), number.pk, "sent", "", 2, 4),
            (date(2026, 8, 1), number.pk, "sent", "", 1, 1),
            (date(2026, 7, 31), 0, "failed", "RATE_LIMITED", 1, failed.segments),
        ]
    )
    table = counting.table(workspace)
    assert table.statuses == [Status.SENT, Status.FAILED]
    assert [(month.first, month.messages, month.segments, month.by_status) for month in table.months] == [
        (date(2026, 8, 1), 1, 1, [1, 0]),
        (date(2026, 7, 1), 3, 5, [2, 1]),
    ]


# --- What is left alone ------------------------------------------------------------------------------


def test_without_a_policy_nothing_is_deleted(workspace: Workspace) -> None:
    message = telling(workspace, at=ago(days=4000))
    before = everything_of(message)

    purging.run(NOW)

    assert everything_of(message) == before


def test_a_workspace_deletes_nothing_of_another(workspace: Workspace) -> None:
    policy(workspace, text_days=1, number_days=1, message_days=1)
    theirs = telling(make_workspace(), at=ago(days=40))
    before = everything_of(theirs)

    purging.run(NOW)

    assert everything_of(theirs) == before


@pytest.mark.parametrize("part", list(Part))
def test_what_is_not_settled_is_kept_until_it_is(workspace: Workspace, part: Part) -> None:
    policy(workspace, text_days=1, number_days=1, message_days=1 if part == Part.MESSAGE else None)
    open_ones = {
        status: telling(workspace, at=ago(days=3), status=status) for status in set(Status) - SETTLED
    }
    young = telling(workspace, at=ago(days=2))
    before = {status: everything_of(message) for status, message in open_ones.items()}

    purging.run(NOW)

    assert {status: everything_of(message) for status, message in open_ones.items()} == before
    assert not Message.objects.filter(pk=young.pk, values_gone_at=None).exists()

    Message.objects.filter(pk=open_ones[Status.HELD].pk).update(status=Status.EXPIRED)
    purging.run(NOW + timedelta(hours=1))

    assert NAME not in everything_of(open_ones[Status.HELD])
    assert NAME in everything_of(open_ones[Status.QUEUED])
    waiting = set(Passed.objects.filter(purge__part=Part.TEXT).values_list("message", flat=True))
    assert waiting == {message.pk for status, message in open_ones.items() if status != Status.HELD}


def test_what_hubspot_still_waits_to_hear_of_is_kept_until_it_was_told(workspace: Workspace) -> None:
    policy(workspace, text_days=1, number_days=1, message_days=1)
    message = telling(workspace, at=ago(days=3), reply=Reply.OWED)
    before = everything_of(message)

    purging.run(NOW)
    assert everything_of(message) == before

    log.reply_given([message.pk], NOW)
    purging.run(NOW + timedelta(hours=1))
    assert not Message.objects.filter(pk=message.pk).exists()


def test_passed_messages_that_are_gone_are_not_waited_for(workspace: Workspace) -> None:
    policy(workspace, text_days=1)
    message = telling(workspace, at=ago(days=3), status=Status.QUEUED)
    purging.run(NOW)
    assert Passed.objects.exists()

    log.delete([message.pk])
    purging.run(NOW)

    assert not Passed.objects.exists()


def test_a_longer_time_keeps_what_is_not_gone_yet(workspace: Workspace) -> None:
    policy(workspace, text_days=10)
    waiting = telling(workspace, at=ago(days=11), status=Status.QUEUED)
    purging.run(NOW)
    Message.objects.filter(pk=waiting.pk).update(status=Status.SENT)
    policy(workspace, text_days=100)

    purging.run(NOW)

    assert NAME in everything_of(waiting)


# --- Stopped at any moment ------------------------------------------------------------------------------


class Killed(BaseException):
    """What ends a process: nothing catches it."""


def killing(nth: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which does its work and is killed after the nth time."""
    calls = 0

    def called(*given: Any, **named: Any) -> Any:
        nonlocal calls
        done = function(*given, **named)
        calls += 1
        if calls == nth:
            raise Killed
        return done

    return called


@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("after", ["counting.count", "log.delete"])
def test_a_worker_that_is_killed_loses_no_count_and_counts_nothing_twice(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, nth: int, after: str
) -> None:
    policy(workspace, message_days=90)
    monkeypatch.setattr(purging, "STEP", 2)
    for _ in range(7):
        make_message(workspace, at=ago(days=100))
    place, _dot, name = after.partition(".")
    module = getattr(purging, place)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, killing(nth, getattr(module, name)))
        with pytest.raises(Killed):
            purging.run(NOW)
    assert Message.objects.count() + sum(PurgedCount.objects.values_list("messages", flat=True)) == 7

    purging.run(NOW)

    assert Message.objects.count() == 0
    assert [row.messages for row in PurgedCount.objects.all()] == [7]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_count_everything_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(workspace, message_days=90)
    monkeypatch.setattr(purging, "STEP", 3)
    for _ in range(20):
        make_message(workspace, at=ago(days=100))

    at_once(purging.run, [NOW] * 3)

    assert Message.objects.count() == 0
    assert [row.messages for row in PurgedCount.objects.all()] == [20]


def test_a_run_does_so_much_and_the_next_goes_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(workspace, text_days=1)
    monkeypatch.setattr(purging, "STEP", 2)
    monkeypatch.setattr(purging, "MOST_AT_ONCE", 4)
    found = [telling(workspace, at=ago(days=9, minutes=nth)) for nth in range(5)]
    found.sort(key=lambda message: message.pk)

    purging.run(NOW)

    assert settled_ids(workspace, values_gone_at=None) == {found[4].pk}
    assert Purge.objects.get().cursor == found[3].pk
    purging.run(NOW)
    assert settled_ids(workspace, values_gone_at=None) == set()


def test_a_worker_that_is_to_stop_stops_between_two_steps(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(workspace, text_days=1)
    message = telling(workspace, at=ago(days=9))
    monkeypatch.setattr(purging.stopping, "is_set", lambda: True)

    purging.run(NOW)

    assert NAME in everything_of(message)


def test_what_is_done_costs_the_next_run_little(
    workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    policy(workspace, text_days=1, number_days=2, message_days=3)
    for days in (0.5, 1.5, 2.5, 3.5):
        telling(workspace, at=ago(days=days))
    purging.run(NOW)

    with django_assert_max_num_queries(60):
        purging.run(NOW)


def test_when_something_was_deleted_first_stays_known(workspace: Workspace) -> None:
    policy(workspace, text_days=1)
    message = telling(workspace, at=ago(days=2))
    purging.run(NOW)
    policy(workspace, text_days=1, number_days=2)

    purging.run(NOW + timedelta(days=1))

    message.refresh_from_db()
    assert (message.values_gone_at, message.number_gone_at) == (NOW, NOW + timedelta(days=1))


def test_a_receipt_that_comes_later_brings_nothing_back(workspace: Workspace) -> None:
    policy(workspace, text_days=1, number_days=1)
    message = telling(workspace, at=ago(days=2), status=Status.SENT)
    purging.run(NOW)
    message.refresh_from_db()

    said = log.Receipt("undelivered", Status.UNDELIVERED, "message.status_updated")
    assert log.receipt(message, said, NOW)
    happened(message, Event.Kind.REPEAT, {})

    assert "2345678" not in everything_of(message)
