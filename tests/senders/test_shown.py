"""Names, and what an account picks itself, wherever a sender is shown."""

import html
import re

import pytest
from django.urls import reverse

from smsadmin import cache
from smsadmin.core.status import Status
from smsadmin.directory import naming
from smsadmin.directory.models import Number, SenderKind
from smsadmin.sending.accept import accept
from tests.factories import ask, make_message, make_pool, make_sender_name

POOL = "Callr picks the sender"


@pytest.fixture
def senders(account):
    return {"name": make_sender_name(account).number, "pool": make_pool(account)}


def words(response) -> str:
    text = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(html.unescape(text).split())


SHOWN = [("name", "ACME sender name"), ("pool", f"{POOL} by destination")]


@pytest.mark.parametrize(("kind", "says"), SHOWN)
def test_the_log_the_message_and_the_number_say_who_sent_it(signed_in, workspace, senders, kind, says):
    number = senders[kind]
    message = make_message(
        workspace, number=number, quota=[{"scope": "number", "subject": number.pk, "day_messages": 1}]
    )
    make_message(workspace, number=number)
    assert says in words(signed_in.get(reverse("log")))
    shown = words(signed_in.get(reverse("message", args=[message.pk])))
    assert says in shown
    assert f"Messages from {naming.said(number)}" in shown
    kept = words(signed_in.get(reverse("number", args=[number.pk])))
    assert naming.said(number) in kept
    assert "The four facts" not in kept


@pytest.mark.parametrize(("kind", "says"), SHOWN)
def test_quotas_and_filters_name_it(signed_in, workspace, senders, kind, says):
    number = senders[kind]
    accept(ask(number, phone="+33612345678"))
    name, beside = naming.said(number), naming.beside(number)
    assert says in words(signed_in.get(reverse("quotas")))
    assert name in words(signed_in.get(reverse("quota-number", args=[number.pk])))
    assert f"{beside} · {number.name}" in words(signed_in.get(reverse("log")))
    assert name in words(signed_in.get(reverse("quota-rule-new")))


@pytest.mark.parametrize(("kind", "says"), SHOWN)
def test_what_is_held_under_it_is_listed_with_it(signed_in, workspace, senders, kind, says):
    workspace.quota_rules.create(scope="number", window="day", unit="messages", limit=1)
    cache.forget()
    for _ in range(2):
        message = accept(ask(senders[kind], phone="+33612345678", at_quota="hold", hold_minutes=2_880))
    assert message.status == "held"
    assert says in words(signed_in.get(reverse("quota-held")))


@pytest.mark.parametrize("kind", ["name", "pool"])
def test_a_message_under_it_can_be_sent_again(signed_in, workspace, senders, kind):
    columns = {"error_code": "PROVIDER_UNAVAILABLE"}
    columns["inputs"] = {"values": {}, "config": {"sender_kind": "given", "recipient_property": "inputs.to"}}
    make_message(workspace, number=senders[kind], status=Status.FAILED, **columns)
    assert signed_in.get(reverse("resend-new"), {"status": "trouble"}).status_code == 200


@pytest.mark.parametrize("kind", ["name", "pool"])
def test_its_facts_are_not_an_admins_to_set(signed_in, senders, kind):
    number = senders[kind]
    signed_in.post(reverse("number", args=[number.pk]), {"connected": "no", "sms_capable": "no"})
    number.refresh_from_db()
    assert (number.connected, number.sms_capable) == (True, True)


def test_no_choice_of_numbers_offers_it(signed_in, account, senders):
    offered = Number.objects.get(kind=SenderKind.PHONE)
    for address in (reverse("action-new"), reverse("directory")):
        shown = words(signed_in.get(address))
        assert offered.name in shown
        assert "ACME" not in shown
        assert POOL not in shown
