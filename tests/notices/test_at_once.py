"""However many look and deliver at once, everything is told once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier, get_ident
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from smsadmin.failures.models import Failure
from smsadmin.notices import delivering, mail, watching
from smsadmin.notices.models import Delivery, Episode, Notice
from smsadmin.notices.outcome import Outcome
from smsadmin.notices.telling import tell
from smsadmin.workspaces.models import Workspace
from tests.factories import make_message, make_workspace
from tests.notices.conftest import START, at, failed, look, make_rule
from tests.plans import plans_of_log, reads_whole_log

THREADS = 8


def at_once(work: Any) -> None:
    """Calls it in several threads that begin together."""
    together = Barrier(THREADS)

    def one(_: int) -> None:
        try:
            together.wait()
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, range(THREADS)))


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_looks_at_once_tell_once() -> None:
    workspace = make_workspace()
    for _ in range(3):
        make_rule(workspace)
    failed(workspace, at(minutes=1))

    at_once(lambda: watching.sweep(at(minutes=2)))

    assert Notice.objects.count() == Episode.objects.count() == Delivery.objects.count() == 3


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_looks_at_different_moments_tell_once() -> None:
    """Each has read the failures before any of them has written."""
    workspace = make_workspace()
    rule = make_rule(workspace)
    failed(workspace, at(minutes=1))
    scenes = [watching.Scene.at(at(minutes=2, seconds=nth), workspace) for nth in range(THREADS)]

    at_once(lambda: watching.look(rule, scenes.pop()))

    assert Notice.objects.count() == 1


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_a_delivery_is_tried_by_one_worker(
    monkeypatch: pytest.MonkeyPatch, travel: Callable[[datetime], None]
) -> None:
    travel(at(minutes=3))
    workspace = make_workspace()
    rule = make_rule(workspace, emails=[f"p{nth}@example.com" for nth in range(10)])
    failed(workspace, at(minutes=1))
    watching.look(rule, watching.Scene.at(at(minutes=2), workspace))
    sent: list[str] = []

    def send(_told: Any, address: str) -> Outcome:
        sent.append(address)
        return Outcome(True, "The mail server took it.")

    monkeypatch.setattr(mail, "send", send)

    at_once(delivering.sweep)

    assert sorted(sent) == sorted(rule.emails)
    assert set(Delivery.objects.values_list("state", "attempts")) == {("delivered", 1)}


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_however_many_sweep_one_mail_is_under_way(
    monkeypatch: pytest.MonkeyPatch, travel: Callable[[datetime], None]
) -> None:
    """Mails that take their time would take every thread of a worker."""
    travel(at(minutes=3))
    workspace = make_workspace()
    rule = make_rule(workspace, emails=[f"p{nth}@example.com" for nth in range(10)])
    failed(workspace, at(minutes=1))
    watching.look(rule, watching.Scene.at(at(minutes=2), workspace))
    sent: list[str] = []
    senders, others_are_through = set[int](), Barrier(THREADS)

    def send(_told: Any, address: str) -> Outcome:
        sent.append(address)
        senders.add(get_ident())
        if len(sent) == 1:
            others_are_through.wait(20)
        return Outcome(True, "The mail server took it.")

    def sweep() -> None:
        delivering.sweep()
        if get_ident() not in senders:
            others_are_through.wait(20)

    monkeypatch.setattr(mail, "send", send)

    at_once(sweep)

    assert sorted(sent) == sorted(rule.emails)
    assert len(senders) == 1


@pytest.mark.services
@pytest.mark.django_db
def test_the_database_has_room_for_one_open_episode_and_one_notice(workspace: Workspace) -> None:
    rule = make_rule(workspace)
    moments = {"began_at": START, "last_at": START}
    Episode.objects.create(rule=rule, cause="EXPIRED", ended_at=START, **moments)
    Episode.objects.create(rule=rule, cause="EXPIRED", **moments)
    with pytest.raises(IntegrityError), transaction.atomic():
        Episode.objects.create(rule=rule, cause="EXPIRED", **moments)
    facts = {"cause": "EXPIRED", "code": "EXPIRED", "error": {}, "count": 1}
    tell(rule, Notice.Kind.NEW, "about this", facts, START)
    with pytest.raises(IntegrityError), transaction.atomic():
        tell(rule, Notice.Kind.NEW, "about this", facts, START)


# --- What a look costs --------------------------------------------------------------------------------


@pytest.mark.services
@pytest.mark.django_db
def test_no_statement_of_a_look_scans_the_log(workspace: Workspace) -> None:
    make_rule(workspace)
    make_rule(workspace, when="count", messages=3, minutes=10)
    make_rule(workspace, when="rate", percent=1, at_least=1, minutes=10)
    for nth in range(2_000):
        make_message(workspace, at=at(seconds=-nth))
    for nth in range(300):
        code = ("RATE_LIMITED", "MESSAGE_EMPTY", "EXPIRED")[nth % 3]
        message = failed(workspace, at(seconds=nth), code)
    Failure.objects.create(workspace=workspace, cause=message.cause, state="muted", state_at=at(hours=-3))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sending_message")

    with CaptureQueriesContext(connection) as seen:
        assert look(at(minutes=6)) == 7

    plans = plans_of_log(seen)
    assert len(plans) >= 5
    assert [plan for plan in plans if reads_whole_log(plan)] == []


@pytest.mark.django_db
def test_without_a_rule_a_sweep_asks_once(django_assert_num_queries: Any) -> None:
    failed(make_workspace(), at(minutes=1))

    with django_assert_num_queries(1):
        watching.sweep(at(minutes=2))


@pytest.mark.django_db
def test_causes_cost_a_look_no_query_while_nothing_begins(
    workspace: Workspace,
) -> None:
    make_rule(workspace)
    for nth in range(30):
        failed(workspace, at(minutes=1), "NUMBER_NOT_SMS_CAPABLE", {"sender": f"+1202555{nth:04}"})
    assert look(at(minutes=2)) == watching.MOST_TOLD + 1
    for nth in range(30):
        failed(workspace, at(minutes=3), "NUMBER_NOT_SMS_CAPABLE", {"sender": f"+1202555{nth:04}"})

    with CaptureQueriesContext(connection) as seen:
        watching.sweep(at(minutes=4))

    assert len(seen) <= 10
