"""How a message is told to HubSpot, at once or later (HubSpot docs: "Custom workflow actions", execution).

What cannot change on a repeat is 200 with FAIL_CONTINUE and a code; HubSpot repeats a 5xx for three days, so
that is only said when nothing was accepted. A quota is never 429, for the same reason: RateLimit headers tell of it.
"""

import math
import time
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings
from django.http import JsonResponse
from django.utils import timezone, translation

from smsadmin.core.status import ON_ITS_WAY, Status
from smsadmin.quotas import headers
from smsadmin.sending import explain, log
from smsadmin.sending.models import Message, Reply

#: How long HubSpot is to wait; for a held message so much longer than its hold, which leaves room for that in the
#: week that HubSpot waits at most.
PATIENCE = timedelta(hours=1)
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


def settles_soon(message: Message) -> bool:
    """Whether its end is worth waiting for: a held message has none before its quota resets."""
    return not message.is_settled and message.status != Status.HELD


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
    fields = outputs(message, language)
    if message.is_settled:
        fields["hs_execution_state"] = "SUCCESS" if message.status in ON_ITS_WAY else "FAIL_CONTINUE"
    elif message.reply == Reply.NONE:
        fields["hs_execution_state"] = "SUCCESS"
    else:
        fields |= {"hs_execution_state": "BLOCK", "hs_expiration_duration": _patience(message)}
    return {"outputFields": fields}


def _patience(message: Message) -> str:
    """How long HubSpot is to wait from now on, as an ISO 8601 duration."""
    hold = message.expires_at - timezone.now() if message.expires_at else timedelta()
    hours, minutes = divmod(math.ceil((max(hold, timedelta()) + PATIENCE) / timedelta(minutes=1)), 60)
    return f"PT{hours}H{minutes}M" if minutes else f"PT{hours}H"


def gave_up(message: Message, now: datetime) -> bool:
    """Whether HubSpot has gone on without the answer that it was told to wait for."""
    since = message.expires_at or message.accepted_at
    return since is not None and now - since > PATIENCE


def outputs(message: Message, language: str) -> dict[str, str]:
    """The output fields of the action; all values are strings."""
    if not message.is_settled:
        status = "accepted"
    else:
        status = "sent" if message.status in ON_ITS_WAY else "failed"
    sentence = ""
    if message.error_code and status == "failed":
        with translation.override(language):
            sentence = explain.sentence(message)
    return {
        "status": status,
        "message_id": str(message.pk),
        "segments": str(message.segments),
        "sender": message.sender,
        "recipient_e164": message.recipient,
        "errorCode": message.error_code if status == "failed" else "",
        "errorMessage": sentence,
    }
