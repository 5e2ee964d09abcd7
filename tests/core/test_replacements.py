"""Look-alikes: what becomes of a character that GSM-7 cannot carry."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsadmin.core.replacements import LOOK_ALIKES
from smsadmin.core.segments import BASIC, EXTENSION, describe, measure, replacement, to_gsm

THUMB = "\U0001f44d"


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("It\u2019s ready", "It's ready"),
        ("\u201eJa\u201c, \u00abbon\u00bb", '"Ja", "bon"'),
        ("9\u201310 \u2014 now", "9-10 - now"),
        ("wait\u2026", "wait..."),
        ("`x`", "'x'"),
        ("\u2022 one", "- one"),
        ("really\u203c\ufe0f", "really!!"),
        ("\u00bd price, 3\u00f74", "1/2 price, 3/4"),
        ("\u2039a\u203a", "<a>"),
        ("10\u00a0000", "10 000"),
        ("a\u2003b\u202fc\u3000d", "a b c d"),
        ("a\tb", "a b"),
        ("so\u200bft\u00adly\ufeff\u200e\u2060", "softly"),
        ("\uff21\uff44\uff41 \uff11\uff01", "Ada 1!"),
        ("\u1d00\u029c\u1d22", "AHZ"),
        ("Gr\u00fc\u00dfe, 5 \u20ac {ok}", "Gr\u00fc\u00dfe, 5 \u20ac {ok}"),
        ("De\u0301ja\u0300", "D\u00e9j\u00e0"),
        ("", ""),
    ],
)
def test_a_text_stays_within_gsm7_with_look_alikes(text, becomes):
    replaced = to_gsm(text)

    assert (replaced.text, replaced.left) == (becomes, ())
    assert measure(replaced.text).encoding == "GSM-7"


def test_each_change_is_told_with_its_place():
    assert to_gsm("\u201cHi\u201d \u2026").changes == (
        (0, "\u201c", '"'),
        (3, "\u201d", '"'),
        (5, "\u2026", "..."),
    )
    assert to_gsm("Hi \u200b").changes == ((3, "\u200b", ""),)
    assert to_gsm("Hi").changes == ()


def test_places_are_those_of_the_measured_text():
    text = "cafe\u0301\u2019s"
    assert [at for at, _, _ in to_gsm(text).changes] == [at for at, _ in measure(text).forcing] == [4]


@pytest.mark.parametrize("text", ["\u00e7", "\u00ed", "\u0153", "\u0436", "\u4e2d", THUMB])
def test_what_has_no_look_alike_is_left(text):
    assert to_gsm(f"{text}!").left == (text,)
    assert to_gsm(f"{text}!").text == f"{text}!"
    assert replacement(text) is None


def test_what_is_left_is_named_once_and_the_rest_is_replaced_all_the_same():
    replaced = to_gsm(f"\u0436\u2019\u0436{THUMB}")

    assert replaced.left == ("\u0436", THUMB)
    assert replaced.text == f"\u0436'\u0436{THUMB}"


def test_an_accent_on_its_own_never_becomes_a_sign_of_its_own():
    assert to_gsm("n\u0302").left == ("\u0302",)
    assert [each for each in LOOK_ALIKES if unicodedata.combining(each)] == []


@pytest.mark.parametrize(
    ("character", "instead"),
    [("\u2019", "'"), ("\u2026", "..."), ("\u200b", ""), ("\u0436", None), ("a", None)],
)
def test_the_look_alike_of_one_character_can_be_asked_for(character, instead):
    assert replacement(character) == instead


def test_every_character_of_the_table_is_outside_gsm7_and_every_look_alike_inside():
    gsm = set(BASIC + EXTENSION)
    assert gsm.isdisjoint(LOOK_ALIKES)
    assert set("".join(LOOK_ALIKES.values())) <= gsm


def test_every_space_becomes_one_space():
    spaces = {each for each in LOOK_ALIKES if unicodedata.category(each) in ("Zs", "Zl", "Zp")}
    assert len(spaces) > 15
    assert {LOOK_ALIKES[each] for each in spaces} == {" "}


@pytest.mark.parametrize(
    ("character", "described"), [("\u2019", "U+2019"), ("\t", "U+0009"), (THUMB, "U+1F44D")]
)
def test_a_character_is_described_by_its_code_point(character, described):
    assert describe(character) == described


@given(st.text(st.sampled_from(BASIC + EXTENSION)))
def test_a_gsm7_text_is_never_changed(text):
    assert to_gsm(text).text == text


@given(st.text(st.sampled_from([*LOOK_ALIKES, *BASIC])) | st.text())
def test_each_character_that_forces_unicode_is_either_changed_or_left(text):
    replaced, forcing = to_gsm(text), measure(text).forcing

    changed = {(at, each) for at, each, _ in replaced.changes}
    assert changed | {(at, each) for at, each in forcing if each in replaced.left} == set(forcing)
    if not replaced.left:
        assert measure(replaced.text).encoding == "GSM-7"
