"""What the readers of accounts have in common: what was seen, and how far the reading is."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from django.utils import timezone

from smsadmin.core import numbers
from smsadmin.directory.models import Refresh, SenderKind
from smsadmin.providers.base import AccountError, Turn
from smsadmin.workspaces.models import Connection

T = TypeVar("T")

#: How long a refresh may say nothing before it counts as cut off.
LEASE = timedelta(minutes=9)


class NoNumbers(AccountError):
    """The account suddenly lists no number, which is not believed."""


@dataclass(slots=True)
class Seen:
    """What the account said: the columns of its numbers and users by their ids, pairs of both, and the ids of the
    numbers that are connected to us, and of those that can text; None where it does not say, as Aircall to an API
    key."""

    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    connected: set[str] | None = None
    texting: set[str] | None = None


class Client(Protocol):
    """The API client of an account: it takes turns, pauses between two tries, and counts its reads."""

    turn: Turn | None
    pause: Any
    reads: int


@dataclass(slots=True)
class Progress:
    """How far a running refresh is, kept on its row: pages show it, and the row is not taken for one cut off."""

    run: Refresh
    client: Client

    def of(self, part: str) -> Callable[[int, int], None]:
        """What hears how much of a part has been read."""

        def told(read: int, total: int) -> None:
            self.run.progress[part] = [read, total]
            self._keep()

        return told

    def pausing(self, sleep: Callable[[float], None]) -> Callable[[float], None]:
        """A pause between two reads that keeps the row alive."""

        def pause(seconds: float) -> None:
            self._keep()
            sleep(seconds)

        return pause

    def _keep(self) -> None:
        Refresh.objects.filter(pk=self.run.pk).update(
            requests=self.client.reads, progress=self.run.progress, lease_until=timezone.now() + LEASE
        )


def counted(items: Collection[T], told: Callable[[int, int], None]) -> Iterator[T]:
    """The items of what is not added to meanwhile, one by one; `told(done, total)` hears of each that is done."""
    total = len(items)
    for done, item in enumerate(list(items), start=1):
        yield item
        told(done, total)


class Reader(Protocol):
    """How an account of one kind is read."""

    @property
    def client(self) -> Client: ...

    def read(self, connection: Connection, progress: Progress) -> Seen:
        """All that the account says. Raises AccountError."""
        ...

    def complete(self, connection: Connection, progress: Progress) -> None:
        """What is read, or made, once the mirror is up to date with that; it is, also where this fails."""
        ...


def number_columns(digits: str, name: str, country: str, time_zone: str = "") -> dict[str, Any]:
    """The columns of a number. One that cannot be read is kept as it came, and not offered."""
    try:
        e164 = numbers.read(digits).e164
    except numbers.NumberError:
        e164 = digits[:20]
    return {
        "e164": e164,
        "name": (name or digits)[:120],
        "country": country[:2],
        "time_zone": time_zone[:64],
    }


def demand_numbers(connection: Connection, listed: Collection[str]) -> None:
    """Raises NoNumbers where the account lists none, and had some before."""
    if not listed and connection.numbers.filter(gone_at=None, kind=SenderKind.PHONE).exists():
        provider = connection.get_kind_display()
        raise NoNumbers(f"{provider} listed no number at all, so the old mirror was kept.")
