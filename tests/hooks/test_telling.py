"""What happens is told in its own transaction, each status once, to the hooks that want it, and at no cost without."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from smsadmin import cache
from smsadmin.core import errors
from smsadmin.core.status import Status
from smsadmin.directory.models import Number
from smsadmin.failures import states
from smsadmin.failures.models import Failure, State
from smsadmin.hooks import telling, watching
from smsadmin.hooks.models import HookDelivery, HookEvent
from smsadmin.incoming.models import InboundMessage
from smsadmin.notices.watching import Scene
from smsadmin.quotas import crossing
from smsadmin.quotas.models import Crossing
from smsadmin.sending import dispatch, hold, intervene, log, settle
from smsadmin.sending.accept import accept
from smsadmin.sending.log import Outcome, Receipt
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace
from tests.factories import FakeProvider, ask, make_member, make_message, make_number, make_workspace, refused
from tests.hooks.conftest import after, make_hook, told
from tests.sending.conftest import NOW

pytestmark = pytest.mark.django_db

Drain = Callable[..., int]


def full(number: Number) -> None:
    number.workspace.quota_rules.create(scope="number", window="day", limit=1, number=number)
    cache.forget()


def test_a_message_is_told_of_from_acceptance_to_receipt_each_status_once(
    number: Number, provider: FakeProvider, drain: Drain, rung: list[str]
) -> None:
    make_hook(number.workspace)

    message = accept(ask(number), NOW)
    drain(number.connection_id)
    said = Receipt("delivered", Status.DELIVERED, "message.status_updated")
    for _ in range(2):
        log.receipt(message, said, after(seconds=9))

    assert told(message) == ["message.queued", "message.sent", "message.delivered"]
    delivered = HookEvent.objects.latest("pk")
    assert (delivered.at, delivered.data) == (
        after(seconds=9),
        {"status": "delivered", "code": "", "test": False},
    )
    assert HookDelivery.objects.filter(event__message=message.pk, state="waiting").count() == 3


def test_many_that_expire_together_cost_no_more_queries_than_one(
    number: Number, django_assert_num_queries: Any
) -> None:
    make_hook(number.workspace, "message.expired")
    assert telling.wanting("message.expired")  # and remembered

    def late(count: int) -> None:
        for _ in range(count):
            make_message(number.workspace, status="held", expires_at=NOW, origin={"workflow": "1"})

    late(1)
    with CaptureQueriesContext(connection) as one:
        log.expired(NOW)
    late(3)
    with django_assert_num_queries(len(one)):
        assert len(log.expired(NOW)) == 3
    assert told() == ["message.expired"] * 4
    assert set(Message.objects.values_list("status", "error_code")) == {("expired", "EXPIRED")}


@pytest.mark.parametrize("way", ["move", "finish", "rejected", "queued"])
def test_what_is_rolled_back_was_not_told(number: Number, way: str) -> None:
    make_hook(number.workspace)
    message, holder = make_message(number.workspace, status=Status.SENDING, claim=uuid.uuid4()), uuid.uuid4()
    Message.objects.update(claim=holder)

    with transaction.atomic():
        if way == "move":
            assert log.move(message.pk, Status.FAILED, NOW, error=errors.Expired())
        elif way == "finish":
            log.finish([Outcome(message.pk, Status.SENT, NOW)], holder)
        elif way == "rejected":
            accept(ask(number, phone="n/a"), NOW)
        else:
            accept(ask(number), NOW)
        assert len(told()) == 1
        transaction.set_rollback(True)

    assert told() == []


def test_what_cannot_be_told_does_not_happen(number: Number, monkeypatch: pytest.MonkeyPatch) -> None:
    make_hook(number.workspace, "message.*", "failure_group.*", "quota.*")
    message = make_message(number.workspace, at=NOW, status=Status.UNKNOWN, error_code="PROVIDER_UNKNOWN")
    [standing] = Scene.at(after(minutes=1), number.workspace).causes.values()
    by = make_member(number.workspace).user

    def fail(told: Any) -> None:
        assert not told

    monkeypatch.setattr(telling, "_write", fail)
    limit = Crossing(
        workspace=number.workspace, scope="number", subject_id=number.pk, zone="UTC", window="day",
        unit="messages", began_at=NOW, threshold=100, at=NOW, used=1, limit=1,
    )  # fmt: skip
    for happen in (
        lambda: log.move(message.pk, Status.SENT, NOW),
        lambda: accept(ask(number), NOW),
        lambda: states.decide(standing, number.workspace, State.MUTED, "", by),
        lambda: crossing.write([limit]),
    ):
        with pytest.raises(AssertionError):
            happen()

    assert Message.objects.get().status == "unknown"
    assert not Failure.objects.exists()
    assert not Crossing.objects.exists()


def test_what_did_not_happen_is_not_told(number: Number) -> None:
    make_hook(number.workspace)
    message = make_message(number.workspace, status=Status.DELIVERED)

    assert not log.move(message.pk, Status.FAILED, NOW)
    log.finish([Outcome(message.pk, Status.SENT, NOW)], uuid.uuid4())
    for _ in range(2):
        accept(ask(number, key="the same"), NOW)

    assert told() == ["message.queued"]


def test_a_status_that_a_message_comes_to_again_is_told_once(number: Number) -> None:
    """A person says that it was sent; then the provider's answer comes after all."""
    make_hook(number.workspace)
    message = make_message(number.workspace, status=Status.UNKNOWN, error_code="PROVIDER_UNKNOWN")

    settle.decide(message, True, "", make_member(number.workspace).user, NOW)
    log.finish([Outcome(message.pk, Status.SENT, NOW, provider_id="SM-1")], uuid.uuid4())

    assert Message.objects.get().provider_id == "SM-1"
    assert told(message) == ["message.sent"]


def test_a_held_message_is_told_of_until_it_is_released_cancelled_or_expired(number: Number) -> None:
    full(number)
    make_hook(number.workspace)
    by = make_member(number.workspace).user
    accept(ask(number), NOW)
    released, cancelled, late = (
        accept(ask(number, at_quota="hold", hold_minutes=minutes), NOW) for minutes in (2_000, 2_000, 1_000)
    )
    assert [each.status for each in (released, cancelled, late)] == ["held", "held", "held"]

    intervene.cancel([cancelled], by, NOW)
    hold.release(after(minutes=1_000))
    hold.release(after(days=1))

    assert told(cancelled) == ["message.held", "message.cancelled"]
    assert told(late) == ["message.held", "message.expired"]
    assert told(released) == ["message.held", "message.queued"]


def test_a_refusal_and_a_lost_worker_are_told_with_their_codes(
    number: Number, provider: FakeProvider, drain: Drain
) -> None:
    make_hook(number.workspace)
    rejected, failed = accept(ask(number, phone="n/a"), NOW), accept(ask(number), NOW)
    provider.otherwise = refused(errors.ProviderRejected(provider="Aircall", answer="no", http_status=400))
    drain(number.connection_id)
    lost = make_message(number.workspace, status=Status.SENDING, lease_until=NOW - timedelta(seconds=1))
    dispatch.sweep(NOW)

    assert told(failed) == ["message.queued", "message.failed"]
    assert told(lost) == ["message.unknown"]
    codes = dict(HookEvent.objects.values_list("message", "data__code").exclude(data__code=""))
    assert codes == {
        rejected.pk: rejected.error_code,
        failed.pk: "PROVIDER_REJECTED",
        lost.pk: "PROVIDER_UNKNOWN",
    }


def test_a_retry_is_no_news(number: Number) -> None:
    make_hook(number.workspace)
    holder = uuid.uuid4()
    message = make_message(number.workspace, status=Status.SENDING, claim=holder)

    log.finish([Outcome(message.pk, Status.QUEUED, NOW, next_attempt_at=NOW)], holder)

    assert Message.objects.get().status == "queued"
    assert told(message) == []


def test_each_hook_gets_what_it_asked_for_and_others_workspaces_nothing(number: Number) -> None:
    every, sent = make_hook(number.workspace), make_hook(number.workspace, "message.sent")
    off, other = make_hook(number.workspace, enabled=False), make_hook(make_workspace())
    message = make_message(number.workspace, status=Status.UNKNOWN)

    log.move(message.pk, Status.SENT, NOW)
    accept(ask(number), NOW)

    counts = {each: each.deliveries.count() for each in (every, sent, off, other)}
    assert counts == {every: 2, sent: 1, off: 0, other: 0}


@pytest.mark.parametrize("columns", [{"trigger": "api", "origin": {"test": True}}, {"trigger": "test"}])
def test_what_only_tries_something_out_is_told_to_hooks_that_want_tests(
    number: Number, columns: dict[str, Any]
) -> None:
    live, every = make_hook(number.workspace), make_hook(number.workspace, tells_tests=True)
    tried, real = (
        make_message(number.workspace, status=Status.UNKNOWN, **each)
        for each in (columns, {"trigger": "api"})
    )

    for each in (tried, real):
        telling.made(each, NOW)
        log.move(each.pk, Status.SENT, NOW)

    assert set(live.deliveries.values_list("event__message", flat=True)) == {real.pk}
    found = every.deliveries.order_by("pk").values_list("event__message", "event__data__test")
    assert list(found) == [(tried.pk, True)] * 2 + [(real.pk, False)] * 2
    every.delete()
    cache.forget()
    HookEvent.objects.all().delete()
    telling.made(tried, NOW)
    assert told() == []


# --- What it costs ------------------------------------------------------------------------------------


def queries(number: Number, drain: Drain) -> tuple[int, int]:
    """What accepting a message and sending it costs, once what is remembered has been read."""
    accept(ask(number), NOW)
    drain(number.connection_id)
    with CaptureQueriesContext(connection) as accepting:
        accept(ask(number), NOW)
    with CaptureQueriesContext(connection) as sending:
        drain(number.connection_id)
    return len(accepting), len(sending)


@pytest.fixture
def without(number: Number, provider: FakeProvider, drain: Drain) -> tuple[int, int]:
    """Without any hook."""
    return queries(number, drain)


def test_hooks_of_others_cost_a_workspace_nothing(
    number: Number, drain: Drain, without: tuple[int, int]
) -> None:
    make_hook(make_workspace())

    assert queries(number, drain) == without


def test_a_hook_costs_a_few_statements_for_each_batch(
    number: Number, drain: Drain, without: tuple[int, int]
) -> None:
    make_hook(number.workspace)
    make_hook(number.workspace)

    accepting, sending = queries(number, drain)

    events_and_deliveries, told_before = 2, 2  # which of them are tests, and what was told of them
    assert accepting - without[0] <= events_and_deliveries + 2  # and a savepoint in a test's transaction
    assert sending - without[1] == events_and_deliveries + told_before


def test_a_hook_that_wants_no_queued_messages_costs_acceptance_nothing(
    number: Number, drain: Drain, without: tuple[int, int]
) -> None:
    make_hook(number.workspace, "message.delivered", "quota.*")

    assert queries(number, drain) == without


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_acceptance_tells_with_its_message_or_not_at_all() -> None:
    """On PostgreSQL acceptance is one statement: what is told stands in its transaction."""
    number = make_number(make_workspace())
    number.workspace.quota_rules.create(scope="number", window="day", limit=2, number=number)
    accept(ask(number), NOW)  # makes the counters, which the one statement needs
    make_hook(number.workspace)

    accepted = accept(ask(number, key="the same"), NOW)
    repeated = accept(ask(number, key="the same"), NOW)
    rejected = accept(ask(number), NOW)
    with transaction.atomic():
        accept(ask(make_number(number.workspace)), NOW)
        transaction.set_rollback(True)

    assert repeated == accepted
    assert told(accepted) == ["message.queued"]
    assert told(rejected) == ["message.rejected"]
    assert len(told()) == 2


# --- Texts, limits and causes -------------------------------------------------------------------------


def test_a_text_to_our_number_is_told_without_its_contents(number: Number) -> None:
    make_hook(number.workspace, "message.received")
    common = {"workspace": number.workspace, "connection": number.connection, "number": number}
    inbound = InboundMessage.objects.create(
        **common, sender="+33612345678", body="Yes", at=NOW, provider_id="1"
    )

    telling.received(inbound, NOW)

    event = HookEvent.objects.get()
    assert (event.type, event.data) == ("message.received", {"inbound": inbound.pk})


def test_a_limit_is_told_of_once_at_each_threshold(
    number: Number, django_capture_on_commit_callbacks: Any
) -> None:
    number.workspace.quota_rules.create(scope="number", window="day", limit=2, number=number)
    make_hook(number.workspace, "quota.*")

    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            accept(ask(number), NOW)
    crossing.sweep(after(minutes=1))

    kinds = dict(Crossing.objects.filter(limit=2).values_list("pk", "threshold"))
    found = HookEvent.objects.filter(data__crossing__in=list(kinds)).order_by("pk")
    assert [(each.type, kinds[each.data["crossing"]]) for each in found] == [
        ("quota.warning", 50),
        ("quota.warning", 80),
        ("quota.warning", 90),
        ("quota.reached", 100),
    ]


def test_a_cause_is_opened_acknowledged_and_opened_again(workspace: Workspace, travel: Any) -> None:
    def failed(at: Any) -> Message:
        return make_message(workspace, at=at, status=Status.FAILED, error_code="RATE_LIMITED")

    failed(after(minutes=-1))
    make_hook(workspace, "failure_group.*")
    watching.take_stock(workspace, NOW)
    watching.sweep(NOW)
    assert told() == []  # it went on when the hook was made

    failed(after(hours=25))
    for later in (26, 27):
        travel(after(hours=later))
        watching.sweep(after(hours=later))
    assert told() == ["failure_group.opened"]  # after a pause of a day

    def decide(state: State) -> None:
        [standing] = Scene.at(after(hours=28), workspace).causes.values()
        states.decide(standing, workspace, state, "", make_member(workspace).user)

    travel(after(hours=28))
    decide(State.RESOLVED)
    decide(State.RESOLVED)  # a note alone
    watching.sweep(after(hours=28))
    failed(after(hours=29))
    travel(after(hours=30))
    watching.sweep(after(hours=30))

    assert told() == ["failure_group.opened", "failure_group.resolved", "failure_group.opened"]


def test_a_look_that_waited_for_another_one_knows_what_that_has_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_hook(workspace, "failure_group.*")
    lock, codes = telling.watched, ["RATE_LIMITED", "PROVIDER_REJECTED"]

    def waited(workspace_id: int) -> Any:
        monkeypatch.setattr(telling, "watched", lock)
        make_message(workspace, at=NOW, status=Status.FAILED, error_code=codes.pop())
        watching.look(workspace, after(minutes=1))
        return lock(workspace_id)

    for begin in (watching.look, watching.take_stock):
        monkeypatch.setattr(telling, "watched", waited)
        begin(workspace, after(minutes=1))
        watching.look(workspace, after(minutes=2))
    assert told() == ["failure_group.opened"] * 2


def test_a_decision_that_is_rolled_back_was_not_told(workspace: Workspace) -> None:
    make_hook(workspace, "failure_group.*")
    make_message(workspace, at=NOW, status=Status.FAILED, error_code="RATE_LIMITED")
    [standing] = Scene.at(after(minutes=1), workspace).causes.values()

    with transaction.atomic():
        states.decide(standing, workspace, State.MUTED, "", make_member(workspace).user)
        assert told() == ["failure_group.muted"]
        transaction.set_rollback(True)

    assert told() == []
