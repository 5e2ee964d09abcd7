"""Identifiers that rise with time, so that newest-first needs no second index."""

import os
import time
import uuid
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

_EPOCH = datetime.fromtimestamp(0, UTC)


def uuid7() -> uuid.UUID:
    """A UUID version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then random bits."""
    return _uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def first_uuid7(moment: datetime) -> uuid.UUID:
    """The smallest UUID version 7 of that moment: a bound for "received since"."""
    return _uuid7((moment - _EPOCH) // timedelta(milliseconds=1), bytes(10))


def moment_of(identifier: uuid.UUID) -> datetime:
    """When a UUID version 7 was made, to the millisecond, in UTC."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)


def key16(*parts: object) -> uuid.UUID:
    """Any idempotency key, however long, in the 16 bytes an index likes."""
    text = "\x1f".join(str(part) for part in parts)
    return uuid.UUID(bytes=blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest())


def _uuid7(milliseconds: int, tail: bytes) -> uuid.UUID:
    number = (milliseconds & (2**48 - 1)) << 80 | int.from_bytes(tail, "big")
    number = number & ~(0xF << 76) | 7 << 76
    return uuid.UUID(int=number & ~(0x3 << 62) | 2 << 62)
