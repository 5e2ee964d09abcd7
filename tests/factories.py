"""Rows for tests: plain functions, each with the values that a test does not care about."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from django.utils import timezone

from smsadmin import cache
from smsadmin.actions.models import Action, ActionVersion
from smsadmin.agents import credentials
from smsadmin.agents.models import AIAgent, Attachment
from smsadmin.core.causes import cause
from smsadmin.core.errors import SendError
from smsadmin.core.ids import first_uuid7
from smsadmin.core.message import Accepted, ActionConfig, Record, SendRequest, Sms
from smsadmin.core.status import SETTLED, Status
from smsadmin.directory import callr_reader
from smsadmin.directory.models import Agent, Association, Number, Source
from smsadmin.providers.base import Exchange, Result
from smsadmin.quotas.documented import ship_rules
from smsadmin.routing.models import Route
from smsadmin.senders import names
from smsadmin.senders.models import SenderName
from smsadmin.sending.log import asker
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection, Member, Role, User, Workspace

PORTAL = "9000001"
#: Statuses of messages that no quota ever counted.
NEVER_COUNTED = {Status.RECEIVED, Status.REJECTED, Status.HELD, Status.EXPIRED, Status.CANCELLED}
_serial = itertools.count(1)


def make_user(email: str = "", password: str = "a long password", **columns: Any) -> User:
    return User.objects.create_user(email or f"person{next(_serial)}@example.com", password, **columns)


def make_workspace(name: str = "", **columns: Any) -> Workspace:
    """A workspace with the limits every workspace starts with, and nobody in it."""
    workspace = Workspace.objects.create(name=name or f"Workspace {next(_serial)}", **columns)
    ship_rules(workspace.pk)
    return workspace


def make_member(workspace: Workspace, role: str = Role.OWNER, user: User | None = None) -> Member:
    return Member.objects.create(workspace=workspace, user=user or make_user(), role=role)


def make_connection(workspace: Workspace, kind: str = "aircall", **columns: Any) -> Connection:
    """The workspace's account at Aircall, Callr or Twilio, or its HubSpot portal; the sandbox knows the secrets of
    all."""
    if kind == Connection.Kind.HUBSPOT:
        secrets = {"client_secret": "sandbox-client-secret", "access_token": "sandbox-hubspot-token"}
        defaults = {"name": "Portal", "external_id": PORTAL, "secrets": secrets}
    elif kind == Connection.Kind.CALLR:
        secrets = {"api_key": "sandbox-callr-key", "hmac_secret": "callr-secret"}
        defaults = {"name": "Callr", "external_id": f"sid{next(_serial)}", "secrets": secrets}
    elif kind == Connection.Kind.TWILIO:
        secrets = {"auth_token": "0123456789abcdef0123456789abcdef"}
        defaults = {"name": "Twilio", "external_id": f"AC{next(_serial):032x}", "secrets": secrets}
    else:
        secrets = {"api_id": "sandbox-id", "api_token": "sandbox-token"}
        defaults = {"name": "Account", "external_id": f"api-{next(_serial)}", "secrets": secrets}
    return Connection.objects.create(workspace=workspace, kind=kind, **{**defaults, **columns})


def make_number(
    workspace: Workspace, e164: str = "", *, users: tuple[str, ...] = (), **columns: Any
) -> Number:
    """An eligible number of the workspace's Aircall account, with these users (emails) on it."""
    serial = next(_serial)
    e164 = e164 or f"+1202555{serial % 10_000:04}"
    if "connection" not in columns:
        columns["connection"] = _aircall_of(workspace)
    defaults = {
        "provider_id": str(10_000 + serial),
        "name": f"Line {serial}",
        "country": "US",
        "connected": True,
        "connected_source": Source.ADMIN,
        "registration": "registered",
        "sms_capable": True,
        "sms_capable_source": Source.ADMIN,
        "seen_at": timezone.now(),
    }
    number = Number.objects.create(workspace=workspace, e164=e164, **{**defaults, **columns})
    for email in users:
        agent = Agent.objects.filter(workspace=workspace, email=email).first()
        put_on(number, agent or make_agent(workspace, email))
    cache.forget()
    return number


def make_sender_name(connection: Connection, name: str = "ACME", **approvals: str) -> SenderName:
    """A name that the Callr account sends under, with its approvals by country: `FR="approved"`."""
    sender = names.request(connection, name, "", (), make_user(), timezone.now())
    for country, state in approvals.items():
        names.decide(sender, country, state, "", "", timezone.now())
    return sender


def make_pool(connection: Connection) -> Number:
    """What the Callr account picks itself."""
    pool = callr_reader.add_pool(connection)
    cache.forget()
    return pool


def make_agent(workspace: Workspace, email: str = "", **columns: Any) -> Agent:
    """A user of the workspace's Aircall account."""
    serial = next(_serial)
    email = email or f"agent{serial}@example.com"
    if "connection" not in columns:
        columns["connection"] = _aircall_of(workspace)
    name = email.partition("@")[0].title()
    defaults = {"provider_id": str(50_000 + serial), "name": name, "seen_at": timezone.now()}
    agent = Agent.objects.create(workspace=workspace, email=email, **{**defaults, **columns})
    cache.forget()
    return agent


def put_on(number: Number, *agents: Agent) -> None:
    """From now on these agents may use the number."""
    Association.objects.bulk_create([Association(number=number, agent=agent) for agent in agents])
    cache.forget()


def make_action(workspace: Workspace, *, enabled: bool = True, name: str = "", **config: Any) -> Action:
    """A saved action with one version; without a sender it gets a number of its own."""
    if config.get("sender_kind", "number") == "number" and "sender_number" not in config:
        config["sender_number"] = make_number(workspace)
    action = Action.objects.create(
        workspace=workspace, name=name or f"Action {next(_serial)}", enabled=enabled
    )
    make_version(action, **config)
    return action


def make_ai_agent(workspace: Workspace, platform: str = "other", **columns: Any) -> tuple[AIAgent, str]:
    """An agent that talks with people, and its token."""
    prefix, token_hash, token = credentials.make()
    defaults = {"name": f"Agent {next(_serial)}", "token_made_at": timezone.now()}
    agent = AIAgent.objects.create(
        workspace=workspace,
        platform=platform,
        token_prefix=prefix,
        token_hash=token_hash,
        **{**defaults, **columns},
    )
    return agent, token


def make_attachment(agent: AIAgent, action: Action | None = None, **columns: Any) -> Attachment:
    """An action that the agent may use; of its own it says "Booked for {{date}}", where the agent gives the date."""
    action = action or make_action(
        agent.workspace, object_type="call", message="Booked for {{date}}", recipient_property="phone"
    )
    defaults = {"tool_name": "send_booking", "workspace": agent.workspace}
    return Attachment.objects.create(agent=agent, action=action, **{**defaults, **columns})


def make_version(action: Action, **config: Any) -> ActionVersion:
    """The next version of an action, which becomes the current one."""
    defaults = {"sender_kind": "number", "recipient_property": "Contact.phone", "message": "Hello"}
    number = action.versions.count() + 1
    action.current = ActionVersion.objects.create(action=action, number=number, **{**defaults, **config})
    action.save()
    cache.forget()
    return action.current


_CONFIG = {each.name for each in fields(ActionConfig)}
RECIPIENT = "+13125550123"


def ask(number: Number, **over: Any) -> SendRequest:
    """A request to text a contact "Hello" from the number. Any field of SendRequest or ActionConfig may be given,
    `phone` and other `properties` of the contact, or a whole `record`."""
    config = {"sender_kind": "number", "sender_number_id": number.pk, "message": "Hello"}
    config |= {"recipient_property": "Contact.phone"}
    config |= {name: over.pop(name) for name in list(over) if name in _CONFIG}
    properties = {"phone": over.pop("phone", RECIPIENT), **over.pop("properties", {})}
    request = {
        "workspace_id": number.workspace_id,
        "trigger": "hubspot",
        "key": f"call-{next(_serial)}",
        "record": Record("contact", "501", properties),
    }
    return SendRequest(config=ActionConfig(**config), **{**request, **over})


def accepted(provider_id: str = "sms-1") -> Result:
    return Result(_exchange(200), accepted=Accepted(provider_id, "pending"))


def refused(error: SendError, http_status: int = 400, **learnt: bool) -> Result:
    return Result(_exchange(http_status), error=error, learnt=learnt)


def rate_limited(seconds: float = 2.0) -> Result:
    exchange = _exchange(429, {"retry-after": str(seconds)})
    return Result(exchange, retry_in=seconds, reason="rate_limited", detail="HTTP 429")


def unreachable(seconds: float = 5.0) -> Result:
    return Result(
        _exchange(None), retry_in=seconds, reason="unreachable", detail="the connection was refused"
    )


def _exchange(http_status: int | None, headers: dict[str, str] | None = None) -> Exchange:
    url = "https://provider.example/messages"
    return Exchange("POST", url, {"body": "Hello"}, http_status, headers=headers or {})


Reaction = Result | Exception | Callable[[Sms], Result]


@dataclass
class FakeProvider:
    """A provider that keeps a list. What each recipient gets can be told, one after the other; else all is well."""

    name: str = "Aircall"
    sent: list[Sms] = field(default_factory=list)
    reactions: dict[str, list[Reaction]] = field(default_factory=dict)
    otherwise: Reaction = field(default_factory=accepted)

    def answer(self, recipient: str, *reactions: Reaction) -> None:
        """The reactions to this recipient's next messages."""
        self.reactions.setdefault(recipient, []).extend(reactions)

    def send(self, sms: Sms) -> Result:
        self.sent.append(sms)
        told = self.reactions.get(sms.recipient)
        reaction = told.pop(0) if told else self.otherwise
        if isinstance(reaction, Exception):
            raise reaction
        return reaction if isinstance(reaction, Result) else reaction(sms)


def make_message(workspace: Workspace, *, at: datetime | None = None, **columns: Any) -> Message:
    """A message that was sent and has its answer; `at` is when it was received."""
    now = at or timezone.now()
    if "number" not in columns:
        columns["number"] = workspace.numbers.order_by("pk").first() or make_number(workspace)
    number = columns["number"]
    status = Status(columns.get("status", Status.SENT))
    defaults = {
        "pk": uuid7_at(now),
        "trigger": "hubspot",
        "key": uuid.uuid4(),
        "origin": {"portal": PORTAL, "workflow": "17", "step": "4", "callback_id": f"ap-{next(_serial)}"},
        "connection_id": number.connection_id if number else None,
        "sender": number.e164 if number else "",
        "recipient": "+33612345678",
        "recipient_given": "+33612345678",
        "template": "Hi {{Contact.firstname}}",
        "body": "Hi Ada",
        "encoding": "GSM-7",
        "characters": 6,
        "segments": 1,
        "status": status,
        "accepted_at": None if status in NEVER_COUNTED else now,
        "refunded_at": now if status == Status.FAILED else None,
        "finished_at": now if status in SETTLED else None,
    }
    message = Message(workspace=workspace, **{**defaults, **columns})
    if message.error_code and not message.cause:
        message.cause = cause(message.error_code, message.error_facts, asker(message))
    message.save(force_insert=True)
    return message


def uuid7_at(moment: datetime) -> uuid.UUID:
    """An id made at that moment, unlike every other."""
    return uuid.UUID(int=first_uuid7(moment).int | next(_serial))


def _aircall_of(workspace: Workspace) -> Connection:
    found = workspace.connections.filter(kind=Connection.Kind.AIRCALL).first()
    return found or make_connection(workspace)


def make_route(via: Number, *, when: str = "always", **columns: Any) -> Route:
    """A route of the workspace to this number: of any sender to any country, unless told otherwise."""
    route = Route.objects.create(workspace_id=via.workspace_id, via=via, when=when, **columns)
    cache.forget()
    return route
