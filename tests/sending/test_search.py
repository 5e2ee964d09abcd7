"""The search box's words: what each spelling asks for, what is not understood, and that reading undoes writing."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from smsadmin.core.errors import CATALOGUE
from smsadmin.core.status import Status
from smsadmin.dashboard.templatetags.ui import STATUSES
from smsadmin.sending import search
from smsadmin.sending.filters import GROUPS, MessageFilter
from smsadmin.sending.search import Around, parse, render

NAMES = {
    "number": {
        "12": ("Sales US", "+12025550101"),
        "13": ("Sales DE", "+4930123456"),
        "14": ("Twin", "+12025550104"),
        "15": ("Twin", "+12025550104"),
        "16": ("#12", "+12025550106"),
    },
    "agent": {"3": ("mia@example.com", "Mia Stone"), "4": ("leo@example.com", "Leo Stone")},
    "action": {"7": ("Welcome",), "8": ('Say "hi"',), "9": ("Welcome back",), "10": ("status:failed",)},
}
BERLIN = ZoneInfo("Europe/Berlin")
AROUND = Around(BERLIN, countries=lambda: ["US", "DE"], names=lambda name: NAMES[name])
GERMAN = Around(BERLIN, True, countries=lambda: ["US", "DE"], names=lambda name: NAMES[name])


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("", {}),
        ("  ", {}),
        ("SM77", {"q": "SM77"}),
        ("+1 (202)  555-0177", {"q": "+1 (202) 555-0177"}),
        ("tel:+1-202-555-0177", {"q": "tel:+1-202-555-0177"}),
        ("status:failed", {"status": "failed"}),
        ("Status: FAILED", {"status": "failed"}),
        ("status:fehlgeschlagen", {"status": "failed"}),
        ('status:"nicht zugestellt"', {"status": "undelivered"}),
        ("status:zurueckgehalten", {"status": "held"}),
        ("status:trouble", {"status": "trouble"}),
        ("status:problem", {"status": "trouble"}),
        ("code:rate_limited", {"error": "RATE_LIMITED"}),
        ('from:"Sales US"', {"number": "12"}),
        ("von:+12025550101", {"number": "12"}),
        ("from:+1 202 555-0101 status:sent", {"number": "12", "status": "sent"}),
        ("from:(202) 555-0101", {"number": "12"}),
        ('from:"sales d"', {"number": "13"}),
        ("from:#14", {"number": "14"}),
        ("to:+1 202 555 0177 hello", {"recipient": "+12025550177", "q": "hello"}),
        ("to:+1 202 555 0177 record:501", {"recipient": "+12025550177", "record": "501"}),
        ('to:+1 202 555 0177 "501"', {"recipient": "+12025550177", "q": "501"}),
        ("an:030123456", {"recipient": "+4930123456"}),
        ("as:mia@example.com", {"agent": "3"}),
        ('als:"MIA stone"', {"agent": "3"}),
        ("as:mia", {"agent": "3"}),
        ("action:welcome", {"action": "7"}),
        (r'aktion:"Say \"hi\""', {"action": "8"}),
        ("is:test", {"trigger": "test"}),
        ("ist:echt", {"trigger": "no-tests"}),
        ("trigger:hubspot", {"trigger": "hubspot"}),
        ("auslöser:code", {"trigger": "verification"}),
        ("ausloeser:code", {"trigger": "verification"}),
        ("record:501 workflow:17", {"record": "501", "workflow": "17"}),
        ("after:2h", {"since": "2h"}),
        ("seit:3tage", {"since": "3d"}),
        ("after:30m before:today", {"since": "30min", "until": "today"}),
        ("nach:gestern", {"since": "yesterday"}),
        ("after:2026-11-21", {"since": "2026-11-20T23:00:00Z"}),
        ("after:21.11.2026", {"since": "2026-11-20T23:00:00Z"}),
        ("after:2026-11-21 14:00 x", {"since": "2026-11-21T13:00:00Z", "q": "x"}),
        ("after:2026-11-21T14:00:30", {"since": "2026-11-21T13:00:30Z"}),
        ("before:2026-11-21T14:00Z", {"until": "2026-11-21T14:00:00Z"}),
        ('"status:failed"', {"q": '"status:failed"'}),
        ('SM77 status:failed "a:b"', {"q": '"SM77 a:b"', "status": "failed"}),
        ("status:failed status:FEHLGESCHLAGEN", {"status": "failed"}),
    ],
)
def test_words_set_filters(text, filters):
    assert parse(text, AROUND) == search.Read(filters, [])


@pytest.mark.parametrize(
    ("text", "problem", "nearest"),
    [
        ("statsu:failed", "key", ("status",)),
        ("colour:red", "key", ()),
        ("status:fialed", "value", ("failed",)),
        ("status:", "value", ()),
        ("code:RATE_LIMIT", "value", ("RATE_LIMITED",)),
        ("from:Sals", "value", ("Sales US",)),
        ("from:sales", "several", ("Sales US", "Sales DE")),
        ("from:Twin", "several", ("Twin", "Twin")),
        ("from:#99", "value", ()),
        ("from:+33612345678", "value", ()),
        ("to:nobody", "value", ()),
        ("as:stone", "several", ("mia@example.com", "leo@example.com")),
        ("is:tset", "value", ("test",)),
        ("after:soon", "value", ()),
        ("after:2026-02-30", "value", ()),
        ("after:1969-12-31", "value", ()),
        ("status:failed status:sent", "twice", ()),
    ],
)
def test_what_is_not_understood_is_told_with_the_nearest_word_and_filters_nothing(text, problem, nearest):
    read = parse(f"{text} is:real", AROUND)

    [complaint] = read.complaints
    assert (complaint.problem, tuple(complaint.nearest)) == (problem, nearest)
    assert read.filters in ({"trigger": "no-tests"}, {"trigger": "no-tests", "status": "failed"}, {})


def test_the_nearest_word_is_in_the_readers_language():
    assert parse("status:feilgeschlagen", GERMAN).complaints[0].nearest == ("fehlgeschlagen",)
    assert parse("aktoin:x", GERMAN).complaints[0].nearest == ("aktion",)


@pytest.mark.parametrize(
    ("filters", "english", "german"),
    [
        ({"status": "failed", "q": "SM77"}, "SM77 status:failed", "SM77 status:fehlgeschlagen"),
        ({"number": "12"}, 'from:"Sales US"', 'von:"Sales US"'),
        ({"number": "14"}, "from:#14", "von:#14"),
        ({"number": "16"}, "from:+12025550106", "von:+12025550106"),
        ({"agent": "3"}, "as:mia@example.com", "als:mia@example.com"),
        ({"trigger": "test"}, "is:test", "ist:test"),
        ({"trigger": "verification"}, "trigger:code", "auslöser:code"),
        ({"error": "RATE_LIMITED"}, "code:rate_limited", "code:rate_limited"),
        ({"since": "2h", "until": "today"}, "after:2h before:today", "nach:2h vor:heute"),
        ({"since": "2026-11-20T23:00:00Z"}, "after:2026-11-21", "nach:2026-11-21"),
        ({"since": "2026-11-21T13:00:30Z"}, "after:2026-11-21T14:00:30", "nach:2026-11-21T14:00:30"),
    ],
)
def test_a_filter_is_written_in_the_readers_words(filters, english, german):
    assert (render(filters, AROUND), render(filters, GERMAN)) == (english, german)


@pytest.mark.parametrize("moment", ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"])
def test_the_hour_that_comes_twice_keeps_its_offset(moment):
    assert parse(render({"since": moment}, AROUND), AROUND).filters == {"since": moment}


TIMES = st.one_of(
    st.sampled_from(["today", "yesterday"]),
    st.builds("{}{}".format, st.integers(0, 9999), st.sampled_from(sorted(search.UNITS))),
    st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)).map(lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}"),  # noqa: DTZ001
)
TEXT = st.text(max_size=30).map(lambda text: " ".join(text.split()))
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "q": TEXT.map(search.written),
        "status": st.sampled_from([*Status, *GROUPS]).map(str),
        "error": st.sampled_from(sorted(CATALOGUE)),
        "number": st.sampled_from(sorted(NAMES["number"])),
        "agent": st.sampled_from(sorted(NAMES["agent"])),
        "action": st.sampled_from(sorted(NAMES["action"])),
        "recipient": st.sampled_from(["+12025550177", "+4930123456", "030 123456"]),
        "trigger": st.sampled_from(["hubspot", "test", "no-tests", "verification"]),
        "cause": st.just("TOKEN_UNKNOWN.0123456789abcdef"),
        "record": TEXT,
        "workflow": TEXT,
        "since": TIMES,
        "until": TIMES,
        "counted_from": TIMES,
        "counted_until": TIMES,
        "told": st.sampled_from(sorted(search.TOLD)),
        "given_back": st.just("only"),
    },
).map(lambda filters: search.canonical(filters, AROUND))


@given(filters=FILTERS, around=st.sampled_from([AROUND, GERMAN, Around(UTC, names=AROUND.names)]))
def test_reading_undoes_writing(filters, around):
    filters = search.canonical(filters, around)

    assert parse(render(filters, around), around) == search.Read(filters, [])


@given(st.text(max_size=60) | st.text('"\\: ab1+-.', max_size=30))
def test_any_text_can_be_read_and_what_was_understood_stays_the_same(text):
    filters = search.canonical(parse(text, AROUND).filters, AROUND)

    assert parse(filters.get("q", ""), AROUND).filters.get("q", "") == filters.get("q", "")
    assert parse(render(filters, AROUND), AROUND) == search.Read(filters, [])


# --- One table with the pages ---------------------------------------------------------------------------


def test_every_filter_of_the_log_has_its_word():
    assert {word.filter for word in search.WORDS} | {"q"} == set(MessageFilter.base_filters)


def test_every_status_group_and_trigger_the_form_offers_can_be_written():
    assert set(search.STATUSES) == {*Status, *GROUPS}
    offered = dict(MessageFilter.base_filters["trigger"].extra["choices"])
    assert set(offered) == {*search.KINDS, *search.TRIGGERS}


@pytest.mark.parametrize(("language", "around"), [("en", AROUND), ("de", GERMAN)])
def test_a_status_is_understood_as_its_badge_says_it(language, around):
    with override(language):
        for status, look in STATUSES.items():
            assert parse(f'status:"{look.label}"', around).filters == {"status": status}


@pytest.mark.parametrize("around", [AROUND, GERMAN])
def test_the_examples_that_are_listed_are_understood(around):
    names = {"action": {"1": ("Welcome",), "2": ("Willkommen",)}}
    around = Around(BERLIN, around.german, names=lambda name: {**NAMES, **names}[name])

    for name, example in search.hints(around):
        assert set(parse(example, around).filters) == {name}, example
