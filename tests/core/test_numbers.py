import pickle
import re
import subprocess
import sys
from contextlib import suppress

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsadmin.core import numbers
from smsadmin.core.numbers import E164, NumberError, e164_strict, is_mobile_possible, pretty, read


@pytest.mark.parametrize(
    ("raw", "region", "e164", "local_only", "valid", "kind", "country"),
    [
        ("+33612345678", None, "+33612345678", False, True, "mobile", "FR"),
        ("06 12 34 56 78", "FR", "+33612345678", False, True, "mobile", "FR"),
        ("0033612345678", "FR", "+33612345678", False, True, "mobile", "FR"),
        ("+14155552671", None, "+14155552671", False, True, "fixed_line_or_mobile", "US"),
        ("+13023063029", None, "+13023063029", False, True, "fixed_line_or_mobile", "US"),
        ("+12025550199", None, "+12025550199", False, True, "fixed_line_or_mobile", "US"),
        ("+15550199", None, "+15550199", True, False, "unknown", ""),
        ("555 0199", "US", "+15550199", True, False, "unknown", ""),
        ("+18005551212", None, "+18005551212", False, True, "toll_free", "US"),
        ("+15005550006", None, "+15005550006", False, True, "personal_number", "US"),
        ("+33639980042", None, "+33639980042", False, False, "unknown", "FR"),
        ("+33199001234", None, "+33199001234", False, True, "fixed_line", "FR"),
        ("+33939140303", None, "+33939140303", False, True, "voip", "FR"),
        ("+447700900123", None, "+447700900123", False, False, "unknown", ""),
        ("+447911123456", None, "+447911123456", False, True, "mobile", "GG"),
        ("+525512345678", None, "+525512345678", False, True, "fixed_line_or_mobile", "MX"),
        ("+5511987654321", None, "+5511987654321", False, True, "mobile", "BR"),
        ("+61412345678", None, "+61412345678", False, True, "mobile", "AU"),
        ("+4915112345678", None, "+4915112345678", False, True, "mobile", "DE"),
        ("+393312345678", None, "+393312345678", False, True, "mobile", "IT"),
        ("+80012345678", None, "+80012345678", False, True, "toll_free", ""),
    ],
)
def test_what_the_numbering_plan_says(raw, region, e164, local_only, valid, kind, country):
    number = read(raw, region)

    assert number.possible
    assert (number.e164, number.local_only, number.valid) == (e164, local_only, valid)
    assert (number.kind, number.country) == (kind, country)


@pytest.mark.parametrize(
    "raw",
    [
        "+33 6 12 34 56 78",
        "+33.6.12.34.56.78",
        "+33-6-12-34-56-78",
        "+33 6–12–34−56‑78",
        "(+33) 6 12 34 56 78",
        "+33 (0)6 12 34 56 78",
        "+33\u00a06\u202f12\u200934 56 78",
        "tel:+33612345678",
        " TEL: +33-6-12-34-56-78 ",
        "＋３３６１２３４５６７８",
        "（＋３３）６１２．３４－５６７８",
        "\u202a+33612345678\u202c",
        "\ufeff+33\u200b6123\u200e45678\u2060",
        "\u2066tel:+33612345678\u2069",
        "+٣٣٦١٢٣٤٥٦٧٨",
        "\t+33612345678\r\n",
    ],
)
def test_usual_spellings_give_one_number(raw):
    assert read(raw).e164 == "+33612345678"


@pytest.mark.parametrize(
    ("raw", "region", "reason"),
    [
        ("", None, "empty"),
        (" \u00a0\u200b", None, "empty"),
        ("tel:", None, "empty"),
        ("0612345678", None, "no_country_code"),
        ("13023063029", None, "no_country_code"),
        ("0033612345678", None, "no_country_code"),
        ("555 0199", None, "no_country_code"),
        ("+0033612345678", None, "no_country_code"),
        ("+999123456789", None, "no_country_code"),
        ("0612345678", "ZZ", "no_country_code"),
        ("unknown", None, "not_a_number"),
        ("+", None, "not_a_number"),
        ("()", None, "not_a_number"),
        ("++33612345678", None, "not_a_number"),
        ("call +33612345678 now", None, "not_a_number"),
        ("+1-800-FLOWERS", None, "not_a_number"),
        ("+33612345678, +33612345679", None, "not_a_number"),
        ("+33612345678x", None, "not_a_number"),
        ("ada@example.com", None, "not_a_number"),
        ("+1 202 555 0199 ext. 9", None, "extension"),
        ("+12025550199;ext=9", None, "extension"),
        ("+12025550199x9", None, "extension"),
        ("+33612345678#12", None, "extension"),
        ("06 12 34 56 78 ext 9", "FR", "extension"),
        ("+1", None, "too_short"),
        ("+336", None, "too_short"),
        ("+336123", None, "too_short"),
        ("36180", "FR", "too_short"),
        ("+1555019", None, "too_short"),
        ("+336123456780622", None, "too_long"),
        ("+1" + "2" * 40, None, "too_long"),
        ("+1" + "2" * 4000, None, "too_long"),
        ("+4622222222222", None, "impossible"),  # Sweden has shorter and longer ones
        ("+43000030", None, "impossible"),  # one trunk 0 too many: which number is meant is unclear
    ],
)
def test_what_is_not_surely_one_number_is_refused_with_its_reason(raw, region, reason):
    with pytest.raises(NumberError) as refused:
        read(raw, region)

    assert (refused.value.reason, refused.value.raw) == (reason, raw)


def test_an_error_is_a_sentence_and_survives_pickling():
    error = NumberError("no_country_code", "0612345678")

    assert str(error).startswith("“0612345678” has no country code: ")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("raw", ["+33612345678", " +33612345678\n", "+15550199"])
def test_strict_takes_e164_and_trims_white_space(raw):
    assert e164_strict(raw) == raw.strip()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (" ", "empty"),
        ("0612345678", "no_country_code"),
        ("33612345678", "no_country_code"),
        ("+0612345678", "no_country_code"),
        ("+33 612345678", "not_a_number"),
        ("tel:+33612345678", "not_a_number"),
        ("\u200b+33612345678", "not_a_number"),
        ("+３３６１２３４５６７８", "not_a_number"),
        ("ACME", "not_a_number"),
        ("+123456", "too_short"),
        ("+1234567890123456", "too_long"),
    ],
)
def test_strict_refuses_every_other_spelling(raw, reason):
    with pytest.raises(NumberError) as refused:
        e164_strict(raw)

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("e164", "shown"),
    [
        ("+12025550123", "+1 202-555-0123"),
        ("+33612345678", "+33 6 12 34 56 78"),
        ("+447911123456", "+44 7911 123456"),
        ("+99912345678", "+99912345678"),
        ("+2700000000", "+2700000000"),  # its first 0 would be dropped as a trunk prefix
        ("ACME", "ACME"),
        ("0612345678", "0612345678"),
        ("", ""),
    ],
)
def test_pretty_is_the_international_format_or_the_input(e164, shown):
    assert pretty(e164) == shown


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("mobile", True),
        ("fixed_line_or_mobile", True),
        ("voip", True),
        ("personal_number", True),
        ("unknown", True),
        ("fixed_line", False),
        ("toll_free", False),
        ("premium_rate", False),
        ("shared_cost", False),
        ("uan", False),
        ("pager", False),
        ("voicemail", False),
    ],
)
def test_only_lines_that_surely_take_no_text_are_not_mobile(kind, answer):
    assert is_mobile_possible(kind) is answer


def test_no_large_metadata_and_no_framework_is_loaded():
    check = (
        "import sys, smsadmin.core.numbers, smsadmin.core.tokens, smsadmin.core.segments\n"
        "bad = {'django', 'phonenumbers.geocoder', 'phonenumbers.carrier'} & set(sys.modules)\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


CODES = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)).map(str)
NOT_DIGITS = re.compile(r"[^0-9]")
DIALLED = st.builds("+{}{}".format, CODES, st.text("0123456789", max_size=14))
SPELLED = st.text("+0123456789 ().-x#;/tel:\u00a0\u200b３", max_size=25)


@given(DIALLED | SPELLED | st.text(), st.sampled_from([None, "FR", "US", "IT", "AR", "ZZ"]))
def test_any_text_is_read_or_refused_and_reading_again_changes_nothing(raw, region):
    try:
        number = read(raw, region)
    except NumberError:
        return
    assert E164.fullmatch(number.e164)
    assert read(number.e164) == number
    assert number.valid == phonenumbers.is_valid_number(phonenumbers.parse(number.e164))


@given(DIALLED | st.text())
def test_display_takes_any_text_and_keeps_its_digits(raw):
    assert NOT_DIGITS.sub("", pretty(raw)) == NOT_DIGITS.sub("", raw)


@given(DIALLED | SPELLED | st.text())
def test_strict_reading_gives_the_trimmed_text_or_its_own_error(raw):
    with suppress(NumberError):
        assert e164_strict(raw) == raw.strip()


@pytest.mark.parametrize(
    ("e164", "kind", "is_french"),
    [
        ("+33639980013", "mobile", True),  # in the plan's range for mobile lines, given out to nobody
        ("+33612345678", "mobile", True),
        ("+33123456789", "fixed_line", False),
        ("+4915123456789", "mobile", False),
        ("+3363998001", "unknown", False),  # too short
    ],
)
def test_a_range_that_is_planned_for_mobile_lines_is_mobile(e164: str, kind: str, is_french: bool) -> None:
    assert (numbers.kind_of(e164), numbers.is_french_mobile(e164)) == (kind, is_french)


@pytest.mark.parametrize(
    ("e164", "zone"),
    [
        ("+33639980013", "Europe/Paris"),
        ("+12025550101", "America/New_York"),
        ("+18005550199", ""),
        ("x", ""),
    ],
)
def test_the_zone_of_a_number_is_known_where_there_is_but_one(e164: str, zone: str) -> None:
    assert numbers.zone_of(e164) == zone
