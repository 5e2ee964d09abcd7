"""Which failures have one cause, and which do not."""

import pytest

from smsadmin.core.causes import HINGES, cause, code_of
from smsadmin.core.errors import CATALOGUE
from smsadmin.sending.models import Message


def test_it_is_said_for_every_code_what_it_hinges_on() -> None:
    assert set(HINGES) == set(CATALOGUE)


@pytest.mark.parametrize("code", HINGES)
def test_an_error_hinges_on_what_its_sentence_names(code: str) -> None:
    named = CATALOGUE[code].text
    assert [name for name in HINGES[code] if name != "asker" and f"{{{name}}}" not in named] == []


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_cause_fits_its_column_and_knows_its_code(code: str) -> None:
    found = cause(code, dict.fromkeys(HINGES[code], "x" * 300), "action 7")

    assert len(found) <= (Message._meta.get_field("cause").max_length or 0)
    assert code_of(found) == code


@pytest.mark.parametrize(
    ("code", "one", "other"),
    [
        ("NUMBER_NOT_SMS_CAPABLE", {"sender": "+12025550101"}, {"sender": "+12025550102"}),
        ("USER_NOT_FOUND", {"email": "mia@example.com"}, {"email": "leo@example.com"}),
        ("TOKEN_UNRESOLVED", {"token": "{{Contact.A}}"}, {"token": "{{Contact.B}}"}),
        ("RECIPIENT_MISSING", {"source": "Contact.phone"}, {"source": "Contact.mobile"}),
        ("PROVIDER_REJECTED", {"answer": "InvalidLine"}, {"answer": "TooLong"}),
        ("PROVIDER_REJECTED", {"http_status": 400}, {"http_status": 404}),
    ],
)
def test_what_an_error_hinges_on_makes_two_causes(
    code: str, one: dict[str, str], other: dict[str, str]
) -> None:
    assert cause(code, one) != cause(code, other)
    assert cause(code, one) == cause(code, {**one, "said": "by the way"})


def test_an_error_of_the_action_is_one_cause_for_each_that_asks() -> None:
    assert cause("MESSAGE_TOO_LONG", {}, "action 1") != cause("MESSAGE_TOO_LONG", {}, "action 2")
    assert cause("RATE_LIMITED", {}, "action 1") == cause("RATE_LIMITED", {}, "action 2")


def test_a_spelling_is_no_cause_of_its_own() -> None:
    assert cause("USER_NOT_FOUND", {"email": "Mia@Example.com"}) == cause(
        "USER_NOT_FOUND", {"email": "mia@example.com"}
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Invalid number +1 202 555 0123", "Invalid number +33 6 12 34 56 78"),
        ("Invalid number: +12025550123", "Invalid number: +33612345678"),
        ("no line for mia@example.com", "no line for leo@example.com"),
        ("request 8c1f2b9d-9f7e-4f0e-a2ab-000000000001 failed", "request 77aa2b9d-11aa-22bb-33cc-1 failed"),
    ],
)
def test_whom_an_answer_names_is_no_cause_of_its_own(one: str, other: str) -> None:
    assert cause("PROVIDER_REJECTED", {"answer": one}) == cause("PROVIDER_REJECTED", {"answer": other})


def test_the_status_within_an_answer_still_tells_causes_apart() -> None:
    assert cause("PROVIDER_UNKNOWN", {"reason": "HTTP 500"}) != cause(
        "PROVIDER_UNKNOWN", {"reason": "HTTP 502"}
    )


def test_a_cause_shows_nothing_of_people() -> None:
    assert "mia" not in cause("USER_NOT_FOUND", {"email": "mia@example.com"})
    assert cause("USER_NOT_FOUND", {}) == "USER_NOT_FOUND"
