"""Which messages are logged on HubSpot's records. Rows are made when messages settle, never when they are accepted."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count, F, Min, Model, Q, QuerySet
from django.db.models.fields.json import KT
from django.utils import timezone

from smsadmin.cache import remembered
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import LEFT, Status
from smsadmin.incoming.models import InboundMessage
from smsadmin.sending import bell
from smsadmin.sending.filters import TEST, VERIFICATION
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection
from smsadmin.writeback.models import Engagement

State, Reason = Engagement.State, Engagement.Reason
logger = structlog.get_logger(__name__)
Row = TypeVar("Row", bound=Model)

#: These go to phones of the workspace's own people, and a code is a secret.
NOT_FOR_RECORDS = (TEST, VERIFICATION)
#: An entry says that its message went out; what it says is put right where the message ended so after all.
WRONG = frozenset({Status.UNDELIVERED, Status.FAILED})
#: So many settle together that they are written together.
GATHER = timedelta(seconds=2)
BATCH = 500  # rows that are made up for at once
_QUIET = 2.0  # seconds between two rings of one process


def owe(ids: Iterable[UUID], **_signal: Any) -> None:
    """Receives `settled`: those of these messages that left are to be logged, each once, and what a record was told of
    one that failed since is to be put right.

    A database that fails here must not stop the drain: `make_up` comes by.
    """
    try:
        found = _settled(Message.objects.filter(pk__in=list(ids)))
        if _take_down(found) + _put_right(found):
            ring()
    except DatabaseError as error:
        logger.warning("writeback.not_owed", error=str(error))


def owe_inbound(inbound: InboundMessage, **_signal: Any) -> None:
    """Receives `received`: a text from outside is to be logged in the portal of the message that it answers, else in
    the workspace's first one that has a contact with its number."""
    portals = portals_of(inbound.workspace_id)
    if not portals:
        return
    connection = _portal(portals, _portal_of(inbound)) or _portal(portals, "")
    assert connection
    now = timezone.now()
    row = Engagement(inbound=inbound, workspace_id=inbound.workspace_id, at=inbound.at)
    _begin(row, connection, now)
    Engagement.objects.bulk_create([row], ignore_conflicts=True)
    ring()


def _portal_of(inbound: InboundMessage) -> str:
    """HubSpot's id of the portal that asked for the message which a text answers, "" where none did."""
    if inbound.answers is None:
        return ""
    answered = Message.objects.filter(pk=inbound.answers, workspace=inbound.workspace_id)
    return answered.values_list(KT("origin__portal"), flat=True).first() or ""


def make_up(since: datetime) -> int:
    """Takes down what was lost with a process between a message's end and its signal, of messages and texts that came
    in after that moment, and after the workspace's first portal was connected; returns how many."""
    since, made = max(since, _since_when()), 0
    portals = Connection.objects.filter(kind=Connection.Kind.HUBSPOT).order_by()
    for workspace_id, connected in portals.values_list("workspace").annotate(Min("created_at")):
        made += _made_up(workspace_id, max(since, connected))
    if made:
        ring()
    return made


def _made_up(workspace_id: int, since: datetime) -> int:
    came, made = Message.objects.filter(workspace=workspace_id, pk__gte=first_uuid7(since)), 0
    for some in _in_batches(came.filter(status__in=sorted(LEFT), engagement=None)):
        made += _take_down(_settled(some))
    for some in _in_batches(came.filter(status__in=sorted(WRONG), engagement__state=State.DONE)):
        made += _put_right(_settled(some))
    texts = InboundMessage.objects.filter(workspace=workspace_id, at__gte=since, engagement=None)
    for inbounds in _in_batches(texts):
        for inbound in inbounds:
            owe_inbound(inbound)
            made += 1
    return made


def _in_batches(rows: QuerySet[Row]) -> Iterator[QuerySet[Row]]:
    """All of these rows, so few at once that neither memory nor a statement grows with the backlog."""
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
    while ids:
        yield rows.model._default_manager.filter(pk__in=ids)
        ids = list(rows.filter(pk__gt=ids[-1]).order_by("pk").values_list("pk", flat=True)[:BATCH])


def _since_when() -> datetime:
    """When this installation began to log messages: nobody expects those of before on the records."""
    steps = MigrationRecorder.Migration.objects.filter(app="writeback").order_by("pk")
    began: datetime | None = steps.values_list("applied", flat=True).first()
    return began or timezone.now()


def ring() -> None:
    """Something is to be written. Rings once for a burst; the sweep rings again."""
    from smsadmin.writeback.tasks import log_messages

    bell.once(log_messages, quiet=_QUIET)


def of(message: Message) -> Engagement | None:
    """What a message's records were told of it, or will be; None for one that no portal has to do with."""
    return Engagement.objects.filter(message=message.pk, workspace=message.workspace_id).first()


@dataclass(frozen=True, slots=True)
class Undone:
    """How many messages of a portal are still to be logged on a record, and how many were given up."""

    owed: int = 0
    failed: int = 0


def undone(workspace_id: int) -> Mapping[int, Undone]:
    """What is not logged though it should be, by the id of the portal's connection: one query for all of them."""
    rows = Engagement.objects.filter(
        ~Q(state=State.DONE), workspace=workspace_id, state__in=(State.OWED, State.WRITING, State.FAILED)
    )
    failed = Q(state=State.FAILED)
    found = (
        rows.order_by()
        .values_list("connection")
        .annotate(owed=Count("pk", filter=~failed), failed=Count("pk", filter=failed))
    )
    return {portal: Undone(owed, failed) for portal, owed, failed in found if portal}


def portals_of(workspace_id: int) -> Mapping[str, Connection]:
    """The workspace's portals by HubSpot's own id, in the order in which they were connected."""

    def load() -> Mapping[str, Connection]:
        found = Connection.objects.filter(workspace=workspace_id, kind=Connection.Kind.HUBSPOT)
        return {each.external_id: each for each in found.select_related("workspace").order_by("pk")}

    return remembered(("portals", workspace_id), load)


# --- Messages that have ended ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Settled:
    """What of a settled message decides whether and where it is logged, and its entry as it stands."""

    pk: UUID
    workspace_id: int
    trigger: str
    test: str | None
    portal: str | None
    status: str
    ended: datetime | None
    hides: bool | None
    engagement: UUID | None
    state: str | None
    told: str | None

    @property
    def is_for_records(self) -> bool:
        """What a program in test mode asked for is none either."""
        return self.trigger not in NOT_FOR_RECORDS and not self.test


def _settled(messages: QuerySet[Message]) -> list[_Settled]:
    origin = (KT("origin__test"), KT("origin__portal"))
    columns = ("pk", "workspace_id", "trigger", *origin, "status", "finished_at")
    rows = messages.values_list(
        *columns, "version__hide_values", "engagement__pk", "engagement__state", "engagement__told"
    )
    return [_Settled(*row) for row in rows]


def _take_down(found: Iterable[_Settled]) -> int:
    """Makes the rows of those that left and have none; returns how many."""
    now = timezone.now()
    new = [each for each in found if each.engagement is None and each.status in LEFT]
    rows = [_row(each, now) for each in new if each.is_for_records and portals_of(each.workspace_id)]
    Engagement.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _row(message: _Settled, now: datetime) -> Engagement:
    row = Engagement(message_id=message.pk, workspace_id=message.workspace_id, at=message.ended or now)
    connection = _portal(portals_of(message.workspace_id), message.portal or "")
    if connection is None:
        row.state, row.reason = State.NOT_LOGGED, Reason.PORTAL_GONE
    elif message.hides:
        row.connection, row.state, row.reason = connection, State.NOT_LOGGED, Reason.HIDDEN
    else:
        _begin(row, connection, now)
    return row


def _portal(portals: Mapping[str, Connection], named: str) -> Connection | None:
    """The portal that a message came from; what came from none belongs to the first."""
    return portals.get(named) if named else next(iter(portals.values()))


def _begin(row: Engagement, connection: Connection, now: datetime) -> None:
    row.connection = connection
    if not connection.logs_messages:
        row.state, row.reason = State.NOT_LOGGED, Reason.OFF
    elif not connection.secrets.get("access_token"):
        row.state, row.reason = State.NOT_LOGGED, Reason.NO_TOKEN
    else:
        row.next_at = now + GATHER


def _put_right(found: Iterable[_Settled]) -> int:
    """Has the entries of those that failed after they were logged written anew; returns how many."""
    wrong = [
        each.pk
        for each in found
        if each.state == State.DONE and each.status in WRONG and each.told != each.status
    ]
    return owe_again(wrong, timezone.now()) if wrong else 0


def owe_again(messages: Iterable[UUID], now: datetime) -> int:
    """The entries of these messages tell something else than what became of them, if they are written at all."""
    rows = Engagement.objects.filter(message__in=list(messages), state=State.DONE).exclude(
        communication_id=""
    )
    wrong = Q(message__status__in=sorted(WRONG), message__values_gone_at=None)
    differ = rows.filter(wrong).exclude(told=F("message__status"))
    return differ.update(state=State.OWED, next_at=now, attempts=0, reason="", detail="")
