"""The pages over the log that are measured, each with arguments that find much and arguments that find little."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cache

from django.db import connection
from django.urls import reverse
from django.utils import timezone

from smsadmin.core.ids import first_uuid7, key16
from smsadmin.keyset import PER_PAGE
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Message
from smsadmin.sending.requests import requests_url
from tests.bench.rows import CAUSES, DAYS, WORKFLOWS, Customer
from tests.factories import PORTAL

DEEP = 200  # pages


def floor() -> None:
    """Fifty rows by primary key from the middle of the log."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, status, sender, recipient, number_id, agent_id, action_id, error_code, segments "
            "FROM sending_message WHERE id < %s ORDER BY id DESC LIMIT 50",
            [_middle()],
        )
        cursor.fetchall()


@cache
def _middle() -> object:
    return first_uuid7(timezone.now() - timedelta(days=DAYS // 2))


def addresses(customer: Customer) -> Iterator[tuple[str, str]]:
    """What each is called, and its address."""
    messages = Message.objects.filter(workspace=customer.workspace)
    deep = messages.order_by("-pk").values_list("pk", flat=True)[DEEP * PER_PAGE]
    sent = messages.filter(status="delivered").order_by("-pk")[5]
    failed = messages.filter(status="failed").order_by("-pk")[5]
    callback = sent.origin["callback_id"]
    Message.objects.filter(pk=sent.pk).update(key=key16(f"{PORTAL}:{callback}"))
    often, seldom = customer.numbers[0], customer.numbers[-1]
    _code, _status, _facts, cause = CAUSES[0]

    yield "log: newest page", log_url()
    yield f"log: page {DEEP}", log_url(before=deep)
    yield "log: half way down", log_url(before=_middle())
    for status in ("failed", "delivered", "held", "trouble", "waiting"):
        yield f"log: status {status}", log_url(status=status)
    yield f"log: status failed, page {DEEP}", log_url(status="failed", before=deep)
    yield "log: code", log_url(error=failed.error_code)
    yield "log: cause", log_url(cause=cause)
    yield "log: number, busy", log_url(number=often.pk)
    yield "log: number, quiet", log_url(number=seldom.pk)
    yield f"log: number, busy, page {DEEP}", log_url(number=often.pk, before=deep)
    yield "log: number and failed", log_url(number=seldom.pk, status="failed")
    yield "log: user", log_url(agent=customer.users[0])
    yield "log: action", log_url(action=customer.actions[0].pk)
    yield "log: action and unknown", log_url(action=customer.actions[-1].pk, status="unknown")
    yield "log: recipient", log_url(recipient=sent.recipient)
    for trigger in ("hubspot", "no-tests", "test", "verification", "resend"):
        yield f"log: trigger {trigger}", log_url(trigger=trigger)
    yield "log: record", log_url(record=sent.object_id)
    yield "log: workflow, frequent", log_url(workflow="1")
    yield "log: workflow, rare", log_url(workflow=str(WORKFLOWS))
    yield "log: workflow, none such", log_url(workflow="none")
    yield "log: since yesterday", log_url(since="yesterday")
    yield "log: until a month ago", log_url(until=timezone.now() - timedelta(days=30))
    yield "log: failed, one day a month ago", log_url(status="failed", since="31d", until="30d")
    yield "search: recipient, full", log_url(q=sent.recipient)
    yield "search: recipient, without country", log_url(q=f"0{sent.recipient[3:]}")
    yield "search: own number", log_url(q=often.e164)
    yield "search: name of a line", log_url(q=often.name)
    yield "search: name of a user", log_url(q="user3@example.com")
    yield "search: message id", log_url(q=sent.pk)
    yield "search: provider's id", log_url(q=sent.provider_id)
    yield "search: callback id", log_url(q=callback)
    yield "search: nothing of the kind", log_url(q="nothing of the kind")
    yield "message: delivered", reverse("message", args=[sent.pk])
    yield "message: failed", reverse("message", args=[failed.pk])
    for days in (1, 7, 30):
        yield f"failures: {days} days", f"{reverse('failures')}?days={days}"
    yield "requests: newest page", requests_url()
    yield "requests: a callback", requests_url(q=callback)
    yield "requests: a workflow", requests_url(q="1")
    yield "resend: what it would send", f"{reverse('resend-new')}?status=failed&since=7d"
    yield "overview", reverse("overview")
    yield "causes, with how often", reverse("help-errors")
    yield "export: what it would have", reverse("export-new")
