"""What expressions can read of an event."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from smsadmin.flows.language import context
from smsadmin.flows.language.expressions import evaluate

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
END = START + timedelta(seconds=25)


@pytest.mark.parametrize(
    ("number", "type_", "country", "location"),
    [
        ("+33639980042", "MOBILE", "FR", "France"),
        ("+33199001234", "FIXED_LINE", "FR", "France"),
        ("+12025550123", "FIXED_LINE_OR_MOBILE", "US", "United States"),
        ("+18005550199", "TOLL_FREE", "", ""),
        ("", "UNKNOWN", "", ""),
        ("anonymous", "UNKNOWN", "", ""),
    ],
)
def test_numbers_in_libphonenumbers_words(number, type_, country, location):
    found = context.number_facts(number)

    assert found["type"] == type_
    if country:
        assert (found["country"], found["location"]) == (country, location)


def test_a_call():
    call = context.call("+33639980042", "+33199001234", cdr={"status": "missed"})

    assert call == {
        "fromNumber": "+33639980042",
        "fromType": "MOBILE",
        "fromCountry": "FR",
        "fromLocation": "France",
        "toNumber": "+33199001234",
        "toType": "FIXED_LINE",
        "toCountry": "FR",
        "toLocation": "France",
        "cdr": {"status": "missed"},
    }


def test_a_record_has_its_names_as_they_are_and_as_they_were():
    cdr = context.cdr("", "+33199001234", started=START, ended=END, callid="42", status="no_available_agent")

    assert (cdr["durationTotal"], cdr["duration_total"], cdr["durationAnswered"]) == (25, 25, 0)
    assert (cdr["callerNumber"], cdr["callerRestricted"], cdr["caller_restricted"]) == ("", True, True)
    assert (cdr["started"], cdr["answered"]) == ("2026-11-22T12:00:00.000Z", None)
    assert (cdr["hangupCause"], cdr["status"]) == (19, "no_available_agent")


def test_an_answered_call_was_ended_normally():
    cdr = context.cdr("", "", started=START, answered=START + timedelta(seconds=5), ended=END, callid="42")

    assert (cdr["durationAnswered"], cdr["hangupCause"]) == (20, 16)


def test_nobody_took_the_call():
    call = context.call("+33639980042", "+33199001234", cdr={"callid": "42"})

    assert context.missed_dial(call) == {"ok": False, "cdr": {"callid": "42"}}


def test_a_text():
    sms = context.sms("+33639980042", "+33199001234", "Hello", sid="abc", at=START)

    assert (sms["sid"], sms["direction"], sms["bodyText"]) == ("abc", "inbound", "Hello")
    assert (sms["fromType"], sms["toCountry"], sms["createdAt"]) == (
        "MOBILE",
        "FR",
        "2026-11-22T12:00:00.000Z",
    )


def test_now_is_the_given_moment_in_utc():
    moment = datetime(2026, 11, 22, 13, 30, 0, 123456, tzinfo=timezone(timedelta(hours=1)))

    assert context.now(moment) == "2026-11-22T12:30:00.123Z"
    assert evaluate("JSON.stringify(now)", {"now": context.now(moment)}) == '"2026-11-22T12:30:00.123Z"'


@pytest.mark.parametrize("sample", context.SAMPLES, ids=lambda each: each.key)
def test_samples_are_whole_events(sample):
    scope = context.of_sample(sample, "+33199001234", START, id_="42", scenario_name="Follow-up")

    assert scope["now"] == context.now(START)
    assert scope["run"]["id"] == f"{sample.run_type}:42"
    assert scope["scenario"]["name"] == "Follow-up"
    assert ("call" in scope, "sms" in scope) == (
        sample.branch == "inbound-call",
        sample.branch == "inbound-sms",
    )
