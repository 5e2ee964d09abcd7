"""The life of a message: every status, and the ones each may replace."""

from enum import StrEnum


class Status(StrEnum):
    RECEIVED = "received"
    REJECTED = "rejected"  # we said no: nothing left this server
    HELD = "held"  # waits for quota room, with a release time
    QUEUED = "queued"
    SENDING = "sending"  # claimed by a worker: it may be on the wire right now
    SENT = "sent"  # the provider took it
    FAILED = "failed"  # the provider refused it
    UNKNOWN = "unknown"  # no clear answer: it may have gone out
    UNDELIVERED = "undelivered"  # the carrier gave up
    DELIVERED = "delivered"
    EXPIRED = "expired"  # held for longer than its action allows
    CANCELLED = "cancelled"  # taken out of the line: by a person, with its action, or by build mode


BEFORE: dict[Status, frozenset[Status]] = {
    Status.RECEIVED: frozenset(),
    Status.REJECTED: frozenset({Status.RECEIVED}),
    Status.HELD: frozenset({Status.RECEIVED}),
    # Back from SENDING only when the message surely never left (connection refused, 429).
    Status.QUEUED: frozenset({Status.RECEIVED, Status.HELD, Status.SENDING}),
    Status.SENDING: frozenset({Status.QUEUED}),
    Status.SENT: frozenset({Status.SENDING, Status.UNKNOWN}),
    # From QUEUED only when its account's credentials were refused for too long.
    Status.FAILED: frozenset({Status.QUEUED, Status.SENDING, Status.UNKNOWN}),
    Status.UNKNOWN: frozenset({Status.SENDING}),
    # A receipt may overtake the provider's own answer, so SENDING is allowed here.
    Status.DELIVERED: frozenset({Status.SENDING, Status.SENT, Status.UNKNOWN}),
    Status.UNDELIVERED: frozenset({Status.SENDING, Status.SENT, Status.UNKNOWN}),
    Status.EXPIRED: frozenset({Status.HELD}),
    Status.CANCELLED: frozenset({Status.HELD}),
}

#: What the caller may be told: nothing the program does by itself changes these, receipts aside.
SETTLED = frozenset(
    {
        Status.REJECTED,
        Status.SENT,
        Status.FAILED,
        Status.UNKNOWN,
        Status.UNDELIVERED,
        Status.DELIVERED,
        Status.EXPIRED,
        Status.CANCELLED,
    }
)

#: The provider has it, and nothing says that it did not arrive.
ON_ITS_WAY = frozenset({Status.SENT, Status.DELIVERED})

#: The message is with the provider, or beyond it.
LEFT = ON_ITS_WAY | {Status.UNDELIVERED}

#: Ends that somebody should look at.
TROUBLE = frozenset({Status.REJECTED, Status.FAILED, Status.UNDELIVERED, Status.UNKNOWN, Status.EXPIRED})
