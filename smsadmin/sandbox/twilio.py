"""Twilio's API of messages, numbers and messaging services, as its documents and its OpenAPI document describe it.

Where no source says what Twilio does, a setting says it here: a client must not rely on any one of them. Of the error
numbers some are common knowledge alone.
"""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from smsadmin.sandbox import twilio_events
from smsadmin.sandbox.callr import NAME
from smsadmin.sandbox.sms import E164, segments
from smsadmin.sandbox.state import (
    TWILIO_AUTH_TOKEN,
    TWILIO_KEY_SECRET,
    TWILIO_KEY_SID,
    TWILIO_SID,
    Message,
    State,
    TwilioMessage,
    TwilioNumber,
)
from smsadmin.sandbox.twilio_json import ACCOUNT, UNSENT, message_json, number_json, page_json, rfc2822
from smsadmin.sandbox.web import HttpError, Request, Response, Router, html_response, json_response

MOST_CHARACTERS = 1_600
MOST_MEDIA = 10
MOST_VALIDITY = 36_000
SHORT_CODE = re.compile(r"\+?\d{3,6}")
TRIAL = "Sent from your Twilio trial account - "
#: Twilio docs, "Test credentials": numbers that always fail, as senders and as recipients.
MAGIC_SENDERS = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
MAGIC_RECIPIENTS = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
#: A sender that always works, as with test credentials.
GOOD_SENDER = "+15005550006"
SAYS = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    21211: "Invalid 'To' Phone Number",
    21212: "Invalid From Number",
    21265: "'To' number cannot be a Short Code",
    21266: "'To' and 'From' number cannot be the same",
    21267: "Alphanumeric Sender ID cannot be used as the 'From' number on trial accounts",
    21408: "Permission to send an SMS has not been enabled for the region",
    21602: "Message body is required",
    21603: "A 'From' phone number is required",
    21604: "A 'To' phone number is required",
    21606: "The 'From' phone number provided is not a valid message-capable number for this destination",
    21608: "The number is unverified. Trial accounts cannot send messages to unverified numbers",
    21609: "Invalid 'StatusCallback' URL",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21612: "The 'To' phone number cannot be reached via this sender",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21623: "Too many media files",
    21661: "The 'From' number is not SMS-capable",
    90007: "The validity period is out of range",
}

router = Router()
route = router.route


def handle(state: State, request: Request) -> Response:
    """Credentials, rate limit, then the endpoint."""
    by_key = _check_credentials(state, request)
    _count_request(state)
    found = router.find(request.method, request.path)
    if found is None or (by_key and request.path == f"{ACCOUNT}.json" and not _keys_may(state)):
        raise _no_such(state) if found is None else _refuse(state, 20003, 401)
    handler, arguments = found
    return handler(state, request, **arguments)


def refusal(state: State, kind: str) -> Response:
    """The body of an injected refusal."""
    if kind == "502":
        return html_response(502, "Bad Gateway")
    if kind in ("edge403", "forbidden"):
        kind = "403"
    if not kind.isdecimal():
        raise ValueError(f"{kind} is a fault of HubSpot.")
    codes = {"401": 20003, "404": 20404, "429": 20429}
    return _error(state, codes.get(kind, 20500), int(kind))


def _keys_may(state: State) -> bool:
    return state.settings.twilio_keys_may_read_account


def _check_credentials(state: State, request: Request) -> bool:
    """Whether an API key was used. Anything else than what the account has is refused."""
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    pair = _decoded(value) if kind == "Basic" else ""
    if not state.settings.twilio_credentials_refused:
        if pair == f"{TWILIO_SID}:{TWILIO_AUTH_TOKEN}":
            return False
        if pair == f"{TWILIO_KEY_SID}:{TWILIO_KEY_SECRET}":
            return True
    raise _refuse(state, 20003, 401)


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _count_request(state: State) -> None:
    limit, minute = state.settings.twilio_requests_per_minute, int(state.now() // 60)
    used = state.twilio_minute[1] if state.twilio_minute[0] == minute else 0
    if limit and used >= limit:
        raise _refuse(state, 20429, 429)
    state.twilio_minute = (minute, used + 1)


def _error(state: State, code: int, status: int) -> Response:
    settings, says = state.settings, SAYS.get(code, "Injected by the sandbox.")
    wait = {"Retry-After": f"{settings.twilio_retry_after:g}"} if status == 429 else {}
    headers = wait if settings.twilio_retry_after else {}
    more = f"https://www.twilio.com/docs/errors/{code}"
    match settings.twilio_error_shape:
        case "problem":
            body = {"type": more, "title": says, "status": status, "code": code, "detail": says}
        case "html":
            return html_response(status, says)
        case _:
            body = {"code": code, "message": says, "more_info": more, "status": status}
    return json_response(body, status, headers)


def _refuse(state: State, code: int, status: int = 400) -> HttpError:
    return HttpError(_error(state, code, status))


def _no_such(state: State) -> HttpError:
    return _refuse(state, 20404, 404)


# The account


@route("GET", rf"{ACCOUNT}\.json")
def account(state: State, request: Request) -> Response:
    settings = state.settings
    return json_response(
        {
            "sid": TWILIO_SID,
            "friendly_name": "Sandbox account",
            "status": settings.twilio_account_status,
            "type": "Trial" if settings.twilio_trial else "Full",
            "date_created": rfc2822(state.now()),
            "date_updated": rfc2822(state.now()),
            "uri": f"{ACCOUNT}.json",
        }
    )


# Messages


@route("POST", rf"{ACCOUNT}/Messages\.json")
def send(state: State, request: Request) -> Response:
    asked = request.form
    if code := _wrong(state, request, asked):
        raise _refuse(state, code)
    body = asked.get("Body", "")
    if state.settings.twilio_trial:
        body = TRIAL + body
    service = asked.get("MessagingServiceSid", "")
    message = Message(
        id=f"SM{state.new_id():032x}",
        service="twilio",
        number_id=0,
        sender=asked.get("From") or _of_the_pool(state),
        recipient=asked["To"],
        body=body,
        time=state.now(),
        status="accepted" if service else "queued",
        mode="service" if service else "number",
        segments=segments(body),
        media=request.form_list("MediaUrl"),
    )
    known = TwilioMessage(message, service, asked.get("StatusCallback", ""), state.now())
    answer = json_response(message_json(state, known), 201)
    state.messages.append(message)
    state.twilio_messages[message.id] = known
    twilio_events.sent(state, known)
    return answer


def _wrong(state: State, request: Request, asked: dict[str, str]) -> int:
    """The code of the first thing that is wrong with a message; 0 for none."""
    recipient, sender, service = (asked.get(name, "") for name in ("To", "From", "MessagingServiceSid"))
    media = request.form_list("MediaUrl")
    checks = (
        (21604, not recipient),
        (21265, SHORT_CODE.fullmatch(recipient)),
        (21211, not E164.fullmatch(recipient)),
        (21266, recipient == sender),
        (21603, not sender and not service),
        (21602, not asked.get("Body") and not media),
        (21623, len(media) > MOST_MEDIA),
        (21617, len(asked.get("Body", "")) > MOST_CHARACTERS),
        (90007, not _is_validity(asked.get("ValidityPeriod", str(MOST_VALIDITY)))),
        (21609, "_" in (urlsplit(asked.get("StatusCallback", "")).hostname or "")),
    )
    if found := next((code for code, is_wrong in checks if is_wrong), 0):
        return found
    if found := _wrong_sender(state, sender, service):
        return found
    if {(sender, recipient), (service, recipient)} & state.twilio_opted_out:
        return 21610
    if state.settings.twilio_trial and recipient not in state.settings.twilio_verified_numbers.split():
        return 21608
    return MAGIC_RECIPIENTS.get(recipient, 0)


def _is_validity(given: str) -> bool:
    return given.isdecimal() and 1 <= int(given) <= MOST_VALIDITY


def _wrong_sender(state: State, sender: str, service: str) -> int:
    if sender in MAGIC_SENDERS:
        return MAGIC_SENDERS[sender]
    if sender in ("", GOOD_SENDER):
        return 0 if sender or service in state.twilio_services else 21606
    if number := state.twilio_numbers.get(sender):
        return 0 if number.sms else 21661
    if not NAME.fullmatch(sender):
        return 21606
    return 21267 if state.settings.twilio_trial else 0


def _of_the_pool(state: State) -> str:
    """What a messaging service picks."""
    return next((number.e164 for number in state.twilio_numbers.values() if number.sms), GOOD_SENDER)


@route("GET", rf"{ACCOUNT}/Messages/(?P<sid>\w+)\.json")
def one_message(state: State, request: Request, sid: str) -> Response:
    known = state.twilio_messages.get(sid)
    if known is None:
        raise _no_such(state)
    return json_response(message_json(state, known))


@route("GET", rf"{ACCOUNT}/Messages\.json")
def messages(state: State, request: Request) -> Response:
    """The newest first; DateSent is a day in UTC."""
    asked, settings = request.query, state.settings
    listed = [
        message_json(state, known)
        for known in reversed(state.twilio_messages.values())
        if known.message.time + settings.twilio_list_delay <= state.now() and _fits(state, known, asked)
    ]
    return _paged(request, "messages", listed, settings.twilio_messages_page_size)


def _fits(state: State, known: TwilioMessage, asked: dict[str, str]) -> bool:
    message = known.message
    if asked.get("To") not in (None, message.recipient) or asked.get("From") not in (None, message.sender):
        return False
    # Some give a time with the day.
    on, since, until = (asked.get(name, "")[:10] for name in ("DateSent", "DateSent>", "DateSent<"))
    if not (on or since or until):
        return True
    if message.status in UNSENT and not state.settings.twilio_list_has_unsent:
        return False
    day = _day(known.sent_at or message.time)
    return on in ("", day) and since <= day <= (until or day)


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"


# Numbers


@route("GET", rf"{ACCOUNT}/IncomingPhoneNumbers\.json")
def numbers(state: State, request: Request) -> Response:
    listed = [number_json(number, state.now()) for number in state.twilio_numbers.values()]
    return _paged(request, "incoming_phone_numbers", listed, state.settings.twilio_page_size)


@route("POST", rf"{ACCOUNT}/IncomingPhoneNumbers/(?P<sid>\w+)\.json")
def change_number(state: State, request: Request, sid: str) -> Response:
    number = _number(state, sid)
    number.sms_url = request.form.get("SmsUrl", number.sms_url)
    number.sms_method = request.form.get("SmsMethod", number.sms_method)
    number.sms_fallback_url = request.form.get("SmsFallbackUrl", number.sms_fallback_url)
    number.sms_application_sid = request.form.get("SmsApplicationSid", number.sms_application_sid)
    return json_response(number_json(number, state.now()))


@route("GET", rf"{ACCOUNT}/IncomingPhoneNumbers/(?P<sid>\w+)\.json")
def one_number(state: State, request: Request, sid: str) -> Response:
    return json_response(number_json(_number(state, sid), state.now()))


def _number(state: State, sid: str) -> TwilioNumber:
    found = next((number for number in state.twilio_numbers.values() if number.sid == sid), None)
    if found is None:
        raise _no_such(state)
    return found


def _paged(request: Request, name: str, listed: list[Any], most: int) -> Response:
    asked = request.query
    size = min(int(asked.get("PageSize", "50")), most)
    kept = {key: value for key, value in asked.items() if key not in ("Page", "PageSize", "PageToken")}
    return json_response(page_json(name, listed, request.path, kept, int(asked.get("Page", "0")), size))


# Messaging services, which have a host of their own at Twilio


@route("GET", r"/messaging/v1/Services")
def services(state: State, request: Request) -> Response:
    settings = state.settings
    if settings.twilio_messaging_status != 200:
        raise _refuse(state, 20404, settings.twilio_messaging_status)
    page, size = int(request.query.get("Page", "0")), settings.twilio_page_size
    every = [{"sid": sid, "friendly_name": name} for sid, name in state.twilio_services.items()]
    is_last = (page + 1) * size >= len(every)
    following = f"https://messaging.twilio.com/v1/Services?PageSize={size}&Page={page + 1}"
    meta = {
        "page": page,
        "page_size": size,
        "key": "services",
        "next_page_url": None if is_last else following,
    }
    return json_response({"services": every[page * size : (page + 1) * size], "meta": meta})
