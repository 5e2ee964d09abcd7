"""People release held messages before their turn, or cancel them: within all limits, once, and on record."""

from collections.abc import Iterator
from typing import Any

import pytest
from auditlog.models import LogEntry

from smsadmin.actions import saving
from smsadmin.core.errors import ActionDisabled, NumberQuotaExceeded
from smsadmin.core.status import Status
from smsadmin.directory.models import Number
from smsadmin.quotas.models import Counter, PriorityShare, Scope
from smsadmin.sending import intervene, presenters
from smsadmin.sending.accept import accept
from smsadmin.sending.hold import release
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from smsadmin.workspaces.models import User
from tests.factories import ask, make_action, make_user
from tests.sending.conftest import NOW, events
from tests.sending.test_accept import at_once, counted, limit
from tests.sending.test_hold import HOLD, RESET, held, in_order, status

pytestmark = pytest.mark.services


@pytest.fixture
def full(number: Number) -> Number:
    """A number that sends one message a minute, and has sent it."""
    limit(number, Scope.NUMBER, 1)
    accept(ask(number), NOW)
    return number


@pytest.fixture
def mia(db: None) -> User:
    return make_user("mia.admin@example.com")


@pytest.fixture
def ended() -> Iterator[list[Any]]:
    told: list[Any] = []

    def hear(ids: list[Any], **_: Any) -> None:
        told.extend(ids)

    settled.connect(hear)
    yield told
    settled.disconnect(hear)


def test_a_released_message_passes_its_line_and_is_counted_rung_for_and_on_record(
    full: Number, mia: User, rings: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    first, last = in_order(held(full) for _ in range(2))
    with django_capture_on_commit_callbacks(execute=True):
        assert intervene.release(last, mia, RESET)

    assert status(first, last) == ["held", "queued"]
    assert counted(full) == {str(full.pk): 1}
    assert rings == [full.connection_id]
    assert events(last) == [("decision", {"status": "queued", "by": mia.pk, "who": "mia.admin@example.com"})]
    assert LogEntry.objects.get_for_object(last).get().changes["status"] == ["held", "queued"]
    names = [each.name for each in presenters.timeline(last, list(last.events.all()))]
    assert "mia.admin@example.com released it before its turn" in names


def test_it_may_use_what_is_kept_but_no_more(number: Number, mia: User) -> None:
    PriorityShare.objects.create(workspace=number.workspace, percent=50)
    limit(number, Scope.NUMBER, 2)
    accept(ask(number), NOW)
    one, other = (accept(ask(number, traffic="marketing", **HOLD), NOW) for _ in range(2))

    assert intervene.release(one, mia, NOW)
    with pytest.raises(NumberQuotaExceeded) as stopped:
        intervene.release(other, mia, NOW)

    assert status(one, other) == ["queued", "held"]
    assert stopped.value.facts["resets"] == RESET.isoformat()
    assert events(other) == []
    assert counted(number) == {str(number.pk): 2}


def test_a_message_whose_action_is_off_is_not_released(full: Number, mia: User) -> None:
    action = make_action(full.workspace, sender_number=full)
    message = held(full, action_id=action.pk, version_id=action.current_id)
    saving.switch(action, on=False, reason="x")

    with pytest.raises(ActionDisabled):
        intervene.release(Message.objects.get(pk=message.pk), mia, RESET)
    assert status(message) == ["held"]


def test_cancelled_messages_are_out_uncounted_on_record_and_their_callers_are_told(
    full: Number, mia: User, ended: list[Any]
) -> None:
    line = [held(full, reply="owed") for _ in range(2)]

    assert intervene.cancel(line, mia, NOW) == 2

    assert status(*line) == ["cancelled"] * 2
    assert {(each.error_code, each.reply, each.finished_at) for each in line} == {("", "owed", NOW)}
    assert ended == [each.pk for each in line]
    assert counted(full) == {str(full.pk): 1}
    assert events(line[0]) == [
        ("decision", {"status": "cancelled", "by": mia.pk, "who": "mia.admin@example.com"})
    ]
    assert LogEntry.objects.get_for_object(line[0]).get().changes["status"] == ["held", "cancelled"]
    names = [each.name for each in presenters.timeline(line[0], list(line[0].events.all()))]
    assert {"mia.admin@example.com cancelled it", "Cancelled"} <= set(names)
    assert presenters.headline(line[0]) == "Not sent: taken out of the queue"


def test_what_is_no_longer_held_is_left_as_it_is(full: Number, mia: User, ended: list[Any]) -> None:
    message = held(full)
    release(RESET)

    assert intervene.cancel([message], mia, RESET) == 0
    assert not intervene.release(message, mia, RESET.replace(minute=9))

    assert status(message) == ["queued"]
    assert ended == []
    assert events(message) == []
    assert Counter.objects.get().month_messages == 2


@pytest.mark.django_db(transaction=True)
def test_of_a_sweep_a_release_and_a_cancellation_at_once_exactly_one_wins(number: Number, mia: User) -> None:
    limit(number, Scope.NUMBER, 30)
    for _ in range(30):
        accept(ask(number), NOW)
    line = [held(number) for _ in range(12)]
    acts = [lambda: release(RESET)] * 2
    acts += [lambda each=each: intervene.release(each, mia, RESET) for each in line]  # type: ignore[misc]
    acts += [lambda each=each: intervene.cancel([each], mia, RESET) for each in line]  # type: ignore[misc]

    at_once(lambda act: act(), acts)

    rows = Message.objects.filter(pk__in=[each.pk for each in line])
    left = rows.filter(status=Status.QUEUED)
    assert left.count() + rows.filter(status=Status.CANCELLED).count() == 12
    assert counted(number) == {str(number.pk): left.count()}
    for row in rows:
        decided = [data["status"] for _, data in events(row)]
        assert decided in ([], [row.status])
