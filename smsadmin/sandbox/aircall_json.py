"""How Aircall writes its objects, in answers and in webhooks alike."""

from typing import Any

from smsadmin.sandbox.state import Message, Number, State, User, iso

API = "https://api.aircall.io"


def number_json(state: State, number: Number, *, users: bool, e164: bool = False) -> dict[str, Any]:
    """A Number; nothing in it tells whether it can send SMS."""
    prompts = [
        "welcome",
        "waiting",
        "ringing_tone",
        "unanswered_call",
        "after_hours",
        "ivr",
        "voicemail",
        "closed",
        "callback_later",
    ]
    data = {
        "id": number.id,
        "direct_link": f"{API}/v1/numbers/{number.id}",
        "name": number.name,
        "digits": number.digits,
        "created_at": iso(number.created_at),
        "country": number.country,
        "time_zone": number.time_zone,
        "open": True,
        "availability_status": "open",
        "is_ivr": False,
        "live_recording_activated": False,
        "priority": None,
        "messages": dict.fromkeys(prompts),
    }
    if users:
        data["users"] = [short_user(state.users[user_id]) for user_id in number.user_ids]
    if e164:
        data["e164_digits"] = number.e164
    return data


def short_user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "direct_link": f"{API}/v1/users/{user.id}",
        "name": user.name,
        "email": user.email,
        "available": user.available,
        "availability_status": "available" if user.available else "unavailable",
        "language": user.language,
        "wrap_up_time": 0,
    }


def user_json(user: User) -> dict[str, Any]:
    return {
        **short_user(user),
        "direct_link": f"{API}/v2/users/{user.id}",
        "created_at": iso(user.created_at),
        "time_zone": user.time_zone,
        "substatus": "always_opened" if user.available else "always_closed",
    }


def segments_json(state: State, message: Message, where: str) -> dict[str, int]:
    """The segments that were counted, where the settings have messages say so."""
    settings = state.settings
    told = message.direction == "outbound" and settings.aircall_segments == where
    return {"segments": message.segments + settings.aircall_segments_added} if told else {}


def message_json(state: State, number: Number, message: Message, status: str) -> dict[str, Any]:
    """A message as webhooks carry it: ISO times, the other party, no user."""
    other = message.recipient if message.direction == "outbound" else message.sender
    return {
        **segments_json(state, message, "events"),
        "id": message.id,
        "direct_link": f"{API}/v1/numbers/{number.id}/messages/{message.id}",
        "direction": message.direction,
        "external_number": other,
        "raw_digits": other,
        "body": message.body,
        "status": status,
        "channel": None,
        "media_details": [],
        "created_at": iso(message.time),
        "updated_at": iso(state.now()),
        "sent_at": iso(message.time),
        "number": {
            "id": number.id,
            "name": number.name,
            "digits": number.digits,
            "e164_digits": number.e164,
            "country": number.country,
        },
        "contact": None,
    }
