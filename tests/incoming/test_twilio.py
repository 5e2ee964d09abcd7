"""What Twilio's webhooks tell us: who is believed, what comes of it, and what it is answered."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from smsadmin import cache
from smsadmin.connections.models import ErrorCode
from smsadmin.consent.models import OptOut, Policy, Review
from smsadmin.core.status import Status
from smsadmin.directory.models import Number, SenderKind
from smsadmin.flows import starting
from smsadmin.flows.models import FlowRun, Start
from smsadmin.incoming.models import InboundMessage, OutsideMessage, ProviderCall, Webhook
from smsadmin.providers.told import About
from smsadmin.providers.twilio import signatures, webhooks
from smsadmin.sending.models import Message, RefusedCall
from smsadmin.workspaces.models import Connection
from tests.factories import make_connection, make_message, make_number, make_workspace
from tests.flows.making import make_flow, make_start
from tests.incoming.conftest import handle, receipts, status

ADA, BEA, OURS, TOKEN = "+13125550123", "+13125550124", "+12065550188", "0123456789abcdef0123456789abcdef"
SID, SERVICE = "SM00000000000000000000000000000009", "MG00000000000000000000000000000001"


@dataclass
class Account:
    """A Twilio account of a workspace, and Twilio as it calls us."""

    connection: Connection
    number: Number
    service: Number
    client: Client = field(default_factory=Client)

    def post(self, event: str, form: dict[str, str], query: str = "", **over: Any) -> HttpResponse:
        """A call as Twilio makes it. `signed` are other parameters, `token`, `url` and `headers` others too."""
        path = f"/twilio/{event}/{over.get('address', 'portal')}{query}"
        given = {name: [value] for name, value in over.get("signed", form).items()}
        signature = signatures.sign(
            over.get("url", f"http://testserver{path}"), given, over.get("token", TOKEN)
        )
        headers = {"X-Twilio-Signature": signature, **over.get("headers", {})}
        return self.client.post(path, urlencode(form), "application/x-www-form-urlencoded", headers=headers)

    def tell(self, word: str = "delivered", ours: Message | None = None, **over: str) -> HttpResponse:
        """A status callback, which names the message by our id where that went along."""
        form = {"MessageSid": SID, "MessageStatus": word, "From": OURS, "To": ADA, **over}
        answer = self.post("status", form, f"?message={ours.pk}" if ours else "")
        assert answer.status_code == 204, answer.content
        handle()
        return answer

    def text(self, body: str = "Yes", **over: str) -> HttpResponse:
        form = {
            "MessageSid": f"SM{hash(body + str(over)) % 10**30:032x}",
            "From": ADA,
            "To": OURS,
            "Body": body,
        }
        answer = self.post("inbound", {**form, "SmsStatus": "received", "NumMedia": "0", **over})
        assert answer.status_code == 200, answer.content
        handle()
        return answer

    def message(self, status: str = "sent", **columns: Any) -> Message:
        at = columns.pop("at", timezone.now())
        mine = {"number": self.number, "recipient": ADA, "body": "Hi Ada", "claimed_at": at}
        return make_message(self.connection.workspace, at=at, status=status, **(mine | columns))

    def keeps_opt_outs(self, **columns: Any) -> None:
        Policy.objects.create(workspace=self.connection.workspace, kept_by=Policy.KeptBy.HERE, **columns)
        cache.forget()

    @property
    def out(self) -> list[str]:
        return list(OptOut.objects.filter(is_out=True).values_list("number", flat=True))


@pytest.fixture
def twilio(db: None) -> Account:
    connection = make_connection(make_workspace(), "twilio", secrets={"auth_token": TOKEN})
    Webhook.objects.create(
        connection=connection,
        workspace=connection.workspace,
        address_hash=hashlib.sha256(b"portal").hexdigest(),
        secrets={"address": "portal"},
    )
    made = {"connection": connection, "name": "Seattle"}
    number = make_number(connection.workspace, OURS, provider_id=OURS, **made)
    service = make_number(
        connection.workspace, "x", provider_id=SERVICE, kind=SenderKind.POOL, **(made | {"name": "Service"})
    )
    Number.objects.filter(pk=service.pk).update(e164="")
    return Account(connection, number, service)


# --- Who is believed ----------------------------------------------------------------------------------


def test_a_signed_callback_is_stored_and_answered_with_nothing(twilio, rings):
    answer = twilio.post("status", {"MessageSid": SID, "MessageStatus": "sent", "New": ""})

    assert (answer.status_code, answer.content, rings) == (204, b"", [1])
    stored = ProviderCall.objects.get()
    assert (stored.event, stored.provider_id) == ("status", SID)


def test_a_text_is_answered_with_empty_twiml(twilio):
    answer = twilio.text()

    assert answer["Content-Type"] == "text/xml"
    assert answer.content == b'<?xml version="1.0" encoding="UTF-8"?><Response />'


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"token": "another"}, "forged"),
        ({"signed": {"MessageSid": SID, "MessageStatus": "sent"}}, "forged"),
        ({"url": "https://testserver/twilio/status/portal"}, "forged"),
        ({"headers": {"X-Twilio-Signature": ""}}, "unsigned"),
        ({"headers": {"X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_SHA256"}}, "secret"),
        ({"headers": {"X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_MD5"}}, "secret"),
        ({"address": "elsewhere"}, "address"),
    ],
    ids=["token", "parameters", "scheme", "no header", "no shared key", "another algorithm", "address"],
)
def test_who_cannot_be_twilio_is_turned_away(twilio, over, reason):
    answer = twilio.post("status", {"MessageSid": SID, "MessageStatus": "delivered"}, **over)

    assert answer.status_code in (403, 404)
    assert RefusedCall.objects.get().reason == reason
    assert not ProviderCall.objects.exists()


def test_without_the_header_nobody_is_believed(twilio):
    answer = twilio.client.post("/twilio/status/portal", {"MessageSid": SID, "MessageStatus": "delivered"})

    assert (answer.status_code, RefusedCall.objects.get().reason) == (403, "unsigned")


def test_an_algorithm_that_nobody_knows_is_refused_also_where_there_is_a_shared_key(twilio):
    twilio.connection.secrets = {"auth_token": TOKEN, "shared_key": "shared"}
    twilio.connection.save()
    headers = {"X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_MD5"}

    answer = twilio.post("status", {"MessageSid": SID, "MessageStatus": "sent"}, headers=headers)
    assert (answer.status_code, RefusedCall.objects.get().reason) == (403, "forged")


def test_the_address_is_signed_with_or_without_its_port_and_with_its_query(twilio):
    form = {"MessageSid": SID, "MessageStatus": "sent"}
    url = "http://testserver:80/twilio/status/portal?message=x%20y"

    assert twilio.post("status", form, "?message=x%20y", url=url).status_code == 204
    assert twilio.post("status", form, "?message=other", url=url).status_code == 403


def test_a_form_that_names_no_message_is_malformed(twilio):
    assert twilio.post("status", {"CallSid": "CA1"}).status_code == 400


def test_what_twilio_thinks_people_live_in_is_not_kept(twilio):
    twilio.text("Hello", FromCity="CHICAGO", FromZip="60601")

    assert "CHICAGO" not in str(ProviderCall.objects.get().body)
    assert "Body" not in ProviderCall.objects.get().body


# --- Receipts -----------------------------------------------------------------------------------------


def test_receipts_move_a_message_forward_and_never_back(twilio):
    message = twilio.message(provider_id=SID)

    for word, after in [("sending", "sent"), ("delivered", "delivered"), ("sent", "delivered")]:
        twilio.tell(word)
        assert status(message) == after
    assert [each["late"] for each in receipts(message)] == [False, False, True]


def test_the_same_status_is_told_once(twilio):
    message = twilio.message(provider_id=SID)
    twilio.tell()
    twilio.tell()

    assert [bool(each.get("repeated")) for each in receipts(message)] == [False, True]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("30003", "DELIVERY_FAILED"),
        ("30005", "RECIPIENT_REFUSED"),
        ("30006", "RECIPIENT_NOT_MOBILE"),
        ("30007", "MESSAGE_FILTERED"),
        ("30034", "NUMBER_NOT_REGISTERED"),
        ("31999", "DELIVERY_FAILED"),
    ],
)
def test_why_it_did_not_arrive_is_what_its_code_means(twilio, code, error):
    message = twilio.message(provider_id=SID)
    twilio.tell("undelivered", ErrorCode=code)

    assert (status(message), message.error_code) == ("undelivered", error)
    assert code in message.error_facts["answer"]


def test_what_twilio_had_taken_is_never_said_to_have_not_left(twilio):
    """Whatever its code means where a request is refused with it."""
    ErrorCode.objects.create(workspace=twilio.connection.workspace, code=30003, error="RATE_LIMITED")
    cache.forget()
    for sid, code in (("SM1", "30003"), ("SM2", "20003"), ("SM3", "63017")):
        message = twilio.message(provider_id=sid)
        twilio.tell("failed", MessageSid=sid, ErrorCode=code)
        assert (status(message), message.error_code) == ("undelivered", "DELIVERY_FAILED")
        assert code in message.error_facts["answer"]


def test_a_workspace_says_otherwise_what_a_code_means(twilio):
    ErrorCode.objects.create(workspace=twilio.connection.workspace, code=30003, error="RECIPIENT_REFUSED")
    cache.forget()
    message = twilio.message(provider_id=SID)
    twilio.tell("failed", ErrorCode="30003")

    assert (status(message), message.error_code) == ("undelivered", "RECIPIENT_REFUSED")


@pytest.mark.parametrize("before", ["unknown", "sending"])
def test_a_callback_names_a_message_whose_answer_was_lost(twilio, before):
    """By our own id: no callback has the text that others are recognised by."""
    message = twilio.message(before, provider_id="")
    twilio.tell("delivered", ours=message)

    assert (status(message), message.provider_id) == ("delivered", SID)


def test_a_callback_with_an_id_of_ours_and_another_of_twilios_is_about_something_else(twilio):
    message = twilio.message(provider_id="SM1")
    twilio.tell("delivered", ours=message)

    assert (status(message), message.provider_id) == ("sent", "SM1")
    assert OutsideMessage.objects.exists()


def test_what_is_told_late_of_a_message_that_was_deleted_here_is_nobody_elses(twilio):
    message = twilio.message(provider_id=SID)
    Message.objects.all().delete()
    twilio.tell("delivered", ours=message)
    twilio.tell("delivered", MessageSid="SM2")

    assert [each.provider_id for each in OutsideMessage.objects.all()] == ["SM2"]


def test_nobody_settles_the_message_of_another_account(twilio):
    other = make_connection(twilio.connection.workspace, "twilio")
    message = make_message(
        other.workspace, status="unknown", number=make_number(other.workspace, connection=other)
    )
    twilio.tell("delivered", ours=message)

    assert (status(message), message.provider_id) == ("unknown", "")


def test_the_segments_that_a_service_counts_later_are_taken_over(twilio):
    message = twilio.message(provider_id=SID, number=twilio.service, segments=1)
    twilio.tell("delivered", MessagingServiceSid=SERVICE, NumSegments="3")

    message.refresh_from_db()
    assert message.provider_segments == 3


@pytest.mark.parametrize("word", webhooks.STATUS_WORDS)
def test_every_word_is_read_in_any_case(word):
    said = webhooks.said({"event": "status", "MessageSid": SID, "SmsStatus": word.upper()})
    assert said.means in (Status.SENT, Status.DELIVERED, Status.UNDELIVERED)


def test_what_is_missing_or_unheard_of_changes_nothing():
    said = webhooks.said({"event": "status", "MessageSid": SID, "MessageStatus": "partially_delivered"})
    assert (said.means, said.word, said.segments, said.price) == (None, "partially_delivered", None, None)
    assert webhooks.about({"event": "status"}) == About.NOTHING


# --- Texts, STOP and START ----------------------------------------------------------------------------


def test_a_text_is_kept_with_the_number_it_came_to_and_its_pictures(twilio):
    message = twilio.message()
    twilio.text("  Yes, thank you ", NumMedia="2")

    inbound = InboundMessage.objects.get()
    assert (inbound.number, inbound.sender, inbound.body) == (twilio.number, ADA, "  Yes, thank you ")
    assert (inbound.media, inbound.answers) == (2, message.pk)


def test_an_answer_to_a_messaging_service_is_of_the_service(twilio):
    twilio.message(number=twilio.service)
    twilio.text(To="+12065550199", MessagingServiceSid=SERVICE)

    assert InboundMessage.objects.get().number == twilio.service


def test_stop_opts_out_start_lifts_it_and_twilio_alone_answers(twilio):
    twilio.keeps_opt_outs(stop_answer="You are out.", start_answer="Welcome back.")
    twilio.text("STOP")
    assert twilio.out == [ADA]
    twilio.text("unstop")
    assert twilio.out == []
    assert not Message.objects.exists()


def test_stop_by_another_channel_counts_and_gets_no_text_back(twilio):
    twilio.keeps_opt_outs(stop_answer="You are out.")
    twilio.text("STOP", From="rcs:+491701234567", To="rcs:brand_agent", MessagingServiceSid=SERVICE)
    twilio.text("STOP", From="whatsapp:+491701234568", To=f"whatsapp:{OURS}")
    twilio.text("YES", From="whatsapp:+491701234568", To=f"whatsapp:{OURS}")

    assert sorted(twilio.out) == ["+491701234567", "+491701234568"]
    assert not Message.objects.exists()


def test_by_another_channel_nobody_comes_back_to_texts_and_no_flow_texts_them(twilio):
    """Neither at once nor where what texts start is made up for."""
    twilio.keeps_opt_outs()
    make_start(make_flow(twilio.connection.workspace), Start.Kind.INBOUND_SMS)
    twilio.text("STOP")
    for channel in ("whatsapp", "rcs"):
        twilio.text("START", From=f"{channel}:{ADA}", To=f"{channel}:{OURS}")
        twilio.text("unstop now", From=f"{channel}:{ADA}", OptOutType="START")
        twilio.text("strat", From=f"{channel}:{ADA}")  # no question for a person either
        twilio.text("Hello", From=f"{channel}:{BEA}", To=f"{channel}:{OURS}")
    starting.make_up()

    assert (twilio.out, Review.objects.exists(), FlowRun.objects.exists()) == ([ADA], False, False)
    assert InboundMessage.objects.filter(channel="rcs").count() == 4


def test_what_comes_from_nobody_with_a_number_is_no_text(twilio):
    twilio.text("STOP", From="messenger:4915112345678901", To="messenger:1")

    assert not InboundMessage.objects.exists()


def test_where_twilio_does_not_answer_we_do(twilio):
    twilio.keeps_opt_outs(stop_answer="You are out.")
    twilio.connection.options = {"answers_keywords": False}
    twilio.connection.save()
    twilio.text("STOP")

    assert Message.objects.get().body == "You are out."


def test_where_twilio_takes_no_keywords_a_plain_yes_opts_nobody_in(twilio):
    twilio.keeps_opt_outs()
    twilio.connection.options = {"answers_keywords": False}
    twilio.connection.save()
    twilio.text("STOP")
    twilio.text("YES")
    assert twilio.out == [ADA]

    twilio.text("ja", OptOutType="START")
    assert twilio.out == []


def test_a_word_of_the_accounts_own_counts_as_twilio_says(twilio):
    twilio.keeps_opt_outs()
    twilio.text("genug jetzt", OptOutType="STOP")

    assert twilio.out == [ADA]


def test_a_plain_yes_of_somebody_who_is_not_out_says_nothing_about_opting_in(twilio):
    twilio.keeps_opt_outs()
    make_connection(twilio.connection.workspace, "hubspot")  # which is told of who opts in
    twilio.text("Yes")

    assert not OptOut.objects.exists()


def test_a_workspace_that_keeps_no_list_keeps_none(twilio):
    twilio.text("STOP")
    twilio.message(provider_id=SID)
    twilio.tell("failed", ErrorCode="21610")

    assert not OptOut.objects.exists()


def test_21610_in_a_receipt_is_learnt(twilio):
    twilio.keeps_opt_outs()
    message = twilio.message(provider_id=SID)
    twilio.tell("failed", ErrorCode="21610")

    assert (status(message), message.error_code) == ("undelivered", "RECIPIENT_OPTED_OUT")
    assert twilio.out == [ADA]
    assert OptOut.objects.get().changes.get().words == "Twilio error 21610, the recipient opted out"
