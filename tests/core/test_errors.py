"""The catalogue of errors: complete, consistent, and fillable by those who raise them."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsadmin.core import errors
from smsadmin.core.errors import CATALOGUE, Retry, SendError, Stage, Whose, fill
from smsadmin.core.status import Status

CODES = """
    SENDER_REQUIRED NUMBER_NOT_E164 NUMBER_NOT_IN_INTEGRATION NUMBER_NOT_SMS_CAPABLE NUMBER_IN_PROXY_MODE
    NUMBER_THIRD_PARTY_MESSAGING SENDER_ID_INVALID SENDER_ID_NOT_APPROVED USER_REQUIRED USER_NOT_FOUND
    USER_NOT_ON_NUMBER USER_OUT_OF_SEGMENTS USER_QUOTA_EXCEEDED NUMBER_QUOTA_EXCEEDED RECIPIENT_MISSING
    RECIPIENT_NO_COUNTRY_CODE RECIPIENT_NOT_E164 RECIPIENT_IMPOSSIBLE RECIPIENT_IS_SENDER RECIPIENT_NOT_MOBILE
    RECIPIENT_OPTED_OUT TEST_NUMBERS_ONLY COUNTRY_NOT_ALLOWED QUIET_HOURS MESSAGE_EMPTY MESSAGE_TOO_LONG
    MEDIA_NOT_SUPPORTED ENCODING_NOT_SUPPORTED TOKEN_UNKNOWN TOKEN_UNRESOLVED ACTION_DISABLED FEATURE_NOT_ENABLED
    PORTAL_NOT_CONNECTED SCOPE_MISSING CREDENTIAL_REJECTED RATE_LIMITED PROVIDER_REJECTED PROVIDER_UNAVAILABLE
    PROVIDER_UNKNOWN DELIVERY_FAILED EXPIRED INTERNAL_ERROR NUMBER_NOT_FOR_AUTOMATION NUMBER_NOT_REGISTERED
    TOLL_FREE_NOT_VERIFIED ACCOUNT_IN_BUILD_MODE RECIPIENT_REFUSED SENDER_REFUSED MESSAGE_FILTERED
"""

PLACES = {
    "action", "action.sender", "action.send_as", "action.message", "directory", "record", "settings", "quotas",
    "connections", "message", "classic", "sender-ids", "test-numbers", "",
}  # fmt: skip
BEFORE_SENDING = {Stage.TRIGGER, Stage.RESOLVE, Stage.CHECK}
SOURCE = Path(errors.__file__).parent.parent
entries = pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: entry.code)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def raised() -> Iterator[tuple[str, type[SendError], set[str]]]:
    """Every place in the source that makes an error by its name, and the facts it gives."""
    classes = {entry.__name__: entry for entry in CATALOGUE.values()}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                entry = classes.get(node.func.attr)
                if entry and all(keyword.arg for keyword in node.keywords):
                    facts = {str(keyword.arg) for keyword in node.keywords}
                    yield f"{path.relative_to(SOURCE)}:{node.lineno}", entry, facts


def test_the_catalogue_has_exactly_the_codes_of_the_design() -> None:
    assert sorted(CATALOGUE) == sorted(CODES.split())


@entries
def test_an_entry_says_what_happened_and_what_to_do_in_whole_sentences(entry: type[SendError]) -> None:
    for text in (entry.text, entry.fix):
        assert text[0].isupper() or text.startswith(("{", "“", "smsadmin"))
        assert text.endswith(".")
        assert not {"please", "invalid input", "something went wrong"} & set(text.casefold().split(". "))


@entries
def test_an_entry_says_whose_it_is_at_which_stage_and_whether_to_try_again(entry: type[SendError]) -> None:
    assert entry.whose in Whose
    assert entry.stage in Stage
    assert entry.retry in Retry
    assert entry.place in PLACES


@entries
def test_what_is_refused_before_sending_is_rejected_and_only_that(entry: type[SendError]) -> None:
    assert (entry.status == Status.REJECTED) == (entry.stage in BEFORE_SENDING)


@entries
def test_what_may_have_left_is_not_safe_to_repeat(entry: type[SendError]) -> None:
    if entry.status in {Status.UNKNOWN, Status.UNDELIVERED}:
        assert entry.retry != Retry.SAFE


@pytest.mark.parametrize(("place", "entry", "facts"), [pytest.param(*each, id=each[0]) for each in raised()])
def test_whoever_raises_an_error_gives_every_value_its_sentences_name(
    place: str, entry: type[SendError], facts: set[str]
) -> None:
    assert placeholders(entry.text) | placeholders(entry.fix) <= facts, place


@entries
def test_a_value_that_nobody_recorded_shows_as_an_ellipsis(entry: type[SendError]) -> None:
    assert str(entry()).count("…") == sum(1 for _, name, _, _ in string.Formatter().parse(entry.text) if name)


def test_a_value_with_braces_is_shown_as_it_is() -> None:
    assert (
        fill("{value} is not a number.", {"value": "{recipient} {0}"}) == "{recipient} {0} is not a number."
    )


def test_an_error_keeps_its_facts() -> None:
    error = errors.UserNotOnNumber(email="leo@example.com", sender="+12025550123")
    assert error.facts == {"email": "leo@example.com", "sender": "+12025550123"}
    assert str(error) == "leo@example.com is not a user of +12025550123, so nothing was sent."
