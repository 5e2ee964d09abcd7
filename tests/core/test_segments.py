import unicodedata

import gsm0338
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsadmin.core.segments import BASIC, EXTENSION, measure, normalise

ZHE, THUMB, FLAG = "ж", "\U0001f44d", "\U0001f1eb\U0001f1f7"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"

VECTORS = [
    ("V1 empty", "", "GSM-7", 0, 0),
    ("V2", "Hello, world!", "GSM-7", 13, 1),
    ("V3", "a" * 160, "GSM-7", 160, 1),
    ("V4", "a" * 161, "GSM-7", 161, 2),
    ("V5", "a" * 306, "GSM-7", 306, 2),
    ("V6", "a" * 307, "GSM-7", 307, 3),
    ("V7 longest message", "a" * 1600, "GSM-7", 1600, 11),
    ("V8 the euro is an extension", "€", "GSM-7", 2, 1),
    ("V9", "a" * 158 + "€", "GSM-7", 160, 1),
    ("V10", "a" * 159 + "€", "GSM-7", 161, 2),
    ("V11 76 + 5 euros", "€" * 81, "GSM-7", 162, 2),
    ("V12 escape pair does not straddle", "a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
    ("V13 unrendered token", "Hi {{Contact.FirstName}}", "GSM-7", 28, 1),
    ("V14 whole extension table", "^{}\\[~]|€\f", "GSM-7", 20, 1),
    ("V15", "Grüße aus Köln", "GSM-7", 14, 1),
    ("V16", "Déjà très bien", "GSM-7", 14, 1),
    ("V17 small c-cedilla", "Ça va, garçon", "UCS-2", 13, 1),
    ("V18 i-acute", "¡Sí!", "UCS-2", 4, 1),
    ("V19 Greek capitals of the table", "ΓΔΘΛΞΠΣΦΨΩ", "GSM-7", 10, 1),
    ("V20 Greek Alpha and Beta", "\u0391\u0392\u0393", "UCS-2", 3, 1),
    ("V21 CR and LF", "a\r\nb", "GSM-7", 4, 1),
    ("V22 tab", "a\tb", "UCS-2", 3, 1),
    ("V23 backtick", "`x`", "UCS-2", 3, 1),
    ("V24 typographic apostrophe", "It\u2019s ready", "UCS-2", 10, 1),
    ("V25 non-breaking space", "10\u00a0000", "UCS-2", 6, 1),
    ("V26", THUMB, "UCS-2", 2, 1),
    ("V27", ZHE * 70, "UCS-2", 70, 1),
    ("V28", ZHE * 71, "UCS-2", 71, 2),
    ("V29", ZHE * 134, "UCS-2", 134, 2),
    ("V30", ZHE * 135, "UCS-2", 135, 3),
    ("V31", THUMB * 35, "UCS-2", 70, 1),
    ("V32 33 + 3", THUMB * 36, "UCS-2", 72, 2),
    ("V33 surrogate pair does not straddle", ZHE * 66 + THUMB + ZHE * 66, "UCS-2", 134, 3),
    ("V34 one letter switches everything", "a" * 69 + ZHE, "UCS-2", 70, 1),
    ("V35 family", FAMILY, "UCS-2", 11, 1),
    ("V36 flag", FLAG, "UCS-2", 4, 1),
    ("D1 composed first", ZHE * 66 + "e\u0301" + ZHE * 66, "UCS-2", 133, 2),
    ("D2 a flag may be cut between its pairs", ZHE * 65 + FLAG + ZHE * 65, "UCS-2", 134, 2),
    ("D3 a bare escape is no GSM character", "a\x1bb", "UCS-2", 3, 1),
    ("D4 empty is no segment", "", "GSM-7", 0, 0),
]


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"), [v[1:] for v in VECTORS], ids=[v[0] for v in VECTORS]
)
def test_encoding_units_and_segments(text, encoding, units, segments):
    measured = measure(text)

    assert (measured.encoding, measured.units, measured.segments) == (encoding, units, segments)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", 160),
        ("a" * 100, 60),
        ("a" * 160, 0),
        ("a" * 161, 145),
        ("a" * 306, 0),
        ("€" * 81, 143),  # 152 units, then 10
        (ZHE, 69),
        (ZHE * 71, 63),
        (THUMB * 36, 61),  # 66 units, then 6
    ],
)
def test_left_counts_the_room_in_the_last_segment(text, left):
    assert measure(text).left == left


def test_each_character_that_forces_unicode_is_named_with_its_position():
    assert measure(f"Ça va, garçon {THUMB}").forcing == ((10, "ç"), (14, THUMB))
    assert measure("Ça va").forcing == ()


@pytest.mark.parametrize(
    ("text", "units", "segments", "left"),
    [
        ("", 0, 0, 70),
        ("a" * 70, 70, 1, 0),
        ("a" * 71, 71, 2, 63),
        ("€", 1, 1, 69),  # no escape in UCS-2
        (THUMB, 2, 1, 68),
    ],
)
def test_a_text_can_be_counted_as_unicode_whatever_it_needs(text, units, segments, left):
    measured = measure(text, unicode=True)

    assert measured.encoding == "UCS-2"
    assert (measured.units, measured.segments, measured.left) == (units, segments, left)


def test_counting_as_unicode_blames_no_character():
    assert measure("It's ready", unicode=True).forcing == ()
    assert measure("It\u2019s ready", unicode=True) == measure("It\u2019s ready")


def test_characters_are_code_points_after_nfc():
    assert measure(FAMILY).characters == 7
    assert measure("e\u0301").characters == 1


def test_decomposed_text_costs_no_more_than_composed_text():
    assert measure("De\u0301ja\u0300") == measure("Déjà")


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\x00b\x1b\x7f\x85c", "abc"),
        ("a\fb", "a\fb"),
        ("one\ttwo", "one two"),
        ("caf" + "e\u0301", "café"),
        ("Hello \n\u00a0\n", "Hello"),
        ("  indented", "  indented"),
        ("broken \ud83d emoji", "broken  emoji"),
        (" \r\n\t", ""),
    ],
)
def test_normalise_gives_the_text_as_it_is_sent(text, sent):
    assert normalise(text) == sent


def test_alphabet_has_137_characters():
    assert (len(set(BASIC)), len(set(EXTENSION))) == (127, 10)


def test_every_bmp_character_is_gsm_exactly_when_the_codec_says_so():
    codec = gsm0338.Codec()
    for code in range(0x10000):
        char = chr(code)
        if char == "\x1b" or unicodedata.normalize("NFC", char) != char:
            continue  # the codec passes the bare escape, and knows no NFC
        try:
            septets = len(codec.encode(char)[0])
        except UnicodeEncodeError:
            septets = None
        measured = measure(char)
        assert (measured.units if measured.encoding == "GSM-7" else None) == septets, hex(code)


GSM_TEXT = st.text(st.sampled_from(BASIC + EXTENSION), max_size=400)
ANY_TEXT = GSM_TEXT | st.text(max_size=200) | st.text(st.sampled_from("aж€\U0001f44d"), max_size=400)


@given(GSM_TEXT)
def test_units_of_gsm_text_are_the_septets_of_the_codec(text):
    assert measure(text).units == len(gsm0338.Codec().encode(text)[0])


@given(GSM_TEXT, st.sampled_from(BASIC + EXTENSION + ZHE + THUMB))
def test_a_longer_text_never_takes_fewer_segments(text, more):
    assert measure(text).segments <= measure(text + more).segments


@given(ANY_TEXT)
def test_segments_agree_with_cutting_character_by_character(text):
    measured = measure(text)
    gsm = measured.encoding == "GSM-7"
    costs = [
        (2 if char in EXTENSION else 1) if gsm else (2 if ord(char) > 0xFFFF else 1)
        for char in unicodedata.normalize("NFC", text)
    ]
    room = (160 if gsm else 70) if sum(costs) <= (160 if gsm else 70) else (153 if gsm else 67)
    segments, left = (1, room) if costs else (0, room)
    for cost in costs:
        if cost > left:
            segments, left = segments + 1, room
        left -= cost
    assert (measured.units, measured.segments, measured.left) == (sum(costs), segments, left)


@given(st.text(st.characters()))
def test_normalise_is_stable_and_its_result_can_be_stored(text):
    sent = normalise(text)

    assert normalise(sent) == sent
    sent.encode("utf-8")
    assert "\x00" not in sent
    assert sent == sent.rstrip()
