"""What is left of a number, a text and a value once they are masked."""

import re
from typing import Any
from uuid import uuid4

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

from smsadmin.privacy.masking import MASK, Secrets, masked_inputs, masked_number, masked_text, secrets_of
from smsadmin.sending.models import Message

RECIPIENT, GIVEN = "+4915112345678", "0151 123 456 78"


def secrets(values: tuple[str, ...] = (), body: str = "", template: str = "", **what: bool) -> Secrets:
    message = Message(
        pk=uuid4(),
        recipient=RECIPIENT,
        recipient_given=GIVEN,
        sender="+12025550101",
        send_as="mia@example.com",
    )
    inputs = {"values": {"contact": {f"p{nth}": value for nth, value in enumerate(values)}}}
    return secrets_of(message, inputs, body, template, **what)


# --- Numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+4915112345678", "+49 ••• •••78"),
        ("+49 (0)151 123 456-78", "+49 ••• •••78"),
        ("+12025550123", "+1 ••• •••23"),
        ("＋３３６１２３４５６７８", "+33 ••• •••78"),
        ("0151 123 456 78", "•••"),
        ("no number", "•••"),
        ("", ""),
    ],
)
def test_a_number_keeps_its_country_code_and_its_last_two_digits(text: str, shown: str) -> None:
    assert masked_number(text) == shown


def numbers() -> st.SearchStrategy[str]:
    """E.164 of many countries, assigned or not."""
    codes = st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
    tails = st.text("0123456789", min_size=6, max_size=11).filter(lambda tail: tail[0] != "0")
    return st.tuples(codes, tails).map(lambda parts: f"+{parts[0]}{parts[1]}"[:16])


def spellings(e164: str) -> list[str]:
    """Ways in which people and programs write a number."""
    read = phonenumbers.parse(e164)
    national = str(read.national_number)
    return [
        e164,
        e164[1:],
        f"00{e164[1:]}",
        f"0{national}",
        national,
        " ".join(re.findall("..?", national)),
        "-".join(re.findall("...?.?", f"0{national}")),
        f"({national[:3]}) {national[3:]}",
        phonenumbers.format_number(read, PhoneNumberFormat.INTERNATIONAL),
        phonenumbers.format_number(read, PhoneNumberFormat.NATIONAL),
        "".join(chr(ord(digit) + 0xFEE0) for digit in national),
    ]


@given(e164=numbers())
def test_no_more_than_two_digits_beyond_the_country_code_survive(e164: str) -> None:
    shown = masked_number(e164)

    kept = "".join(filter(str.isdigit, shown))
    code = str(phonenumbers.parse(e164).country_code) if kept else ""
    assert kept in ("", code + e164[-2:])
    assert not re.search(r"\d{3}", shown.removeprefix(f"+{code}"))


@given(
    e164=numbers(),
    nth=st.integers(0, 10),
    around=st.sampled_from(["{}", "to {}.", "“{}” is wrong", '{{"to": "{}"}}', "a{}b", "tel:{};x"]),
)
def test_a_number_is_found_in_any_spelling_inside_a_sentence(e164: str, nth: int, around: str) -> None:
    national = str(phonenumbers.parse(e164).national_number)
    assume(len(national) >= 6)
    text = around.format(spellings(e164)[nth])
    message = Message(recipient=e164, recipient_given="")

    for name in ("answer", "reason", "anything"):
        said = secrets_of(message, {}, "").out_of(text, name)
        digits = "".join(str(int(each)) for each in said if each.isdecimal())
        assert digits in ("", f"{phonenumbers.parse(e164).country_code}{e164[-2:]}")


@given(text=st.text(max_size=40))
def test_whatever_was_given_as_a_number_is_masked(text: str) -> None:
    shown = masked_number(text)

    assert shown in ("", MASK) or re.fullmatch(r"\+\d{1,3} ••• •••\d\d", shown)


# --- Facts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fact", "shown"),
    [
        ("recipient", RECIPIENT, "+49 ••• •••78"),
        ("read", "+33612345678", "+33 ••• •••78"),
        ("value", GIVEN, MASK),
        ("value", "what the record holds", MASK),
        ("tokens", "contact.name = “Ada”", MASK),
        ("characters", "“王” (U+738B)", MASK),
        ("characters", 12, 12),
        ("answer", "No route to +49 151 12345678", "No route to +49 ••• •••78"),
        ("answer", "Ada is blocked, ask ada@example.org", "••• is blocked, ask •••"),
        ("email", "ADA@example.com", MASK),
        ("email", "mia@example.com", "mia@example.com"),
        ("sender", "+12025550101", "+12025550101"),
        ("source", "Contact.Ada", "Contact.Ada"),
        ("resets", "2026-11-22T00:00:00+00:00", "2026-11-22T00:00:00+00:00"),
        ("country", "Adaland", "Adaland"),
        ("reason", "Ada said so", "••• said so"),
    ],
)
def test_facts_are_told_without_what_came_from_the_record(name: str, fact: Any, shown: Any) -> None:
    found = secrets(("Ada", "ada@example.com", "2026-11-22", "mia@example.com", "+12025550101"))

    assert found.out_of({name: fact}) == {name: shown}


def test_the_tokens_of_a_text_are_named_without_what_filled_them() -> None:
    said = secrets(("Ada",), template="Hi {{Contact.name}}").out_of("Contact.name = “Ada”", "tokens")

    assert said == "Contact.name = •••"


def test_a_part_of_the_text_is_no_more_told_than_the_text() -> None:
    found = secrets(("Lovelace",), "Hi Lovelace, room 17b is yours", "Hi {{name}}, room is yours")

    said = found.out_of("Text “Hi Lovelace, room 17b is” is spam", "answer")

    assert said == "Text “Hi •••, room ••• is” is spam"


def test_a_trace_keeps_its_steps_and_verdicts() -> None:
    trace = [
        ["recipient", "passed", "recipient.read", {"source": "phone", "value": GIVEN, "recipient": RECIPIENT}]
    ]

    assert secrets().out_of_trace(trace) == [
        [
            "recipient",
            "passed",
            "recipient.read",
            {"source": "phone", "value": MASK, "recipient": "+49 ••• •••78"},
        ]
    ]


def test_values_can_go_while_the_number_stays() -> None:
    found = secrets(("Ada", GIVEN), "Hi Ada", number=False)
    facts = {"recipient": RECIPIENT, "value": GIVEN, "answer": f"Ada at {RECIPIENT}", "reason": GIVEN}

    assert found.out_of(facts) == {**facts, "answer": f"••• at {RECIPIENT}"}


def test_the_number_can_go_while_values_stay() -> None:
    facts = {"recipient": RECIPIENT, "tokens": "name = “Ada”", "answer": "Ada at 015112345678"}

    assert secrets(("Ada",), others=False).out_of(facts) == {
        "recipient": "+49 ••• •••78",
        "tokens": "name = “Ada”",
        "answer": "Ada at •••",
    }


def test_inputs_show_which_property_had_a_value_but_not_which() -> None:
    inputs = {
        "values": {"enrolled": {"name": "Ada", "phone": RECIPIENT, "city": "", "age": None}},
        "config": {"a": 1},
    }

    assert masked_inputs(inputs) == {
        "values": {"enrolled": {"name": MASK, "phone": "+49 ••• •••78", "city": "", "age": None}},
        "config": {"a": 1},
    }
    assert masked_inputs({}) == {}
    assert (masked_text("a long text"), masked_text("")) == (MASK, "")
