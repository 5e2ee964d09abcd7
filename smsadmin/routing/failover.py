"""A message that surely did not leave goes on from another sender, where a route of the workspace says so.

It is the same row: given back where it had counted, counted where it goes on, and queued there, in one transaction
(sending.ledger.move). Only the drain that has it moves it, or the sweep while no drain may take it, so it is never with
two accounts. Who waits for its outcome hears of the real end alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from smsadmin.core import numbers, segments
from smsadmin.core.errors import SendError
from smsadmin.core.ids import first_uuid7
from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.core.status import Status
from smsadmin.directory import book
from smsadmin.directory.book import Book
from smsadmin.directory.facts import first_failing
from smsadmin.directory.models import Agent, Number
from smsadmin.directory.naming import said
from smsadmin.quotas import recount
from smsadmin.quotas.counting import EVERY, QuotaExceeded, Windows
from smsadmin.quotas.models import Scope
from smsadmin.routing import faults, matching
from smsadmin.routing.faults import Fault
from smsadmin.routing.models import Route
from smsadmin.sending import bell, ledger
from smsadmin.sending.check import CHECKS
from smsadmin.sending.filters import CLASSIC
from smsadmin.sending.log import Claimed, Move
from smsadmin.sending.models import Drain, Event, Message
from smsadmin.sending.quota import CLASSIC_WINDOWS, Demand, has_priority, refusal
from smsadmin.sending.resolve import Draft, run
from smsadmin.workspaces.models import Connection

#: So many messages of an account without credentials one look goes through, the oldest first.
MOST_LOOKED_AT = 1_000
#: And so many it moves.
MOST_MOVED = 100
#: The checks that hinge on the sender. Opt-out and build mode are asked again when the message is claimed.
_OF_SENDER = frozenset({"length", "not_sender", "country", "sender_id", "alphabet"})


#: What room hinges on (sending.quota.Demand): the number, what is kept of its limits, segments, and whose limits hold.
Room = tuple[int, bool, int, Windows]


@dataclass(slots=True)
class Search:
    """What became of a search for another sender: where the message went, else why each that a route named could not
    take it. `waits`: one of them can, once it has room."""

    to: Number | None = None
    passed_over: list[dict[str, Any]] = field(default_factory=list)
    waits: bool = False


def is_set_up(workspace_id: int) -> bool:
    """Whether the workspace has any route for what did not leave. Costs nothing but a look at what is remembered."""
    return any(route.when == Route.When.FAILOVER for route in book.of(workspace_id).routes)


def go_on(claimed: Claimed, holder: UUID, fault: Fault, attempt: dict[str, Any], now: datetime) -> Search:
    """Moves a message that this drain holds and that surely did not leave; its timeline shows the attempt too."""
    message = Message.objects.filter(_may_go_on(now), pk=claimed.pk).first()
    if message is None:
        return Search()
    if message.number_id != claimed.number_id:  # it did go on: the answer to the commit was lost
        return Search(to=message.number)
    held = Q(status=Status.SENDING, claim=holder)
    return _moved(message, _moves([message])[message.pk], held, fault, now, attempt)


def leave(account: Connection, now: datetime) -> int:
    """Moves what an account whose credentials are refused has queued; returns how many went. No drain takes any of it
    meanwhile, and one that found it before claims nothing of another account's.

    It begins with what waits for room, so that the oldest has it, and then goes on where the last look ended, so that
    what no route can take keeps nothing behind it from going. It is called again at once where as many went as may at
    a time.
    """
    if not is_set_up(account.workspace_id):
        return 0
    drain, _made = Drain.objects.get_or_create(pk=account.pk)
    leaving, look = _leaving(account, now), _Look(account, now)
    first, resumed, until = drain.left_waiting, None, drain.left_until
    others = leaving.filter(pk__gt=until) if until else leaving
    if first:
        resumed = look.through(leaving.filter(pk__gte=first))
        others = others.exclude(pk__gte=first, pk__lte=resumed) if resumed else others.filter(pk__lt=first)
    if not look.is_over:
        until = look.through(others)
    waiting = min((pk for pk in (look.waiting, resumed) if pk), default=None)
    Drain.objects.filter(pk=account.pk).update(left_until=until, left_waiting=waiting)
    if look.is_over:
        bell.leave(account.pk)
    return look.moved


@dataclass(slots=True)
class _Look:
    """One look at what an account without credentials has queued: how many went, where there was no room left, and the
    oldest message that waits for some."""

    account: Connection
    now: datetime
    moved: int = 0
    full: set[Room] = field(default_factory=set)
    waiting: UUID | None = None

    @property
    def is_over(self) -> bool:
        return self.moved >= MOST_MOVED

    def through(self, leaving: QuerySet[Message]) -> UUID | None:
        """Moves those of these that can go, the oldest first; returns the last one it came to, None at the end."""
        fault = faults.without_credentials(self.account.get_kind_display())
        queued = Q(status=Status.QUEUED, connection=self.account)
        messages = list(leaving[:MOST_LOOKED_AT])
        moves = _moves(messages)
        for message in messages:
            found = _moved(message, moves[message.pk], queued, fault, self.now, full=self.full)
            self.moved += found.to is not None
            if found.waits and found.to is None:
                self.waiting = min(self.waiting or message.pk, message.pk)
            if self.is_over:
                return message.pk
        return messages[-1].pk if len(messages) == MOST_LOOKED_AT else None


def _leaving(account: Connection, now: datetime) -> QuerySet[Message]:
    """What an account has queued that may go on elsewhere, the oldest first."""
    waiting = Message.objects.filter(_may_go_on(now), number__connection=account, status=Status.QUEUED)
    return waiting.select_related("number__connection", "agent").order_by("pk")


def _may_go_on(now: datetime) -> Q:
    """The messages that routes are for, and that are still waited for: by their actions, and by what is counted."""
    in_time = Q(expires_at=None) | Q(expires_at__gt=now)
    return in_time & Q(routed=True, accepted_at__isnull=False, pk__gte=first_uuid7(now - recount.LATEST))


def _moves(messages: Iterable[Message]) -> Mapping[UUID, list[dict[str, Any]]]:
    """What the timelines of these messages say of each time that they went on, by message."""
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    ids = [message.pk for message in messages]
    events = Event.objects.filter(message__in=ids, kind=Event.Kind.MOVED).order_by("pk")
    for pk, data in events.values_list("message_id", "data"):
        found[pk].append(data)
    return found


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A sender that a message would go on from, by which route, and what would keep it from there as things are."""

    route: Route
    to: Number
    error: SendError | None


def foreseen(message: Message) -> list[Foreseen]:
    """Where a message (it need not be written) would go on, one sender after the other, if it surely did not leave for
    reasons of each. Whether they have room in their quotas is asked when it is moved."""
    known, found = book.of(message.workspace_id), dict[int, Foreseen]()
    country = numbers.home_of(numbers.read(message.recipient))
    while True:
        tried = {message.number_id or 0, *found}
        routes = (
            each for each in matching.failover(known.routes, tried, country) if each.via_id in known.numbers
        )
        if (route := next(routes, None)) is None:
            return list(found.values())
        to = known.numbers[route.via_id]
        found[to.pk] = Foreseen(route, to, _lost(to) or _against(message, to, known))


def _lost(to: Number) -> SendError | None:
    """The error of a sender whose account's credentials are refused."""
    if not to.connection.lost_at:
        return None
    return faults.without_credentials(to.connection.get_kind_display()).error


def _moved(
    message: Message,
    before: Sequence[dict[str, Any]],
    only: Q,
    fault: Fault,
    now: datetime,
    attempt: dict[str, Any] | None = None,
    full: set[Room] | None = None,
) -> Search:
    """`before` are its earlier moves. `full` is where there is no room, which need not be asked; it learns of more."""
    found, full = Search(), set() if full is None else full
    known = book.of(message.workspace_id)
    for route, to in _candidates(message, before, known, fault):
        room = _room(message, to)
        if room in full:
            found.waits = True
            continue
        if error := _against(message, to, known):
            found.passed_over.append(_passed_over(to, error))
            continue
        agent = message.agent if message.agent_id in known.on_number.get(to.pk, ()) else None
        move = Move(to, agent, attempt, _why(message, route, to, agent, fault))
        demand = _demand(message, to, agent)
        try:
            if ledger.move(message.pk, only, move, demand, now):
                transaction.on_commit(partial(bell.ring, to.connection_id))
                found.to = to
            return found
        except QuotaExceeded as no_room:
            found.passed_over.append(_passed_over(to, refusal(demand, no_room)))
            if no_room.subject.scope == Scope.NUMBER:
                found.waits = True
                full.add(room)
    return found


def _candidates(
    message: Message, before: Sequence[dict[str, Any]], known: Book, fault: Fault
) -> Iterator[tuple[Route, Number]]:
    """Where routes lead from the senders that were tried, but for accounts that cannot send at all."""
    tried = {message.number_id or 0, *(each["from"]["number"] for each in before)}
    accounts = {each["from"]["account"] for each in before if each["of_account"]}
    if fault.of_account:
        accounts.add(message.connection_id)
    country = numbers.home_of(numbers.read(message.recipient))
    for route in matching.failover(known.routes, tried, country):
        to = known.numbers.get(route.via_id)
        if to and to.connection_id not in accounts and not to.connection.lost_at:
            yield route, to


def _against(message: Message, to: Number, known: Book) -> SendError | None:
    """What keeps the message from leaving from that sender: the rules of every send, as far as they hinge on it."""
    if failing := first_failing(to):
        return failing(sender=said(to))
    traffic: Any = message.traffic
    config = ActionConfig("number", "", "", sender_number_id=to.pk, traffic=traffic)
    record = Record(message.object_type, message.object_id)
    draft = Draft(SendRequest(message.workspace_id, message.trigger, "", config, record), known, number=to)
    draft.recipient, draft.body = numbers.read(message.recipient), message.body
    draft.measure = segments.measure(message.body, unicode=message.encoding != "GSM-7")
    try:
        run(draft, [(name, check) for name, check in CHECKS if name in _OF_SENDER])
    except SendError as error:
        return error
    return None


def _demand(message: Message, to: Number, agent: Agent | None) -> Demand:
    _, priority, segments, windows = _room(message, to)
    return Demand(to, agent, segments, priority, windows)


def _room(message: Message, to: Number) -> Room:
    windows = CLASSIC_WINDOWS if message.trigger == CLASSIC else EVERY
    return to.pk, has_priority(message.traffic), message.segments, windows


def _why(message: Message, route: Route, to: Number, agent: Agent | None, fault: Fault) -> dict[str, Any]:
    """What the timeline keeps: sending.presenters reads it, and the next search."""
    assert message.number
    assert message.accepted_at
    return {
        "from": {**_place(message.number), "accepted_at": message.accepted_at.timestamp()},
        "to": _place(to),
        "route": route.called,
        "error": fault.error.code,
        "facts": fault.error.facts,
        "of_account": fault.of_account,
        "without": message.send_as if message.agent_id and agent is None else "",
    }


def _place(number: Number) -> dict[str, Any]:
    provider = number.connection.get_kind_display()
    return {
        "number": number.pk,
        "account": number.connection_id,
        "sender": said(number),
        "provider": provider,
    }


def _passed_over(to: Number, error: SendError) -> dict[str, Any]:
    return {"sender": said(to), "error": error.code, "facts": error.facts}
