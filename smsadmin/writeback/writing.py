"""Writing what is owed to records of HubSpot, in batches for each portal, each message once.

A claim is committed before anything leaves this server. Where nobody knows whether HubSpot took an entry, it is looked
for before it is written again: by its moment, and then by the id of ours that it carries. Nothing here can change a
message.
"""

import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import Q
from django.db.models.fields.json import KT
from django.utils import timezone

from smsadmin.core import errors
from smsadmin.core.status import LEFT, Status
from smsadmin.incoming.models import InboundMessage
from smsadmin.providers.http import NOT_SENT, Answer
from smsadmin.providers.hubspot import client, owners, scopes
from smsadmin.providers.hubspot import engagements as wire
from smsadmin.providers.hubspot.engagements import Communication, Target
from smsadmin.providers.hubspot.oauth import PASSING
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection
from smsadmin.writeback import composing, targets
from smsadmin.writeback.engagements import owe_again, portals_of
from smsadmin.writeback.models import Engagement
from smsadmin.writeback.targets import Subject

State, Reason = Engagement.State, Engagement.Reason
Row = TypeVar("Row")
Said = TypeVar("Said")

#: Longer than one request may take with its turn. Whoever dies writing is replaced then.
LEASE = timedelta(minutes=2)
#: A search learns of new records with a delay; an entry of which nobody knows is looked for after that.
SEARCH_AFTER = timedelta(minutes=1)
SHORTEST, LONGEST = timedelta(seconds=15), timedelta(hours=1)
#: While a portal does not let us, nothing is tried, and what is due waits for so long.
BARRED = timedelta(minutes=5)
GIVE_UP_AFTER = timedelta(days=7)
SEARCHES = 20  # contacts that are searched for under one lease
BUDGET = 20.0  # seconds that one run goes on with a long queue

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
UNDER_WAY = (State.OWED, State.WRITING)


def write_owed(now: datetime | None = None) -> int:
    """Writes what is due, portal by portal, and goes on for a while; returns how many entries were written."""
    ends, written = time.monotonic() + BUDGET, 0
    for connection_id in _portals_due(now or timezone.now()):
        while time.monotonic() < ends:
            rows = _claimed(connection_id, now or timezone.now())
            if not rows:
                break
            done, may_go_on = _written(rows, now or timezone.now())
            written += done
            if not may_go_on:
                break
    return written


def _portals_due(now: datetime) -> list[int | None]:
    """The portals with something to write that nobody is at."""
    under_way = Engagement.objects.filter(state__in=UNDER_WAY).order_by()
    busy = (
        under_way.filter(state=State.WRITING, next_at__gt=now).values_list("connection", flat=True).distinct()
    )
    due = under_way.filter(next_at__lte=now).values_list("connection", flat=True).distinct()
    at_work = set(busy)
    return [each for each in due if each not in at_work]


def _claimed(connection_id: int | None, now: datetime) -> list[Engagement]:
    """The longest due rows of a portal, taken by this run. Whoever had them before and died may have written them."""
    due = Engagement.objects.filter(state__in=UNDER_WAY, next_at__lte=now, connection=connection_id)
    ids = list(due.order_by("next_at").values_list("pk", flat=True)[: wire.MOST])
    mine = uuid.uuid4()
    taken = Engagement.objects.filter(pk__in=ids, next_at__lte=now)
    taken.filter(state=State.WRITING).update(claim=mine, next_at=now + LEASE, unclear=True)
    taken.filter(state=State.OWED).update(claim=mine, next_at=now + LEASE, state=State.WRITING)
    return list(Engagement.objects.filter(claim=mine, state=State.WRITING).order_by("at", "pk"))


# --- One batch of one portal -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A row with the message that it is of; one of the two is None."""

    row: Engagement
    message: Message | None
    inbound: InboundMessage | None
    about: Message | None = (
        None  # the message, or the one that it answers, if its record is one of this portal
    )

    @property
    def status(self) -> str:
        return str(self.message.status) if self.message else ""

    @property
    def never_left(self) -> bool:
        """Whether it failed clearly after all, before anything was written of it."""
        is_written = self.row.communication_id or self.row.unclear
        return bool(self.message) and self.status not in LEFT and not is_written

    @property
    def text_is_gone(self) -> bool:
        of = self.message or self.inbound
        return of is None or of.values_gone_at is not None

    @cached_property
    def subject(self) -> Subject:
        phone = self.message.recipient if self.message else self.inbound.sender if self.inbound else ""
        about = self.about
        return Subject(about.object_type, about.object_id, phone) if about else Subject("", "", phone)

    @property
    def has_record(self) -> bool:
        """Whether there is a record that it is logged on, whosever number it was."""
        return self.subject.is_record and self.subject.object_type in wire.ASSOCIATIONS

    def body(self, language: str) -> str:
        reference = self.row.reference
        if self.message:
            words, files = composing.sent(Status(self.message.status)), len(self.message.media)
            return composing.body(self.message.body, files, words, self.message.sender, reference, language)
        assert self.inbound
        number = self.inbound.number.e164 if self.inbound.number else ""
        return composing.body(
            self.inbound.body, self.inbound.media, composing.RECEIVED, number, reference, language
        )


def _written(rows: Sequence[Engagement], now: datetime) -> tuple[int, bool]:
    """How many of one portal's claimed rows were written, and whether the next batch may be tried."""
    found = Connection.objects.select_related("workspace").filter(pk=rows[0].connection_id or 0)
    connection = found.first()
    if connection is None:
        _not_logged(rows, Reason.PORTAL_GONE)
        return 0, True
    if not connection.logs_messages:
        _not_logged(rows, Reason.OFF)
        return 0, True
    if barred := _barred(connection, now):
        reason, detail = barred
        _put_off_all(connection, rows, now, now + BARRED, reason, detail)
        return 0, False
    batch = _Batch(connection, now, {entry.row.pk: entry for entry in _entries(rows, connection)})
    try:
        batch.write()
    except errors.SendError as error:
        reason, detail = _why(error)
        _put_off_all(connection, batch.left, now, now + BARRED, reason, detail)
        return batch.done, False
    except client.RateLimited as error:
        _put_off_all(connection, batch.left, now, now + SHORTEST, Reason.UNANSWERED, str(error))
        return batch.done, False
    except client.Unavailable as error:
        batch.put_off(batch.left, Reason.UNANSWERED, str(error))
        return batch.done, False
    return batch.done, batch.may_go_on


def _barred(connection: Connection, now: datetime) -> tuple[str, str] | None:
    """Why nothing can be written in this portal."""
    if not connection.secrets.get("access_token"):
        return Reason.CREDENTIALS, ""
    if connection.lost_at and not _accepted_again(connection, now):
        return Reason.CREDENTIALS, ""
    if missing := scopes.missing(connection, scopes.ENGAGEMENTS):
        return Reason.SCOPE, ", ".join(missing)
    return None


def _accepted_again(connection: Connection, now: datetime) -> bool:
    """Whether HubSpot accepts a token that it refused before; asked once in a while, for a refusal may be its own fault
    and nobody renews a static token."""
    portal = Connection.objects.filter(pk=connection.pk)
    not_lately = Q(checked_at=None) | Q(checked_at__lte=now - BARRED)
    if not portal.filter(not_lately).update(checked_at=now):
        return False
    try:
        client.account(connection)
    except (errors.SendError, client.Unavailable):
        return False
    return connection.lost_at is None


def _why(error: errors.SendError) -> tuple[str, str]:
    if isinstance(error, errors.CredentialRejected):
        return Reason.CREDENTIALS, ""
    if isinstance(error, errors.ScopeMissing):
        return Reason.SCOPE, str(error.facts.get("scope", ""))
    return Reason.UNANSWERED, f"HTTP {error.facts.get('http_status', '?')}"


def _entries(rows: Sequence[Engagement], connection: Connection) -> list[Entry]:
    """The rows with their messages, in four queries."""
    messages = Message.objects.filter(workspace=connection.workspace_id).only(*_OF_MESSAGES)
    messages = messages.annotate(portal=KT("origin__portal"))
    inbound = InboundMessage.objects.select_related("number").in_bulk(
        [row.inbound_id for row in rows if row.inbound_id]
    )
    answered = {each.answers for each in inbound.values() if each.answers}
    ours = messages.in_bulk([*answered, *(row.message_id for row in rows if row.message_id)])
    only_one = len(portals_of(connection.workspace_id)) == 1

    def entry(row: Engagement) -> Entry:
        message, came = _in(ours, row.message_id), _in(inbound, row.inbound_id)
        about = message or _in(ours, came.answers if came else None)
        portal = getattr(about, "portal", None)  # without one the record is of the only portal there is
        is_here = portal == connection.external_id if portal else only_one
        return Entry(row, message, came, about if is_here else None)

    return [entry(row) for row in rows]


_OF_MESSAGES = (
    *("workspace_id", "status", "sender", "recipient", "send_as", "body", "media"),
    *("object_type", "object_id", "values_gone_at"),
)


def _in(rows: Mapping[Any, Row], pk: Any) -> Row | None:
    return rows.get(pk) if pk else None


@dataclass
class _Batch:
    """Entries of one portal on their way; what is left of them has no outcome yet."""

    connection: Connection
    now: datetime
    entries: dict[uuid.UUID, Entry]
    done: int = 0
    may_go_on: bool = True

    @property
    def left(self) -> list[Engagement]:
        return [entry.row for entry in self.entries.values()]

    def write(self) -> None:
        """Every entry gets an outcome, or raises what keeps all that are left: SendError or Unavailable."""
        self._leave_out(lambda entry: entry.never_left, Reason.NOT_SENT)
        self._leave_out(lambda entry: entry.text_is_gone, Reason.TEXT_GONE)
        self._rewrite([entry for entry in self.entries.values() if entry.row.communication_id])
        self._find([entry for entry in self.entries.values() if entry.row.unclear])
        self._create()

    # Those that HubSpot has already

    def _rewrite(self, entries: Iterable[Entry]) -> None:
        """What became of a message was not what its entry says. An entry that somebody deleted stays deleted."""
        for entry in entries:
            answer = wire.rewrite(self.connection, entry.row.communication_id, self._body(entry))
            error = self._denied(answer)
            if 200 <= answer.status < 300 or answer.status == 404:
                self._finish(entry, entry.row.communication_id, entry.status)
            elif error:
                self._put_off_alone(entry, error)
            elif _is_final(answer):
                self._fail([entry], answer)
            else:
                self._put_off([entry], answer, unclear=False)

    def _find(self, entries: Sequence[Entry]) -> None:
        def logged(some: Sequence[Entry]) -> list[wire.Logged]:
            return wire.logged_at(self.connection, [entry.row.at for entry in some])

        for some, found in self._asked(entries, logged):
            for entry, communication_id in _matched(some, found):
                self._finish(entry, communication_id, told="")  # what it says of the message is not known

    # Those that it does not have

    def _create(self) -> None:
        where = self._where()
        self._leave_out(lambda entry: not where[entry.row.pk], Reason.NO_CONTACT)
        for entry in self.entries.values():
            entry.row.written_on = _plain(where[entry.row.pk])
        together = [entry for entry in self.entries.values() if not entry.row.alone]
        if len(together) > 1:
            self._create_together(together, where)
        else:
            self._create_each(together, where)
        self._create_each([entry for entry in self.entries.values() if entry.row.alone], where)

    def _where(self) -> dict[uuid.UUID, tuple[Target, ...]]:
        """The records of each entry that is left. Contacts are searched for by number one by one, which takes its time:
        so few at once that the lease lasts."""

        def targets_of(some: Sequence[Entry]) -> dict[uuid.UUID, tuple[Target, ...]]:
            return targets.of(self.connection, {entry.row.pk: entry.subject for entry in some})

        known = [entry for entry in self.entries.values() if entry.has_record]
        rest = [entry for entry in self.entries.values() if not entry.has_record]
        groups = [known, *(rest[start : start + SEARCHES] for start in range(0, len(rest), SEARCHES))]
        where: dict[uuid.UUID, tuple[Target, ...]] = {}
        for group in groups:
            if group and self._renewed(list(self.entries.values())):
                for _some, found in self._asked(group, targets_of):
                    where |= found
        return where

    def _create_together(self, entries: Sequence[Entry], where: dict[uuid.UUID, tuple[Target, ...]]) -> None:
        what = [self._communication(entry, where[entry.row.pk]) for entry in entries]
        if not self._renewed(entries):
            return
        answer = wire.create_many(self.connection, what)
        self._denied(answer)
        if 200 <= answer.status < 300:
            for entry, communication_id in _matched(entries, wire.logged(answer.body)):
                self._finish(entry, communication_id, entry.status)
        left = [entry for entry in entries if entry.row.pk in self.entries]
        if _is_final(answer) or 200 <= answer.status < 300:
            self._apart(left, answer)
        else:
            self._put_off(left, answer, unclear=_is_unclear(answer))

    def _apart(self, entries: Sequence[Entry], answer: Answer) -> None:
        """What HubSpot did not take in a batch is written alone, once it is sure that it did not take it."""
        for entry in entries:
            entry.row.alone = True
        if entries:
            self._put_off(entries, answer, unclear=True)

    def _create_each(self, entries: Sequence[Entry], where: dict[uuid.UUID, tuple[Target, ...]]) -> None:
        for entry in entries:
            if self._renewed([entry]):
                self._create_one(entry, where[entry.row.pk])

    def _create_one(self, entry: Entry, where: tuple[Target, ...]) -> None:
        """On all of its records, else on one of them: the other may have been deleted or merged."""
        for some in filter(None, dict.fromkeys((where, where[:1], where[1:]))):
            answer = wire.create(self.connection, self._communication(entry, some))
            entry.row.written_on = _plain(some)
            error = self._denied(answer)
            if answer.status not in (400, 403, 404):
                break
        if 200 <= answer.status < 300 and (logged := wire.logged(answer.body)):
            self._finish(entry, logged[0].id, entry.status)
        elif error:
            self._put_off_alone(entry, error)
        elif _is_final(answer):
            self._fail([entry], answer)
        else:
            self._put_off([entry], answer, unclear=_is_unclear(answer))

    def _communication(self, entry: Entry, where: tuple[Target, ...]) -> Communication:
        email = entry.message.send_as if entry.message else ""
        owner = owners.owner_id(self.connection, email) if email else ""
        return Communication(self._body(entry), entry.row.at, where, owner)

    def _body(self, entry: Entry) -> str:
        return entry.body(self.connection.answers_in)

    def _renewed(self, entries: Sequence[Entry]) -> bool:
        """Whether these are still ours, for another while; if they are not, others are at them."""
        now = max(self.now, timezone.now())
        ours = Engagement.objects.filter(
            pk__in=[entry.row.pk for entry in entries], claim=entries[0].row.claim, state=State.WRITING
        )
        if ours.update(next_at=now + LEASE) == len(entries):
            return True
        for entry in entries:
            del self.entries[entry.row.pk]
        return False

    # Refusals

    def _asked(
        self, entries: Sequence[Entry], ask: Callable[[Sequence[Entry]], Said]
    ) -> Iterator[tuple[Sequence[Entry], Said]]:
        """What HubSpot says of these together; where it refuses, of each alone, and those it refuses then are put off.

        Raises SendError where it lets nothing of the portal through.
        """
        if not entries:
            return
        try:
            said = ask(entries)
        except errors.SendError as error:
            self._stop_if_barred(error)
            if len(entries) == 1:
                self._put_off_alone(entries[0], error)
                return
        else:
            yield entries, said
            return
        for entry in entries:
            if self.entries and self._renewed(list(self.entries.values())):
                yield from self._asked([entry], ask)

    def _denied(self, answer: Answer) -> errors.SendError | None:
        """The refusal of an answer that is about the entries alone. Raises it where it is about the portal."""
        if answer.status not in (401, 403):
            return None
        try:
            client.expect(self.connection, answer)
        except errors.SendError as error:
            self._stop_if_barred(error)
            return error
        return None

    def _stop_if_barred(self, error: errors.SendError) -> None:
        """Only what keeps every entry of the portal from being written may keep all of them."""
        if isinstance(error, errors.CredentialRejected) or scopes.missing(
            self.connection, scopes.ENGAGEMENTS
        ):
            raise error

    def _put_off_alone(self, entry: Entry, error: errors.SendError) -> None:
        entry.row.alone = True
        self.put_off([entry.row], *_why(error))

    # Outcomes

    def _finish(self, entry: Entry, communication_id: str, told: str) -> None:
        written = {
            "state": State.DONE,
            "reason": "",
            "detail": "",
            "next_at": None,
            "claim": None,
            "unclear": False,
            "alone": False,
            "communication_id": communication_id,
            "told": told,
            "done_at": self.now,
            "written_on": entry.row.written_on,
        }
        self._settle([entry], written)
        if entry.message:  # it may have failed since it was looked at
            owe_again([entry.message.pk], self.now)
        self.done += 1

    def _fail(self, entries: Sequence[Entry], answer: Answer) -> None:
        self._settle(
            entries, {**_ENDED, "state": State.FAILED, "reason": Reason.REFUSED, "detail": _said(answer)}
        )

    def _leave_out(self, is_left_out: Callable[[Entry], bool], reason: str) -> None:
        """These are not logged. An entry that was written before stays as it is."""
        entries = [entry for entry in self.entries.values() if is_left_out(entry)]
        self._settle([e for e in entries if e.row.communication_id], {**_ENDED, "state": State.DONE})
        rest = [entry for entry in entries if not entry.row.communication_id]
        if reason == Reason.NO_CONTACT:
            rest = [entry for entry in rest if not self._goes_on(entry)]
        self._settle(rest, {**_ENDED, "state": State.NOT_LOGGED, "reason": reason})

    def _goes_on(self, entry: Entry) -> bool:
        """Whether a text from outside is looked for in the workspace's next portal, as this one does not know whose
        number it came from."""
        if entry.inbound is None or entry.about:
            return False
        others = Connection.objects.filter(
            workspace=self.connection.workspace_id,
            kind=Connection.Kind.HUBSPOT,
            logs_messages=True,
            pk__gt=self.connection.pk,
        )
        following = next((each for each in others.order_by("pk") if each.secrets.get("access_token")), None)
        if following is None:
            return False
        self._settle([entry], {**_ENDED, "state": State.OWED, "connection": following, "next_at": self.now})
        return True

    def _put_off(self, entries: Sequence[Entry], answer: Answer, *, unclear: bool) -> None:
        """HubSpot gave no clear answer, or asked to come again."""
        self.put_off([entry.row for entry in entries], Reason.UNANSWERED, _said(answer), unclear=unclear)
        if answer.status not in range(200, 300) and not _is_final(answer):
            self.may_go_on = False

    def put_off(self, rows: Sequence[Engagement], reason: str, detail: str, *, unclear: bool = False) -> None:
        """These are tried again, the later the more often they were; after GIVE_UP_AFTER they are given up."""
        for row in rows:
            wait = min(SHORTEST * 2 ** min(row.attempts, 10), LONGEST)
            if unclear:
                wait = max(wait, SEARCH_AFTER)
            changes = _owed(self.now, self.now + wait, row, reason, detail)
            changes |= {"attempts": row.attempts + 1, "unclear": row.unclear or unclear, "alone": row.alone}
            changes |= {"written_on": row.written_on}
            _update([row], changes)
            self.entries.pop(row.pk, None)

    def _settle(self, entries: Sequence[Entry], changes: dict[str, Any]) -> None:
        _update([entry.row for entry in entries], changes)
        for entry in entries:
            self.entries.pop(entry.row.pk, None)


def _plain(where: Iterable[Target]) -> list[list[str]]:
    return [[each.object_type, each.record_id] for each in where]


_ENDED: dict[str, Any] = {"claim": None, "next_at": None, "reason": "", "detail": "", "unclear": False}


def _is_unclear(answer: Answer) -> bool:
    """Whether HubSpot may have done what it was asked for, though it does not say so."""
    return answer.broke != NOT_SENT and not 400 <= answer.status < 500


def _is_final(answer: Answer) -> bool:
    """HubSpot understood, and refuses: 4xx but for those that pass by themselves."""
    return 400 <= answer.status < 500 and answer.status not in PASSING


def _said(answer: Answer) -> str:
    """What is kept of an answer: never its words, which repeat what a record or a message says."""
    category = str(answer.body.get("category") or "") if isinstance(answer.body, dict) else ""
    return (
        f"HTTP {answer.status} {category}".strip()[:200] if answer.status else answer.exchange.failure[:200]
    )


def _matched(entries: Iterable[Entry], logged: Iterable[wire.Logged]) -> list[tuple[Entry, str]]:
    """The entries that HubSpot has, each with the id of its communication: it ends with an id of ours."""
    found = {ids[-1]: each.id for each in logged if (ids := _UUID.findall(each.body))}
    return [(entry, found[entry.row.reference]) for entry in entries if entry.row.reference in found]


def _not_logged(rows: Sequence[Engagement], reason: str) -> None:
    _update(rows, {**_ENDED, "state": State.NOT_LOGGED, "reason": reason})


def _owed(now: datetime, until: datetime, row: Engagement, reason: str, detail: str) -> dict[str, Any]:
    """Owed for later, or given up: nobody reads the record's timeline of last week for news."""
    if now - row.at > GIVE_UP_AFTER:
        return {**_ENDED, "state": State.FAILED, "reason": reason, "detail": detail[:200]}
    return {"state": State.OWED, "claim": None, "next_at": until, "reason": reason, "detail": detail[:200]}


def _put_off_all(
    connection: Connection,
    rows: Sequence[Engagement],
    now: datetime,
    until: datetime,
    reason: str,
    detail: str,
) -> None:
    """The portal lets nothing through: what is claimed and what is due waits, without counting as an attempt."""
    for row in rows:
        _update([row], _owed(now, until, row, reason, detail))
    due = Engagement.objects.filter(connection=connection, state=State.OWED, next_at__lt=until)
    due.update(next_at=until, reason=reason, detail=detail[:200])


def _update(rows: Sequence[Engagement], changes: dict[str, Any]) -> None:
    """Only what is still ours: others may have taken over what took too long."""
    if rows:
        ours = Q(pk__in=[row.pk for row in rows], claim=rows[0].claim, state=State.WRITING)
        Engagement.objects.filter(ours).update(**changes)
