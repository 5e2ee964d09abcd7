"""What Aircall calls by itself: webhooks, and the callbacks of numbers in proxy mode."""

from functools import partial
from typing import Any

import httpx

from smsadmin.sandbox.aircall_json import message_json, number_json, user_json
from smsadmin.sandbox.state import COMPANY_ID, Message, Number, State, User, Webhook, iso

CALL_EVENTS = [
    "created",
    "ringing_on_agent",
    "agent_declined",
    "answered",
    "transferred",
    "external_transferred",
    "unsuccessful_transfer",
    "hungup",
    "ended",
    "hold",
    "unhold",
    "ivr_option_selected",
    "comm_assets_generated",
    "voicemail_left",
    "assigned",
    "archived",
    "tagged",
    "untagged",
    "commented",
]
USER_EVENTS = ["created", "deleted", "connected", "disconnected", "opened", "closed", "wut_start", "wut_end"]
EVENTS = {
    *(f"call.{name}" for name in CALL_EVENTS),
    *(f"number.{name}" for name in ("created", "opened", "closed", "deleted")),
    *(f"user.{name}.v2" for name in USER_EVENTS),
    *(f"contact.{name}" for name in ("created", "updated", "deleted")),
    *(
        f"{kind}.{name}"
        for kind in ("message", "group_message")
        for name in ("sent", "received", "status_updated")
    ),
    "integration.deleted",
}
HEADERS = {"User-Agent": "axios/1.7.7", "Aircall-Origin": "webhooks"}

# What the carrier says of these recipients; everyone else gets the message.
DELIVERY_BY_RECIPIENT = {
    "+12025550191": "undelivered",
    "+12025550192": "failed",
    "+12025550193": None,  # no receipt ever comes
}


#: Words for a number that the carriers let through; no source lists them.
REGISTERED = {"verified", "registered"}


def message_sent(state: State, message: Message) -> None:
    """The life of an accepted message: sent, then what the carrier makes of it."""
    steps = [("message.sent", "sent"), ("message.status_updated", "sent")]
    if final := delivery_status(state, message):
        steps.append(("message.status_updated", final))
    if message.mode == "proxy":
        steps = [("message.updated", status) for event, status in steps if event != "message.sent"]
    if state.random.random() < state.settings.aircall_events_shuffled:
        state.random.shuffle(steps)
    delay = 0.0
    for event, status in steps:
        delay += state.random.uniform(0, state.settings.aircall_event_delay)
        times = 2 if state.random.random() < state.settings.aircall_events_doubled else 1
        for _ in range(times):
            state.scheduler.after(delay, partial(_report, state, message, event, status))


def delivery_status(state: State, message: Message) -> str | None:
    """How the message ends; US numbers that are not registered are blocked by the carriers."""
    if state.numbers[message.number_id].registration_status not in REGISTERED:
        return "undelivered"
    return DELIVERY_BY_RECIPIENT.get(message.recipient, "delivered")


def _report(state: State, message: Message, event: str, status: str) -> None:
    with state.lock:
        if message.status not in ("delivered", "undelivered", "failed"):
            message.status = status
        number = state.numbers.get(message.number_id)
        if number is None:
            return
        if message.mode == "native":
            emit(state, event, "message", message_json(state, number, message, status))
        else:
            call_back(state, number, event, message, status)


def received(state: State, number: Number, message: Message) -> None:
    """An inbound message, by the way its number has."""
    if number.configuration:
        call_back(state, number, "message.received", message, "received")
    else:
        emit(state, "message.received", "message", message_json(state, number, message, "received"))


def number_changed(state: State, event: str, number: Number) -> None:
    """number.created, opened, closed or deleted; a deleted number has no users."""
    data = number_json(state, number, users=True, e164=True)
    emit(state, event, "number", {**data, "users": []} if event == "number.deleted" else data)


def user_changed(state: State, event: str, user: User) -> None:
    """user.created.v2 or user.deleted.v2. No event tells that a user joined or left a number."""
    emit(state, event, "user", user_json(user))


def app_removed(state: State) -> None:
    """The app is uninstalled: its webhooks hear of it once and are gone, and so are its tokens."""
    emit(
        state,
        "integration.deleted",
        "integration",
        {"integration_id": 42, "company_id": COMPANY_ID},
        of_app=True,
    )
    state.aircall_tokens.clear()
    state.webhooks = {key: webhook for key, webhook in state.webhooks.items() if not webhook.of_app}


def emit(state: State, event: str, resource: str, data: dict[str, Any], *, of_app: bool = False) -> None:
    """Hand an event to every webhook that wants it and is active; with `of_app`, to the app's own alone."""
    for webhook in state.webhooks.values():
        if webhook.active and event in webhook.events and (webhook.of_app or not of_app):
            body = {
                "resource": resource,
                "event": event,
                "timestamp": int(state.now()),
                "token": webhook.token,
                "data": data,
            }
            state.scheduler.after(0, partial(_deliver, state, webhook, body, 1))


def _deliver(state: State, webhook: Webhook, body: dict[str, Any], attempt: int) -> None:
    """One POST. A failed event keeps being tried, even once the webhook is off; a success revives it."""
    settings = state.settings
    if _posted(state, webhook.url, body):
        with state.changed:
            webhook.active, webhook.failures = True, 0
            state.changed.notify_all()
        return
    with state.lock:
        webhook.failures += 1
        if webhook.failures >= settings.aircall_webhook_disabled_after:
            webhook.active = False
        still_there = webhook.id in state.webhooks
    if still_there and attempt <= settings.aircall_webhook_retries:
        again = partial(_deliver, state, webhook, body, attempt + 1)
        state.scheduler.after(settings.aircall_webhook_retry_delay, again)


def call_back(state: State, number: Number, event: str, message: Message, status: str) -> None:
    """A proxy callback: another envelope, times in milliseconds, one try only."""
    configuration = number.configuration
    if configuration is None or not configuration.callback_url:
        return
    moment = int(message.time * 1000)
    full = message_json(state, number, message, status)
    data = {key: full[key] for key in ("id", "direct_link", "direction", "body", "status")} | {
        "created_at": moment,
        "sent_at": moment,
        "updated_at": int(state.now() * 1000),
        "raw_digits": full["external_number"].lstrip("+"),
        "number": {
            "id": number.id,
            "name": number.name,
            "digits": number.digits,
            "country": number.country,
            "time_zone": number.time_zone,
            "open": True,
            "created_at": iso(number.created_at),
        },
    }
    body = {
        "resource": "message",
        "event_name": event,
        "timestamp": int(state.now() * 1000),
        "token": configuration.token,
        "data": data,
    }
    state.scheduler.after(0, partial(_posted, state, configuration.callback_url, body))


def _posted(state: State, url: str, body: dict[str, Any]) -> bool:
    """Whether the receiver answered 2xx in time."""
    try:
        answer = state.http.post(
            url, json=body, headers=HEADERS, timeout=state.settings.aircall_webhook_timeout
        )
    except httpx.HTTPError:
        return False
    return answer.is_success
