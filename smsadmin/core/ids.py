"""Identifiers that rise with time, so that newest-first needs no second index."""

import secrets
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

_EPOCH = datetime.fromtimestamp(0, UTC)


class _Rising:
    """Version 7 numbers, each above the one before while their millisecond lasts (RFC 9562 §6.2, method 2)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond, self._high, self._low = 0, 0, 0

    def next(self, millisecond: int) -> uuid.UUID:
        with self._lock:
            if millisecond == self._millisecond:
                self._low += 1 + secrets.randbits(32)
            else:  # of 62 bits the first is zero, so that no number of such steps runs over within a millisecond
                self._millisecond, self._high, self._low = (
                    millisecond,
                    secrets.randbits(12),
                    secrets.randbits(61),
                )
            return _uuid7(millisecond, self._high, self._low)


def uuid7() -> uuid.UUID:
    """A UUID version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits.

    Those that one process makes rise within a millisecond too: what came first stands first in a line.
    """
    return _rising.next(time.time_ns() // 1_000_000)


def first_uuid7(moment: datetime) -> uuid.UUID:
    """The smallest UUID version 7 of that moment: a bound for "received since"."""
    return _uuid7((moment - _EPOCH) // timedelta(milliseconds=1), 0, 0)


def moment_of(identifier: uuid.UUID) -> datetime:
    """When a UUID version 7 was made, to the millisecond, in UTC."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)


def key16(*parts: object) -> uuid.UUID:
    """Any idempotency key, however long, in the 16 bytes an index likes."""
    text = "\x1f".join(str(part) for part in parts)
    return uuid.UUID(bytes=blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest())


def _uuid7(milliseconds: int, high: int, low: int) -> uuid.UUID:
    """The number of these parts: 48 bits, 12 bits and 62 bits, with the version and the variant between them."""
    return uuid.UUID(int=(milliseconds & (2**48 - 1)) << 80 | 7 << 76 | high << 64 | 2 << 62 | low)


_rising = _Rising()
