"""Whose turn it is to ask an account: the mirror waits for it, a page waits a moment, a send has taken its own.

Each turn has `begin()`, before a request, and `heard()` of its answer.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.utils import timezone

from smsadmin.pacing import account, slots
from smsadmin.pacing.slots import Rate
from smsadmin.providers import limits
from smsadmin.providers.base import Exchange
from smsadmin.workspaces.models import Connection

#: How many slots ahead of its turn a page's request may leave, and how long it waits for that.
AHEAD = 5
PATIENCE = timedelta(seconds=2)
#: A wait is cut into pieces of this length, so that whoever waits can show that they live.
PIECE = 60.0
#: The longest pause that the mirror waits for. After a longer one the next refresh is soon enough.
LONGEST_PAUSE = timedelta(seconds=90)


def heed(connection: Connection, exchange: Exchange, now: datetime | None = None) -> datetime | None:
    """An answer's word on the limit holds for everything that asks the account. Until when it asks for a pause, if it
    does."""
    now = now or timezone.now()
    said = limits.said(exchange.http_status, exchange.headers, now)
    if said.until:
        slots.pause(connection.pk, said.until, said.words)
    elif said.left is not None and said.resets_at:
        rate = account.rate(connection)
        if said.resets_at - rate.spacing * said.left > now:  # fewer than we would make until then
            slots.leave(connection.pk, rate, said.left, said.resets_at, now)
    return said.until


def _asked_to_wait(until: datetime) -> str:
    return f"it asked to wait until {until:%H:%M:%S} UTC"


@dataclass(slots=True)
class Page:
    """Somebody waits for a page. A request leaves at once, up to AHEAD slots early, and what comes after it waits for
    it. Where more have gone ahead it waits a moment, then leaves all the same, one beyond the pace; while the
    other side has asked for a pause, none leaves."""

    connection: Connection
    sleep: Callable[[float], None] = time.sleep

    def begin(self) -> str:
        """ "" when the request may leave now, else why it may not."""
        now, rate = timezone.now(), account.rate(self.connection)
        ahead = replace(rate, burst=AHEAD * rate.spacing)
        if begins := slots.take(self.connection.pk, ahead, PATIENCE, now):
            self.sleep(max((begins - now).total_seconds(), 0))
            return ""
        paused = slots.of(self.connection.pk).paused_until
        if paused and paused > now:
            return _asked_to_wait(paused)
        slots.reserve(self.connection.pk, rate, now=now)
        return ""

    def heard(self, exchange: Exchange) -> None:
        heed(self.connection, exchange)


@dataclass(slots=True)
class Share:
    """The mirror's turns: every second slot at most, so that sends keep going. It waits as long as that takes, unless
    the other side asks for a long pause."""

    connection: Connection
    sleep: Callable[[float], None]
    rate: Rate = field(init=False)
    began: datetime | None = None

    def __post_init__(self) -> None:
        self.rate = account.rate(self.connection)

    def begin(self) -> str:
        """Returns "" when the slot begins, else why none is waited for."""
        if self.began:
            self._until(self.began + 2 * self.rate.spacing, timezone.now())
        while True:
            now = timezone.now()
            paused = slots.of(self.connection.pk).paused_until
            if paused and paused > now + LONGEST_PAUSE:
                return _asked_to_wait(paused)
            begins = slots.reserve(self.connection.pk, self.rate, now=now)
            self._until(begins, now)
            paused = slots.of(self.connection.pk).paused_until
            if paused is None or paused <= begins:
                break
        self.began = begins
        return ""

    def heard(self, exchange: Exchange) -> None:
        heed(self.connection, exchange)

    def _until(self, moment: datetime, now: datetime) -> None:
        left = (moment - now).total_seconds()
        while left > 0:
            self.sleep(min(left, PIECE))
            left -= PIECE
