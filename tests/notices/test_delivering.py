"""A notice reaches each address once, is tried again for a day, and says nothing that is secret."""

import json
import smtplib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail as outbox
from django.test.utils import CaptureQueriesContext

from smsadmin.notices import attempts, delivering, mail, telling, webhook
from smsadmin.notices.models import Delivery, Endpoint, Notice, NoticeRule
from smsadmin.workspaces.models import Workspace
from tests.factories import make_member
from tests.notices.conftest import SECRET, START, Receiver, at, failed, look, make_endpoint, make_rule

pytestmark = pytest.mark.django_db

Travel = Callable[[datetime], None]


def deliver(workspace: Workspace, code: str = "RATE_LIMITED", facts: Any = None, **columns: Any) -> Delivery:
    """Tells of a failure by a rule with these columns, and tries to deliver it."""
    make_rule(workspace, **columns)
    failed(workspace, at(minutes=1), code, facts)
    assert look(at(minutes=2)) == 1
    delivering.sweep()
    return Delivery.objects.get()


@pytest.fixture(autouse=True)
def _at_two_past(travel: Travel) -> None:
    travel(at(minutes=2))


# --- Mail ---------------------------------------------------------------------------------------------


def test_a_mail_says_what_failed_whose_it_is_and_what_fixes_it(workspace: Workspace) -> None:
    delivery = deliver(workspace)

    [mail] = outbox.outbox
    assert mail.to == ["ops@example.com"]
    assert mail.subject == (
        "[Example Ltd] Aircall asked to slow down 5 times, so the message was given up. It never left."
    )
    assert mail.body.splitlines() == [
        "Aircall asked to slow down 5 times, so the message was given up. It never left.",
        "",
        "How many: 1 message by then",
        "Whose: The provider",
        "What fixes it: Lower the pace of the connection, or send it again later.",
        "Rule: Operators",
        "",
        f"http://testserver/failures/?days=30#cause-{Notice.objects.get().facts['cause']}",
        "",
        "smsadmin, workspace Example Ltd",
    ]
    assert (delivery.state, delivery.answer) == ("delivered", "The mail server took it.")


def test_a_mail_is_in_the_language_of_the_workspace(workspace: Workspace) -> None:
    workspace.language = "de"
    workspace.save()

    deliver(workspace, "MESSAGE_EMPTY", {})

    assert "Die Nachricht ist leer." in outbox.outbox[0].subject


def test_a_mail_names_no_number_of_a_customer(workspace: Workspace) -> None:
    deliver(workspace, "RECIPIENT_IMPOSSIBLE", {"value": "+33612345678"})

    text = outbox.outbox[0].subject + outbox.outbox[0].body
    assert "345678" not in text.replace(" ", "")
    assert "+33 ••• •••78" in text


def test_a_subject_is_one_line_of_bounded_length(workspace: Workspace) -> None:
    workspace.name = "Example\r\nBcc: somebody@example.com"
    workspace.save()

    deliver(
        workspace, "PROVIDER_REJECTED", {"provider": "Aircall", "answer": "no\n" * 200, "http_status": 400}
    )

    subject = outbox.outbox[0].subject
    assert "\n" not in subject
    assert len(subject) <= mail.MOST_OF_SUBJECT


def test_each_kind_of_notice_has_its_sentence(workspace: Workspace) -> None:
    make_rule(workspace, when="count", messages=2, minutes=10)
    make_rule(workspace, when="rate", percent=50, at_least=3, minutes=10)
    for _ in range(3):
        failed(workspace, at(minutes=1), "MESSAGE_EMPTY", {})
    look(at(minutes=2))

    delivering.sweep()

    bodies = [each.body for each in outbox.outbox]
    assert "More than 2 messages failed within 10 minutes: The message is empty." in bodies[0]
    assert "100 % of all messages failed within 10 minutes." in bodies[1]
    assert "How many: 3 of 3 messages" in bodies[1]
    assert "The most frequent cause: The message is empty." in bodies[1]


# --- Trying again -------------------------------------------------------------------------------------


def test_a_mail_server_that_fails_is_tried_again_and_said(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, travel: Travel
) -> None:
    fails = iter(
        [smtplib.SMTPServerDisconnected("please run connect() first"), ConnectionRefusedError(111, "refused")]
    )
    deliverers = outbox.EmailMessage.send

    def send(message: outbox.EmailMessage) -> int:
        if error := next(fails, None):
            raise error
        return deliverers(message)

    monkeypatch.setattr(outbox.EmailMessage, "send", send)
    delivery = deliver(workspace)
    assert (delivery.state, delivery.next_attempt_at) == ("waiting", at(minutes=3))
    assert delivery.answer == "The mail server did not take it: please run connect() first"

    for minutes in (3, 8):
        travel(at(minutes=minutes))
        delivering.sweep()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, len(outbox.outbox)) == ("delivered", 3, 1)


def test_a_webhook_is_tried_for_a_day_with_growing_pauses_and_one_id(
    workspace: Workspace, receiver: Receiver, travel: Travel
) -> None:
    receiver.answers, receiver.said = [500] * 20, b"out of order"
    now, pauses = at(minutes=2), []
    delivery = deliver(workspace, emails=[], endpoint=make_endpoint(workspace, receiver.url))

    while delivery.state == "waiting":
        pauses.append(delivery.next_attempt_at - now)
        travel(delivery.next_attempt_at - timedelta(seconds=1))
        delivering.sweep()
        now = delivery.next_attempt_at
        travel(now)
        delivering.sweep()
        delivery.refresh_from_db()

    assert pauses == list(attempts.PAUSES)
    assert sum(pauses, timedelta()) < timedelta(days=1)
    assert (delivery.state, delivery.answer) == ("given_up", "HTTP 500: out of order")
    assert len(receiver.got) == delivery.attempts == 8
    assert len({each.headers["webhook-id"] for each in receiver.got}) == 1
    assert len({each.headers["webhook-timestamp"] for each in receiver.got}) == 8


def test_a_delivery_whose_worker_died_is_taken_up_once_its_lease_has_ended(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, travel: Travel
) -> None:
    class Killed(BaseException):
        """The end of a process."""

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(mail, "send", die)
        with pytest.raises(Killed):
            deliver(workspace)
    for later in (timedelta(0), attempts.LEASE - timedelta(seconds=1)):
        travel(at(minutes=2) + later)
        delivering.sweep()
        assert outbox.outbox == []

    travel(at(minutes=2) + attempts.LEASE)
    delivering.sweep()

    assert len(outbox.outbox) == 1
    assert Delivery.objects.get().attempts == 2


def test_a_delivery_that_kills_every_worker_is_given_up(workspace: Workspace) -> None:
    make_rule(workspace)
    failed(workspace, at(minutes=1))
    look(at(minutes=2))
    Delivery.objects.update(attempts=attempts.MOST_ATTEMPTS)

    delivering.sweep()

    assert Delivery.objects.get().state == "given_up"
    assert outbox.outbox == []


def test_a_mistake_of_ours_is_said_and_tried_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "subject", lambda told: 1 // 0)

    delivery = deliver(workspace)

    assert (delivery.state, delivery.answer) == ("waiting", "smsadmin itself failed: ZeroDivisionError")


def test_a_worker_that_was_overtaken_writes_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(*_: Any) -> Any:
        Delivery.objects.update(holder=None, answer="of the other one")
        return delivering.Outcome(False, "of this one")

    monkeypatch.setattr(mail, "send", overtaken)

    assert deliver(workspace).answer == "of the other one"


def test_trying_again_begins_another_day(workspace: Workspace, rings: list[str]) -> None:
    make_rule(workspace)
    failed(workspace, at(minutes=1))
    look(at(minutes=2))
    Delivery.objects.update(state="given_up", attempts=8)

    assert delivering.again(Delivery.objects.get(), at(minutes=2))
    delivering.sweep()

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, rings) == ("delivered", 1, ["ring"])
    assert not delivering.again(delivery, at(minutes=3))
    assert Delivery.objects.get().state == "delivered"


def test_one_that_is_being_tried_is_not_begun_anew(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its success were dropped, and the mail sent twice."""
    asked: list[bool] = []

    def send(*_: Any) -> Any:
        asked.append(delivering.again(Delivery.objects.get(), at(minutes=2)))
        return delivering.Outcome(True, "The mail server took it.")

    monkeypatch.setattr(mail, "send", send)

    delivery = deliver(workspace)
    delivering.sweep()

    assert asked == [False]
    assert (delivery.state, delivery.attempts) == ("delivered", 1)


def test_one_whose_worker_died_is_begun_anew_once_its_lease_has_ended(workspace: Workspace) -> None:
    make_rule(workspace)
    failed(workspace, at(minutes=1))
    look(at(minutes=2))
    Delivery.objects.update(holder=uuid4(), next_attempt_at=at(minutes=4))

    assert not delivering.again(Delivery.objects.get(), at(minutes=3))
    assert delivering.again(Delivery.objects.get(), at(minutes=4))


# --- Whose turn it is ---------------------------------------------------------------------------------


def test_while_a_mail_is_under_way_no_other_is_but_webhooks_are(
    workspace: Workspace, receiver: Receiver, travel: Travel
) -> None:
    emails = ["a@example.com", "b@example.com"]
    make_rule(workspace, emails=emails, endpoint=make_endpoint(workspace, receiver.url))
    failed(workspace, at(minutes=1))
    look(at(minutes=2))
    Delivery.objects.filter(address="a@example.com").update(holder=uuid4(), next_attempt_at=at(minutes=4))

    delivering.sweep()
    assert (len(outbox.outbox), len(receiver.got)) == (0, 1)

    travel(at(minutes=4))
    delivering.sweep()
    assert sorted(mail.to[0] for mail in outbox.outbox) == emails


def test_slow_mails_end_the_turn_of_mails_alone(
    workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "LONGEST_TURN", -1.0)
    make_rule(
        workspace,
        emails=["a@example.com", "b@example.com"],
        endpoint=make_endpoint(workspace, receiver.url),
    )
    failed(workspace, at(minutes=1))
    look(at(minutes=2))

    delivering.sweep()

    assert (len(outbox.outbox), len(receiver.got)) == (1, 1)


def test_a_sample_goes_before_what_has_waited_and_is_tried_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def send(told: Any, _address: str) -> Any:
        tried.append(told.type)
        return delivering.Outcome(False, "of the mail server")

    monkeypatch.setattr(mail, "send", send)
    rule = make_rule(workspace)
    failed(workspace, at(minutes=1))
    look(at(minutes=1, seconds=30))
    sample = telling.sample(rule, "email", make_member(workspace).user, at(minutes=2))

    delivering.sweep()

    assert tried == ["sample", "failure.new"]
    assert sample
    assert sample.deliveries.get().state == "given_up"


# --- Webhooks -----------------------------------------------------------------------------------------


def test_a_webhook_goes_over_the_wire_as_documented(workspace: Workspace, receiver: Receiver) -> None:
    delivery = deliver(workspace, emails=[], endpoint=make_endpoint(workspace, f"{receiver.url}?key=a+b"))

    [got], notice = receiver.got, Notice.objects.get()
    assert got.path == "/hook?key=a+b"
    assert got.headers["host"] == receiver.url.split("/")[2]
    assert got.headers["content-type"] == "application/json"
    assert json.loads(got.body) == {
        "type": "failure.new",
        "timestamp": "2026-11-22T08:02:00+00:00",
        "data": {
            "workspace": "Example Ltd",
            "sentence": "Aircall asked to slow down 5 times, so the message was given up. It never left.",
            "url": f"http://testserver/failures/?days=30#cause-{notice.facts['cause']}",
            "rule": "Operators",
            "cause": notice.facts["cause"],
            "code": "RATE_LIMITED",
            "count": 1,
            "owner": "provider",
            "whose": "The provider",
            "fix": "Lower the pace of the connection, or send it again later.",
        },
    }
    assert (delivery.state, delivery.answer) == ("delivered", "HTTP 204")
    assert delivery.address == got.headers["host"], "a key in the address is not in the list"


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of the specification's own test suite (standardwebhooks.com)."""
    body = b'{"test": 2432232314}'

    signature = webhook.sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_both_secrets_sign_for_a_day_after_a_change(workspace: Workspace) -> None:
    endpoint = make_endpoint(workspace)

    new = webhook.renew(endpoint, START)
    endpoint.save()

    def signatures(now: datetime) -> list[str]:
        headers = webhook.signed(Endpoint.objects.get(), "id", b"{}", now)
        return headers["webhook-signature"].split(" ")

    def by(secret: str, now: datetime) -> str:
        return webhook.sign(secret, "id", str(int(now.timestamp())), b"{}")

    for now, keys in ((at(hours=23), [new, SECRET]), (at(hours=24), [new])):
        assert signatures(now) == [by(key, now) for key in keys]
    webhook.forget_previous(at(hours=23))
    assert "previous" in Endpoint.objects.get().secrets
    webhook.forget_previous(at(hours=24))
    assert set(Endpoint.objects.get().secrets) == {"secret"}


def test_each_secret_signs_for_a_day_after_it_was_replaced_however_often(workspace: Workspace) -> None:
    endpoint = make_endpoint(workspace)
    second, third = webhook.renew(endpoint, START), webhook.renew(endpoint, at(hours=20))
    endpoint.save()

    def count(now: datetime) -> list[str]:
        endpoint = Endpoint.objects.get()
        made = webhook.signed(endpoint, "id", b"{}", now)["webhook-signature"].split(" ")
        stamp = str(int(now.timestamp()))
        return [key for key in (third, second, SECRET) if webhook.sign(key, "id", stamp, b"{}") in made]

    assert [count(at(hours=hours)) for hours in (23, 24, 43, 44)] == [
        [third, second, SECRET],
        [third, second],
        [third, second],
        [third],
    ]
    webhook.forget_previous(at(hours=44))
    assert set(Endpoint.objects.get().secrets) == {"secret"}


def test_secrets_are_unlike_and_long(workspace: Workspace) -> None:
    made = {webhook.new_secret() for _ in range(20)}

    assert len(made) == 20
    assert all(each.startswith("whsec_") and len(each) == 50 for each in made)


@pytest.mark.parametrize(
    ("status", "state"), [(200, "delivered"), (202, "delivered"), (302, "waiting"), (404, "waiting")]
)
def test_only_an_answer_of_success_counts_and_no_redirect_is_followed(
    workspace: Workspace, receiver: Receiver, status: int, state: str
) -> None:
    receiver.answers = [status]

    delivery = deliver(workspace, emails=[], endpoint=make_endpoint(workspace, receiver.url))

    assert (delivery.state, len(receiver.got)) == (state, 1)


def test_nobody_there_is_said(workspace: Workspace) -> None:
    delivery = deliver(workspace, emails=[], endpoint=make_endpoint(workspace))

    assert delivery.answer == "the connection was refused or the host is unknown"


def test_a_private_address_is_refused_where_the_setting_says_so(
    workspace: Workspace, receiver: Receiver, settings: Any
) -> None:
    settings.NOTICE_PRIVATE_HOSTS = False
    url = receiver.url.replace("http://", "https://")

    delivery = deliver(workspace, emails=[], endpoint=make_endpoint(workspace, url))

    assert (delivery.answer, receiver.got) == ("the address is of a private network", [])


def test_an_address_that_was_deleted_is_said(workspace: Workspace) -> None:
    make_rule(workspace, emails=[], endpoint=make_endpoint(workspace))
    failed(workspace, at(minutes=1))
    look(at(minutes=2))
    NoticeRule.objects.all().delete()
    Endpoint.objects.all().delete()

    delivering.sweep()

    assert Delivery.objects.get().answer == "The address was deleted."


def test_secret_and_address_are_in_no_log(
    workspace: Workspace,
    receiver: Receiver,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    receiver.answers = [500]
    deliver(workspace, emails=[], endpoint=make_endpoint(workspace, f"{receiver.url}?key=keyinaddress"))

    said = "".join(capfd.readouterr()) + caplog.text
    assert "notices.tried" in said
    assert SECRET not in said
    assert "keyinaddress" not in said


def test_secrets_are_stored_encrypted(workspace: Workspace) -> None:
    from django.db import connection

    make_endpoint(workspace)
    with CaptureQueriesContext(connection), connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM notices_endpoint")
        [[stored]] = cursor.fetchall()

    assert SECRET not in stored
    assert repr(Endpoint.objects.get().secrets) == "<Secrets secret>"
