"""Events arrive at least once under one id, are tried for a day, and no address that is slow holds up others."""

import json
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext

from smsadmin.api import rows
from smsadmin.core.status import Status
from smsadmin.dashboard import housekeeping
from smsadmin.directory.models import Number
from smsadmin.hooks import bell, delivering, payloads, purging, replaying, telling
from smsadmin.hooks.models import Hook, HookDelivery, HookEvent
from smsadmin.hooks.replaying import Span, Which
from smsadmin.incoming.models import InboundMessage
from smsadmin.notices import attempts, webhook, wording
from smsadmin.notices.models import Endpoint, Notice
from smsadmin.notices.outcome import Outcome
from smsadmin.privacy.models import Part
from smsadmin.quotas import crossing
from smsadmin.quotas.models import Crossing, Scope
from smsadmin.sending import log
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Role, Workspace
from tests.factories import make_action, make_member, make_message, make_number, make_workspace
from tests.hooks.conftest import Travel, after, make_hook, only
from tests.notices.conftest import SECRET, Receiver
from tests.sending.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now(travel: Travel) -> None:
    travel(NOW)


def delivered(workspace: Workspace, **columns: Any) -> Message:
    """A message that came to be delivered, as hooks are told."""
    message = make_message(workspace, status=Status.SENT, **columns)
    assert log.move(message.pk, Status.DELIVERED, NOW)
    return message


def said(receiver: Receiver) -> Any:
    [got] = receiver.got
    return json.loads(got.body)


@pytest.fixture
def posts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was posted where, by a double that takes everything but what goes to /dead."""
    found: list[tuple[str, str]] = []

    def post(endpoint: Endpoint, identifier: str, *_: Any) -> Outcome:
        found.append((endpoint.url, identifier))
        return Outcome("dead" not in endpoint.url, "HTTP 204")

    monkeypatch.setattr(webhook, "post", post)
    return found


# --- What is said -------------------------------------------------------------------------------------


def test_a_message_goes_over_the_wire_as_documented(workspace: Workspace, receiver: Receiver) -> None:
    hook = make_hook(workspace, url=receiver.url, tells_contents=True)
    action = make_action(workspace, name="Reminder")
    message = delivered(workspace, action=action, object_type="contact", object_id="501")

    delivering.sweep()

    [got], event = receiver.got, HookEvent.objects.get()
    assert said(receiver) == {
        "type": "message.delivered",
        "timestamp": "2026-11-21T10:07:30.000Z",
        "version": 1,
        "data": {
            "workspace": {"id": workspace.pk, "name": "Example Ltd"},
            "webhook": {"id": hook.pk, "name": hook.name},
            "message": {
                "id": str(message.pk),
                "url": f"http://testserver/api/v1/messages/{message.pk}",
                "page_url": f"http://testserver/log/{message.pk}/",
                "status": "delivered",
                "at": "2026-11-21T10:07:30.000Z",
                "test": False,
                "error": None,
                **dict.fromkeys(("held_until", "expires_at", "why_held")),
                **rows.asked(message),
                "to": "+33612345678",
                "text": "Hi Ada",
            },
        },
    }
    assert got.headers["webhook-id"] == str(event.pk)
    timestamp = got.headers["webhook-timestamp"]
    assert got.headers["webhook-signature"] == webhook.sign(SECRET, str(event.pk), timestamp, got.body)
    delivery = only()
    assert (delivery.state, delivery.attempts, delivery.answer) == ("delivered", 1, "HTTP 204")
    assert [each["answer"] for each in delivery.tried] == ["HTTP 204"]


def test_without_contents_a_recipient_is_masked_and_nothing_is_said(
    workspace: Workspace, receiver: Receiver
) -> None:
    make_hook(workspace, "message.undelivered", url=receiver.url)
    message = make_message(workspace)
    log.receipt(message, log.Receipt("no such user +33612345678", Status.UNDELIVERED, "update"), NOW)

    delivering.sweep()

    sent = said(receiver)["data"]["message"]
    assert (sent["to"], sent["text"]) == ("+33 ••• •••78", None)
    assert sent["error"] == {
        "code": "DELIVERY_FAILED",
        "whose": "carrier",
        "retry": "after_fix",
        "help": "http://testserver/help/errors/#DELIVERY_FAILED",
        "sentence": None,
        "fix": None,
    }
    assert b"612345" not in receiver.got[0].body


def test_with_contents_the_sentence_of_an_error_goes_along(workspace: Workspace, receiver: Receiver) -> None:
    make_hook(workspace, url=receiver.url, tells_contents=True)
    message = make_message(workspace)
    log.receipt(message, log.Receipt("unreachable", Status.UNDELIVERED, "update"), NOW)

    delivering.sweep()

    assert "unreachable" in said(receiver)["data"]["message"]["error"]["sentence"]


def test_a_text_that_its_action_has_deleted_is_told_to_nobody_before_that_either(
    workspace: Workspace, receiver: Receiver
) -> None:
    make_hook(workspace, "message.undelivered", url=receiver.url, tells_contents=True)
    action = make_action(workspace, hide_values=True)
    message = make_message(workspace, action=action, version=action.current)
    log.receipt(message, log.Receipt("unreachable", Status.UNDELIVERED, "update"), NOW)

    delivering.sweep()

    sent = said(receiver)["data"]["message"]
    assert (sent["text"], sent["error"]["sentence"], sent["to"]) == (None, None, "+33612345678")


@pytest.mark.parametrize("gone", ["forgotten", "deleted", "a code"])
def test_what_was_deleted_or_is_secret_is_told_to_nobody(
    workspace: Workspace, receiver: Receiver, gone: str
) -> None:
    make_hook(workspace, url=receiver.url, tells_contents=True)
    message = delivered(workspace, trigger="verification" if gone == "a code" else "hubspot")
    if gone == "forgotten":
        log.forget_numbers([message.pk], NOW)
    elif gone == "deleted":
        log.delete([message.pk])

    delivering.sweep()

    sent = said(receiver)["data"]["message"]
    assert (sent["id"], sent["status"], sent["text"]) == (str(message.pk), "delivered", None)
    assert sent["to"] == ("+33612345678" if gone == "a code" else None)
    assert {*sent} == {
        "id",
        "url",
        "page_url",
        "status",
        "at",
        "error",
        *rows.asked(message),
        *rows.held(message),
    }


@pytest.mark.parametrize(
    ("contents", "sender", "text"), [(True, "+33612345678", "Yes"), (False, "+33 ••• •••78", None)]
)
def test_a_text_to_our_number(
    number: Number, receiver: Receiver, contents: bool, sender: str, text: str | None
) -> None:
    make_hook(number.workspace, "message.received", url=receiver.url, tells_contents=contents)
    inbound = InboundMessage.objects.create(
        workspace=number.workspace, connection=number.connection, number=number, sender="+33612345678",
        body="Yes", at=NOW, provider_id="1",
    )  # fmt: skip
    telling.received(inbound, NOW)

    delivering.sweep()

    assert said(receiver)["data"]["inbound"] == {**rows.inbound(inbound), "from": sender, "text": text}


def test_a_limit_and_a_cause_are_said_as_in_notices(number: Number, receiver: Receiver) -> None:
    make_hook(number.workspace, "quota.*", "failure_group.*", url=receiver.url)
    reached = Crossing(
        workspace=number.workspace, scope=Scope.NUMBER, subject_id=number.pk, zone="UTC", window="day",
        unit="messages", began_at=NOW.replace(hour=0), threshold=100, at=NOW, used=10, limit=10,
    )  # fmt: skip
    crossing.write([reached])
    message = make_message(
        number.workspace, status=Status.FAILED, error_code="RECIPIENT_IMPOSSIBLE",
        error_facts={"value": "+33612345678"},
    )  # fmt: skip
    group = telling.Group(message.cause, "new", message.pk, NOW, 3)
    telling.grouped(number.workspace_id, [group], NOW)

    delivering.sweep()

    by_type = {each["type"]: each["data"] for each in map(json.loads, (got.body for got in receiver.got))}
    limit, cause = by_type["quota.reached"]["limit"], by_type["failure_group.opened"]["failure_group"]
    assert limit["sentence"].endswith("has used up the limit of 10 messages per day.")
    assert (limit["number"], limit["used"], limit["threshold"]) == (number.e164, 10, 100)
    assert limit["url"] == f"http://testserver/api/v1/quotas/numbers/{number.pk}"
    assert (cause["cause"], cause["state"]) == (message.cause, "new")
    assert (cause["count"], cause["by"]) == (3, None)
    assert (cause["error"]["code"], cause["error"]["whose"]) == ("RECIPIENT_IMPOSSIBLE", "record")
    assert "+33 ••• •••78" in cause["error"]["sentence"]


# --- Trying again -------------------------------------------------------------------------------------


def test_it_is_tried_for_a_day_with_growing_pauses_under_one_id(
    workspace: Workspace, receiver: Receiver, travel: Travel
) -> None:
    receiver.answers, receiver.said = [500] * 7 + [200], b"out of order"
    make_hook(workspace, url=receiver.url)
    delivered(workspace)
    now, pauses = NOW, []

    delivering.sweep()
    while (delivery := only()).state == "waiting":
        pauses.append(delivery.next_attempt_at - now)
        travel(delivery.next_attempt_at - timedelta(seconds=1))
        delivering.sweep()
        now = delivery.next_attempt_at
        travel(now)
        delivering.sweep()

    assert pauses == list(attempts.PAUSES)
    assert (delivery.state, delivery.attempts) == ("delivered", 8)
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert [each["answer"] for each in delivery.tried] == ["HTTP 500: out of order"] * 7 + [
        "HTTP 200: out of order"
    ]


def test_a_worker_killed_between_post_and_note_delivers_again_under_the_same_id(
    workspace: Workspace, receiver: Receiver, travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The end of a process."""

    def die(*_: Any) -> None:
        raise Killed

    make_hook(workspace, url=receiver.url)
    delivered(workspace)
    with monkeypatch.context() as patch:
        patch.setattr(delivering, "_record", die)
        with pytest.raises(Killed):
            delivering.sweep()
    delivering.sweep()
    assert len(receiver.got) == 1  # its lease has not ended

    travel(NOW + attempts.LEASE)
    delivering.sweep()

    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert (len(receiver.got), only().state) == (2, "delivered")


def test_both_secrets_sign_while_one_is_changed(
    workspace: Workspace, receiver: Receiver, travel: Travel
) -> None:
    hook = make_hook(workspace, url=receiver.url)
    new = webhook.renew(hook.endpoint, NOW)
    hook.endpoint.save()
    delivered(workspace)
    delivering.sweep()
    travel(NOW + webhook.CHANGE_OVER)
    delivered(workspace)
    delivering.sweep()

    def by(secret: str, got: Any) -> str:
        return webhook.sign(secret, got.headers["webhook-id"], got.headers["webhook-timestamp"], got.body)

    during, later = receiver.got
    assert during.headers["webhook-signature"].split(" ") == [by(new, during), by(SECRET, during)]
    assert later.headers["webhook-signature"] == by(new, later)


def test_a_mistake_of_ours_is_said_and_holds_up_no_other(
    workspace: Workspace, posts: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_hook(workspace, "message.delivered")
    telling_of = payloads._message
    broken = delivered(workspace)
    delivered(workspace)

    def fail(event: HookEvent, *rest: Any) -> Any:
        return 1 // 0 if event.message == broken.pk else telling_of(event, *rest)

    monkeypatch.setattr(payloads, "_message", fail)
    delivering.sweep()

    assert sorted(HookDelivery.objects.values_list("state", "answer")) == [
        ("delivered", "HTTP 204"),
        ("waiting", "smsadmin itself failed: ZeroDivisionError"),
    ]


# --- Whose turn it is ---------------------------------------------------------------------------------


def test_a_dead_address_has_one_request_under_way_and_others_are_served(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = make_hook(workspace, name="dead", failing_since=NOW)
    make_hook(workspace, name="well")
    for _ in range(6):
        delivered(workspace)
    most, lock, under_way = {"dead": 0, "well": 0}, threading.Lock(), {"dead": 0, "well": 0}
    well_done = threading.Event()
    left = [6]

    def post(endpoint: Endpoint, *_: Any) -> Outcome:
        name = endpoint.url.rpartition("/")[2]
        with lock:
            under_way[name] += 1
            most[name] = max(most[name], under_way[name])
        if name == "dead":
            assert well_done.wait(5), "others wait for the dead one"
        with lock:
            under_way[name] -= 1
            if name == "well":
                left[0] -= 1
                if not left[0]:
                    well_done.set()
        return Outcome(name == "well", "")

    monkeypatch.setattr(webhook, "post", post)
    delivering.sweep()

    assert most["dead"] == 1
    assert most["well"] <= delivering.OF_A_HOOK
    assert dead.deliveries.filter(attempts=1, state="waiting").count() == 6


def test_every_hook_gets_its_turn_however_many_there_are(
    workspace: Workspace, posts: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "AT_ONCE", 2)
    hooks = [make_hook(workspace) for _ in range(3)]
    for _ in range(6):
        delivered(workspace)
    delivering.sweep()

    first = [url for url, _ in posts[: len(posts) // 2]]
    assert {each.endpoint.url for each in hooks} <= set(first)
    assert len(posts) == 18


def test_the_oldest_event_of_a_hook_goes_first(
    workspace: Workspace, posts: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "OF_A_HOOK", 1)
    make_hook(workspace)
    for _ in range(3):
        delivered(workspace)

    delivering.sweep()

    assert [identifier for _, identifier in posts] == [
        str(each.pk) for each in HookEvent.objects.order_by("pk")
    ]


def test_hooks_that_fail_leave_room_for_the_others(
    workspace: Workspace, posts: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "OF_FAILING_ONES", 2)
    for each in range(4):
        make_hook(workspace, name=f"dead {each}", failing_since=NOW)
    make_hook(workspace, name="well")
    delivered(workspace)
    line = delivering._Line()

    taken = [[delivery.hook.name for delivery, _ in line.taken(4)] for _ in range(2)]

    assert taken == [["dead 0", "dead 1", "well"], []]


def test_a_sweep_without_room_asks_the_database_nothing(
    workspace: Workspace, django_assert_num_queries: Any
) -> None:
    make_hook(workspace)
    delivered(workspace)
    with django_assert_num_queries(0):
        assert list(delivering._Line().taken(0)) == []


def test_a_worker_has_one_sweep_that_takes_what_is_due(
    workspace: Workspace, posts: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is rung for; one that was turned away is rung for again."""
    make_hook(workspace)
    delivered(workspace)
    record, seen, rung = delivering._record, list[int](), list[bool]()

    def meanwhile(*given: Any) -> None:
        record(*given)
        if not seen:
            delivered(workspace)
            seen.append(len(posts))
            delivering.sweep()
            seen.append(len(posts))

    monkeypatch.setattr(delivering, "_record", meanwhile)
    monkeypatch.setattr(bell, "ring", lambda: rung.append(delivering._taking.locked()))
    delivering.sweep()

    assert (seen, len(posts), rung) == ([1, 1], 2, [False])


def test_what_comes_while_a_slow_address_is_waited_for_does_not_wait_for_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "LOOKS_AGAIN", 0.01)
    make_hook(workspace, "message.delivered", name="slow")
    make_hook(workspace, "message.sent", name="quick")
    delivered(workspace)
    answered, quick_one = [], threading.Event()

    def post(endpoint: Endpoint, *_: Any) -> Outcome:
        if endpoint.url.endswith("slow"):
            quick_one.wait(2)
        answered.append(endpoint.url.rpartition("/")[2])
        quick_one.set()
        return Outcome(True, "HTTP 204")

    def settle(*given: Any) -> None:
        if not HookEvent.objects.filter(type="message.sent").exists():
            log.move(make_message(workspace, status=Status.UNKNOWN).pk, Status.SENT, NOW)
        waited(*given)

    waited = delivering._settle
    monkeypatch.setattr(webhook, "post", post)
    monkeypatch.setattr(delivering, "_settle", settle)
    delivering.sweep()

    assert answered == ["quick", "slow"]


def test_a_turn_ends_and_rings_for_the_next(
    workspace: Workspace, posts: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which may begin while the last answers of this one are waited for."""
    is_turned_away: list[bool] = []
    monkeypatch.setattr(bell, "ring", lambda: is_turned_away.append(delivering._taking.locked()))
    make_hook(workspace)
    delivered(workspace)
    monkeypatch.setattr(delivering, "LONGEST_TURN", -1.0)

    delivering.sweep()

    assert (posts, is_turned_away) == ([], [False])


def fail_for_days(travel: Travel) -> datetime:
    """Attempts that fail, one 20 hours after the other, until there were four days of them; the last one's time."""
    for hours in range(0, 81, 20):
        travel(after(hours=hours))
        delivering.sweep()
    return after(hours=80)


def test_a_hook_that_fails_for_days_is_paused_until_it_is_resumed(
    workspace: Workspace, posts: list[Any], travel: Travel
) -> None:
    hook = make_hook(workspace, name="dead")
    delivered(workspace)
    later = fail_for_days(travel)
    assert Hook.objects.filter(failing_since=NOW, paused_at=later).exists()
    tried = len(posts)
    delivered(workspace)  # is still kept for it
    travel(later + timedelta(hours=9))
    delivering.sweep()
    assert len(posts) == tried

    Endpoint.objects.update(url="http://127.0.0.1:9/mended")
    assert delivering.resume(hook, later + timedelta(hours=9)) == 2
    delivering.sweep()

    assert set(HookDelivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert Hook.objects.filter(paused_at=None, failing_since=None).exists()


def test_owners_are_told_once_that_a_hook_was_paused(
    workspace: Workspace, posts: list[Any], travel: Travel
) -> None:
    hook = make_hook(workspace, name="dead")
    owner, _editor = (make_member(workspace, role) for role in (Role.OWNER, Role.EDITOR))
    delivered(workspace)
    at = fail_for_days(travel)
    delivering._pause(Hook.objects.get(), at)  # as another worker that saw the same failure

    notice = Notice.objects.get()
    said = wording.told(notice)
    assert list(notice.deliveries.filter(channel="email").values_list("address", flat=True)) == [
        owner.user.email
    ]
    assert (said.type, said.path) == ("webhook.paused", f"/settings/webhooks/{hook.pk}/")
    assert said.sentence == "Nothing has arrived at the webhook “dead” since 21 Nov, 10:07, so it was paused."
    assert said.data == {"id": hook.pk, "name": "dead", "since": NOW.isoformat()}


def test_one_failure_long_after_another_pauses_nothing(
    workspace: Workspace, posts: list[Any], travel: Travel
) -> None:
    make_hook(workspace, name="dead")
    for days in (0, 7):
        travel(after(days=days))
        delivered(workspace)
        delivering.sweep()

    assert Hook.objects.filter(failing_since=after(days=7), paused_at=None).exists()


def test_mistakes_of_ours_are_no_failures_of_a_hook(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_hook(workspace)
    delivered(workspace)
    monkeypatch.setattr(webhook, "post", lambda *_: 1 // 0)

    delivering.sweep()

    assert only().answer == "smsadmin itself failed: ZeroDivisionError"
    assert Hook.objects.get().failing_since is None


def test_a_hook_that_is_off_is_sent_its_sample_alone(workspace: Workspace, posts: list[Any]) -> None:
    hook = make_hook(workspace)
    delivered(workspace)
    Hook.objects.update(enabled=False)
    sample = telling.sample(hook, NOW)

    delivering.sweep()

    assert [identifier for _, identifier in posts] == [str(sample.event_id)]


def test_a_sample_that_does_not_arrive_is_given_up_at_once(workspace: Workspace, posts: list[Any]) -> None:
    hook = make_hook(workspace, name="dead")
    sample = telling.sample(hook, NOW)

    delivering.sweep()

    sample.refresh_from_db()
    assert (sample.state, Hook.objects.get().failing_since) == ("given_up", None)


# --- Sending again ------------------------------------------------------------------------------------


def test_one_that_arrived_is_sent_again_under_its_id(workspace: Workspace, posts: list[Any]) -> None:
    make_hook(workspace)
    delivered(workspace)
    delivering.sweep()

    assert delivering.again(only(), NOW)
    delivering.sweep()

    assert len(posts) == 2
    assert len(set(posts)) == 1
    assert len(only().tried) == 2


def test_one_that_is_being_tried_is_not_begun_anew(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_hook(workspace)
    delivered(workspace)
    [taken] = attempts.take(HookDelivery.objects.all(), [only().pk], NOW)

    assert not delivering.again(taken, NOW)
    assert delivering.again(taken, NOW + attempts.LEASE)


@pytest.mark.parametrize(("which", "again"), [(Which.GIVEN_UP, 1), (Which.EVERY, 2)])
def test_a_span_of_time_is_replayed(
    workspace: Workspace, travel: Travel, posts: list[Any], which: Which, again: int
) -> None:
    hook, other = make_hook(workspace), make_hook(workspace)
    for hours in (0, 1, 2, 3):
        travel(after(hours=hours))
        delivered(workspace)
    delivering.sweep()
    within = hook.deliveries.order_by("pk")[1]
    HookDelivery.objects.filter(pk=within.pk).update(state="given_up")
    posts.clear()

    span = Span(hook, after(minutes=30), after(hours=2, minutes=30), which)
    assert span.deliveries().count() == replaying.replay(span, after(hours=3)) == again
    delivering.sweep()

    assert len(posts) == again
    assert {url for url, _ in posts} == {hook.endpoint.url} != {other.endpoint.url}


# --- Deleting -----------------------------------------------------------------------------------------


def test_events_go_after_a_month_or_with_the_messages(
    workspace: Workspace, posts: list[Any], travel: Travel
) -> None:
    make_hook(workspace)
    make_hook(elsewhere := make_workspace())
    for day in (0, 20):
        travel(after(days=day))
        delivered(workspace)
        delivered(elsewhere)

    assert purging.purge(workspace, after(days=10), Part.MESSAGE) == 1
    assert HookEvent.objects.filter(workspace=workspace).count() == 1
    assert HookEvent.objects.filter(workspace=elsewhere).count() == 2
    housekeeping.sweep_out(after(days=31))
    assert (HookEvent.objects.count(), HookDelivery.objects.count()) == (2, 2)


def test_an_answer_that_may_repeat_a_text_goes_with_the_texts(workspace: Workspace, posts: list[Any]) -> None:
    make_hook(workspace)
    delivered(workspace)
    delivering.sweep()

    assert purging.purge(workspace, after(days=1), Part.TEXT) == 1
    assert purging.purge(workspace, after(days=1), Part.NUMBER) == 0
    assert (only().answer, only().tried, only().state) == ("", [], "delivered")


def test_a_batch_is_read_with_few_queries(
    workspace: Workspace, posts: list[Any], django_assert_max_num_queries: Any
) -> None:
    make_hook(workspace)
    for _ in range(4):
        delivered(workspace)

    with django_assert_max_num_queries(24) as found:
        delivering.sweep()

    assert isinstance(found, CaptureQueriesContext)
    assert sum("sending_message" in each["sql"] for each in found.captured_queries) == 1


def test_numbers_of_other_workspaces_are_not_read(number: Number, receiver: Receiver) -> None:
    """An event names rows by id: it is written by us, and only with rows of its own workspace."""
    make_hook(number.workspace, url=receiver.url, tells_contents=True)
    elsewhere = make_number(make_workspace())
    delivered(elsewhere.workspace)

    delivering.sweep()

    assert receiver.got == []
