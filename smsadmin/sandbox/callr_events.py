"""What Callr tells by itself: webhooks that a person made in its portal, signed, and repeated until they are taken."""

import json
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx

from smsadmin.sandbox.callr_json import sms_json, sms_v1
from smsadmin.sandbox.signing import sign_callr
from smsadmin.sandbox.state import CallrWebhook, Message, State, iso

INBOUND, LEGACY_INBOUND, LEGACY_DELIVERY = "v2.sms.inbound.received", "sms.mo", "sms.mt.status_update"
STEPS = ("pending", "sent", "remote-queued", "delivered")
#: How the messages to these recipients end; None: nothing is told after they were handed on.
ENDS: dict[str, str | None] = {
    "+12025550191": "failed",
    "+12025550192": "expired",
    "+12025550193": None,
    "+12025550194": "error",
}


def sent(state: State, message: Message) -> None:
    """The life of an accepted message, each step told."""
    end = ENDS.get(message.recipient, "delivered")
    before = ("pending",) if end == "error" else STEPS[:-1]
    steps = [*before, *([end] if end else [])]
    if state.random.random() < state.settings.callr_events_shuffled:
        state.random.shuffle(steps)
    delay = 0.0
    for status in steps:
        delay += state.random.uniform(0, state.settings.callr_event_delay)
        state.scheduler.after(delay, partial(_advance, state, message, status))


def _advance(state: State, message: Message, status: str) -> None:
    with state.changed:
        if message.status not in ("delivered", "failed", "expired", "error"):
            message.status = status
        times = 2 if state.random.random() < state.settings.callr_events_doubled else 1
        tell(state, message, status, times=times)
        state.changed.notify_all()


def tell(state: State, message: Message, status: str, *, times: int = 1) -> None:
    """Hands an event to every webhook of the account, several times where it is doubled."""
    body = _event(state, message, status)
    for webhook in state.callr_webhooks.values():
        for _ in range(times):
            state.scheduler.after(0, partial(_deliver, state, webhook, body, 0))


def _event(state: State, message: Message, status: str) -> Callable[[int], dict[str, Any]]:
    """The envelope of an event, by how often it was told in vain."""
    settings, event_id, at = state.settings, f"evt_{uuid.uuid4().hex}", iso(state.now())
    inbound = message.direction == "inbound"
    if settings.callr_webhooks == "legacy":
        kind, data = LEGACY_INBOUND if inbound else LEGACY_DELIVERY, sms_v1(message, status, state.now())
        fixed = {"event_at": at, "event_id": event_id, "hook_hash": None, "type": kind, "data": data}
        return lambda tries: {**fixed, "try": tries}
    kind = INBOUND if inbound else settings.callr_delivery_event
    names = ("eventId", "eventAt") if settings.callr_envelope == "camel" else ("event_id", "event_at")
    body = {names[0]: event_id, "type": kind, names[1]: at, "data": sms_json(message, status, state.now())}
    return lambda tries: body


def _deliver(state: State, webhook: CallrWebhook, body: Callable[[int], dict[str, Any]], tries: int) -> None:
    """One POST; an event that is not taken is told again, after twice as long each time."""
    settings = state.settings
    if _posted(state, webhook, body(tries)) or tries >= settings.callr_webhook_retries:
        return
    if state.callr_webhooks.get(webhook.url) is webhook:
        delay = settings.callr_webhook_retry_delay * 2**tries
        state.scheduler.after(delay, partial(_deliver, state, webhook, body, tries + 1))


def _posted(state: State, webhook: CallrWebhook, body: dict[str, Any]) -> bool:
    settings, content = state.settings, json.dumps(body, separators=(",", ":")).encode()
    headers = {"User-Agent": "CALLR/API 2.0", "Content-Type": "application/json"}
    headers["X-CALLR-EventId"] = body.get("event_id") or body.get("eventId") or ""
    if settings.callr_signature != "none":
        signature = sign_callr(settings.callr_signature, webhook.secret, content)
        headers[settings.callr_signature_header] = signature
    try:
        answer = state.http.post(
            webhook.url, content=content, headers=headers, timeout=settings.callr_webhook_timeout
        )
    except httpx.HTTPError:
        return False
    return answer.is_success
