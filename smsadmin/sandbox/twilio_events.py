"""What Twilio tells by itself: the callbacks of a message, and the texts that come in. Signed, and told once."""

from functools import partial

import httpx

from smsadmin.sandbox.signing import twilio_headers
from smsadmin.sandbox.sms import segments
from smsadmin.sandbox.state import (
    TWILIO_AUTH_TOKEN,
    TWILIO_SHARED_KEY,
    TWILIO_SID,
    Message,
    State,
    TwilioMessage,
    TwilioNumber,
)

STEPS = ("sending", "sent", "delivered")
#: How the messages to these recipients end, and with which code; None: nothing is told after they were handed on.
ENDS: dict[str, tuple[str, int] | None] = {
    "+12025550191": ("undelivered", 30003),
    "+12025550192": ("undelivered", 30005),
    "+12025550193": None,
    "+12025550194": ("failed", 30034),
    "+12025550195": ("undelivered", 30007),
}
_RANK = {"accepted": 0, "queued": 1, "sending": 2, "sent": 3, "delivered": 4, "undelivered": 4, "failed": 4}
_STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
_START = frozenset({"START", "YES", "UNSTOP"})
_HELP = frozenset({"HELP", "INFO"})


def sent(state: State, known: TwilioMessage) -> None:
    """The life of an accepted message, each step told. A service chooses its sender first."""
    end = ENDS.get(known.message.recipient, ("delivered", None))
    before = ("sending",) if end and end[0] == "failed" else STEPS[:-1]
    steps: list[tuple[str, int | None]] = [(step, None) for step in before]
    if known.service_sid:
        steps.insert(0, ("queued", None))
    if end:
        steps.append(end)
    if state.random.random() < state.settings.twilio_events_shuffled:
        state.random.shuffle(steps)
    delay = 0.0
    for status, code in steps:
        delay += state.random.uniform(0, state.settings.twilio_event_delay)
        state.scheduler.after(delay, partial(_advance, state, known, status, code))


def _advance(state: State, known: TwilioMessage, status: str, code: int | None) -> None:
    """Twilio knows the order of things, whatever order it tells them in."""
    with state.changed:
        if _RANK[status] > _RANK.get(known.message.status, 0):
            known.message.status, known.error_code = status, code
        if status != "queued":
            known.sent_at = known.sent_at or state.now()
        known.updated_at = state.now()
        _tell(state, known, status, code)
        state.changed.notify_all()


def _tell(state: State, known: TwilioMessage, status: str, code: int | None) -> None:
    """The callback for one status, as often as the settings say."""
    settings, message = state.settings, known.message
    if not known.callback or state.random.random() < settings.twilio_events_dropped:
        return
    form = {
        "AccountSid": TWILIO_SID,
        "ApiVersion": "2010-04-01",
        "From": message.sender,
        "To": message.recipient,
        "MessageSid": message.id,
        "MessageStatus": status,
        "SmsSid": message.id,
        "SmsStatus": status,
    }
    if known.service_sid:
        form["MessagingServiceSid"] = known.service_sid
    if code:
        form["ErrorCode"] = str(code)
    times = 2 if state.random.random() < settings.twilio_events_doubled else 1
    for _ in range(times):
        state.scheduler.after(0, partial(_post, state, known.callback, form))


def received(state: State, number: TwilioNumber, sender: str, body: str) -> Message:
    """A text to a number: it is told where the number says, also one that opts out, and Twilio keeps note of that."""
    message = Message(
        id=f"SM{state.new_id():032x}",
        service="twilio",
        number_id=0,
        sender=sender,
        recipient=number.e164,
        body=body,
        time=state.now(),
        status="received",
        direction="inbound",
        segments=segments(body),
    )
    state.messages.append(message)
    state.twilio_messages[message.id] = TwilioMessage(message, updated_at=state.now())
    word = _listen(state, number.e164, sender, body.strip().upper())
    if number.sms_url and not number.sms_application_sid:
        told = _inbound(state, message, word)
        state.scheduler.after(0, partial(_post_or_fall_back, state, number, told))
    return message


def _listen(state: State, number: str, sender: str, word: str) -> str:
    """Blocks the pair, and that of each service, for they all send from all numbers; or lets them go. Only a text that
    is exactly one of the words counts."""
    pairs = {(each, sender) for each in (number, *state.twilio_services)}
    if word in _STOP:
        state.twilio_opted_out |= pairs
        return "STOP"
    if word in _START:
        state.twilio_opted_out -= pairs
        return "START"
    return "HELP" if word in _HELP else ""


def _inbound(state: State, message: Message, word: str) -> dict[str, str]:
    form = {
        "MessageSid": message.id,
        "SmsSid": message.id,
        "SmsMessageSid": message.id,
        "AccountSid": TWILIO_SID,
        "From": message.sender,
        "To": message.recipient,
        "Body": message.body,
        "NumMedia": "0",
        "NumSegments": str(message.segments),
        "FromCountry": "US",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }
    if word and state.settings.twilio_advanced_opt_out:
        form["OptOutType"] = word
    return form


def _post_or_fall_back(state: State, number: TwilioNumber, form: dict[str, str]) -> None:
    if not _post(state, number.sms_url, form) and number.sms_fallback_url:
        _post(state, number.sms_fallback_url, form)


def _post(state: State, address: str, form: dict[str, str]) -> bool:
    """One POST, and whether it was answered with 2xx; the fragment of an address is for Twilio alone, and is neither
    called nor signed."""
    settings, url = state.settings, address.partition("#")[0]
    parts = httpx.URL(url)
    signed = url
    if settings.twilio_signed_port and not parts.port:
        port = 443 if parts.scheme == "https" else 80
        signed = url.replace(parts.netloc.decode(), f"{parts.host}:{port}", 1)
    headers = twilio_headers(settings.twilio_signature, TWILIO_AUTH_TOKEN, TWILIO_SHARED_KEY, signed, form)
    headers["User-Agent"] = "TwilioProxy/1.1"
    try:
        told = state.http.post(url, data=form, headers=headers, timeout=settings.twilio_callback_timeout)
    except httpx.HTTPError:
        return False
    return told.is_success
