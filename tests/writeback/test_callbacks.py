"""Telling HubSpot how blocked executions ended: once, in batches, and never at the cost of the message."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection as database
from django.utils import translation

from smsadmin import cache
from smsadmin.core import errors
from smsadmin.core.status import SETTLED, Status
from smsadmin.providers.base import Exchange
from smsadmin.providers.http import NO_ANSWER, Answer
from smsadmin.sending import log
from smsadmin.sending.log import REPLY_NOT_BEFORE, Receipt
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from smsadmin.triggers.hubspot import answer
from smsadmin.workspaces.models import Connection, Workspace
from smsadmin.writeback import callbacks
from tests.factories import PORTAL, make_connection, make_message, make_workspace

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
SOON = NOW + timedelta(seconds=3)


@dataclass
class HubSpot:
    """Keeps each batch it is told, and refuses batches that hold a callback it does not know."""

    status: int = 204
    unknown: set[str] = field(default_factory=set)
    refusal: int = 404
    batches: list[list[dict[str, Any]]] = field(default_factory=list)

    def __call__(self, connection: Connection, inputs: list[dict[str, Any]]) -> Answer:
        self.batches.append(inputs)
        status = self.refusal if {each["callbackId"] for each in inputs} & self.unknown else self.status
        failure = "" if status else "no answer within 10 s"
        exchange = Exchange("POST", "https://hubspot.example", http_status=status or None, failure=failure)
        return Answer(exchange, "" if status else NO_ANSWER)

    @property
    def told(self) -> list[str]:
        return [each["callbackId"] for batch in self.batches for each in batch]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    cache.forget()
    yield
    cache.forget()


@pytest.fixture
def hubspot(monkeypatch: pytest.MonkeyPatch) -> HubSpot:
    fake = HubSpot()
    monkeypatch.setattr(callbacks.client, "complete_callbacks", fake)
    return fake


@pytest.fixture
def workspace(db: None) -> Workspace:
    made = make_workspace()
    make_connection(made, "hubspot")
    return made


def owed(workspace: Workspace, callback: str = "ap-1", **columns: Any) -> Message:
    """A settled message whose caller was told to wait."""
    origin = {"portal": PORTAL, "callback_id": callback}
    defaults = {"at": NOW, "origin": origin, "reply": "owed", "reply_at": NOW + REPLY_NOT_BEFORE}
    return make_message(workspace, **{**defaults, **columns})


def seen(message: Message) -> Message:
    message.refresh_from_db()
    return message


def replies(message: Message) -> list[dict[str, Any]]:
    return list(message.events.filter(kind="reply").values_list("data", flat=True))


@pytest.mark.parametrize(
    ("status", "state", "told"),
    [
        (Status.SENT, "SUCCESS", "sent"),
        (Status.DELIVERED, "SUCCESS", "delivered"),
        (Status.UNDELIVERED, "FAIL_CONTINUE", "undelivered"),
        (Status.FAILED, "FAIL_CONTINUE", "failed"),
        (Status.UNKNOWN, "FAIL_CONTINUE", "unknown"),
        (Status.EXPIRED, "FAIL_CONTINUE", "failed"),
        (Status.CANCELLED, "FAIL_CONTINUE", "failed"),
    ],
)
def test_an_owed_answer_is_given_once(
    workspace: Workspace, hubspot: HubSpot, status: Status, state: str, told: str
) -> None:
    error = (
        {}
        if state == "SUCCESS"
        else {"error_code": "PROVIDER_UNKNOWN", "error_facts": {"provider": "Aircall"}}
    )
    message = owed(workspace, status=status, **error)

    assert callbacks.complete_owed(SOON) == 1
    assert callbacks.complete_owed(SOON + timedelta(hours=1)) == 0

    [[given]] = hubspot.batches
    assert (given["callbackId"], given["typedOutputs"]) == ("ap-1", {})
    assert given["outputFields"].items() >= {"hs_execution_state": state, "status": told}.items()
    assert given["outputFields"]["message_id"] == str(message.pk)
    assert bool(given["outputFields"]["errorMessage"]) == bool(error)
    assert all(isinstance(value, str) for value in given["outputFields"].values())
    assert (seen(message).reply, message.status) == ("given", status)
    assert replies(message) == [{"reply": "given", "status": 204}]


@pytest.mark.parametrize(("own", "spoken"), [("", "de"), ("en", "en")])
def test_the_error_is_told_in_the_portals_language_else_the_workspaces(
    workspace: Workspace, hubspot: HubSpot, own: str, spoken: str
) -> None:
    workspace.language = "de"
    workspace.save()
    workspace.connections.filter(kind="hubspot").update(language=own)
    owed(workspace, status=Status.FAILED, error_code="MESSAGE_EMPTY")
    callbacks.complete_owed(SOON)
    [[given]] = hubspot.batches
    with translation.override(spoken):
        assert given["outputFields"]["errorMessage"] == translation.gettext(errors.MessageEmpty.text)


def test_segments_are_told_as_the_provider_counted_them(workspace: Workspace, hubspot: HubSpot) -> None:
    owed(workspace, segments=1, provider_segments=2)
    callbacks.complete_owed(SOON)
    assert hubspot.batches[0][0]["outputFields"]["segments"] == "2"


# Waiting for the delivery receipt


def test_who_waits_for_the_receipt_is_told_when_it_comes(workspace: Workspace, hubspot: HubSpot) -> None:
    message = owed(workspace, wait_minutes=60)
    assert callbacks.complete_owed(SOON) == 0
    assert seen(message).reply == "owed"

    delivered = Receipt("delivered", Status.DELIVERED, "message.status_updated")
    log.receipt(message, delivered, NOW + timedelta(minutes=3))
    assert callbacks.complete_owed(NOW + timedelta(minutes=3) + REPLY_NOT_BEFORE) == 1
    [[given]] = hubspot.batches
    assert given["outputFields"]["status"] == "delivered"


def test_a_receipt_that_comes_while_its_caller_is_put_off_is_not_overlooked(
    workspace: Workspace, hubspot: HubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = owed(workspace, wait_minutes=60)
    put_off = log.reply_waits

    def after_the_receipt(*args: Any) -> None:
        log.receipt(message, Receipt("failed", Status.UNDELIVERED, "message.status_updated"), SOON)
        put_off(*args)

    monkeypatch.setattr(callbacks.log, "reply_waits", after_the_receipt)
    callbacks.complete_owed(SOON)
    assert callbacks.complete_owed(SOON + REPLY_NOT_BEFORE) == 1
    assert hubspot.batches[0][0]["outputFields"]["status"] == "undelivered"


def test_without_a_receipt_it_is_told_as_sent_when_the_wait_is_over(
    workspace: Workspace, hubspot: HubSpot
) -> None:
    owed(workspace, wait_minutes=60)
    for minutes in (1, 30, 59):
        assert callbacks.complete_owed(NOW + timedelta(minutes=minutes)) == 0
    assert callbacks.complete_owed(NOW + timedelta(minutes=60)) == 1
    assert hubspot.batches[0][0]["outputFields"]["status"] == "sent"


def test_nobody_looks_at_a_waiting_message_again_before_its_time(
    workspace: Workspace, hubspot: HubSpot
) -> None:
    message = owed(workspace, wait_minutes=60)
    callbacks.complete_owed(SOON)
    assert seen(message).reply_at == NOW + timedelta(minutes=60)


@pytest.mark.parametrize("status", [Status.FAILED, Status.UNDELIVERED, Status.DELIVERED, Status.EXPIRED])
def test_no_receipt_is_waited_for_where_none_can_come(
    workspace: Workspace, hubspot: HubSpot, status: Status
) -> None:
    owed(workspace, wait_minutes=60, status=status)
    assert callbacks.complete_owed(SOON) == 1


def test_an_unknown_message_is_told_once_somebody_settles_it(workspace: Workspace, hubspot: HubSpot) -> None:
    message = owed(workspace, wait_minutes=1_440, status=Status.UNKNOWN)
    assert callbacks.complete_owed(SOON) == 0
    log.move(message.pk, Status.FAILED, SOON)
    assert callbacks.complete_owed(SOON + callbacks.LOOKS) == 1
    assert hubspot.batches[0][0]["outputFields"]["status"] == "failed"


@pytest.mark.parametrize("wait", [5, 60, 8_640])
def test_hubspot_still_waits_when_the_wait_is_over(workspace: Workspace, hubspot: HubSpot, wait: int) -> None:
    """Also where the message was sent late: the answer leaves before HubSpot goes on."""
    sent = NOW + answer.PATIENCE - timedelta(minutes=1)
    message = owed(workspace, wait_minutes=wait, accepted_at=NOW, finished_at=sent)
    until = answer.receipt_until(message)
    assert until <= sent + timedelta(minutes=wait)
    assert not answer.gave_up(message, until + timedelta(minutes=4))
    assert callbacks.complete_owed(until) == 1


# What keeps them from being told


def test_nobody_is_told_before_it_can_have_read_that_it_must_wait(
    workspace: Workspace, hubspot: HubSpot
) -> None:
    owed(workspace)
    callbacks.complete_owed(NOW + REPLY_NOT_BEFORE - timedelta(milliseconds=1))
    assert hubspot.told == []
    callbacks.complete_owed(NOW + REPLY_NOT_BEFORE)
    assert hubspot.told == ["ap-1"]


@pytest.mark.parametrize("status", [status for status in Status if status not in SETTLED])
def test_nobody_is_told_before_it_is_settled(workspace: Workspace, hubspot: HubSpot, status: Status) -> None:
    owed(workspace, status=status)
    callbacks.complete_owed(SOON)
    assert hubspot.told == []


@pytest.mark.parametrize("reply", ["", "waiting", "given", "failed"])
def test_only_owed_answers_are_given(workspace: Workspace, hubspot: HubSpot, reply: str) -> None:
    owed(workspace, reply=reply)
    callbacks.complete_owed(SOON)
    assert hubspot.told == []


@pytest.mark.services
def test_answers_are_given_a_hundred_at_a_time(workspace: Workspace, hubspot: HubSpot) -> None:
    for turn in range(201):
        owed(workspace, f"ap-{turn}")
    assert callbacks.complete_owed(SOON) == 201
    assert [len(batch) for batch in hubspot.batches] == [100, 100, 1]
    assert len(set(hubspot.told)) == 201


def test_each_portal_is_told_its_own(workspace: Workspace, hubspot: HubSpot) -> None:
    other = make_workspace()
    make_connection(other, "hubspot", external_id="77")
    owed(workspace, "ap-1")
    owed(other, "ap-2", origin={"portal": "77", "callback_id": "ap-2"})
    assert callbacks.complete_owed(SOON) == 2
    assert sorted(len(batch) for batch in hubspot.batches) == [1, 1]


def test_a_portal_that_is_no_longer_connected_is_given_up(workspace: Workspace, hubspot: HubSpot) -> None:
    message = owed(workspace, origin={"portal": "404", "callback_id": "ap-1"})
    assert callbacks.complete_owed(SOON) == 0
    assert (seen(message).reply, message.status) == ("failed", "sent")
    assert replies(message) == [{"reply": "failed", "why": "portal_gone"}]


@pytest.mark.parametrize("refusal", [400, 404])
def test_one_unknown_callback_does_not_keep_the_others_of_its_batch_from_being_told(
    workspace: Workspace, hubspot: HubSpot, refusal: int
) -> None:
    first, odd, last = (owed(workspace, f"ap-{turn}") for turn in range(3))
    hubspot.unknown, hubspot.refusal = {"ap-1"}, refusal

    assert callbacks.complete_owed(SOON) == 2

    assert [len(batch) for batch in hubspot.batches] == [3, 1, 1, 1]
    assert [seen(message).reply for message in (first, odd, last)] == ["given", "failed", "given"]
    assert replies(odd)[0]["status"] == refusal
    assert callbacks.complete_owed(SOON + timedelta(minutes=30)) == 0


@pytest.mark.parametrize("status", [0, 429, 500, 503, 401, 403])
def test_what_may_work_later_is_put_off_a_little_longer_each_time(
    workspace: Workspace, hubspot: HubSpot, status: int
) -> None:
    message = owed(workspace)
    hubspot.status = status
    now, waits = SOON, []
    for _ in range(10):
        callbacks.complete_owed(now)
        waits.append((seen(message).reply_at - now).total_seconds())
        assert (message.reply, message.status) == ("owed", "sent")
        now = message.reply_at
    assert waits[0] == 5
    assert waits == sorted(waits)
    assert waits[-1] == 600

    hubspot.status = 204
    assert callbacks.complete_owed(now) == 1
    assert seen(message).reply == "given"
    assert len(replies(message)) == 11


def test_what_hubspot_no_longer_waits_for_is_given_up(workspace: Workspace, hubspot: HubSpot) -> None:
    late, fresh = owed(workspace, "ap-1"), owed(workspace, "ap-2", accepted_at=NOW + timedelta(minutes=9))
    assert callbacks.complete_owed(NOW + answer.PATIENCE + timedelta(seconds=1)) == 1
    assert (seen(late).reply, seen(fresh).reply) == ("failed", "given")
    assert hubspot.told == ["ap-2"]
    assert replies(late) == [{"reply": "failed", "why": "expired"}]


@pytest.mark.parametrize("status", [0, 400, 401, 404, 500])
def test_a_failure_never_changes_what_became_of_the_message(
    workspace: Workspace, hubspot: HubSpot, status: int
) -> None:
    error = errors.ProviderUnknown(provider="Aircall", reason="HTTP 502")
    columns = {"status": "unknown", "error_code": error.code, "error_facts": error.facts}
    message = owed(workspace, **columns)
    before = (message.status, message.error_code, message.error_facts, message.finished_at, message.attempts)
    hubspot.status = status
    callbacks.complete_owed(SOON)
    seen(message)
    after = (message.status, message.error_code, message.error_facts, message.finished_at, message.attempts)
    assert after == before


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_tell_nobody_twice(workspace: Workspace, hubspot: HubSpot) -> None:
    for turn in range(120):
        owed(workspace, f"ap-{turn}")
    together = Barrier(4)

    def run(_: int) -> int:
        together.wait()
        try:
            return callbacks.complete_owed(SOON)
        finally:
            database.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) == 120
    assert len(hubspot.told) == len(set(hubspot.told)) == 120


def test_a_run_that_dies_is_taken_over_after_its_lease(workspace: Workspace, hubspot: HubSpot) -> None:
    owed(workspace)
    dying = callbacks._due(lambda: SOON)
    next(dying)
    assert callbacks.complete_owed(SOON + callbacks.LEASE - timedelta(seconds=1)) == 0
    assert callbacks.complete_owed(SOON + callbacks.LEASE) == 1


def test_a_portal_is_claimed_when_its_turn_has_come(workspace: Workspace, hubspot: HubSpot) -> None:
    other = make_workspace()
    make_connection(other, "hubspot", external_id="77")
    owed(workspace)
    later = owed(other, "ap-2", origin={"portal": "77", "callback_id": "ap-2"})
    moments = iter([SOON, SOON, SOON + timedelta(minutes=3)])
    run = callbacks._due(lambda: next(moments))

    next(run)
    assert seen(later).claim is None
    next(run)
    assert seen(later).reply_at == SOON + timedelta(minutes=3) + callbacks.LEASE


@pytest.mark.parametrize(("status", "reply"), [(404, "owed"), (500, "owed"), (429, "owed"), (204, "given")])
def test_whoever_lost_a_message_to_another_run_writes_only_what_it_told(
    workspace: Workspace, hubspot: HubSpot, monkeypatch: pytest.MonkeyPatch, status: int, reply: str
) -> None:
    message, until = owed(workspace), SOON + timedelta(minutes=9)

    def overtaken(*args: Any) -> Answer:
        Message.objects.filter(pk=message.pk).update(claim=uuid.uuid4(), reply_at=until)
        return hubspot(*args)

    hubspot.status = status
    monkeypatch.setattr(callbacks.client, "complete_callbacks", overtaken)
    callbacks.complete_owed(SOON)

    assert seen(message).reply == reply
    if reply == "owed":
        assert (message.reply_at, replies(message)) == (until, [])


def test_a_settled_message_rings_once_for_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(callbacks.bell, "once", lambda task, quiet: rung.append(task.name))
    settled.send(sender=Message, ids=[])
    assert rung == ["smsadmin.writeback.tasks.sweep"]


def test_a_token_that_works_again_shows_on_the_connection(workspace: Workspace, hubspot: HubSpot) -> None:
    workspace.connections.filter(kind="hubspot").update(state="rejected")
    owed(workspace)
    callbacks.complete_owed(SOON)
    assert workspace.connections.get(kind="hubspot").state == "working"


@pytest.mark.parametrize(("first", "reply"), [(0, "given"), (502, "given"), (429, "failed"), (401, "failed")])
def test_an_execution_that_is_gone_after_an_attempt_without_clear_answer_was_told_by_it(
    workspace: Workspace, hubspot: HubSpot, first: int, reply: str
) -> None:
    message = owed(workspace)
    hubspot.status = first
    callbacks.complete_owed(SOON)
    hubspot.status = 404
    callbacks.complete_owed(SOON + timedelta(minutes=2))
    assert seen(message).reply == reply


def test_a_portal_that_another_workspace_has_now_is_not_told(workspace: Workspace, hubspot: HubSpot) -> None:
    message = owed(workspace)
    workspace.connections.filter(kind="hubspot").update(workspace=make_workspace())
    assert callbacks.complete_owed(SOON) == 0
    assert replies(seen(message)) == [{"reply": "failed", "why": "portal_gone"}]
    assert hubspot.told == []
