"""A workspace and a log of any length for the benchmark, filled by the database itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from smsadmin.actions.models import Action
from smsadmin.core import causes
from smsadmin.core.status import Status
from smsadmin.directory.models import Number
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Event, Message, RefusedCall
from smsadmin.workspaces.models import Connection, Member, Workspace
from tests.factories import (
    PORTAL,
    ask,
    make_action,
    make_agent,
    make_connection,
    make_member,
    make_number,
    make_workspace,
    put_on,
)

DAYS = 60
NUMBERS, USERS, ACTIONS, WORKFLOWS, RECIPIENTS, RECORDS = 40, 25, 20, 60, 300_000, 200_000
WAITING = 200  # the newest messages are still queued, as many before them are held


@dataclass(frozen=True)
class Customer:
    """A workspace with its owner and all that its messages refer to."""

    owner: Member
    connection: Connection
    numbers: list[Number]
    users: list[int]
    actions: list[Action]

    @property
    def workspace(self) -> Workspace:
        return self.owner.workspace


def make_customer() -> Customer:
    owner = make_member(make_workspace("Bench", time_zone="Europe/Berlin"))
    workspace = owner.workspace
    account = make_connection(workspace)
    make_connection(workspace, Connection.Kind.HUBSPOT)
    numbers = [make_number(workspace, f"+1646555{i:04}", name=f"Line {i}") for i in range(NUMBERS)]
    users = [make_agent(workspace, f"user{i}@example.com") for i in range(USERS)]
    for i, number in enumerate(numbers):
        put_on(number, users[i % USERS], users[(i + 7) % USERS])
    actions = [make_action(workspace, name=f"Reminder {i}", sender_number=numbers[i]) for i in range(ACTIONS)]
    return Customer(owner, account, numbers, [user.pk for user in users], actions)


@dataclass(frozen=True)
class Filled:
    """A log of so many messages, and what filling it took."""

    messages: int
    seconds: float
    table_bytes: int
    index_bytes: int


def fill(customer: Customer, count: int) -> Filled:
    """Replaces the log by `count` messages of the last 60 days. Indexes are dropped meanwhile and come back as the
    migrations made them."""
    started = timezone.now()
    samples = _samples(customer)
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute("TRUNCATE sending_message, sending_refusedcall CASCADE")
        _causes(cursor)
        with _without_indexes():
            cursor.execute("SELECT setseed(0.5)")
            cursor.execute(_MESSAGES, _parameters(customer, samples, count, started))
        cursor.execute(_ATTEMPTS, {"count": count // 10, "data": json.dumps(_EXCHANGE)})
        cursor.execute(_REPEATS, {"workspace": customer.workspace.pk})
        cursor.execute(_REFUSED, {"workspace": customer.workspace.pk, "count": count // 1_000, "days": DAYS})
        cursor.execute("VACUUM (ANALYZE) sending_message")
        cursor.execute("ANALYZE")
        cursor.execute("SELECT pg_table_size('sending_message'), pg_indexes_size('sending_message')")
        table, indexes = cursor.fetchone()
    return Filled(count, (timezone.now() - started).total_seconds(), table, indexes)


@contextmanager
def _without_indexes() -> Iterator[None]:
    """Drops the indexes of the log but its primary key for the block; then Django makes them as the migrations do."""
    indexes, constraints = Message._meta.indexes, Message._meta.constraints
    with connection.schema_editor(atomic=False) as editor:
        for index in indexes:
            editor.remove_index(Message, index)
        for constraint in constraints:
            editor.remove_constraint(Message, constraint)
    yield
    with connection.schema_editor(atomic=False) as editor:
        for constraint in constraints:
            editor.add_constraint(Message, constraint)
        for index in indexes:
            editor.add_index(Message, index)


# --- What a row looks like ---------------------------------------------------------------------------


def _samples(customer: Customer) -> dict[str, Message]:
    """One accepted and one refused message as the product itself writes them, for what every row repeats."""
    common: dict[str, Any] = {
        "message": "Hi {{Contact.firstname}}, your appointment is on {{Contact.appointment}}. Reply STOP to opt out.",
        "properties": {"firstname": "Ada", "appointment": "Monday at 10:30"},
        "origin": {"portal": PORTAL, "workflow": "17"},
    }
    number = customer.numbers[0]
    return {
        "accepted": accept(ask(number, **common)),
        "rejected": accept(ask(number, **common, phone="0612345678")),
    }


#: Codes by how often they come, each with how it ends and the fact that makes it one cause or another.
_WHY: list[tuple[str, Status, str, list[str]]] = [
    ("RECIPIENT_NO_COUNTRY_CODE", Status.REJECTED, "value", ["0612345678"]),
    ("RECIPIENT_MISSING", Status.REJECTED, "source", ["Contact.phone", "Contact.mobilephone"]),
    ("DELIVERY_FAILED", Status.UNDELIVERED, "answer", ["unreachable", "blocked", "unknown subscriber"]),
    ("PROVIDER_REJECTED", Status.FAILED, "answer", ["no such user", "not allowed", "text refused"]),
    ("TOKEN_UNRESOLVED", Status.REJECTED, "token", [f"{{{{Contact.field_{i}}}}}" for i in range(8)]),
    ("NUMBER_NOT_SMS_CAPABLE", Status.REJECTED, "sender", [f"+1646555{i:04}" for i in range(10)]),
    ("USER_NOT_FOUND", Status.REJECTED, "email", [f"left{i}@example.com" for i in range(8)]),
    ("RATE_LIMITED", Status.FAILED, "provider", ["Aircall"]),
    ("PROVIDER_UNKNOWN", Status.UNKNOWN, "reason", ["no answer within 30 s", "the connection was reset"]),
    ("INTERNAL_ERROR", Status.REJECTED, "kind", ["KeyError", "ValueError"]),
]
CAUSES = [
    (code, status, {fact: value}, causes.cause(code, {fact: value}))
    for code, status, fact, values in _WHY
    for value in values
]


def _causes(cursor: Any) -> None:
    cursor.execute("DROP TABLE IF EXISTS bench_cause")
    cursor.execute(
        "CREATE TEMPORARY TABLE bench_cause (nth int, code text, status text, facts jsonb, cause text)"
    )
    rows = [
        (nth, code, status, json.dumps(facts), cause)
        for nth, (code, status, facts, cause) in enumerate(CAUSES)
    ]
    cursor.executemany("INSERT INTO bench_cause VALUES (%s, %s, %s, %s, %s)", rows)


def _parameters(customer: Customer, samples: dict[str, Message], count: int, now: datetime) -> dict[str, Any]:
    accepted, rejected = samples["accepted"], samples["rejected"]
    return {
        "count": count,
        "causes": len(CAUSES),
        "waiting": WAITING,
        "begin": (now - timedelta(days=DAYS)).timestamp(),
        "seconds": DAYS * 86_400,
        "workspace": customer.workspace.pk,
        "connection": customer.connection.pk,
        "numbers": [number.pk for number in customer.numbers],
        "senders": [number.e164 for number in customer.numbers],
        "users": customer.users,
        "actions": [action.pk for action in customer.actions],
        "versions": [action.current_id for action in customer.actions],
        "portal": PORTAL,
        "workflows": WORKFLOWS,
        "recipients": RECIPIENTS,
        "records": RECORDS,
        "inputs": json.dumps(accepted.inputs),
        "template": accepted.template,
        "body": accepted.body,
        "characters": accepted.characters,
        "segments": accepted.segments,
        "trace": json.dumps(accepted.trace),
        "refused_trace": json.dumps(rejected.trace),
        "quota": json.dumps(accepted.quota),
    }


#: Ids are version 7 UUIDs (RFC 9562) in the order of time; shares are skewed, a few numbers and actions send most.
_MESSAGES = """
    INSERT INTO sending_message (
        id, workspace_id, trigger, key, origin, action_id, version_id, object_type, object_id,
        connection_id, number_id, agent_id, sender, send_as, recipient, recipient_given,
        inputs, template, body, encoding, characters, segments,
        status, error_code, error_facts, cause, trace, quota,
        accepted_at, attempts, next_attempt_at, expires_at, finished_at, provider_id, provider_status, reply
    )
    SELECT
        (lpad(to_hex((at * 1000)::bigint), 12, '0') || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid,
        %(workspace)s,
        CASE WHEN chance_trigger < 0.0005 THEN 'verification' WHEN chance_trigger < 0.002 THEN 'test'
            ELSE 'hubspot' END,
        reverse(hash)::uuid,
        jsonb_build_object('portal', %(portal)s::text, 'workflow', (workflow)::text, 'step', '4',
            'callback_id', 'ap-' || i),
        CASE WHEN action <= 20 THEN (%(actions)s::bigint[])[action] END,
        CASE WHEN action <= 20 THEN (%(versions)s::bigint[])[action] END,
        'contact', (i * 7919 %% %(records)s)::text,
        %(connection)s, (%(numbers)s::bigint[])[line],
        CASE WHEN agent <= 25 THEN (%(users)s::bigint[])[agent] END,
        (%(senders)s::text[])[line],
        CASE WHEN agent <= 25 THEN 'user' || agent || '@example.com' ELSE '' END,
        CASE WHEN why.code = 'RECIPIENT_NO_COUNTRY_CODE' OR why.code = 'RECIPIENT_MISSING' THEN ''
            ELSE '+336' || lpad((i * 104729 %% %(recipients)s)::text, 8, '0') END,
        CASE WHEN why.code = 'RECIPIENT_MISSING' THEN ''
            ELSE '06' || lpad((i * 104729 %% %(recipients)s)::text, 8, '0') END,
        %(inputs)s::jsonb, %(template)s, %(body)s, 'GSM-7', %(characters)s, %(segments)s,
        mine.status,
        coalesce(why.code, ''), coalesce(why.facts, '{}'), coalesce(why.cause, ''),
        CASE WHEN why.status = 'rejected' THEN %(refused_trace)s::jsonb ELSE %(trace)s::jsonb END,
        CASE WHEN why.status = 'rejected' THEN '[]' ELSE %(quota)s::jsonb END,
        CASE WHEN mine.status NOT IN ('rejected', 'held') THEN moment END,
        CASE WHEN mine.status IN ('rejected', 'held', 'queued') THEN 0 ELSE 1 END,
        CASE WHEN mine.status IN ('held', 'queued') THEN moment + interval '1 hour' END,
        CASE WHEN mine.status = 'held' THEN moment + interval '2 hours' END,
        CASE WHEN mine.status NOT IN ('held', 'queued') THEN moment + interval '2 seconds' END,
        CASE WHEN mine.status IN ('sent', 'delivered', 'undelivered') THEN 'SM-' || i ELSE '' END,
        CASE WHEN mine.status IN ('sent', 'delivered', 'undelivered') THEN mine.status ELSE '' END,
        CASE WHEN mine.status IN ('held', 'queued') THEN 'owed' ELSE 'given' END
    FROM (
        SELECT i, md5(i::text) AS hash,
            %(begin)s + %(seconds)s * (i::float8 / %(count)s) AS at,
            to_timestamp(%(begin)s + %(seconds)s * (i::float8 / %(count)s)) AS moment,
            random() AS chance, random() AS chance_trigger,
            1 + floor(40 * power(random(), 2))::int AS line,
            1 + floor(35 * random())::int AS agent,
            1 + floor(22 * power(random(), 1.5))::int AS action,
            1 + floor(%(workflows)s * power(random(), 2))::int AS workflow,
            CASE WHEN random() < 0.05 AND i <= %(count)s - 2 * %(waiting)s
                THEN floor(%(causes)s * power(random(), 2))::int END AS nth
        FROM generate_series(1, %(count)s::bigint) AS i
    ) AS row
    LEFT JOIN bench_cause AS why ON why.nth = row.nth
    CROSS JOIN LATERAL (SELECT CASE
        WHEN i > %(count)s - %(waiting)s THEN 'queued'
        WHEN i > %(count)s - 2 * %(waiting)s THEN 'held'
        WHEN why.nth IS NOT NULL THEN why.status
        WHEN chance < 0.7 THEN 'delivered' ELSE 'sent' END AS status) AS mine
"""
#: The newest tenth has its exchange with the provider; older ones would only fill the disk.
_ATTEMPTS = f"""
    INSERT INTO sending_event (message_id, at, kind, data)
    SELECT id, finished_at, '{Event.Kind.ATTEMPT}', %(data)s::jsonb FROM sending_message
    WHERE id >= (SELECT id FROM sending_message ORDER BY id DESC OFFSET %(count)s - 1 LIMIT 1) AND attempts > 0
"""
_REPEATS = f"""
    INSERT INTO sending_event (message_id, workspace_id, at, kind, data)
    SELECT id, %(workspace)s, finished_at, '{Event.Kind.REPEAT}', '{{}}' FROM sending_message
    WHERE attempts > 0 AND substr(id::text, 36) = '0' AND substr(id::text, 34, 2) < '10'
"""
_REFUSED = f"""
    INSERT INTO {RefusedCall._meta.db_table} (workspace_id, at, path, reason, detail, portal)
    SELECT %(workspace)s, now() - random() * %(days)s * interval '1 day', '/hubspot/actions/send-sms',
        'signature mismatch', '', '{PORTAL}' FROM generate_series(1, %(count)s)
"""
_EXCHANGE = {
    "method": "POST",
    "url": "https://api.aircall.io/v1/numbers/10001/messages/native/send",
    "request": {"to": "+33600000000", "body": "Hi Ada, your appointment is on Monday at 10:30."},
    "status": 200,
    "answer": '{"id": "SM-1", "status": "pending", "direction": "outbound"}',
    "ms": 87,
}
