"""How a message is told to HubSpot, at once or later (HubSpot docs: "Custom workflow actions", execution).

What cannot change on a repeat is 200 with FAIL_CONTINUE and a code; HubSpot repeats a 5xx for three days, so
that is only said when nothing was accepted. A quota is never 429, for the same reason: RateLimit headers tell of it.
"""

import math
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings
from django.http import JsonResponse
from django.utils import timezone, translation

from smsadmin.core.status import ON_ITS_WAY, SETTLED, Status
from smsadmin.quotas import headers
from smsadmin.sending import explain, log
from smsadmin.sending.models import Message, Reply
from smsadmin.workspaces.models import Connection

#: How long HubSpot is to wait; so much longer than a message is held and its receipt is waited for, which leaves room
#: for both in the week that HubSpot waits at most.
PATIENCE = timedelta(hours=1)
#: The answer leaves at least so long before HubSpot would go on without it.
_IN_TIME = timedelta(minutes=5)
#: A receipt may still change these: a caller that waits for it is not told yet.
BEFORE_RECEIPT = frozenset({Status.SENT, Status.UNKNOWN})
_POLL = 0.05
_IMPATIENT_FOR = 10.0  # seconds without waiting after one wait was in vain: there is a queue


class Waiters:
    """How many requests of this process may wait for the provider's answer: few, for each holds a thread."""

    def __init__(self, most: int) -> None:
        self._free = BoundedSemaphore(most) if most else None
        self._impatient_until = 0.0

    def enter(self) -> bool:
        if self._free is None or time.monotonic() < self._impatient_until:
            return False
        return self._free.acquire(blocking=False)

    def leave(self, *, in_vain: bool) -> None:
        assert self._free
        self._free.release()
        if in_vain:
            self._impatient_until = time.monotonic() + _IMPATIENT_FOR


def can_come_later(connection: Connection) -> bool:
    """Whether the portal could be told later: its token is there, and was not refused."""
    return bool(connection.secrets.get("access_token")) and connection.lost_at is None


def settles_soon(message: Message) -> bool:
    """Whether its end is worth waiting for: a held message has none before its quota resets, and a receipt takes its
    time."""
    waits_for_receipt = message.wait_minutes and message.reply != Reply.NONE
    return not message.is_settled and message.status != Status.HELD and not waits_for_receipt


def is_final(message: Message, now: datetime) -> bool:
    """Whether the caller can be told how it ended: it is settled, and nobody waits for its receipt any more."""
    if not message.is_settled:
        return False
    told_later = message.wait_minutes and message.reply in (Reply.WAITING, Reply.OWED)
    if not told_later or message.status not in BEFORE_RECEIPT:
        return True
    return now >= receipt_until(message)


def receipt_until(message: Message) -> datetime:
    """Until when the receipt of a settled message is waited for, while HubSpot still waits for us."""
    ends = (message.finished_at or message.received_at) + timedelta(minutes=message.wait_minutes)
    return min(ends, _goes_on_at(message) - _IN_TIME)


def wait(message: Message) -> Message:
    """The message once it is settled, or as it is when the time is up."""
    ends = time.monotonic() + settings.HUBSPOT_ANSWER_WAIT
    while settles_soon(message) and time.monotonic() < ends:
        time.sleep(_POLL)
        message.refresh_from_db()
    if message.is_settled:
        log.answered(message.pk)
    else:
        log.owe_reply(message.pk, timezone.now())
    return message


def promise(message: Message) -> None:
    """The caller will be told later; also where an earlier call, whose process may be gone, was to wait for it."""
    if message.reply == Reply.WAITING:
        log.owe_reply(message.pk, timezone.now())


def response(message: Message, language: str) -> JsonResponse:
    """The whole answer to an execution; where a quota refused the message, with what is left of that."""
    refused = message.status == Status.REJECTED
    told = headers.of_refusal(message.error_code, message.error_facts, timezone.now()) if refused else {}
    return JsonResponse(body(message, language), headers=told)


def body(message: Message, language: str) -> dict[str, Any]:
    """The answer to an execution: how it ended, or BLOCK while nobody knows, or, where nobody could complete a
    blocked one for want of a token, that it was accepted."""
    if is_final(message, timezone.now()):
        return {"outputFields": final(message, language)}
    if message.reply == Reply.NONE:
        state = {"hs_execution_state": "SUCCESS"}
    else:
        state = {"hs_execution_state": "BLOCK", "hs_expiration_duration": _patience(message)}
    return {"outputFields": {**_outputs(message, "accepted", language), **state}}


def final(message: Message, language: str) -> dict[str, str]:
    """The output fields that tell how a settled message ended, with the state that the execution ends in."""
    state = "SUCCESS" if message.status in ON_ITS_WAY else "FAIL_CONTINUE"
    return {**_outputs(message, _TOLD[Status(message.status)], language), "hs_execution_state": state}


def _patience(message: Message) -> str:
    """How long HubSpot is to wait from now on, as an ISO 8601 duration."""
    hold = message.expires_at - timezone.now() if message.expires_at else timedelta()
    patience = max(hold, timedelta()) + timedelta(minutes=message.wait_minutes) + PATIENCE
    hours, minutes = divmod(math.ceil(patience / timedelta(minutes=1)), 60)
    return f"PT{hours}H{minutes}M" if minutes else f"PT{hours}H"


def gave_up(message: Message, now: datetime) -> bool:
    """Whether HubSpot has gone on without the answer that it was told to wait for."""
    return now > _goes_on_at(message)


def _goes_on_at(message: Message) -> datetime:
    """When HubSpot goes on, answer or not: it was told to wait so long when the message came in."""
    since = message.expires_at or message.accepted_at or message.received_at
    return since + timedelta(minutes=message.wait_minutes) + PATIENCE


#: How the action's output "status" calls each end.
_TOLD: Mapping[Status, str] = {
    **dict.fromkeys(SETTLED, "failed"),
    **{each: each.value for each in (Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.UNKNOWN)},
}
_WITHOUT_REASON = frozenset({"accepted", "sent", "delivered"})


def _outputs(message: Message, status: str, language: str) -> dict[str, str]:
    """The output fields of the action; all values are strings. Segments are as the provider counted them, where it
    says so."""
    failed = status not in _WITHOUT_REASON
    sentence = ""
    if message.error_code and failed:
        with translation.override(language):
            sentence = explain.sentence(message)
    return {
        "status": status,
        "message_id": str(message.pk),
        "segments": str(message.counted_segments),
        "sender": message.sender,
        "recipient_e164": message.recipient,
        "errorCode": message.error_code if failed else "",
        "errorMessage": sentence,
    }
