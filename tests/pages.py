"""Every address of the product with something on it: a furnished workspace, and a list that new pages have to join.

`furnish()` makes a workspace as it looks after a while, full of things that must not show: secrets that cannot be
mistaken, and a provider that repeats them. `visits(house)` is every address that answers a GET, with arguments.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from smsadmin.actions.models import Action
from smsadmin.agents.models import Invocation
from smsadmin.api import keys
from smsadmin.api.models import Key
from smsadmin.classic.models import ClassicFallback, ClassicSettings, ClassicStep
from smsadmin.connections.models import ErrorCode, HubSpotAction
from smsadmin.consent import models as consent
from smsadmin.consent import opting
from smsadmin.core.status import Status
from smsadmin.directory.models import Agent, Number, Refresh
from smsadmin.exports import files
from smsadmin.exports.models import Export
from smsadmin.failures.models import Failure
from smsadmin.flows import saving as flows_saving
from smsadmin.flows.language.starters import STARTERS
from smsadmin.flows.models import FetchHost, Flow, FlowRun, Start
from smsadmin.hooks.models import Hook, HookDelivery, HookEvent
from smsadmin.inbox import gathering
from smsadmin.incoming.models import InboundMessage, OutsideMessage, ProviderCall, ProxyConfiguration, Webhook
from smsadmin.notices import limits, watching
from smsadmin.notices.models import Endpoint, Notice, NoticeRule
from smsadmin.notices.shipped import ship_rule
from smsadmin.privacy.models import Policy, PurgedCount, Reveal
from smsadmin.quotas.models import Crossing, Scope
from smsadmin.resends.models import Resend, ResendItem
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Event, Message, RefusedCall, Reply
from smsadmin.sending.saved import SavedView
from smsadmin.trials import verification
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import Connection, Member, Role, Workspace
from tests.factories import (
    PORTAL,
    ask,
    make_action,
    make_agent,
    make_ai_agent,
    make_attachment,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_route,
    make_sender_name,
    make_version,
    make_workspace,
    put_on,
)

API_TOKEN = "aircallapitoken0a1b2c3d"
CLIENT_SECRET = "hubspotclientsecret4e5f"
ACCESS_TOKEN = "pat-eu1-hubspotaccess-6a7b"
OAUTH_TOKEN, REFRESH_TOKEN = "accessbyoauth9e0f1a2b", "na1-refreshbyoauth-3c4d"
CONFIGURATION_TOKEN = "tokenofaconfiguration7c8d"
WEBHOOK_ADDRESS, WEBHOOK_TOKEN = "addressofawebhook1b2c3d", "tokenofawebhook4e5f6a7b"
SIGNING, SIGNED_BEFORE = "whsec_signsnotices8c9d", "whsec_signedthem0e1f2a"
TWILIO_TOKEN, TWILIO_KEY = "authtokenoftwilio1c2d3e", "keysecretoftwilio4f5a6b"
HOOK = "keyinahook3b4c5d6e"  # part of an address that notices go to
PASSWORD = "the password of somebody"
#: What a provider's answer and a proxy between us may repeat.
ECHOED = ("c2VjcmV0OmluLWEtaGVhZGVy", "tokeninananswer8c9d", "keyinanaddress0e1f")


@dataclass(frozen=True)
class House:
    """A furnished workspace and the rows that addresses name."""

    owner: Member
    action: Action
    number: Number
    proxied: Number
    agent: Agent
    aircall: Connection
    hubspot: Connection
    installed: Connection
    messages: dict[str, Message]
    codes: tuple[str, ...]
    test_number: TestNumber
    export: Export
    view: SavedView
    failure: Failure
    resend: Resend
    notice: Notice
    endpoint: Endpoint
    rule: NoticeRule
    key: Key
    token: str
    flow: Flow

    @property
    def workspace(self) -> Workspace:
        return self.owner.workspace


def furnish() -> House:
    """A workspace with one of everything, and messages in every state."""
    workspace = make_workspace("Example & Söhne", time_zone="Europe/Berlin", business_name="Example Ltd")
    owner = make_member(workspace, Role.OWNER)
    owner.user.set_password(PASSWORD)
    owner.user.save()
    for role in (Role.EDITOR, Role.OPERATOR, Role.VIEWER):
        make_member(workspace, role)
    aircall = make_connection(workspace, secrets={"api_id": "sandbox-id", "api_token": API_TOKEN})
    tokens = {"client_secret": CLIENT_SECRET, "access_token": ACCESS_TOKEN}
    hubspot = make_connection(workspace, Connection.Kind.HUBSPOT, secrets=tokens, proven_at=timezone.now())
    _hubspot_actions()
    rule = _rule(workspace)
    number = make_number(workspace, "+12025550101", name="Sales US")
    agent = make_agent(workspace, "mia@example.com")
    put_on(number, agent)
    action = make_action(workspace, name="Appointment reminder", sender_number=number)
    make_version(action, sender_number=number, message="Hi {{Contact.firstname}}")
    make_action(workspace, name="Switched off", enabled=False, sender_number=number)
    _refreshes(aircall)
    messages = _messages(workspace, action, number, agent)
    test_number, codes = _codes(owner, number)
    _sender_name(workspace)
    _twilio(workspace)
    _refused_calls(workspace)
    _told_by_aircall(aircall, number, messages["delivered"])
    _privacy(owner, messages["delivered"])
    _classic(number, agent, messages["delivered"])
    _opt_outs(owner, hubspot)
    workspace.quota_rules.create(
        scope="number", window="day", limit=400, number=number, note="Contract of May"
    )
    watching.sweep()
    _limit_told(number)
    _ai_agents(workspace, action, messages["delivered"])
    _routes(number, messages["sent"])
    _hook(workspace, messages["delivered"])
    key, token = keys.make(workspace, "Campaign planner", owner.user, timezone.now(), None)
    return House(
        owner=owner,
        action=action,
        number=number,
        proxied=_proxied(owner),
        agent=agent,
        aircall=aircall,
        hubspot=hubspot,
        installed=_installed(workspace),
        messages=messages,
        codes=codes,
        test_number=test_number,
        export=_export(owner),
        view=SavedView.objects.create(workspace=workspace, name="Trouble", query="status=trouble"),
        failure=_failure(owner, messages["failed"]),
        resend=_resend(owner, messages),
        notice=Notice.objects.filter(workspace=workspace)[0],
        endpoint=workspace.endpoints.get(),
        rule=rule,
        key=key,
        token=token,
        flow=_flow(owner, number, messages["delivered"]),
    )


def _installed(workspace: Workspace) -> Connection:
    """A second portal, by OAuth, that was not granted everything."""
    return make_connection(
        workspace,
        Connection.Kind.HUBSPOT,
        name="Second portal",
        external_id="9000002",
        auth=Connection.Auth.OAUTH,
        secrets={"access_token": OAUTH_TOKEN, "refresh_token": REFRESH_TOKEN},
        scopes=["oauth", "automation"],
        scopes_refused=["crm.objects.deals.read"],
        token_expires_at=timezone.now() + timedelta(minutes=20),
        state=Connection.State.WORKING,
    )


def _messages(workspace: Workspace, action: Action, number: Number, agent: Agent) -> dict[str, Message]:
    """One message of every status, all of them with what was said to the provider; by status, and "refused"."""
    now = timezone.now()
    common = {"action": action, "version": action.current, "number": number, "agent": agent}
    common |= {"object_type": "contact", "object_id": "501", "send_as": agent.email}
    common |= {"inputs": {"values": {"enrolled": {"firstname": "Ada", "phone": "+33612345678"}}}}
    columns: dict[Status, dict[str, Any]] = {
        Status.RECEIVED: {},
        Status.REJECTED: _error("RECIPIENT_MISSING", source="Contact.phone"),
        Status.HELD: {
            **_error("NUMBER_QUOTA_EXCEEDED", **_QUOTA),
            "next_attempt_at": now + timedelta(hours=1),
            "expires_at": now + timedelta(hours=2),
        },
        Status.QUEUED: {"next_attempt_at": now},
        Status.SENDING: {"claimed_at": now, "lease_until": now + timedelta(minutes=1)},
        Status.SENT: {"provider_id": "SM-1", "reply": Reply.GIVEN},
        Status.DELIVERED: {"provider_id": "SM-2"},
        Status.FAILED: _error(
            "PROVIDER_REJECTED", provider="Aircall", answer="no such user", http_status=400
        ),
        Status.UNDELIVERED: _error("DELIVERY_FAILED", recipient="+33612345678", answer="unreachable"),
        Status.UNKNOWN: _error("PROVIDER_UNKNOWN", provider="Aircall", reason="no answer within 30 s"),
        Status.EXPIRED: _error("EXPIRED"),
        Status.CANCELLED: {},
    }
    found = {
        status.value: make_message(workspace, status=status, **common, **more)
        for status, more in columns.items()
    }
    found["refused"] = accept(ask(number, phone="n/a", origin={"portal": PORTAL, "workflow": "17"}))
    found["again"] = make_message(workspace, original=found["failed"].pk, **common)
    for message in found.values():
        Event.objects.create(message=message, at=now, kind=Event.Kind.ATTEMPT, data=_exchange())
        Event.objects.create(message=message, workspace=message.workspace, at=now, kind=Event.Kind.REPEAT)
    return found


_QUOTA = {
    "subject": "+12025550101",
    "used": 100,
    "limit": 100,
    "unit": "messages",
    "window": "day",
    "resets": "2026-11-22T00:00:00Z",
}


def _error(code: str, **facts: Any) -> dict[str, Any]:
    return {"error_code": code, "error_facts": facts}


def _exchange() -> dict[str, Any]:
    """What was said, by an adapter and a provider that are careless with credentials."""
    header, in_answer, in_address = ECHOED
    return {
        "method": "POST",
        "url": f"https://{in_address}@api.example/v1/messages?api_token={in_address}",
        "request": {"to": "+33612345678", "body": "Hi Ada", "Authorization": f"Basic {header}"},
        "status": 400,
        "answer": f'{{"message": "Bearer {in_answer} is unknown", "token": "{in_answer}"}}',
        "ms": 87,
    }


def _sender_name(workspace: Workspace) -> None:
    """A name of a Callr account, approved in one country and asked for in another."""
    account = workspace.connections.filter(kind=Connection.Kind.CALLR).first()
    make_sender_name(
        account or make_connection(workspace, Connection.Kind.CALLR), SG="approved", AU="requested"
    )


def _twilio(workspace: Workspace) -> None:
    """An account at Twilio with a key, and a code of its that means something else here."""
    secrets = {"auth_token": TWILIO_TOKEN, "key_sid": "SKofakey", "key_secret": TWILIO_KEY}
    make_connection(workspace, Connection.Kind.TWILIO, secrets=secrets)
    ErrorCode.objects.create(
        workspace=workspace, code=30003, error="RECIPIENT_REFUSED", note="As support says"
    )


def _of_twilio(house: House) -> dict[str, Any]:
    return {"pk": house.workspace.connections.get(kind=Connection.Kind.TWILIO).pk}


def _codes(owner: Member, number: Number) -> tuple[TestNumber, tuple[str, ...]]:
    """A phone that waits for its code, one that is verified; and the codes."""
    now, found = timezone.now(), []
    waiting, verified = (
        TestNumber.objects.create(workspace=owner.workspace, e164=e164, label=label, created_by=owner.user)
        for e164, label in (("+447400123456", "Alex's phone"), ("+447400123457", "Kim's phone"))
    )
    for phone in (waiting, verified):
        message = verification.send_code(phone, number, owner.user, "click", now)
        found.append(message.body[:6])
    verified.verified_at, verified.verified_by = now, owner.user
    verified.save()
    return waiting, tuple(found)


def _refreshes(aircall: Connection) -> None:
    now = timezone.now()
    for minutes, state in enumerate((Refresh.State.DONE, Refresh.State.FAILED), 1):
        at = now - timedelta(minutes=minutes)
        Refresh.objects.create(
            workspace=aircall.workspace,
            connection=aircall,
            state=state,
            started_at=at,
            finished_at=at,
            lease_until=at,
            cause=Refresh.Cause.KEY if state == Refresh.State.FAILED else "",
            error="Aircall refused the API key (HTTP 401)." if state == Refresh.State.FAILED else "",
        )


def _refused_calls(workspace: Workspace) -> None:
    path = "/hubspot/actions/send-sms"
    RefusedCall.objects.create(workspace=workspace, path=path, reason="signature mismatch", portal=PORTAL)
    RefusedCall.objects.create(path=path, reason="malformed", detail="JSON ends at character 3")


def _export(owner: Member) -> Export:
    export = Export.objects.create(
        workspace=owner.workspace,
        asked_by=owner.user,
        newest=uuid.UUID(int=2**128 - 1),
        language="en",
        time_zone="Europe/Berlin",
        state=Export.State.DONE,
        total=1,
        written=1,
        size=9,
        file_name="log.csv",
        finished_at=timezone.now(),
        expires_at=timezone.now() + timedelta(days=7),
    )
    file = files.path_of(export.pk)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("id\r\n")
    return export


def _hubspot_actions() -> None:
    """One generation of the action is published at HubSpot and differs from ours, the other is a draft."""
    common = {"app_id": settings.HUBSPOT_APP_ID, "revision": "3", "compared_at": timezone.now()}
    missing = {"part": "output", "name": "sender", "state": "missing", "facet": "", "ours": "", "theirs": ""}
    HubSpotAction.objects.create(
        **common, generation="advanced", definition_id="17", published=True, differences=[missing]
    )
    HubSpotAction.objects.create(**common, generation="classic", definition_id="18")


def _failure(owner: Member, message: Message) -> Failure:
    return Failure.objects.create(
        workspace=owner.workspace,
        cause=message.cause,
        state="acknowledged",
        note="Asked Aircall",
        by=owner.user,
    )


def _resend(owner: Member, messages: dict[str, Message]) -> Resend:
    """A resend that is half done: one sent again, one refused, one to come."""
    resend = Resend.objects.create(
        workspace=owner.workspace,
        asked_by=owner.user,
        filters={"status": "trouble"},
        chosen=4,
        left_out={"sent": 1},
        state=Resend.State.PAUSED,
    )
    state, pending = ResendItem.State, messages["undelivered"]
    ResendItem.objects.create(
        resend=resend, original=messages["failed"].pk, state=state.SENT, result=messages["again"].pk
    )
    ResendItem.objects.create(
        resend=resend, original=messages["rejected"].pk, state=state.REFUSED, error_code="MESSAGE_EMPTY"
    )
    ResendItem.objects.create(resend=resend, original=pending.pk)
    return resend


def _flow(owner: Member, number: Number, sent: Message) -> Flow:
    """A flow in its second version that a missed call starts, and a run of it that sent a message."""
    workspace, source = owner.workspace, STARTERS[0].source
    flow = flows_saving.create(workspace, "Missed calls", source, "", owner.user)
    flows_saving.change(flow, flow.name, source.replace("25", "20"), "Shorter", owner.user, 1)
    Start.objects.create(flow=flow, workspace=workspace, kind="missed-call", number=number)
    secrets = {"header": "X-Crm-Header", "value": "crm-credential"}
    FetchHost.objects.create(
        workspace=workspace, host="crm.example.com", secrets=secrets, created_by=owner.user
    )
    flow.refresh_from_db()
    told = {"ok": True, "messages": [{"id": str(sent.pk), "to": sent.recipient, "status": "queued"}]}
    step = {
        "kind": "action",
        "path": "voicemail.1",
        "line": 18,
        "verdict": "taken",
        "name": "sms@v1",
        "note": {},
    }
    step |= {
        "condition": "call.fromType.match(/MOBILE/)",
        "value": '["MOBILE"]',
        "result": told,
        "result_name": "",
    }
    FlowRun.objects.create(
        workspace=workspace, flow=flow, version=flow.current, key=uuid.uuid4(), cause="missed-call",
        branch="inbound-call", state="done", party=sent.recipient, number=number, steps=[step],
    )  # fmt: skip
    return flow


def _ai_agents(workspace: Workspace, action: Action, message: Message) -> None:
    """An agent that has an action during and after its calls, and a call in which it used it."""
    now = timezone.now()
    agent, _token = make_ai_agent(
        workspace, "retell", name="Booking line", secrets={"signing": "signsofanagent5b6c"}
    )
    attachment = make_attachment(agent, action, condition="After the caller has agreed")
    rule = {
        "match": "all",
        "conditions": [{"fact": "status", "test": "is", "name": "", "value": "completed"}],
    }
    make_attachment(agent, action, tool_name="follow_up", when="after", rule=rule)
    seen = {**rule["conditions"][0], "holds": True, "seen": "completed"}  # type: ignore[dict-item]
    told = {"decided": [{"tool": "follow_up", "holds": True, "outcome": "queued", "seen": [seen]}]}
    call = agent.calls.create(
        workspace=workspace, call_id="call-77", party=message.recipient, first_at=now, last_at=now, ended_at=now,
        status="completed", told=told | {"variables": {"slot": "noon"}},
    )  # fmt: skip
    used = {
        "workspace": workspace,
        "agent": agent,
        "attachment": attachment,
        "at": now,
        "outcome": "accepted",
    }
    used |= {"tool_name": attachment.tool_name, "dialect": "retell", "said": "The text is on its way."}
    for place in (call, None):
        digest, given = uuid.uuid4(), {"to": message.recipient, "date": "noon"}
        Invocation.objects.create(call=place, message=message.pk, digest=digest, arguments=given, **used)


def _rule(workspace: Workspace) -> NoticeRule:
    """A rule that has waited for an hour and tells everybody it can."""
    endpoint = Endpoint.objects.create(
        workspace=workspace,
        url=f"https://hooks.example/services/{HOOK}",
        secrets={"secret": SIGNING, "previous": SIGNED_BEFORE},
        previous_until=timezone.now() + timedelta(hours=3),
    )
    return NoticeRule.objects.create(
        workspace=workspace,
        name="Anything new",
        emails=["ops@example.com"],
        endpoint=endpoint,
        looked_at=timezone.now() - timedelta(hours=1),
    )


def _hook(workspace: Workspace, message: Message) -> None:
    """A hook that was told of a message, and whose receiver repeats what it should not."""
    now = timezone.now()
    hook = Hook.objects.create(
        workspace=workspace, name="Warehouse", endpoint=workspace.endpoints.get(), events=["message.*"]
    )
    said = {"status": "delivered", "code": ""}
    event = HookEvent.objects.create(
        workspace=workspace, type="message.delivered", at=now, message=message.pk, data=said
    )
    tried = [{"at": now.isoformat(), "ms": 12, "answer": f"HTTP 500: {message.recipient} is unknown"}]
    HookDelivery.objects.create(event=event, hook=hook, answered_at=now, attempts=1, tried=tried)


def _routes(number: Number, message: Message) -> None:
    """A route that is always taken, one for failover, and a message that went on by that."""
    name = number.workspace.sender_names.get().number
    make_route(name, sender=number, country="SG", note="Singapore by name")
    route = make_route(number, when="failover")
    place = {
        "number": number.pk,
        "account": number.connection_id,
        "sender": number.e164,
        "provider": "Aircall",
    }
    data = {"from": place | {"accepted_at": timezone.now().timestamp()}, "to": place, "route": route.called}
    data |= {"error": "SENDER_REFUSED", "facts": {"provider": "Twilio", "answer": "21606"}}
    data |= {"of_account": False, "without": "mia@example.com"}
    Event.objects.create(message=message, at=timezone.now(), kind=Event.Kind.MOVED, data=data)


def _limit_told(number: Number) -> None:
    """Notices of a limit that came near, and that will run out."""
    now = timezone.now()
    ship_rule(number.workspace)
    for threshold, soon in ((80, None), (Crossing.FORECAST, now + timedelta(hours=1))):
        Crossing.objects.create(
            workspace=number.workspace,
            scope=Scope.NUMBER,
            subject_id=number.pk,
            zone="UTC",
            window="day",
            unit="messages",
            began_at=now.replace(hour=0, minute=0, second=0, microsecond=0),
            threshold=threshold,
            at=now + timedelta(seconds=1),
            used=4_000,
            limit=5_000,
            runs_out_at=soon,
        )
    limits.sweep(now + timedelta(minutes=1))


def _told_by_aircall(aircall: Connection, number: Number, message: Message) -> None:
    """A webhook, a receipt whose body repeats what it should not, and a reply."""
    now = timezone.now()
    Webhook.objects.create(
        connection=aircall,
        workspace=aircall.workspace,
        address_hash=hashlib.sha256(WEBHOOK_ADDRESS.encode()).hexdigest(),
        secrets={"address": WEBHOOK_ADDRESS, "token": WEBHOOK_TOKEN},
        provider_id="wh-1",
        state=Webhook.State.WORKING,
        events=["message.status_updated"],
        last_call_at=now,
    )
    common = {"workspace": aircall.workspace, "connection": aircall, "at": now}
    ProviderCall.objects.create(
        **common,
        event="message.status_updated",
        provider_id=message.provider_id,
        body={"event": "message.status_updated", "token": WEBHOOK_TOKEN, "data": {"status": "delivered"}},
        fingerprint=uuid.uuid4(),
        message=message.pk,
        outcome=ProviderCall.Outcome.MOVED,
    )
    InboundMessage.objects.create(
        **common,
        number=number,
        sender=message.recipient,
        body="Thank you",
        provider_id="IN-1",
        answers=message.pk,
    )
    gathering.sweep()  # into a thread of the inbox


def _proxied(owner: Member) -> Number:
    """A number in proxy mode that calls us, and what it sent: a message with a picture."""
    workspace = owner.workspace
    number = make_number(workspace, "+16175550101", name="Delivery notices", proxy_mode=True)
    ProxyConfiguration.objects.create(
        number=number,
        workspace=workspace,
        type="Public Api",
        callback=ProxyConfiguration.Callback.OURS,
        secrets={"token": CONFIGURATION_TOKEN},
        configured_at=timezone.now(),
        configured_by=owner.user,
        seen_at=timezone.now(),
    )
    media = ["https://files.example/parcel.png"]
    make_message(workspace, number=number, proxy=True, media=media, trigger="messaging-api")
    OutsideMessage.objects.create(
        workspace=workspace,
        connection=number.connection,
        number=number,
        party="+33612345678",
        body="From the app",
        segments=1,
        at=timezone.now(),
        provider_id="OUT-1",
    )
    return number


def _opt_outs(owner: Member, hubspot: Connection) -> None:
    """A number that HubSpot could not be told of, and a text that somebody should look at."""
    consent.Policy.objects.create(workspace=owner.workspace, kept_by="here", stop_answer="No more texts.")
    said = opting.Statement(consent.Source.PERSON, timezone.now(), owner.user, words="asked on the phone")
    opting.opt_out(owner.workspace.pk, "+13125550177", said)
    consent.PropertyWrite.objects.filter(connection=hubspot).update(state="failed", next_try_at=None)
    inbound = InboundMessage.objects.latest("pk")
    consent.Review.objects.create(workspace=owner.workspace, inbound=inbound, guess="stop", why="phrase")


def _classic(number: Number, agent: Agent, message: Message) -> None:
    """A step of the earlier action with a fallback, and one that was moved, before an end that is near."""
    now = timezone.now()
    last_day = timezone.localdate() + timedelta(days=7)
    ClassicSettings.objects.create(workspace=number.workspace, enabled=True, sunset_on=last_day)
    common = {"workspace": number.workspace, "portal": PORTAL, "object_type": "contact", "number": number}
    common |= {"first_at": now, "last_at": now, "last_message": message.pk}
    step = ClassicStep.objects.create(workflow="17", step="4", agent=agent, **common)
    ClassicStep.objects.create(workflow="18", step="2", moved_at=now, **common)
    ClassicFallback.objects.create(
        step=step,
        kind=ClassicFallback.Kind.USER,
        asked="leo@example.com",
        uses=12,
        first_at=now,
        last_at=now - timedelta(days=1),
    )


def _privacy(owner: Member, message: Message) -> None:
    workspace, today = owner.workspace, timezone.now().date()
    Policy.objects.create(workspace=workspace, text_days=30, number_days=90, message_days=365)
    PurgedCount.objects.create(workspace=workspace, day=today, status="sent", messages=12, segments=14)
    Reveal.objects.create(workspace=workspace, message=message.pk, by=owner.user)


# --- Addresses ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visit:
    """One address that people open, and where it sends them instead, if it does."""

    name: str
    url: str
    leads_to: str = ""


Arguments = Callable[[House], dict[str, Any]]


@dataclass(frozen=True)
class Page:
    """How an address is completed: its arguments, one set for each visit, and queries worth a visit of their own."""

    arguments: tuple[Arguments, ...] = (lambda house: {},)
    queries: tuple[str, ...] = ("",)
    leads_to: str = ""


def _of(*arguments: Arguments, queries: tuple[str, ...] = ("",), leads_to: str = "") -> Page:
    return Page(arguments, queries, leads_to)


def _every_message(status: str) -> Arguments:
    return lambda house: {"pk": house.messages[status].pk}


def _first_tool(house: House) -> dict[str, Any]:
    agent = house.workspace.ai_agents.get()
    return {"pk": agent.pk, "tool_pk": agent.attachments.order_by("pk")[0].pk}


def _last_tool(house: House) -> dict[str, Any]:
    agent = house.workspace.ai_agents.get()
    return {"pk": agent.pk, "tool_pk": agent.attachments.order_by("-pk")[0].pk}


_PLAIN = Page()
_HOME = Page(leads_to="/")

#: By the name of the address; what has none goes by its path.
PAGES: dict[str, Page] = {
    "overview": _PLAIN,
    "actions": Page(queries=("", "?q=reminder", "?show=archived")),
    "action-new": _PLAIN,
    "action": _of(lambda house: {"pk": house.action.pk}),
    "action-versions": _of(lambda house: {"pk": house.action.pk}),
    "action-version": _of(lambda house: {"pk": house.action.pk, "number": 1}),
    "classic": Page(queries=("", "?show=moved")),
    "log": Page(
        queries=(
            "",
            "?status=trouble",
            "?choose=1",
            "?q=SM-1",
            "?q=%2B33612345678",
            "?live=1",
            "?counted_from=2026-11-22T10%3A00%3A00Z",
        )
    ),
    "requests": Page(queries=("", "?outcome=refused", "?caller=aircall", "?q=17")),
    "/log/refused/": Page(leads_to="/log/requests/?outcome=refused"),
    "message": _of(
        *map(_every_message, [*Status, "refused", "again"]),
        lambda house: {"pk": Message.objects.filter(trigger=verification.VERIFICATION).first().pk},  # type: ignore[union-attr]
    ),
    "message-unknown": _of(_every_message("unknown"), _every_message("sent")),
    "inbox": Page(queries=("", "?show=all&q=%2B33612345678", "?show=closed")),
    "thread": _of(lambda house: {"pk": house.workspace.threads.first().pk}),
    "inbox-next": Page(queries=("?after=nobody",), leads_to="/inbox/{thread}/"),
    "failures": Page(queries=("", "?days=1", "?days=30")),
    "resends": _PLAIN,
    "resend-new": Page(queries=("?status=trouble", "?status=trouble&which=original")),
    "resend": _of(lambda house: {"pk": house.resend.pk}, queries=("", "?state=refused")),
    "opt-outs": Page(queries=("", "?state=out&q=%2B13125550177")),
    "opt-out-add": _PLAIN,
    "opt-outs-import": _PLAIN,
    "opt-outs-export": _PLAIN,
    "opt-outs-review": Page(queries=("", "?show=decided")),
    "opt-outs-settings": _PLAIN,
    "opt-outs-recipe": _PLAIN,
    "opt-out": _of(lambda house: {"pk": house.workspace.opt_outs.get().pk}),
    "opt-out-change": _of(lambda house: {"pk": house.workspace.opt_outs.get().pk}),
    "ai-agents": Page(queries=("", "?show=archived", "?q=line")),
    "ai-agent-new": _PLAIN,
    "ai-agent": _of(lambda house: {"pk": house.workspace.ai_agents.get().pk}),
    "ai-agent-settings": _of(lambda house: {"pk": house.workspace.ai_agents.get().pk}),
    "ai-agent-token": _of(lambda house: {"pk": house.workspace.ai_agents.get().pk}),
    "ai-agent-delete": _of(lambda house: {"pk": house.workspace.ai_agents.get().pk}),
    "agent-calls": Page(queries=("", "?outcome=trouble&q=call-77", "?outcome=none")),
    "agent-call": _of(lambda house: {"pk": house.workspace.agent_calls.get().pk}),
    "agent-uses": Page(queries=("", "?outcome=trouble")),
    "attach": _of(lambda house: {"pk": house.workspace.ai_agents.get().pk}),
    "attach-to": _of(lambda house: {"pk": house.action.pk}),
    "attachment": _of(_first_tool, _last_tool),
    "attachment-remove": _of(_first_tool),
    "attachment-try": _of(_first_tool),
    "agents-import": _PLAIN,
    "agents-import-done": _PLAIN,
    "notices": Page(queries=("", "?show=all")),
    "notice-rules": _PLAIN,
    "notice-rule-new": Page(queries=("", "?cause=RATE_LIMITED")),
    "notice-rule": _of(
        lambda house: {"pk": house.rule.pk},
        lambda house: {"pk": house.workspace.notice_rules.get(when="quota").pk},
    ),
    "notice-endpoint-new": _PLAIN,
    "notice-endpoint": _of(lambda house: {"pk": house.endpoint.pk}),
    "hooks": _PLAIN,
    "hook-new": _PLAIN,
    "hook": _of(lambda house: {"pk": house.workspace.hooks.get().pk}, queries=("", "?state=given_up")),
    "hook-edit": _of(lambda house: {"pk": house.workspace.hooks.get().pk}),
    "hook-replay": _of(
        lambda house: {"pk": house.workspace.hooks.get().pk},
        queries=("", "?since=2026-11-22T08%3A00&until=2026-11-22T09%3A00&which=every"),
    ),
    "privacy": _PLAIN,
    "deleted-counts": _PLAIN,
    "reveals": _PLAIN,
    "exports": _PLAIN,
    "export-new": Page(queries=("", "?status=trouble")),
    "export-download": _of(lambda house: {"pk": house.export.pk}),
    "quotas": Page(queries=("", "?name=sales&country=US&order=used", "?all=pair")),
    "quota-number": _of(
        lambda house: {"pk": house.number.pk}, queries=("", "?window=month&unit=segments", "?window=minute")
    ),
    "quota-user": _of(lambda house: {"pk": house.agent.pk}),
    "quota-held": Page(queries=("", "?number=1&user=none&kind=marketing")),
    "quota-held-decide": Page(queries=("?do=cancel&all=1", "?do=release&all=1")),
    "quota-rules": _PLAIN,
    "quota-rule-new": _PLAIN,
    "quota-rule": _of(
        lambda house: {"pk": house.workspace.quota_rules.filter(preset="").get().pk},
        lambda house: {"pk": house.workspace.quota_rules.get(preset="action-number-minute").pk},
        queries=("", "?off=1"),
    ),
    "quota-rule-replace": _of(
        lambda house: {"pk": house.workspace.quota_rules.get(preset="france-mobile-hour").pk}
    ),
    "quota-recounts": _PLAIN,
    "directory": Page(queries=("", "?q=sales")),
    "directory-freshness": _PLAIN,
    "flows": Page(queries=("", "?show=archived")),
    "flow-new": Page(queries=("", "?starter=missed-call", "?starter=empty")),
    "flow-runs": Page(queries=("", "?state=failed")),
    "flow-run": _of(lambda house: {"pk": house.flow.runs.get().pk}),
    "fetch-hosts": _PLAIN,
    "fetch-host": _of(lambda house: {"pk": house.workspace.fetch_hosts.get().pk}),
    "flow": _of(lambda house: {"pk": house.flow.pk}, queries=("", "?from=1")),
    "flow-settings": _of(lambda house: {"pk": house.flow.pk}),
    "flow-start-new": _of(lambda house: {"pk": house.flow.pk}, queries=("", "?kind=inbound-sms")),
    "flow-start": _of(lambda house: {"pk": house.flow.pk, "start_pk": house.flow.starts.get().pk}),
    "flow-try": _of(lambda house: {"pk": house.flow.pk}),
    "flow-runs-of": _of(lambda house: {"pk": house.flow.pk}),
    "flow-versions": _of(lambda house: {"pk": house.flow.pk}),
    "flow-version": _of(
        lambda house: {"pk": house.flow.pk, "number": 1}, lambda house: {"pk": house.flow.pk, "number": 2}
    ),
    "directory-refreshes": _PLAIN,
    "number": _of(lambda house: {"pk": house.number.pk}),
    "messaging-api": _of(lambda house: {"pk": house.proxied.pk}, lambda house: {"pk": house.number.pk}),
    "messaging-api-configure": _of(lambda house: {"pk": house.number.pk}),
    "messaging-api-remove": _of(lambda house: {"pk": house.proxied.pk}),
    "messaging-api-send": _of(lambda house: {"pk": house.proxied.pk}),
    "aircall-install": _PLAIN,
    "aircall-oauth-callback": Page(leads_to="/connections/"),
    "directory-users": _PLAIN,
    "directory-user": _of(lambda house: {"pk": house.agent.pk}),
    "connections": _PLAIN,
    "connection-new": _of(
        lambda house: {"kind": "aircall"},
        lambda house: {"kind": "hubspot"},
        lambda house: {"kind": "callr"},
        lambda house: {"kind": "twilio"},
    ),
    "connection": _of(
        lambda house: {"pk": house.aircall.pk}, lambda house: {"pk": house.hubspot.pk}, _of_twilio
    ),
    "twilio-incoming": _of(_of_twilio),
    "error-codes": _of(_of_twilio, queries=("", "?code=30003")),
    "connection-delete": _of(lambda house: {"pk": house.hubspot.pk}),
    "hubspot-install": Page(leads_to=settings.HUBSPOT_AUTHORIZE_URL),
    "hubspot-oauth-callback": Page(leads_to="/connections/"),
    "hubspot-uninstall": _of(lambda house: {"pk": house.installed.pk}),
    "connection-queue": _of(lambda house: {"pk": house.aircall.pk}),
    "directory-rules": _PLAIN,
    "hubspot-action": _PLAIN,
    "hubspot-definition": Page(queries=("", "?generation=classic")),
    "hubspot-project": Page(queries=("", "?auth=oauth")),
    "hubspot-action-change": _of(
        lambda house: {"generation": "advanced", "step": "unpublish"},
        lambda house: {"generation": "advanced", "step": "update"},
        lambda house: {"generation": "advanced", "step": "archive"},
        lambda house: {"generation": "classic", "step": "publish"},
    ),
    "settings": _PLAIN,
    "profile": _PLAIN,
    "build-mode": _PLAIN,
    "sender-ids": _PLAIN,
    "sender-id-new": _PLAIN,
    "sender-id": _of(
        lambda house: {"pk": house.workspace.sender_names.get().pk}, queries=("", "?country=SG")
    ),
    "sender-id-withdraw": _of(lambda house: {"pk": house.workspace.sender_names.get().pk}),
    "sender-id-countries": _PLAIN,
    "sender-id-country": _of(lambda house: {"code": "SG"}),
    "routes": _PLAIN,
    "route-new": Page(queries=("", "?when=failover")),
    "route": _of(lambda house: {"pk": house.workspace.routes.all()[0].pk}),
    "route-delete": _of(lambda house: {"pk": house.workspace.routes.all()[0].pk}),
    "test-numbers": _PLAIN,
    "api-keys": _PLAIN,
    "api-docs": _PLAIN,
    "test-number": _of(lambda house: {"pk": house.test_number.pk}),
    "help-errors": Page(queries=("", "?q=quota")),
    "help-statuses": _PLAIN,
    "account_login": _HOME,
    "account_logout": _PLAIN,
    "account_inactive": _PLAIN,
    "account_signup": _HOME,
    "account_reauthenticate": _PLAIN,
    "account_change_password": _PLAIN,
    "account_set_password": Page(leads_to="/accounts/password/change/"),
    "account_reset_password": _PLAIN,
    "account_reset_password_done": _PLAIN,
    "account_reset_password_from_key": _of(lambda house: {"uidb36": "1", "key": "no-key"}),
    "account_reset_password_from_key_done": _PLAIN,
    "account_confirm_login_code": _HOME,
    "set_language": _HOME,
}

#: What is changed by a form: a GET is refused (405).
FORMS = {
    "resend-pause", "resend-resume", "resend-cancel", "notices-dismiss", "notice-dismiss",
    "notice-again", "notice-rule-switch", "notice-rule-delete", "notice-sample",
    "notice-endpoint-secret", "notice-endpoint-delete", "hook-switch", "hook-resume", "hook-sample", "hook-delete",
    "hook-again", "reveal", "connection-webhook", "set-theme",
    "save-view", "delete-view", "failure", "export-cancel", "export-delete", "directory-refresh",
    "directory-confirm", "number-mend", "messaging-api-look", "connection-test", "member-add", "member",
    "member-remove",
    "switch-workspace", "api-key-revoke", "test-number-send", "test-number-verify", "test-number-remove",
    "sender-id-country-back", "route-move", "route-switch",
    "opt-outs-retry", "opt-outs-property", "quota-recount", "quota-share", "quota-rule-switch", "quota-rule-delete",
    "classic-moved",
    "hubspot-action-compare", "hubspot-action-create",
    "thread-read", "thread-unread", "thread-close", "thread-reopen",
    "fetch-host-remove", "flow-start-remove", "message-ask", "attachment-switch", "agent-call-again",
}  # fmt: skip


def visits(house: House) -> Iterator[Visit]:
    """Every address that people open."""
    thread = house.workspace.threads.first().pk
    for name, page in PAGES.items():
        for arguments in page.arguments:
            address = name if name.startswith("/") else reverse(name, kwargs=arguments(house))
            for query in page.queries:
                yield Visit(name, address + query, page.leads_to.format(thread=thread))


def names() -> Iterator[str]:
    """Every address in the list of addresses that is not for machines, by its name, else by its path."""
    for path, name in _patterns(get_resolver()):
        if not path.startswith(settings.MACHINE_PATHS) or path.startswith(settings.PEOPLE_PATHS):
            yield name or path


def _patterns(resolver: Any, before: str = "/") -> Iterator[tuple[str, str]]:
    for each in resolver.url_patterns:
        path = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _patterns(each, path)
        elif isinstance(each, URLPattern):
            yield path, each.name or ""
