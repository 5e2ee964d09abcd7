"""Aircall's public API, as its reference and help articles describe it.

Where no source says what Aircall does, the answer here is ours, and a setting changes it where it matters.
The names of the refusals of a send are invented too: a client must not rely on them.
"""

import base64
import binascii
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from smsadmin.sandbox import events
from smsadmin.sandbox.aircall_json import API, number_json, segments_json, short_user, user_json
from smsadmin.sandbox.sms import E164, segments
from smsadmin.sandbox.state import (
    AIRCALL_API_ID,
    AIRCALL_API_TOKEN,
    AIRCALL_CLIENT_ID,
    AIRCALL_CLIENT_SECRET,
    COMPANY_ID,
    Message,
    Number,
    ProxyConfiguration,
    State,
    User,
    Webhook,
    iso,
)
from smsadmin.sandbox.web import HttpError, Request, Response, Router, html_response, json_response

WEBHOOKS_PER_COMPANY = 100
WINDOWS = {"hour": 13, "day": 10, "month": 7}  # how much of an ISO time names the window

router = Router()
route = router.route


def handle(state: State, request: Request) -> Response:
    """Credential, rate limit, content type, then the endpoint."""
    found = router.find(request.method, request.path)
    if found and found[0] in (oauth_authorize, oauth_token, oauth_success):
        return found[0](state, request)
    _check_credential(state, request)
    headers = _count_request(state)
    if found is None:
        raise HttpError(json_response({"message": "Not Found"}, 404))
    _check_content_type(request)
    _check_plan(state, request)
    handler, arguments = found
    response = handler(state, request, **arguments)
    response.headers.update(headers)
    return response


def refusal(state: State, kind: str) -> Response:
    """The body of an injected refusal."""
    match kind:
        case "edge403":
            return json_response({"message": "Forbidden"}, 403)
        case "forbidden" | "403":
            return _messaging_error(403, "Forbidden", "Sending messages is not allowed on this line.")
        case "401":
            return json_response({"message": "Unauthorized"}, 401)
        case "404":
            return json_response({"message": "Not Found"}, 404)
        case "429":
            return _too_many(state)
        case "502":
            return html_response(502, "Bad Gateway")
        case "daily429" | "expired":
            raise ValueError(f"{kind} is a fault of HubSpot.")
    status = int(kind)
    short = "Internal Server Error" if status >= 500 else "Bad Request"
    return json_response({"error": short, "troubleshoot": "Injected by the sandbox."}, status)


# Credential, rate limit, content type


def _check_credential(state: State, request: Request) -> None:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind not in ("Basic", "Bearer") or not value:
        raise HttpError(json_response({"message": "Unauthorized"}, 401))
    if kind == "Bearer" and value in state.aircall_tokens:
        return
    is_key = kind == "Basic" and _decoded(value) == f"{AIRCALL_API_ID}:{AIRCALL_API_TOKEN}"
    if is_key and not state.settings.aircall_key_refused:
        return
    raise HttpError(json_response({"message": "Forbidden"}, 403))


def _check_plan(state: State, request: Request) -> None:
    """No source says how a plan without API messaging refuses: as the gateway does, or the messaging service."""
    if state.settings.aircall_plan_has_api or "/messages/" not in request.path:
        return
    if state.settings.aircall_plan_refusal == "edge":
        raise HttpError(json_response({"message": "Forbidden"}, 403))
    raise _refuse(403, "Forbidden", "Forbidden")


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _count_request(state: State) -> dict[str, str]:
    """One request of the company's minute; the headers to send along."""
    limit = state.settings.aircall_requests_per_minute
    minute = int(state.now() // 60)
    used = state.aircall_minute[1] if state.aircall_minute[0] == minute else 0
    if limit and used >= limit:
        raise HttpError(_too_many(state))
    state.aircall_minute = (minute, used + 1)
    if state.settings.aircall_rate_headers == "always" and limit:
        return _rate_headers(state, remaining=limit - used - 1)
    return {}


def _too_many(state: State) -> Response:
    body = {"error": "Too Many Requests", "troubleshoot": "Rate limit reached"}
    return json_response(body, 429, _rate_headers(state, remaining=0))


def _rate_headers(state: State, remaining: int) -> dict[str, str]:
    return {
        "X-AircallApi-Limit": str(state.settings.aircall_requests_per_minute),
        "X-AircallApi-Remaining": str(remaining),
        "X-AircallApi-Reset": str((int(state.now() // 60) + 1) * 60),
    }


def _check_content_type(request: Request) -> None:
    """Required on writes, and on two GETs of the messaging service, although they have no body."""
    needed = request.method != "GET" or request.path.endswith(
        ("/messages/configuration", "/registration_status")
    )
    if needed and not request.headers.get("content-type", "").startswith("application/json"):
        raise HttpError(_messaging_error(400, "InvalidContentType", "Content-Type must be application/json."))


def _messaging_error(status: int, key: str, message: str) -> Response:
    return json_response({"error": key, "message": message, "troubleshoot": message}, status)


def _refuse(status: int, key: str, message: str) -> HttpError:
    return HttpError(_messaging_error(status, key, message))


def _not_found() -> HttpError:
    return HttpError(json_response({"error": "Not Found", "troubleshoot": "Check the id."}, 404))


def _bad_request(troubleshoot: str) -> HttpError:
    return HttpError(json_response({"error": "Bad Request", "troubleshoot": troubleshoot}, 400))


# Lists


def _page(
    request: Request, name: str, items: Iterable[Any], as_json: Callable[[Any], dict[str, Any]]
) -> Response:
    """One page of a list, ordered by creation, within from and to."""
    page, size = _whole(request, "page", 1), _whole(request, "per_page", 20)
    if page < 1 or not 1 <= size <= 50:
        raise _bad_request("page starts at 1 and per_page is between 1 and 50.")
    begin, end = _whole(request, "from", 0), _whole(request, "to", 2**40)
    found = sorted(
        (item for item in items if begin <= item.created_at <= end),
        key=lambda item: (item.created_at, item.id),
        reverse=request.query.get("order") == "desc",
    )
    shown = found[(page - 1) * size : page * size]
    meta = {
        "count": len(shown),
        "total": len(found),
        "current_page": page,
        "per_page": size,
        "next_page_link": _link(request, page + 1, size) if page * size < len(found) else None,
        "previous_page_link": _link(request, page - 1, size) if page > 1 else None,
    }
    return json_response({"meta": meta, name: [as_json(item) for item in shown]})


def _whole(request: Request, name: str, default: int) -> int:
    value = request.query.get(name, str(default))
    if not value.isdecimal():
        raise _bad_request(f"{name} must be a whole number.")
    return int(value)


def _link(request: Request, page: int, size: int) -> str:
    return f"{API}{request.path}?page={page}&per_page={size}"


# Account


@route("GET", r"/v1/ping")
def ping(state: State, request: Request) -> Response:
    return json_response({"ping": "pong"})


@route("GET", r"/v1/company")
def company(state: State, request: Request) -> Response:
    return json_response(
        {
            "company": {
                "name": "Sandbox Ltd",
                "users_count": len(state.users),
                "numbers_count": len(state.numbers),
            }
        }
    )


@route("GET", r"/v1/integrations/me")
def integration(state: State, request: Request) -> Response:
    """The calling app's own integration; an API key has none."""
    if request.headers["authorization"].startswith("Basic"):
        raise HttpError(json_response({"error": "Not Found"}, 404))
    numbers = [number.id for number in state.numbers.values() if number.connected_to_hubspot]
    return json_response(
        {
            "integration": {
                "name": "smsadmin",
                "custom_name": None,
                "logo": None,
                "company_id": COMPANY_ID,
                "status": "installed",
                "active": state.settings.aircall_app_active,
                "number_ids": numbers,
                "numbers_count": len(numbers),
                "user": short_user(next(iter(state.users.values()))),
            }
        }
    )


@route("GET", r"/oauth/authorize")
def oauth_authorize(state: State, request: Request) -> Response:
    """The page on which an admin would agree; here everyone agrees at once, or nobody does, as a setting says."""
    asked = request.query
    if asked.get("client_id") != AIRCALL_CLIENT_ID or not asked.get("redirect_uri"):
        raise _bad_request("client_id or redirect_uri is wrong.")
    if asked.get("response_type") != "code" or asked.get("scope") != "public_api":
        raise _bad_request("response_type is code, and the one scope is public_api.")
    if state.settings.aircall_admin_agrees:
        answer = {"code": str(uuid.uuid4())}
        state.aircall_codes[answer["code"]] = asked["redirect_uri"]
    else:
        answer = {"error": "access_denied"}
    answer |= {"state": asked["state"]} if "state" in asked else {}
    joint = "&" if "?" in asked["redirect_uri"] else "?"
    return Response(302, headers={"Location": f"{asked['redirect_uri']}{joint}{urlencode(answer)}"})


@route("GET", r"/oauth/success")
def oauth_success(state: State, request: Request) -> Response:
    """Where an app sends its admin in the end."""
    return html_response(200, "The app is installed")


@route("POST", r"/v1/oauth/token")
def oauth_token(state: State, request: Request) -> Response:
    """A permanent token for a code, which works once, with the redirect_uri that it was given for."""
    asked = request.json_object
    redirect_uri = state.aircall_codes.pop(str(asked.get("code")), None)
    is_client = (asked.get("client_id"), asked.get("client_secret")) == (
        AIRCALL_CLIENT_ID,
        AIRCALL_CLIENT_SECRET,
    )
    is_grant = asked.get("grant_type") == "authorization_code"
    if not (is_client and is_grant and redirect_uri and redirect_uri == asked.get("redirect_uri")):
        return json_response({"error": "invalid_grant"}, 400)
    token = uuid.uuid4().hex + uuid.uuid4().hex[:8]
    state.aircall_tokens.add(token)
    return json_response({"access_token": token, "token_type": "Bearer", "created_at": int(state.now())})


# Numbers and users


def find_number(state: State, number_id: str) -> Number:
    """The number of this id; 404 where there is none."""
    number = state.numbers.get(int(number_id))
    if number is None:
        raise _not_found()
    return number


def find_user(state: State, reference: str) -> User:
    """The user of this id or email, whatever its case; 404 where there is none."""
    for user in state.users.values():
        if str(user.id) == reference or user.email.lower() == reference.lower():
            return user
    raise _not_found()


@route("GET", r"/v1/numbers")
def numbers(state: State, request: Request) -> Response:
    users = state.settings.aircall_users_in_number_list
    return _page(
        request, "numbers", state.numbers.values(), lambda number: number_json(state, number, users=users)
    )


@route("GET", r"/v1/numbers/(?P<number_id>\d+)")
def number(state: State, request: Request, number_id: str) -> Response:
    return json_response({"number": number_json(state, find_number(state, number_id), users=True)})


@route("GET", r"/v1/numbers/(?P<number_id>\d+)/registration_status")
def registration_status(state: State, request: Request, number_id: str) -> Response:
    return json_response({"registration_status": find_number(state, number_id).registration_status})


@route("GET", r"/v2/users")
def users(state: State, request: Request) -> Response:
    return _page(request, "users", state.users.values(), user_json)


@route("GET", r"/v2/users/(?P<reference>[^/]+)")
def user(state: State, request: Request, reference: str) -> Response:
    return json_response({"user": user_json(find_user(state, unquote(reference)))})


@route("GET", r"/v2/users/(?P<reference>[^/]+)/numbers")
def user_numbers(state: State, request: Request, reference: str) -> Response:
    user_id = find_user(state, unquote(reference)).id
    found = [number for number in state.numbers.values() if user_id in number.user_ids]
    return _page(request, "numbers", found, lambda number: number_json(state, number, users=False))


@route("GET", r"/v1/calls/(?P<call_id>\d+)")
def call(state: State, request: Request, call_id: str) -> Response:
    found = state.calls.get(int(call_id))
    if found is None:
        raise _not_found()
    over_rest = {key: found[key] for key in found if key not in ("call_uuid", "contact", "participants")}
    return json_response({"call": {**over_rest, "sid": found["call_uuid"], "conference_participants": []}})


# Messages


@route("POST", r"/v1/numbers/(?P<number_id>\d+)/messages/native/send")
def native_send(state: State, request: Request, number_id: str) -> Response:
    number = find_number(state, number_id)
    if number.configuration or number.third_party:
        raise _refuse(403, "LineIsNotNativeException", "The line is not native.")
    return _accept(state, request, number, mode="native")


@route("POST", r"/v1/numbers/(?P<number_id>\d+)/messages/send")
def proxy_send(state: State, request: Request, number_id: str) -> Response:
    number = find_number(state, number_id)
    if number.configuration is None:
        raise _refuse(403, "NumberNotConfigured", "The line has no messaging configuration.")
    return _accept(state, request, number, mode="proxy")


def _accept(state: State, request: Request, number: Number, mode: str) -> Response:
    """The checks after the mode, in Aircall's stand-in's fixed order; then the message is out."""
    asked = request.json_object
    recipient, body, agent_id = asked.get("to"), asked.get("body"), asked.get("agentId")
    media = asked.get("mediaUrl") or []
    if not number.sms:
        raise _refuse(403, "LineNotSmsEnabled", "The line cannot send SMS.")
    if not isinstance(recipient, str) or not E164.fullmatch(recipient):
        raise _refuse(400, "InvalidPayload", "to is not a valid phone number.")
    if recipient == number.e164:
        raise _refuse(400, "SameDestinationAsSender", "to is the sending line.")
    if not isinstance(body, str) or not 1 <= len(body) <= number.body_cap:
        raise _refuse(400, "InvalidPayload", f"body must have 1 to {number.body_cap} characters.")
    if not _are_addresses(media):
        raise _refuse(400, "InvalidPayload", "mediaUrl is a list of addresses.")
    if agent_id is not None and agent_id not in number.user_ids:
        raise _refuse(400, "InvalidAgent", "agentId is not a user of the line.")
    _charge(state, number, agent_id, segments(body))
    message = _stored(state, number, recipient, body, agent_id, mode)
    message.media = media
    events.message_sent(state, message)
    return json_response(_sent_json(state, number, message))


def _are_addresses(media: Any) -> bool:
    """No source names a limit of their count, size or kind."""
    return isinstance(media, list) and all(
        isinstance(each, str) and urlsplit(each).scheme in ("http", "https") for each in media
    )


def _charge(state: State, number: Number, agent_id: int | None, count: int) -> None:
    """Take the segments from the user's month and from the number's windows, or refuse."""
    sender = state.users.get(agent_id) if agent_id is not None else None
    if sender and sender.segments_left < count:
        raise _limit_reached("user", "month")
    now = iso(state.now())
    if state.settings.aircall_number_limits:
        for window, limit in number.limits.items():
            if number.used.get((window, now[: WINDOWS[window]]), 0) + count > limit:
                raise _limit_reached("line", window)
        for window in number.limits:
            key = (window, now[: WINDOWS[window]])
            number.used[key] = number.used.get(key, 0) + count
    if sender:
        sender.segments_left -= count


def _limit_reached(whose: str, window: str) -> HttpError:
    text = (
        f"Forbidden Exception: the {whose} exceeded number of messages limit for the current {window} (UTC)"
    )
    return _refuse(403, "Forbidden", text)


def _stored(
    state: State, number: Number, recipient: str, body: str, agent_id: int | None, mode: str
) -> Message:
    message = Message(
        id=f"{uuid.uuid4().hex[:9]}SM{uuid.uuid4().hex}",
        service="aircall",
        number_id=number.id,
        sender=number.e164,
        recipient=recipient,
        body=body,
        time=state.now(),
        status="pending",
        mode=mode,
        user_id=agent_id,
        user=state.users[agent_id].email if agent_id is not None else None,
        segments=segments(body),
    )
    state.messages.append(message)
    return message


def _sent_json(state: State, number: Number, message: Message) -> dict[str, Any]:
    """The answer to a send: not wrapped, and without the user."""
    moment = int(message.time * 1000) if state.settings.aircall_message_times == "ms" else iso(message.time)
    digits = message.recipient if state.settings.aircall_raw_digits_plus else message.recipient.lstrip("+")
    line = number_json(state, number, users=False)
    shown = ("id", "direct_link", "name", "digits", "country", "time_zone", "open", "created_at")
    return {
        **segments_json(state, message, "answer"),
        "id": message.id,
        "status": message.status,
        "direct_link": f"{API}/v1/numbers/{number.id}/messages/{message.id}",
        "direction": "outbound",
        "created_at": moment,
        "sent_at": moment,
        "updated_at": moment,
        "raw_digits": digits,
        "media_url": message.media,
        "number": {key: line[key] for key in shown},
        "body": message.body,
    }


@route("GET", r"/v1/numbers/(?P<number_id>\d+)/messages/configuration")
def configuration(state: State, request: Request, number_id: str) -> Response:
    number = find_number(state, number_id)
    if number.configuration is None:
        raise HttpError(json_response({"error": "NotFound"}, 404))
    return json_response(_configuration_json(number.configuration))


@route("POST", r"/v1/numbers/(?P<number_id>\d+)/messages/configuration")
def configure(state: State, request: Request, number_id: str) -> Response:
    """Proxy mode from now on; the token changes only when the mode was left in between."""
    number = find_number(state, number_id)
    if not isinstance(request.json, dict):
        raise _refuse(400, "InvalidPayload", "The body is not a JSON object.")
    token = number.configuration.token if number.configuration else str(uuid.uuid4())
    number.configuration = ProxyConfiguration(token, request.json_object.get("callbackUrl"))
    return json_response(_configuration_json(number.configuration))


@route("DELETE", r"/v1/numbers/(?P<number_id>\d+)/messages/configuration")
def unconfigure(state: State, request: Request, number_id: str) -> Response:
    find_number(state, number_id).configuration = None
    return Response(204)


def _configuration_json(configuration: ProxyConfiguration) -> dict[str, Any]:
    return {"token": configuration.token, "callbackUrl": configuration.callback_url, "type": "Public Api"}


# Webhooks


def webhook_json(webhook: Webhook) -> dict[str, Any]:
    return {
        "webhook_id": webhook.id,
        "direct_link": f"{API}/v1/webhooks/{webhook.id}",
        "created_at": iso(webhook.created_at),
        "custom_name": webhook.custom_name,
        "url": webhook.url,
        "active": webhook.active,
        "token": webhook.token,
        "events": webhook.events,
    }


def _find_webhook(state: State, webhook_id: str) -> Webhook:
    if webhook_id not in state.webhooks:
        raise _not_found()
    return state.webhooks[webhook_id]


def _webhook_url(asked: dict[str, Any]) -> str:
    """The URL to call. Aircall insists on https; here the product listens on the loopback address."""
    url = asked.get("url")
    if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
        raise _bad_request("url is mandatory and must be a URL.")
    return url


def _events(asked: dict[str, Any]) -> list[str]:
    """The events asked for; none means all of them."""
    wanted = asked.get("events") or sorted(events.EVENTS)
    if not isinstance(wanted, list) or set(wanted) - events.EVENTS:
        raise _bad_request("events holds an event that does not exist.")
    return wanted


@route("GET", r"/v1/webhooks")
def webhooks(state: State, request: Request) -> Response:
    return _page(request, "webhooks", state.webhooks.values(), webhook_json)


@route("POST", r"/v1/webhooks")
def create_webhook(state: State, request: Request) -> Response:
    asked = request.json_object
    if len(state.webhooks) >= WEBHOOKS_PER_COMPANY:
        raise _bad_request(f"A company has at most {WEBHOOKS_PER_COMPANY} webhooks.")
    webhook = Webhook(
        id=str(uuid.uuid4()),
        url=_webhook_url(asked),
        custom_name=asked.get("custom_name") or "Webhook",
        events=_events(asked),
        token=uuid.uuid4().hex,
        created_at=state.now(),
        of_app=request.headers["authorization"].startswith("Bearer"),
    )
    state.webhooks[webhook.id] = webhook
    return json_response({"webhook": webhook_json(webhook)}, 201)


@route("GET", r"/v1/webhooks/(?P<webhook_id>[^/]+)")
def webhook(state: State, request: Request, webhook_id: str) -> Response:
    return json_response({"webhook": webhook_json(_find_webhook(state, webhook_id))})


@route("PUT", r"/v1/webhooks/(?P<webhook_id>[^/]+)")
def update_webhook(state: State, request: Request, webhook_id: str) -> Response:
    """Omitted events mean all events, unless `events_action` adds or removes some."""
    webhook, asked = _find_webhook(state, webhook_id), request.json_object
    match request.query.get("events_action"):
        case "add":
            webhook.events = sorted({*webhook.events, *_events(asked)})
        case "remove":
            webhook.events = sorted(set(webhook.events) - set(_events(asked)))
        case _:
            webhook.events = _events(asked)
    if "url" in asked:
        webhook.url = _webhook_url(asked)
    webhook.custom_name = asked.get("custom_name", webhook.custom_name)
    webhook.active = bool(asked.get("active", webhook.active))
    webhook.failures = 0 if asked.get("active") else webhook.failures
    return json_response({"webhook": webhook_json(webhook)})


@route("DELETE", r"/v1/webhooks/(?P<webhook_id>[^/]+)")
def delete_webhook(state: State, request: Request, webhook_id: str) -> Response:
    del state.webhooks[_find_webhook(state, webhook_id).id]
    return Response(204)
