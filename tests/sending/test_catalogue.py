"""One real message for every code of the catalogue: how it comes about, what it says, whose it is, what may follow.

The expectations stand here in full, apart from the catalogue, so that a changed entry shows. A new code needs its
example. Codes that no step raises yet go the way of every refusal: `accept.refuse`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from smsadmin import cache
from smsadmin.core import errors
from smsadmin.core.causes import code_of
from smsadmin.core.errors import CATALOGUE, SendError
from smsadmin.core.status import Status
from smsadmin.directory.models import Number
from smsadmin.quotas.models import Rule, Scope
from smsadmin.sending import accept as accept_module
from smsadmin.sending import explain, hold, log
from smsadmin.sending.accept import accept, refuse
from smsadmin.sending.models import Message
from smsadmin.sending.presenters import WHOSE
from smsadmin.workspaces.models import Connection
from tests.factories import (
    RECIPIENT,
    FakeProvider,
    ask,
    make_agent,
    make_connection,
    make_member,
    make_sender_name,
    rate_limited,
    refused,
    unreachable,
)
from tests.sending.conftest import NOW, Clock


@dataclass
class Flow:
    """What examples are made with: a number that Mia and Leo use, a provider that answers as it is told."""

    number: Number
    provider: FakeProvider
    drain: Callable[..., int]
    clock: Clock
    monkeypatch: pytest.MonkeyPatch

    def accept(self, **over: Any) -> Message:
        return accept(ask(self.number, **over), NOW)

    def refuse(self, error: SendError) -> Message:
        return refuse(ask(self.number), error, NOW)

    def send(self, *reactions: Any) -> Message:
        """A message that the provider reacts to, each time it is tried."""
        message = self.accept()
        self.provider.answer(RECIPIENT, *reactions)
        self.drain(self.number.connection_id, seconds=300 if len(reactions) > 1 else 0)
        return message

    def slowed_down(self, times: int) -> Message:
        """A message that meets a limit so often; before the last time a day has passed."""

        def a_day_passes(sms: Any) -> Any:
            Message.objects.update(accepted_at=NOW - timedelta(days=1))
            return rate_limited(10)

        return self.send(*[rate_limited(10)] * (times - 2), a_day_passes, rate_limited(10))

    def over(self, scope: Scope, unit: str = "messages", window: str = "minute", **over: Any) -> Message:
        """The second message of a number or a user who may send one."""
        Rule.objects.filter(workspace=self.number.workspace, scope=scope, unit=unit, window=window).update(
            limit=1
        )
        cache.forget()
        self.accept(**over)
        return self.accept(**over)

    def as_acme(self, **over: Any) -> Message:
        """A message under a name."""
        account = make_connection(self.number.workspace, Connection.Kind.CALLR)
        make_sender_name(account, "ACME")
        return self.accept(**GIVEN, sender_given="ACME", sender_connection_id=account.pk, **over)

    def as_mia(self) -> dict[str, Any]:
        return {"send_as_kind": "user", "send_as_user_id": self.number.agents.get(name="Mia").pk}

    def expired(self) -> Message:
        message = self.over(Scope.NUMBER, at_quota="hold", hold_minutes=5)
        hold.release(NOW + timedelta(minutes=5))
        return message

    def undelivered(self, error: SendError | None = None) -> Message:
        message = self.send()
        message.refresh_from_db()
        said = log.Receipt("failed", Status.UNDELIVERED, "message.status_updated", NOW, error=error)
        log.receipt(message, said, NOW)
        return message

    def failed_inside(self) -> Message:
        def broken(draft: Any) -> Any:
            raise KeyError("a step that is broken")

        self.monkeypatch.setattr(accept_module, "CHECKS", (("length", broken),))
        return self.accept()


@pytest.fixture
def flow(
    number: Number,
    provider: FakeProvider,
    drain: Callable[..., int],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Flow:
    number.e164, number.name = "+12025550101", "Sales US"
    number.save()
    cache.forget()
    return Flow(number, provider, drain, clock, monkeypatch)


def _unfit(**facts: bool | str) -> Callable[..., Message]:
    """A message from a number that lacks one of the four conditions, or is under a rule of its country."""

    def make(flow: Flow, **over: Any) -> Message:
        Number.objects.filter(pk=flow.number.pk).update(**facts)
        cache.forget()
        return flow.accept(**over)

    return make


def _not_on_number(flow: Flow) -> Message:
    kim = make_agent(flow.number.workspace, "kim@example.com")
    return flow.accept(send_as_kind="user", send_as_user_id=kim.pk)


def _unconnected(flow: Flow) -> Message:
    return flow.accept(sender_kind="property", sender_property="from", properties={"from": "+12025550199"})


@dataclass(frozen=True)
class Example:
    """How a message with this code comes about, and what must be said of it."""

    make: Callable[[Flow], Message]
    sentence: str
    whose: str = "configuration"
    stage: str = "resolve"
    retry: str = "after_fix"
    status: str = "rejected"


PROPERTY = {"sender_kind": "property", "sender_property": "from"}
GIVEN = {"sender_kind": "given", "sender_number_id": None}
AS_PROPERTY = {"send_as_kind": "property", "send_as_property": "owner"}
RECORD = {"whose": "record"}
CHECK = {"stage": "check"}
TRIGGER = {"stage": "trigger"}
QUOTA = {"whose": "quota", "stage": "check"}
SENDING = {"stage": "dispatch", "status": "failed"}
BY_PROVIDER = {"whose": "provider", **SENDING}

EXAMPLES = {
    # Sender
    "SENDER_REQUIRED": Example(lambda f: f.accept(**PROPERTY), "No sender number was given: from is empty."),
    "NUMBER_NOT_E164": Example(
        lambda f: f.accept(**PROPERTY, properties={"from": "202 555 0101"}),
        "The sender “202 555 0101” is not written as a full international number.",
    ),
    "NUMBER_NOT_IN_INTEGRATION": Example(
        _unconnected, "+1 202-555-0199 is not connected to this integration, so nothing was sent."
    ),
    "NUMBER_NOT_SMS_CAPABLE": Example(
        _unfit(sms_capable=False), "+1 202-555-0101 is not known to send text messages, so nothing was sent."
    ),
    "NUMBER_IN_PROXY_MODE": Example(
        _unfit(proxy_mode=True),
        "+1 202-555-0101 is used by the Aircall Messaging API (proxy mode), so it cannot text from here.",
    ),
    "NUMBER_THIRD_PARTY_MESSAGING": Example(
        _unfit(third_party=True),
        "+1 202-555-0101 uses another messaging service, so Aircall cannot text from it.",
    ),
    "NUMBER_NOT_FOR_AUTOMATION": Example(
        _unfit(e164="+33639980012", country="FR"),
        "+33 6 39 98 00 12 is a French mobile number, and Aircall forbids automated sending from those, so nothing was "
        "sent.",
        **CHECK,
    ),
    "NUMBER_NOT_REGISTERED": Example(
        _unfit(registration="unregistered"),
        "+1 202-555-0101 is not registered with the carriers (A2P 10DLC), which block its texts, so nothing was sent.",
        **CHECK,
    ),
    "TOLL_FREE_NOT_VERIFIED": Example(
        lambda f: _unfit(e164="+18005550199", registration="pending")(f, phone="+14165550123"),
        "The toll-free number +1 800-555-0199 is not verified yet, and until then Canada blocks its texts, so nothing "
        "was sent.",
        **CHECK,
    ),
    "SENDER_ID_INVALID": Example(
        lambda f: f.accept(**GIVEN, sender_given="Globex Corporation"),
        "“Globex Corporation” cannot be a sender name: it is longer than 11 characters.",
    ),
    "SENDER_ID_NOT_APPROVED": Example(
        lambda f: f.as_acme(phone="+6591234567"),
        "The sender name “ACME” is not approved for Singapore, so nothing was sent.",
        **CHECK,
    ),
    # Send as
    "USER_REQUIRED": Example(
        lambda f: f.accept(**AS_PROPERTY), "The action sends as a user, but owner is empty."
    ),
    "USER_NOT_FOUND": Example(
        lambda f: f.accept(**AS_PROPERTY, properties={"owner": "kim@example.com"}),
        "kim@example.com is not a user of this Aircall account.",
    ),
    "USER_NOT_ON_NUMBER": Example(
        _not_on_number, "kim@example.com is not a user of +1 202-555-0101, so nothing was sent."
    ),
    "USER_OUT_OF_SEGMENTS": Example(
        lambda f: f.over(Scope.USER, "segments", "month", **f.as_mia()),
        "mia@example.com has 0 of 1 message segments per month left; this text needs 1.",
        **QUOTA,
    ),
    "USER_QUOTA_EXCEEDED": Example(
        lambda f: f.over(Scope.USER, **f.as_mia()),
        "mia@example.com has used 1 of 1 messages per minute; there is room again at 21 Nov, 10:08.",
        **QUOTA,
    ),
    "NUMBER_QUOTA_EXCEEDED": Example(
        lambda f: f.over(Scope.NUMBER),
        "+1 202-555-0101 has used 1 of 1 messages per minute; there is room again at 21 Nov, 10:08.",
        **QUOTA,
    ),
    # Recipient
    "RECIPIENT_MISSING": Example(
        lambda f: f.accept(phone=""), "The record has no recipient number: Contact.phone is empty.", **RECORD
    ),
    "RECIPIENT_NO_COUNTRY_CODE": Example(
        lambda f: f.accept(phone="0612345678"), "The recipient “0612345678” has no known country code.", **RECORD
    ),
    "RECIPIENT_NOT_E164": Example(
        lambda f: f.accept(phone="ask reception"), "The recipient “ask reception” is not a phone number.", **RECORD
    ),
    "RECIPIENT_IMPOSSIBLE": Example(
        lambda f: f.accept(phone="+3361"),
        "The recipient “+3361” cannot exist: it has too few or too many digits for its country.",
        **RECORD,
    ),
    "RECIPIENT_IS_SENDER": Example(
        lambda f: f.accept(phone="+12025550101"),
        "Sender and recipient are the same number, +1 202-555-0101.",
        **RECORD,
        **CHECK,
    ),
    "RECIPIENT_NOT_MOBILE": Example(
        lambda f: f.accept(phone="+4930123456", mobile_only=True),
        "+49 30 123456 is not a mobile number (fixed line), and the action texts mobiles only.",
        **RECORD,
        **CHECK,
    ),
    "RECIPIENT_OPTED_OUT": Example(
        lambda f: f.refuse(errors.RecipientOptedOut(recipient=RECIPIENT)),
        "+1 312-555-0123 has opted out of text messages.",
        whose="consent",
        retry="never",
        **CHECK,
    ),
    "TEST_NUMBERS_ONLY": Example(
        lambda f: f.accept(build_mode=True),
        "+1 312-555-0123 is not a verified test number, and only those are texted in build mode, or with a key in test "
        "mode.",
        **CHECK,
    ),
    "COUNTRY_NOT_ALLOWED": Example(
        lambda f: f.refuse(errors.CountryNotAllowed(recipient=RECIPIENT, country="the United States")),
        "+1 312-555-0123 is in the United States, which this workspace does not text.",
        **CHECK,
    ),
    "QUIET_HOURS": Example(
        lambda f: f.refuse(errors.QuietHours(time="23:10")),
        "It is 23:10 at the recipient's, outside the hours in which this action texts.",
        **CHECK,
    ),
    # Message
    "MESSAGE_EMPTY": Example(lambda f: f.accept(message="  "), "The message is empty."),
    "MESSAGE_TOO_LONG": Example(
        lambda f: f.accept(message="x" * 1_601), "The message has 1,601 characters; 1,600 is the most.", **CHECK
    ),
    "MEDIA_NOT_SUPPORTED": Example(
        lambda f: f.accept(media=("https://example.com/a.png",)),
        "Pictures and files can be sent only from numbers in proxy mode, and +1 202-555-0101 is not.",
    ),
    "ENCODING_NOT_SUPPORTED": Example(
        lambda f: f.accept(message="See you 🎉", encoding="gsm"),
        "The text has characters that GSM-7 cannot carry: “🎉” (U+1F389).",
        **CHECK,
    ),
    "TOKEN_UNKNOWN": Example(
        lambda f: f.accept(message="Hi {{Contact.fristname}}"),
        "The message uses {{Contact.fristname}}, which nothing on this record is called.",
    ),
    "TOKEN_UNRESOLVED": Example(
        lambda f: f.accept(message="Hi {{Contact.firstname}}", properties={"firstname": ""}),
        "The record has no value for {{Contact.firstname}}, and the token has no fallback.",
        **RECORD,
    ),
    # Configuration and access
    "ACTION_DISABLED": Example(
        lambda f: f.accept(action_name="Welcome", action_enabled=False),
        "The action “Welcome” is switched off.",
        **TRIGGER,
    ),
    "FEATURE_NOT_ENABLED": Example(
        lambda f: f.refuse(errors.FeatureNotEnabled(feature="agents")),
        "This feature is not active for this workspace: agents.",
        **TRIGGER,
    ),
    "PORTAL_NOT_CONNECTED": Example(
        lambda f: f.refuse(errors.PortalNotConnected(portal="9000001")),
        "The HubSpot portal 9000001 is not connected to any workspace here.",
        **TRIGGER,
    ),
    "SCOPE_MISSING": Example(
        lambda f: f.refuse(errors.ScopeMissing(scope="crm.objects.contacts.read")),
        "The connection lacks the permission crm.objects.contacts.read.",
    ),
    "CREDENTIAL_REJECTED": Example(
        lambda f: f.send(refused(errors.CredentialRejected(provider="Aircall"), 401)),
        "Aircall no longer accepts our credentials, so the message was not sent.",
        **SENDING,
    ),
    # Provider and carrier
    "RATE_LIMITED": Example(
        lambda f: f.slowed_down(5),
        "Aircall asked to slow down 5 times, so the message was given up. It never left.",
        retry="safe",
        **BY_PROVIDER,
    ),
    "PROVIDER_REJECTED": Example(
        lambda f: f.send(
            refused(errors.ProviderRejected(provider="Aircall", answer="Not allowed", http_status=400))
        ),
        "Aircall refused the message: Not allowed (HTTP 400).",
        **BY_PROVIDER,
    ),
    "ACCOUNT_IN_BUILD_MODE": Example(
        lambda f: f.send(
            refused(errors.AccountInBuildMode(provider="Callr", recipient=RECIPIENT, answer="not allowed"), 403)
        ),
        "Callr did not text +1 312-555-0123: its account is in Build mode, which texts its own testing numbers alone "
        "(not allowed).",
        **SENDING,
    ),
    "PROVIDER_UNAVAILABLE": Example(
        lambda f: f.send(*[unreachable(5)] * 5),
        "Aircall could not be reached (the connection was refused) in 5 attempts. The message never left.",
        retry="safe",
        **BY_PROVIDER,
    ),
    "PROVIDER_UNKNOWN": Example(
        lambda f: f.send(refused(errors.ProviderUnknown(provider="Aircall", reason="no answer within 30 s"), 504)),
        "Aircall gave no clear answer (no answer within 30 s); the text may have gone out.",
        retry="never",
        **BY_PROVIDER | {"status": "unknown"},
    ),
    "DELIVERY_FAILED": Example(
        lambda f: f.undelivered(),
        "The carrier did not deliver the message to +1 312-555-0123 (failed).",
        whose="carrier",
        stage="delivery",
        status="undelivered",
    ),
    "RECIPIENT_REFUSED": Example(
        lambda f: f.send(refused(errors.RecipientRefused(provider="Twilio", recipient=RECIPIENT, answer="21211"))),
        "Twilio cannot text +1 312-555-0123: 21211.",
        whose="record",
        **SENDING,
    ),
    "SENDER_REFUSED": Example(
        lambda f: f.send(refused(errors.SenderRefused(provider="Twilio", sender="ACME", answer="21606"))),
        "Twilio does not send this from ACME: 21606.",
        **SENDING,
    ),
    "MESSAGE_FILTERED": Example(
        lambda f: f.undelivered(errors.MessageFiltered(provider="Twilio", recipient=RECIPIENT, answer="30007")),
        "Twilio or the carrier filtered the message to +1 312-555-0123 as unwanted (30007).",
        whose="carrier",
        stage="delivery",
        status="undelivered",
    ),
    "EXPIRED": Example(
        lambda f: f.expired(),
        "The message waited longer than its action allows, so it was not sent.",
        whose="quota",
        stage="dispatch",
        status="expired",
    ),
    "INTERNAL_ERROR": Example(
        lambda f: f.failed_inside(),
        "smsadmin itself failed (KeyError), so the message was not sent.",
        whose="us",
        retry="safe",
        **CHECK,
    ),
}  # fmt: skip


def test_every_code_has_its_example() -> None:
    assert set(EXAMPLES) == set(CATALOGUE)


@pytest.mark.parametrize("code", EXAMPLES)
def test_a_message_with_this_code_says_what_happened_whose_it_is_and_what_may_follow(
    flow: Flow, code: str
) -> None:
    example = EXAMPLES[code]

    message = example.make(flow)

    message.refresh_from_db()
    error = message.error
    assert error
    assert (message.error_code, code_of(message.cause)) == (code, code)
    assert explain.sentence(message) == example.sentence
    assert "…" not in explain.fix(message)
    assert (error.whose, error.stage, error.retry) == (example.whose, example.stage, example.retry)
    assert message.status == example.status == error.status
    page = page_of(message)
    for words in (code, example.sentence, explain.fix(message), f"Whose: {WHOSE[error.whose]}"):
        assert words in page


def page_of(message: Message) -> str:
    """What an owner reads on the message's page."""
    browser = Client()
    browser.force_login(make_member(message.workspace).user)
    response = browser.get(reverse("message", args=[message.pk]))
    assert response.status_code == 200
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))
