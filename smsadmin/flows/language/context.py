"""What expressions can read: the call, the text, the run and the moment, in Callr's words.

Callr help, "Pre-defined variables": types and countries are libphonenumber's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from smsadmin.core import countries, numbers
from smsadmin.core.errors import gettext_noop as _

RunType = Literal["inbound-call", "inbound-sms", "api"]

_CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")
_NORMAL_CLEARING, _NO_ANSWER = 16, 19  # Q.850


def number_facts(raw: str) -> dict[str, str]:
    """type, country and location of a number, in libphonenumber's words ("MOBILE", "FR", "France")."""
    try:
        number = numbers.read(raw)
    except numbers.NumberError:
        return {"type": "UNKNOWN", "country": "", "location": ""}
    location = countries.name(number.country, "en") if number.country else ""
    return {"type": numbers.kind_of(number.e164).upper(), "country": number.country, "location": location}


def call(from_number: str, to_number: str, *, cdr: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`call` of an inbound call. The number of a caller who withholds it is ""."""
    return _both(from_number, to_number) | {"cdr": dict(cdr or {})}


def cdr(
    from_number: str,
    to_number: str,
    *,
    started: datetime,
    ended: datetime,
    callid: str,
    answered: datetime | None = None,
    status: str = "",
) -> dict[str, Any]:
    """A call's record, each name as Callr writes it since September 2025 and as before: scenarios are written for
    either. What nobody can know but Callr, such as the price, is left out."""
    record = {
        "callid": callid,
        "callee": to_number,
        "callerNumber": from_number,
        "callerName": "",
        "callerRestricted": not from_number,
        "direction": "inbound",
        "durationAnswered": _seconds(answered, ended),
        "durationTotal": _seconds(started, ended),
        "started": now(started),
        "answered": now(answered) if answered else None,
        "ended": now(ended),
        "hangupCause": _NORMAL_CLEARING if answered else _NO_ANSWER,
        "status": status,
    }
    return record | {_as_before(name): value for name, value in record.items()}


def missed_dial(call: Mapping[str, Any]) -> dict[str, Any]:
    """What dial@v1 and bridge@v1 answer when nobody took the call."""
    return {"ok": False, "cdr": call.get("cdr", {})}


def sms(
    from_number: str, to_number: str, body: str, *, sid: str, at: datetime, status: str = "delivered"
) -> dict[str, Any]:
    """`sms` of a text to one of our numbers."""
    moment = now(at)
    times = {"createdAt": moment, "updatedAt": moment, "deliveredAt": moment, "sentAt": None}
    about = {"sid": sid, "direction": "inbound", "status": status, "bodyText": body}
    return about | _both(from_number, to_number) | times


def run(type_: RunType, id_: str) -> dict[str, str]:
    """`run` of what began: its type and the id that names it, as in "inbound-call:424242"."""
    return {"id": id_, "type": type_}


def scenario(sid: str, name: str) -> dict[str, str]:
    return {"sid": sid, "name": name}


def now(moment: datetime) -> str:
    """A moment as scopes hold it, which JavaScript makes a Date of."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _both(from_number: str, to_number: str) -> dict[str, str]:
    facts: dict[str, str] = {}
    for side, number in (("from", from_number), ("to", to_number)):
        about = number_facts(number)
        facts |= {f"{side}Number": number} | {f"{side}{name.title()}": value for name, value in about.items()}
    return facts


def _seconds(start: datetime | None, end: datetime) -> int:
    return round((end - start).total_seconds()) if start else 0


def _as_before(name: str) -> str:
    return _CAPITAL.sub(lambda found: f"_{found[0].lower()}", name)


@dataclass(frozen=True, slots=True)
class Sample:
    """An event to try a flow with."""

    key: str  # "mobile-fr"
    name: str  # English, to be translated
    branch: str  # the branch it begins
    from_number: str
    body: str = ""  # of a text; of a program, the code that it asks for

    @property
    def run_type(self) -> RunType:
        of_branch: dict[str, RunType] = {"inbound-sms": "inbound-sms", "api-initiated": "api"}
        return of_branch.get(self.branch, "inbound-call")


#: Numbers that are kept for examples where a country keeps such (Arcep; NANP 555-01XX), so that nobody is texted.
SAMPLES: Final = (
    Sample("mobile-fr", _("Call from a French mobile"), "inbound-call", "+33639980042"),
    Sample("landline-fr", _("Call from a French landline"), "inbound-call", "+33199001234"),
    Sample("number-us", _("Call from a number in the United States"), "inbound-call", "+12025550123"),
    Sample("withheld", _("Call from a withheld number"), "inbound-call", ""),
    Sample(
        "sms-fr", _("Text from a French mobile"), "inbound-sms", "+33639980042", "Hello, what is the price?"
    ),
    Sample("api", _("A program that asks for a code"), "api-initiated", "+33639980042", "123456"),
)


def of_sample(
    sample: Sample, to_number: str, moment: datetime, *, id_: str, scenario_name: str = ""
) -> dict[str, Any]:
    """The whole scope of a sample event to one of our numbers: a call that rang for 25 seconds, a text, or what a
    program asks for."""
    scope: dict[str, Any] = {
        "now": now(moment),
        "run": run(sample.run_type, f"{sample.run_type}:{id_}"),
        "scenario": scenario("sample", scenario_name),
    }
    if sample.branch == "inbound-sms":
        return scope | {"sms": sms(sample.from_number, to_number, sample.body, sid="sample", at=moment)}
    if sample.branch == "api-initiated":
        return scope | {"run": {**scope["run"], "to": sample.from_number, "code": sample.body}}
    started = moment - timedelta(seconds=25)
    record = cdr(sample.from_number, to_number, started=started, ended=moment, callid=id_, status="NOANSWER")
    return scope | {"call": call(sample.from_number, to_number, cdr=record)}
