"""The only writer of Message and Event rows."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Least

from smsadmin.core import causes, errors
from smsadmin.core.ids import key16
from smsadmin.core.message import SendRequest, Sms
from smsadmin.core.status import BEFORE, Status
from smsadmin.core.trace import Step
from smsadmin.directory.models import Agent, Number
from smsadmin.hooks import telling
from smsadmin.hooks.events import of_status
from smsadmin.hooks.telling import Turn
from smsadmin.privacy.masking import Secrets, secrets_of
from smsadmin.quotas import counting
from smsadmin.quotas.counting import Change
from smsadmin.quotas.models import Scope
from smsadmin.routing import scope
from smsadmin.routing.faults import Fault
from smsadmin.sending import inputs
from smsadmin.sending.models import Event, Message, Reply
from smsadmin.sending.resolve import Draft
from smsadmin.workspaces.models import Connection

#: A caller told to wait must have read that answer before it is told how it ended.
REPLY_NOT_BEFORE = timedelta(seconds=2)

#: What a person decided had not gone out: no step of the program's own leaves a failed row with this code.
DECIDED_LOST = Q(status=Status.FAILED, error_code=errors.ProviderUnknown.code)
#: Where no answer has said what became of it and under which id: nobody knows, a person decided, or an answer had no
#: id. A decision is a guess; clear news from the provider moves its row as it would move an unknown one.
UNCONFIRMED = Q(status=Status.UNKNOWN) | DECIDED_LOST | Q(status=Status.SENT, provider_id="")
_NO_ROW = Q(pk__in=())

#: What the timeline calls the event of a look into the provider's list.
LOOKED_UP = "looked up"

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
        telling.made(message, now)
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
        _take_out(_secrets(message, number=False), message)
        message.body, message.inputs, message.values_gone_at = "", {}, now
    with transaction.atomic():  # a used key must not spoil the caller's transaction
        message.save(force_insert=True)
        telling.made(message, now)
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
    if flow := message.origin.get("flow"):
        return f"flow {flow}"
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
        traffic=ask.config.traffic,
        proxy=bool(number and number.proxy_mode and ask.via == "any"),
        media=list(ask.media),
        wait_minutes=ask.config.wait_minutes,
        routed=scope.concerns(ask),
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
    message.is_repeated = True
    return message


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row taken for sending: what its provider needs, and what its outcome is reckoned from."""

    pk: UUID
    attempts: int
    accepted_at: datetime
    number_id: int
    sms: Sms


def claim(ids: Sequence[UUID], holder: UUID, now: datetime, lease_until: datetime, *only: Q) -> list[Claimed]:
    """Takes queued rows for one drain, committed before anything is sent. Rows taken by another are left out, and so
    are those that `only` no longer fits: they may have gone on to another account since they were found."""
    Message.objects.filter(*only, pk__in=ids, status__in=BEFORE[Status.SENDING]).update(
        status=Status.SENDING, claim=holder, claimed_at=now, lease_until=lease_until
    )
    mine = Message.objects.filter(pk__in=ids, status=Status.SENDING, claim=holder).order_by("pk")
    columns = ("pk", "attempts", "accepted_at", "number_id", *_OF_AN_SMS.values())
    return [_claimed(row) for row in mine.values(*columns)]


#: What each part of an Sms is on the row of its message.
_OF_AN_SMS = {
    "message_id": "pk",
    "sender": "sender",
    "sender_id": "number__provider_id",
    "recipient": "recipient",
    "body": "body",
    "send_as_id": "agent__provider_id",
    "proxy": "proxy",
    "media": "media",
    "traffic": "traffic",
    "encoding": "encoding",
}


def _claimed(row: dict[str, Any]) -> Claimed:
    parts = {name: row[column] for name, column in _OF_AN_SMS.items()}
    parts |= {
        "message_id": str(row["pk"]),
        "send_as_id": parts["send_as_id"] or "",
        "media": tuple(parts["media"]),
    }
    return Claimed(row["pk"], row["attempts"], row["accepted_at"], row["number_id"], Sms(**parts))


def times_slowed_down(message_id: UUID) -> int:
    """How many attempts at a message met a limit of its provider, from the sender that it has now: attempts say so as
    their `reason`; those of earlier versions have HTTP 429."""
    events = Event.objects.filter(message_id=message_id)
    moved = events.filter(kind=Event.Kind.MOVED).order_by("-pk").values_list("pk", flat=True).first()
    attempts = events.filter(kind=Event.Kind.ATTEMPT, pk__gt=moved or 0)
    return attempts.filter(Q(data__reason="rate_limited") | Q(data__status=429)).count()


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
    segments: int | None = None  # as the provider counted them, where it says so
    counts: bool = True  # False where it uses up no attempt: what came of it is about the account
    fault: Fault | None = (
        None  # where it surely did not leave, and another sender may take it (routing.failover)
    )


def finish(outcomes: Sequence[Outcome], holder: UUID) -> None:
    """Writes the outcomes of a batch together, to the rows this drain still holds.

    A row given up as lost while its provider was still answering is settled by a clear answer, whatever a person has
    decided meanwhile, for it was never claimed again. A row settled by an early receipt keeps what it has. Each
    timeline shows the answer. What surely never left counts no more.
    """
    failed = [outcome.message_id for outcome in outcomes if outcome.status == Status.FAILED]
    told = {outcome.message_id: outcome.segments for outcome in outcomes if outcome.segments}
    with transaction.atomic():
        for chunk in _chunks(outcomes, 100):
            telling.turned(_write(chunk, holder))
        Event.objects.bulk_create(
            [
                Event(message_id=o.message_id, at=o.at, kind=Event.Kind.ATTEMPT, data=storable(o.event))
                for o in outcomes
            ]
        )
        if failed or told:
            counting.adjust([*_given_back(failed), *_corrected(told)])


def _given_back(ids: Sequence[UUID]) -> list[Change]:
    """Marks those of these messages that failed as given back, each once; what they had counted.

    Their provider refused them, or could not be reached until their attempts were used up. What a person decided is not
    sure, and gives nothing back.
    """
    rows = _locked(ids).filter(status=Status.FAILED, accepted_at__isnull=False, refunded_at=None)
    changes = [
        change for row in rows for change in _changes(row, messages=-1, segments=-row.counted_segments)
    ]
    if changes:
        Message.objects.filter(pk__in=[row.pk for row in rows]).update(refunded_at=F("finished_at"))
    return changes


@dataclass(frozen=True, slots=True)
class Move:
    """Where a message goes on that surely did not leave: from which number, as which user, and what its timeline says:
    the attempt that ended (none where nothing was asked), from where to where, why and by which route."""

    number: Number
    agent: Agent | None
    attempt: dict[str, Any] | None
    why: dict[str, Any]


def leaving(message_id: UUID, only: Q) -> tuple[Message, list[Change]] | None:
    """A message that is to go on elsewhere, locked, with what it takes back of what it had counted; None where it is no
    longer as `only` says. Belongs into the transaction that moves it (sending.ledger)."""
    row = Message.objects.filter(only, pk=message_id).select_for_update().first()
    if row is None:
        return None
    back = _changes(row, messages=-1, segments=-row.counted_segments)
    Message.objects.filter(pk=row.pk).update(
        accepted_at=None
    )  # a counter that is made anew must not count it too
    return row, back


def moved(row: Message, move: Move, position: Sequence[Any], now: datetime) -> None:
    """A message that was counted anew is queued where it goes on, as if it had just been accepted there. Likewise."""
    number, agent = move.number, move.agent
    Message.objects.filter(pk=row.pk).update(
        status=Status.QUEUED,
        connection=number.connection_id,
        number=number,
        sender=number.e164,
        agent=agent,
        send_as=agent.email if agent else "",
        quota=position,
        accepted_at=now,
        next_attempt_at=now,
        attempts=0,
        claim=None,
        claimed_at=None,
        lease_until=None,
        provider_segments=None,
        **_reason(None),
    )
    told = [(Event.Kind.ATTEMPT, move.attempt)] if move.attempt is not None else []
    told.append((Event.Kind.MOVED, move.why))
    Event.objects.bulk_create(
        [Event(message_id=row.pk, at=now, kind=kind, data=storable(data)) for kind, data in told]
    )


def _corrected(told: Mapping[UUID, int]) -> list[Change]:
    """Notes where the provider counted other segments than these messages count as; the difference."""
    changes: list[Change] = []
    for row in _locked(told):
        if difference := told[row.pk] - row.counted_segments:
            Message.objects.filter(pk=row.pk).update(provider_segments=told[row.pk])
            changes += _changes(row, segments=difference)
    return changes


def _locked(ids: Iterable[UUID]) -> QuerySet[Message]:
    """These messages, as far as they count. Rows are locked before counters (counting.adjust)."""
    rows = Message.objects.filter(pk__in=list(ids)).select_for_update().order_by("pk")
    columns = ("number_id", "agent_id", "accepted_at", "refunded_at", "segments", "provider_segments")
    return rows.only(*columns)


def _changes(message: Message, *, messages: int = 0, segments: int) -> list[Change]:
    """What a message that counts for its number and user counts more or less."""
    if message.accepted_at is None or message.refunded_at:  # it does not count
        return []
    holders = ((Scope.NUMBER, message.number_id), (Scope.USER, message.agent_id))
    return [
        Change(scope, holder, message.accepted_at, messages, segments) for scope, holder in holders if holder
    ]


def _write(outcomes: Sequence[Outcome], holder: UUID) -> list[Turn]:
    """One UPDATE … FROM (VALUES …), which PostgreSQL and SQLite both understand; the rows that it moved on, without
    those that are queued again."""
    columns = (
        "status",
        "error_code",
        "error_facts",
        "cause",
        "provider_id",
        "provider_status",
        "at",
        "next",
        "used",
    )
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
    unconfirmed, its_parameters = _as_sql(UNCONFIRMED)
    sql = (
        f"WITH answer (id, {', '.join(columns)}) AS (VALUES {values}) "  # noqa: S608 (our own column names)
        "UPDATE sending_message SET status = answer.status, error_code = answer.error_code, "
        "error_facts = answer.error_facts, cause = answer.cause, provider_id = answer.provider_id, "
        "provider_status = answer.provider_status, finished_at = answer.at, next_attempt_at = answer.next, "
        "attempts = attempts + answer.used, claim = NULL, lease_until = NULL FROM answer "
        "WHERE sending_message.id = answer.id AND (sending_message.status = %s AND sending_message.claim = %s "
        f"OR ({unconfirmed}) AND answer.status IN ({', '.join(['%s'] * len(_SETTLE_UNKNOWN))})) "
        "RETURNING sending_message.id, sending_message.workspace_id"
    )
    parameters = [value for row in rows for value in row]
    parameters += [Status.SENDING.value, fields[0].get_db_prep_save(holder, connection)]
    parameters += [*its_parameters, *_SETTLE_UNKNOWN]
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        moved = cursor.fetchall()
    by_id = {outcome.message_id: outcome for outcome in outcomes}
    turns = [_turn(by_id[pk if isinstance(pk, UUID) else UUID(pk)], its) for pk, its in moved]
    return [turn for turn in turns if turn.status != Status.QUEUED]


def _turn(outcome: Outcome, workspace_id: int) -> Turn:
    code = outcome.error.code if outcome.error else ""
    return Turn(outcome.message_id, workspace_id, outcome.status, outcome.at, code)


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
    "attempts",
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
        int(outcome.counts),
    )


def _as_sql(which: Q) -> tuple[str, Sequence[Any]]:
    """A condition on messages with its parameters, for a statement that the ORM has no words for."""
    query = Message.objects.filter(which).query
    return query.get_compiler(connection=connection).compile(query.where)


def _placeholder(f: Any) -> str:
    """PostgreSQL must be told the type of a VALUES column; SQLite has none."""
    return f"%s::{f.db_type(connection)}" if connection.vendor == "postgresql" else "%s"


def lost(now: datetime, limit: int = 500) -> list[UUID]:
    """Rows whose drain died between claim and answer become unknown: they may have gone out."""
    stale = Q(lease_until__lt=now)
    found = Message.objects.filter(stale, status=Status.SENDING).values_list("pk", "connection__kind")
    moved = [pk for pk, kind in found[:limit] if move(pk, Status.UNKNOWN, now, stale, error=_stopped(kind))]
    Event.objects.bulk_create([Event(message_id=pk, at=now, kind=Event.Kind.LOST) for pk in moved])
    return moved


def _stopped(kind: str | None) -> errors.SendError:
    provider = Connection.Kind(kind).label if kind else "—"
    return errors.ProviderUnknown(provider=provider, reason="its worker stopped before the answer")


def released(message_id: UUID, position: Sequence[Any], now: datetime) -> bool:
    """A held message was counted, with its quota's position then, and may be sent; False when it is no longer held.

    Belongs into the transaction that counts it (sending.ledger).
    """
    row = Message.objects.filter(pk=message_id, status=Status.HELD)
    is_held = bool(
        row.update(
            status=Status.QUEUED,
            quota=position,
            accepted_at=now,
            next_attempt_at=now,
            **_reason(None),
        )
    )
    if is_held:
        telling.moved([message_id], Status.QUEUED, now)
    return is_held


def put_off(ids: Iterable[UUID], until: datetime, error: errors.SendError) -> None:
    """Held messages that were to be released before `until` wait on, for this reason, but not past their expiry.

    They are locked in their order, so that two sweeps never wait for each other in a circle.
    """
    rows = Message.objects.filter(pk__in=list(ids), status=Status.HELD, next_attempt_at__lt=until)
    with transaction.atomic():
        in_order = rows.order_by("pk").select_for_update().values("pk")
        found = Message.objects.filter(pk__in=in_order)
        found.update(next_attempt_at=Least(F("expires_at"), until), **_reason(error))


def expired(now: datetime, limit: int = 500) -> list[UUID]:
    """Held messages that found no room in time are given up."""
    late, error = Message.objects.filter(status=Status.HELD, expires_at__lte=now), errors.Expired()
    by_asker: dict[str, list[UUID]] = defaultdict(list)
    with transaction.atomic():
        for message in late.select_for_update().order_by("pk").only("action_id", "origin")[:limit]:
            by_asker[asker(message)].append(message.pk)
        for who, its in by_asker.items():
            columns = {"finished_at": now, **_reason(error, who)}
            Message.objects.filter(pk__in=its, status=Status.HELD).update(status=Status.EXPIRED, **columns)
        ids = [pk for its in by_asker.values() for pk in its]
        telling.moved(ids, Status.EXPIRED, now, error)
    return ids


def given_up(
    connection_id: int, accepted_before: datetime, error: errors.SendError, now: datetime, limit: int = 500
) -> list[UUID]:
    """What an account has queued since before that moment fails with this error. It never left, so it counts no
    more."""
    old = Message.objects.filter(
        number__connection=connection_id, status=Status.QUEUED, accepted_at__lte=accepted_before
    )
    with transaction.atomic():
        ids = list(old.order_by("pk").values_list("pk", flat=True)[:limit])
        still = _locked(ids).filter(status=Status.QUEUED, connection=connection_id)
        rows = list(still.values_list("pk", flat=True))
        Message.objects.filter(pk__in=rows).update(
            status=Status.FAILED, finished_at=now, next_attempt_at=None, **_reason(error)
        )
        telling.moved(rows, Status.FAILED, now, error)
        counting.adjust(_given_back(rows))
    return rows


def withdrawn(message_id: UUID, error: errors.SendError, now: datetime) -> bool:
    """A message that is queued, or claimed and not sent yet, fails with this error. It never left, so it counts
    no more; False where it is elsewhere by now."""
    with transaction.atomic():
        moved = move(message_id, Status.FAILED, now, error=error, next_attempt_at=None)
        if moved:
            counting.adjust(_given_back([message_id]))
    return moved


def reply_given(ids: Iterable[UUID], now: datetime, detail: dict[str, Any] | None = None) -> None:
    """The caller has heard how these messages ended."""
    _replied(ids, now, Reply.GIVEN, None, detail or {})


def reply_put_off(ids: Iterable[UUID], now: datetime, until: datetime, detail: dict[str, Any]) -> None:
    """The caller could not be told yet."""
    _replied(ids, now, Reply.OWED, until, detail)


def reply_waits(until: Mapping[UUID, datetime], statuses: Iterable[Status]) -> None:
    """The callers of these messages wait for the receipt, and are thought of again then. A message that has left these
    statuses meanwhile is left alone: its receipt has come."""
    still = Message.objects.filter(pk__in=list(until), reply=Reply.OWED, status__in=list(statuses))
    still.update(reply_at=Case(*(When(pk=pk, then=Value(at)) for pk, at in until.items())))


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
    besides: Q = _NO_ROW,
    **columns: Any,
) -> bool:
    """One guarded step along the status table; False when the row is no longer where the step begins.

    `asker` is who asked for the message, for an error whose cause hinges on that. `besides` are rows that it moves
    from elsewhere too, `columns` what it writes beyond the status, its error and that it ended now.
    """
    written = {"finished_at": now, "claim": None, "lease_until": None, **_reason(error, asker), **columns}
    rows = Message.objects.filter(Q(status__in=BEFORE[status]) | besides, *only, pk=message_id)
    with telling.together(of_status(status)):
        is_moved = bool(rows.update(status=status, **written))
        if is_moved:
            telling.moved([message_id], status, now, error)
    return is_moved


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says of a message that it was given: its own word, the status which that means (None: none
    that we know), by which event and when."""

    word: str
    means: Status | None
    event: str
    at: datetime | None = None
    segments: int | None = None
    error: errors.SendError | None = None  # what it did not arrive for, where the provider says so


def receipt(message: Message, said: Receipt, now: datetime) -> bool:
    """A receipt came: it moves the row forward where the status table allows, or where a person had decided that it was
    lost, and shows in the timeline in any case.

    The event's data: `status` (the provider's word), `means`, `event`, `provider_at`, `moved`, `late` (the message
    had come further, or ended otherwise). True when the row was moved. Segments that it names are counted from now on.
    """
    moved = said.means is not None and move(
        message.pk,
        said.means,
        now,
        error=_undelivered(message, said),
        asker=asker(message),
        besides=DECIDED_LOST,
        provider_status=storable(said.word[:40]),
        reply_at=_not_waited_for(now),
    )
    late = False
    if said.means and not moved:
        late = Message.objects.filter(pk=message.pk).exclude(status=said.means).exists()
    _receipt_shown(message.pk, said, now, moved=moved, late=late)
    counted(message.pk, said.segments)
    return moved


def counted(message_id: UUID, segments: int | None) -> None:
    """The provider counted so many segments (None: it does not say): they count from now on."""
    if segments:
        with transaction.atomic():
            counting.adjust(_corrected({message_id: segments}))


def _not_waited_for(now: datetime) -> Case:
    """Where the caller waits for the receipt, it is told of it now; where it does not, when it was to be told."""
    waits = When(reply=Reply.OWED, wait_minutes__gt=0, then=Value(now + REPLY_NOT_BEFORE))
    return Case(waits, default=F("reply_at"))


def receipt_repeated(message_id: UUID, said: Receipt, now: datetime) -> None:
    """The same receipt came again: the timeline shows it (`repeated`), and nothing else happens."""
    _receipt_shown(message_id, said, now, repeated=True)


def receipt_ambiguous(message_id: UUID, said: Receipt, now: datetime) -> None:
    """A receipt may be of this message or of another that nobody can tell from it: the timeline says so
    (`ambiguous`), and nothing else happens."""
    _receipt_shown(message_id, said, now, ambiguous=True)


def looked_up(
    message_id: UUID, now: datetime, *, listed: Sequence[Mapping[str, Any]], failure: str = ""
) -> None:
    """An unknown message was looked for in its provider's list, which has these that may be it (none, or too many of
    them), or could not be read: the timeline says so, and nothing else happens."""
    data = {"event": LOOKED_UP, "listed": list(listed), "failure": failure}
    Event.objects.create(message_id=message_id, at=now, kind=Event.Kind.RECEIPT, data=storable(data))


def look_ups(messages: Iterable[UUID]) -> dict[UUID, list[Event]]:
    """What came of looking for these messages in vain, oldest first."""
    found: dict[UUID, list[Event]] = {}
    events = Event.objects.filter(message__in=list(messages), kind=Event.Kind.RECEIPT, data__event=LOOKED_UP)
    for event in events.order_by("pk"):
        found.setdefault(event.message_id, []).append(event)
    return found


def identified(message_id: UUID, provider_id: str) -> bool:
    """The provider's id of a message that it took without telling it; False when it has one already."""
    rows = Message.objects.filter(pk=message_id, provider_id="")
    return bool(rows.update(provider_id=storable(provider_id[:120])))


def _undelivered(message: Message, said: Receipt) -> errors.SendError | None:
    if said.means != Status.UNDELIVERED:
        return None
    return said.error or errors.DeliveryFailed(recipient=message.recipient, answer=said.word)


def _receipt_shown(message_id: UUID, said: Receipt, now: datetime, **found: bool) -> None:
    data = {
        "status": said.word,
        "means": said.means.value if said.means else "",
        "event": said.event,
        "provider_at": said.at.isoformat() if said.at else "",
        "moved": False,
        "late": False,
        **found,
    }
    Event.objects.create(message_id=message_id, at=now, kind=Event.Kind.RECEIPT, data=storable(data))


def decided(message_id: UUID, now: datetime, **data: Any) -> None:
    """A person settled what nobody knew, or did not let it wait; its timeline shows the status it came to, who said so,
    and their note."""
    Event.objects.create(message_id=message_id, at=now, kind=Event.Kind.DECISION, data=storable(data))


def forget_text(ids: Sequence[UUID], now: datetime) -> None:
    """Keeps of these messages that they were sent and how it went, not what they said: the text was a secret."""
    Message.objects.filter(pk__in=ids).update(template="")
    forget_values(ids, now)


def forget_values(ids: Sequence[UUID], now: datetime) -> None:
    """Deletes the text of these messages and the values it was made of, also where the row and its timeline repeat
    them. Their way stays, and their template where a saved version holds it anyway."""
    _forget(ids, now, number=False)


def forget_numbers(ids: Sequence[UUID], now: datetime) -> None:
    """Deletes to whom these messages went, and with that what they said, which may name them."""
    _forget(ids, now, number=True)


def delete(ids: Sequence[UUID]) -> None:
    """Deletes these messages with their timelines. Who refers to them by their id finds nothing."""
    Message.objects.filter(pk__in=ids).delete()


def _forget(ids: Sequence[UUID], now: datetime, *, number: bool) -> None:
    """Takes out what is to be forgotten, row by row, and only where a row says it; the rest goes in one step."""
    columns = ("sender", "send_as", "recipient", "recipient_given", "inputs", "template", "body")
    with transaction.atomic():
        found = Message.objects.filter(pk__in=list(ids))
        locked = found.select_for_update().order_by("pk").only(*columns, "error_facts", "trace")
        rows = {message.pk: message for message in locked}
        secrets = {pk: _secrets(message, number=number) for pk, message in rows.items()}
        changed = [message for pk, message in rows.items() if _take_out(secrets[pk], message)]
        Message.objects.bulk_update(changed, ["error_facts", "trace"])
        _take_out_of_events(secrets)
        found.update(body="", inputs={}, media=[], values_gone_at=Coalesce("values_gone_at", now))
        found.filter(version=None).update(template="")
        if number:
            found.update(recipient="", recipient_given="", number_gone_at=Coalesce("number_gone_at", now))


def _secrets(message: Message, *, number: bool) -> Secrets:
    return secrets_of(message, message.inputs, message.body, message.template, number=number)


def _take_out(secrets: Secrets, message: Message) -> bool:
    """Takes the secrets out of the facts of a row; whether it had any there."""
    before = message.error_facts, message.trace
    message.error_facts = secrets.out_of(message.error_facts)
    message.trace = secrets.out_of_trace(message.trace)
    return before != (message.error_facts, message.trace)


def _take_out_of_events(secrets: Mapping[UUID, Secrets]) -> None:
    changed = []
    for event in Event.objects.filter(message__in=list(secrets)):
        before = event.data
        kept = {name: value for name, value in before.items() if name not in SAID}
        event.data = secrets[event.message_id].out_of(kept)
        if event.data != before:
            changed.append(event)
    Event.objects.bulk_update(changed, ["data"])


def _chunks(outcomes: Sequence[Outcome], size: int) -> Iterable[Sequence[Outcome]]:
    for start in range(0, len(outcomes), size):
        yield outcomes[start : start + size]
