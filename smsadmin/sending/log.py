"""The only writer of Message and Event rows."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Least

from smsadmin.core import causes, errors
from smsadmin.core.ids import key16
from smsadmin.core.message import SendRequest, Sms
from smsadmin.core.status import BEFORE, Status
from smsadmin.core.trace import Step
from smsadmin.sending import inputs
from smsadmin.sending.models import Event, Message, Reply
from smsadmin.sending.resolve import Draft

#: A caller told to wait must have read that answer before it is told how it ended.
REPLY_NOT_BEFORE = timedelta(seconds=2)

#: What of an attempt's data repeats the text.
SAID = ("request", "answer")

# PostgreSQL stores neither in text nor in JSON; records and providers send them all the same.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SUSPECT = re.compile(r"\\u0000|[\ud800-\udfff]")  # the same in JSON, where NUL is written as an escape


def storable(value: Any) -> Any:
    """The value with NUL and halves of surrogate pairs shown as U+FFFD, also inside lists and mappings."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if _SUSPECT.search(json.dumps(value, ensure_ascii=False, default=str)):  # hardly ever, and quick to see
        return _cleaned(value)
    return value


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {_cleaned(key): _cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(each) for each in value]
    return value


def queued(draft: Draft, counted: Step, now: datetime) -> Message:
    """An accepted message, its trace ending with `counted`, not written yet: that is sending.ledger's, in one
    step with its quota."""
    message = _to_be_sent(draft, now)
    message.trace.append(counted.as_json())
    message.status = Status.QUEUED
    message.accepted_at = message.next_attempt_at = now
    return message


def held(
    draft: Draft, reason: errors.SendError, until: datetime, expires_at: datetime, now: datetime
) -> Message:
    """Writes a message that waits for room, not counted yet. Raises IntegrityError when its key was used before."""
    message = _to_be_sent(draft, now)
    message.status = Status.HELD
    _explain(message, reason)
    message.next_attempt_at, message.expires_at = until, expires_at
    with transaction.atomic():  # a used key must not spoil the caller's transaction
        message.save(force_insert=True)
    return message


def _to_be_sent(draft: Draft, now: datetime) -> Message:
    """The row of a message that will have an outcome: from which account, and who waits to hear of it."""
    assert draft.number
    message = _row(draft)
    message.connection_id = draft.number.connection_id
    message.reply = draft.ask.reply
    message.reply_at = now + REPLY_NOT_BEFORE if draft.ask.reply == "owed" else None
    return message


def rejected(draft: Draft, error: errors.SendError, now: datetime) -> Message:
    """Writes a message we said no to. Raises IntegrityError when its key was used before."""
    message = _row(draft)
    message.status = Status.REJECTED
    _explain(message, error)
    message.finished_at = now
    if draft.ask.config.hide_values:
        message.body, message.inputs, message.values_gone_at = "", {}, now
    with transaction.atomic():  # a used key must not spoil the caller's transaction
        message.save(force_insert=True)
    return message


def _explain(message: Message, error: errors.SendError) -> None:
    for name, value in _reason(error, asker(message)).items():
        setattr(message, name, value)


def _reason(error: errors.SendError | None, asker: str = "") -> dict[str, Any]:
    """The columns that say what stopped a message, or why it is held: they are always written together."""
    if error is None:
        return {"error_code": "", "error_facts": {}, "cause": ""}
    facts = storable(error.facts)
    return {"error_code": error.code, "error_facts": facts, "cause": causes.cause(error.code, facts, asker)}


def asker(message: Message) -> str:
    """Who asked for a message, for the causes that hinge on it."""
    if message.action_id:
        return f"action {message.action_id}"
    workflow = message.origin.get("workflow")
    return f"workflow {workflow}" if workflow else ""


def _row(draft: Draft) -> Message:
    ask, number, agent, measure = draft.ask, draft.number, draft.agent, draft.measure
    return Message(
        workspace_id=ask.workspace_id,
        trigger=ask.trigger,
        key=key16(ask.key),
        origin=storable(ask.origin),
        action_id=ask.action_id,
        version_id=ask.version_id,
        object_type=storable(ask.record.object_type[:12]),
        object_id=storable(ask.record.object_id[:40]),
        number=number,
        agent=agent,
        sender=number.e164 if number else "",
        send_as=agent.email if agent else "",
        recipient=draft.recipient.e164 if draft.recipient else "",
        recipient_given=storable(draft.recipient_given),
        inputs=storable(inputs.kept(ask)),
        template=storable(ask.config.message),
        body=draft.body,
        encoding=measure.encoding if measure else "",
        characters=measure.characters if measure else 0,
        segments=min(measure.segments, 32_767) if measure else 0,
        trace=storable([step.as_json() for step in draft.trace]),
        original=ask.original,
    )


def found(ask: SendRequest) -> Message | None:
    """The message an earlier request with the same key made."""
    return Message.objects.filter(
        workspace_id=ask.workspace_id, trigger=ask.trigger, key=key16(ask.key)
    ).first()


def repeated(ask: SendRequest, now: datetime) -> Message:
    """The first row of a request that came again; its timeline shows the repeat."""
    message = found(ask)
    if message is None:
        raise LookupError(f"No message of trigger {ask.trigger} has this key.")
    Event.objects.create(message=message, workspace_id=message.workspace_id, at=now, kind=Event.Kind.REPEAT)
    return message


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row taken for sending: what its provider needs, and what its outcome is reckoned from."""

    pk: UUID
    attempts: int
    number_id: int
    sms: Sms


def claim(ids: Sequence[UUID], holder: UUID, now: datetime, lease_until: datetime) -> list[Claimed]:
    """Takes queued rows for one drain, committed before anything is sent. Rows taken by another are left out."""
    Message.objects.filter(pk__in=ids, status__in=BEFORE[Status.SENDING]).update(
        status=Status.SENDING, claim=holder, claimed_at=now, lease_until=lease_until
    )
    mine = Message.objects.filter(pk__in=ids, status=Status.SENDING, claim=holder).order_by("pk")
    columns = ("pk", "attempts", "number_id", "sender", "number__provider_id", "recipient", "body")
    return [
        Claimed(pk, attempts, number_id, Sms(str(pk), sender, sender_id, recipient, body, send_as_id or ""))
        for pk, attempts, number_id, sender, sender_id, recipient, body, send_as_id in mine.values_list(
            *columns, "agent__provider_id"
        )
    ]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended: the status it leads to, and what goes on the row and into the timeline."""

    message_id: UUID
    status: Status
    at: datetime
    event: dict[str, Any] = field(default_factory=dict)
    error: errors.SendError | None = None
    provider_id: str = ""
    provider_status: str = ""
    next_attempt_at: datetime | None = None


def finish(outcomes: Sequence[Outcome], holder: UUID) -> None:
    """Writes the outcomes of a batch together, to the rows this drain still holds.

    A row given up as lost while its provider was still answering is settled by a clear answer, for it was never
    claimed again. A row settled by an early receipt keeps what it has. Each timeline shows the answer.
    """
    with transaction.atomic():
        for chunk in _chunks(outcomes, 100):
            _write(chunk, holder)
        Event.objects.bulk_create(
            [
                Event(message_id=o.message_id, at=o.at, kind=Event.Kind.ATTEMPT, data=storable(o.event))
                for o in outcomes
            ]
        )


def _write(outcomes: Sequence[Outcome], holder: UUID) -> None:
    """One UPDATE … FROM (VALUES …), which PostgreSQL and SQLite both understand."""
    columns = ("status", "error_code", "error_facts", "cause", "provider_id", "provider_status", "at", "next")
    fields: list[Any] = [Message._meta.get_field(name) for name in _OUTCOME_FIELDS]
    rows = [
        [
            f.get_db_prep_save(value, connection)
            for f, value in zip(fields, _outcome_values(outcome), strict=True)
        ]
        for outcome in outcomes
    ]
    one = ", ".join(_placeholder(f) for f in fields)
    values = ", ".join(f"({one})" for _ in rows)
    sql = (
        f"WITH answer (id, {', '.join(columns)}) AS (VALUES {values}) "  # noqa: S608 (our own column names)
        "UPDATE sending_message SET status = answer.status, error_code = answer.error_code, "
        "error_facts = answer.error_facts, cause = answer.cause, provider_id = answer.provider_id, "
        "provider_status = answer.provider_status, finished_at = answer.at, next_attempt_at = answer.next, "
        "attempts = attempts + 1, claim = NULL, lease_until = NULL FROM answer "
        "WHERE sending_message.id = answer.id AND (sending_message.status = %s AND sending_message.claim = %s "
        f"OR sending_message.status = %s AND answer.status IN ({', '.join(['%s'] * len(_SETTLE_UNKNOWN))}))"
    )
    parameters = [value for row in rows for value in row]
    parameters += [Status.SENDING.value, fields[0].get_db_prep_save(holder, connection)]
    parameters += [Status.UNKNOWN.value, *_SETTLE_UNKNOWN]
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


_SETTLE_UNKNOWN = [status.value for status in Status if Status.UNKNOWN in BEFORE[status]]
_OUTCOME_FIELDS = (
    "id",
    "status",
    "error_code",
    "error_facts",
    "cause",
    "provider_id",
    "provider_status",
    "finished_at",
    "next_attempt_at",
)


def _outcome_values(outcome: Outcome) -> tuple[Any, ...]:
    back = outcome.status == Status.QUEUED
    return (
        outcome.message_id,
        outcome.status.value,
        *_reason(outcome.error).values(),
        storable(outcome.provider_id[:120]),
        storable(outcome.provider_status[:40]),
        None if back else outcome.at,
        outcome.next_attempt_at,
    )


def _placeholder(f: Any) -> str:
    """PostgreSQL must be told the type of a VALUES column; SQLite has none."""
    return f"%s::{f.db_type(connection)}" if connection.vendor == "postgresql" else "%s"


def lost(now: datetime, limit: int = 500) -> list[UUID]:
    """Rows whose drain died between claim and answer become unknown: they may have gone out."""
    error = errors.ProviderUnknown(provider="Aircall", reason="its worker stopped before the answer")
    stale = Q(lease_until__lt=now)
    ids = list(Message.objects.filter(stale, status=Status.SENDING).values_list("pk", flat=True)[:limit])
    moved = [pk for pk in ids if move(pk, Status.UNKNOWN, now, stale, error=error)]
    Event.objects.bulk_create([Event(message_id=pk, at=now, kind=Event.Kind.LOST) for pk in moved])
    return moved


def released(message_id: UUID, position: Sequence[Any], now: datetime) -> bool:
    """A held message was counted, with its quota's position then, and may be sent; False when it is no longer held.

    Belongs into the transaction that counts it (sending.ledger).
    """
    row = Message.objects.filter(pk=message_id, status=Status.HELD)
    return bool(
        row.update(
            status=Status.QUEUED,
            quota=position,
            accepted_at=now,
            next_attempt_at=now,
            **_reason(None),
        )
    )


def put_off(which: Q, until: datetime, code: str, facts: dict[str, Any]) -> None:
    """Held messages that were to be released before `until` wait on, for this reason, but not past their expiry.

    They are locked in their order, so that two sweeps never wait for each other in a circle.
    """
    rows = Message.objects.filter(which, status=Status.HELD, next_attempt_at__lt=until)
    with transaction.atomic():
        in_order = rows.order_by("pk").select_for_update().values("pk")
        Message.objects.filter(pk__in=in_order).update(
            next_attempt_at=Least(F("expires_at"), until),
            error_code=code,
            error_facts=facts,
            cause=causes.cause(code, facts),
        )


def expired(now: datetime, limit: int = 500) -> list[UUID]:
    """Held messages that found no room in time are given up."""
    late = Message.objects.filter(status=Status.HELD, next_attempt_at__lte=now, expires_at__lte=now)
    return [
        message.pk
        for message in late.only("action_id", "origin")[:limit]
        if move(message.pk, Status.EXPIRED, now, error=errors.Expired(), asker=asker(message))
    ]


def reply_given(ids: Iterable[UUID], now: datetime, detail: dict[str, Any] | None = None) -> None:
    """The caller has heard how these messages ended."""
    _replied(ids, now, Reply.GIVEN, None, detail or {})


def reply_put_off(ids: Iterable[UUID], now: datetime, until: datetime, detail: dict[str, Any]) -> None:
    """The caller could not be told yet."""
    _replied(ids, now, Reply.OWED, until, detail)


def reply_given_up(ids: Iterable[UUID], now: datetime, detail: dict[str, Any]) -> None:
    """The caller will not be told: it no longer listens."""
    _replied(ids, now, Reply.FAILED, None, detail)


def _replied(
    ids: Iterable[UUID], now: datetime, reply: Reply, reply_at: datetime | None, detail: dict[str, Any]
) -> None:
    owed = Message.objects.filter(pk__in=list(ids), reply=Reply.OWED)
    ids = list(owed.values_list("pk", flat=True))
    owed.update(reply=reply, reply_at=reply_at)
    data = {"reply": reply.value, **detail}
    Event.objects.bulk_create([Event(message_id=pk, at=now, kind=Event.Kind.REPLY, data=data) for pk in ids])


def owe_reply(message_id: UUID, now: datetime) -> None:
    """The caller waited in vain, and was told that it will hear."""
    Message.objects.filter(pk=message_id, reply=Reply.WAITING).update(
        reply=Reply.OWED, reply_at=now + REPLY_NOT_BEFORE
    )


def answered(message_id: UUID) -> None:
    """The caller read the outcome in the answer to its own request."""
    Message.objects.filter(pk=message_id, reply=Reply.WAITING).update(reply=Reply.GIVEN)


def move(
    message_id: UUID,
    status: Status,
    now: datetime,
    *only: Q,
    error: errors.SendError | None = None,
    asker: str = "",
    **columns: Any,
) -> bool:
    """One guarded step along the status table; False when the row is no longer where the step begins.

    `asker` is who asked for the message, for an error whose cause hinges on that.
    """
    columns |= _reason(error, asker)
    rows = Message.objects.filter(*only, pk=message_id, status__in=BEFORE[status])
    return bool(rows.update(status=status, finished_at=now, claim=None, lease_until=None, **columns))


def forget_text(ids: Sequence[UUID], now: datetime) -> None:
    """Keeps of these messages that they were sent and how it went, not what they said: the text was a secret."""
    Message.objects.filter(pk__in=ids).update(template="")
    forget_values(ids, now)


def forget_values(ids: Sequence[UUID], now: datetime) -> None:
    """Deletes the text of these messages and the values it was made of; their template and their way stay."""
    Message.objects.filter(pk__in=ids).update(body="", inputs={}, values_gone_at=now)
    for event in Event.objects.filter(message__in=ids, kind=Event.Kind.ATTEMPT):
        event.data = {name: value for name, value in event.data.items() if name not in SAID}
        event.save(update_fields=["data"])


def _chunks(outcomes: Sequence[Outcome], size: int) -> Iterable[Sequence[Outcome]]:
    for start in range(0, len(outcomes), size):
        yield outcomes[start : start + size]
