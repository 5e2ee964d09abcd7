"""The call flows to begin with, and what they do with a sample event each."""

from datetime import UTC, datetime

import pytest

from smsadmin.flows.language import context, engine
from smsadmin.flows.language.document import check
from smsadmin.flows.language.starters import STARTERS
from tests.flows.language.test_engine import Outside

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NIGHT = datetime(2026, 11, 23, 22, tzinfo=UTC)
SAMPLES = {sample.key: sample for sample in context.SAMPLES}
MISSED = "Hello! You tried to reach us but we weren’t available. We’ll get back to you as soon as possible."


def texts(starter, sample, at=NOON):
    """The texts that a starter sends for a sample event."""
    (source,) = [each.source for each in STARTERS if each.key == starter]
    document = check(source).document
    assert document
    outside, event = Outside(), SAMPLES[sample]
    scope = context.of_sample(event, "+33199009999", at, id_="424242")
    ran = engine.run(document, event.branch, scope, outside)
    assert ran.state == "done", ran.error
    return [params for kind, _, params in outside.asked if kind == "sms"]


@pytest.mark.parametrize("starter", STARTERS, ids=lambda each: each.key)
def test_starters_have_no_problems(starter):
    assert check(starter.source).problems == ()


def test_the_missed_call_follow_up_comes_first():
    assert STARTERS[0].key == "missed-call"


@pytest.mark.parametrize(
    ("sample", "expected"),
    [("mobile-fr", [MISSED]), ("landline-fr", []), ("number-us", [MISSED]), ("withheld", [])],
)
def test_a_missed_call_is_followed_up_on_mobiles(sample, expected):
    """Numbers of North America may be mobile or not, and their type has MOBILE in it."""
    assert [each["body"] for each in texts("missed-call", sample)] == expected


def test_the_follow_up_leaves_everything_else_to_callr():
    (sent,) = texts("missed-call", "mobile-fr")

    assert sent == {
        "to": ["+33639980042"],
        "body": MISSED,
        "from": "",
        "encoding": "",
        "trafficType": "marketing",
    }


def test_by_the_time_of_day():
    (open_,), (closed,) = texts("opening-hours", "mobile-fr"), texts("opening-hours", "mobile-fr", NIGHT)

    assert "within the hour" in open_["body"]
    assert "closed" in closed["body"]
    assert texts("opening-hours", "landline-fr") == []


def test_an_incoming_text_is_answered_by_what_it_says():
    (sent,) = texts("reply", "sms-fr")

    assert (sent["to"], sent["from"], sent["trafficType"]) == (["+33639980042"], "+33199009999", "alerting")
    assert "quote" in sent["body"]


def test_a_customer_is_greeted_by_name():
    (sent,) = texts("personal", "mobile-fr")

    assert sent["body"] == "Hello Ada! We missed your call and will ring you back."


def test_a_code_leaves_as_an_alert():
    (sent,) = texts("code", "api")

    assert sent["body"].startswith("123456 is your code.")
    assert (sent["encoding"], sent["trafficType"]) == ("gsm", "alerting")
