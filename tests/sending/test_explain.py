"""Sentences of the log, in the reader's language and zone."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import formats, timezone, translation

from smsadmin.core import advice
from smsadmin.core.errors import CATALOGUE
from smsadmin.core.trace import SENTENCES, STEPS, Step, Verdict, passed
from smsadmin.sending import explain
from smsadmin.sending.models import Message

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
FULL = {
    "subject": "+12025550123",
    "used": 1_000,
    "limit": 1_000,
    "unit": "messages",
    "window": "hour",
    "resets": "2026-11-21T11:00:00+00:00",
}


def rejected(code: str, **facts: object) -> Message:
    return Message(error_code=code, error_facts=facts, status="rejected")


def plain(text: str) -> str:
    return text.replace("\xa0", " ").replace("\u202f", " ")


def test_a_sentence_shows_its_values_as_people_read_them() -> None:
    message = rejected("NUMBER_QUOTA_EXCEEDED", **FULL)
    with time_machine.travel(NOW, tick=False):
        said = plain(explain.sentence(message))
    assert said == "+1 202-555-0123 has used 1,000 of 1,000 messages per hour; there is room again at 11:00."


def test_the_values_stay_the_same_in_german() -> None:
    with translation.override("de"), time_machine.travel(NOW, tick=False):
        said = plain(explain.sentence(rejected("NUMBER_QUOTA_EXCEEDED", **FULL)))
    assert "+1 202-555-0123" in said
    assert "1.000" in said
    assert "11:00" in said


def test_a_time_is_told_in_the_viewers_zone_with_the_date_when_it_is_another_day() -> None:
    message = rejected("NUMBER_QUOTA_EXCEEDED", **FULL)
    with time_machine.travel(NOW, tick=False), timezone.override(ZoneInfo("Asia/Tokyo")):
        assert "room again at 20:00" in explain.sentence(message)
        tomorrow = explain.sentence(
            rejected("NUMBER_QUOTA_EXCEEDED", **FULL | {"resets": "2026-11-21T23:00:00Z"})
        )
    assert "22" in tomorrow
    assert "8:00" in tomorrow


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("code", CATALOGUE)
def test_missing_values_never_spoil_a_page(code: str, language: str) -> None:
    with translation.override(language):
        message = rejected(code)
        assert explain.sentence(message)
        assert explain.fix(message)
        assert "{" not in explain.sentence(message) + explain.fix(message)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("say", SENTENCES)
def test_every_step_can_be_told_without_its_values(say: str, language: str) -> None:
    with translation.override(language):
        [first, *_] = explain.trace(Message(trace=[[say.partition(".")[0], "passed", say, {}]]))
    assert first.sentence
    assert "{" not in first.sentence


def test_a_message_that_nothing_stopped_has_nothing_to_explain() -> None:
    assert explain.sentence(Message()) == explain.fix(Message()) == ""


def test_the_trace_shows_the_steps_taken_and_those_not_reached() -> None:
    stored = [
        ["action", "passed", "action.inline", {}],
        ["sender", "refused", "NUMBER_NOT_IN_INTEGRATION", {"sender": "+12025550123"}],
    ]
    shown = explain.trace(Message(trace=stored))
    assert [step.verdict for step in shown] == ["passed", "refused"] + [Verdict.NOT_REACHED] * (
        len(STEPS) - 2
    )
    assert shown[1].sentence == "+1 202-555-0123 is not connected to this integration, so nothing was sent."
    assert len({step.name for step in shown}) == len(STEPS)


def test_a_step_that_did_not_exist_yet_is_not_shown_as_one_that_was_not_reached() -> None:
    """Messages sent before the encoding was a step of its own have none in their trace."""
    before = [name for name in STEPS if name != "encoding"]
    assert names(explain.trace(Message(trace=[plain_step(name) for name in before]))) == titles(before)


def test_what_comes_after_an_old_messages_last_step_was_not_reached() -> None:
    taken = [plain_step(name) for name in ("action", "message", "length")]
    shown = explain.trace(Message(trace=taken))
    after = list(STEPS)[list(STEPS).index("length") + 1 :]
    assert names(shown) == titles(["action", "message", "length", *after])
    assert {step.verdict for step in shown[3:]} == {Verdict.NOT_REACHED}


def test_a_message_without_a_trace_reached_nothing() -> None:
    assert {step.verdict for step in explain.trace(Message(trace=[]))} == {Verdict.NOT_REACHED}


def test_a_rehearsed_step_that_was_not_reached_has_no_sentence() -> None:
    refused = Step("message", Verdict.REFUSED, "MESSAGE_EMPTY", {})
    shown = explain.steps([refused, Step("encoding", Verdict.NOT_REACHED), passed("length", "length.fits")])
    assert [(step.verdict, bool(step.sentence)) for step in shown[:3]] == [
        ("refused", True),
        ("not_reached", False),
        ("passed", True),
    ]


def plain_step(name: str) -> list[Any]:
    return [name, "passed", next(say for say in SENTENCES if say.startswith(f"{name}.")), {}]


def names(shown: list[explain.Explained]) -> list[str]:
    return [step.name for step in shown]


def titles(steps: Iterable[str]) -> list[str]:
    return [STEPS[name] for name in steps]


@pytest.mark.parametrize("language", ["en", "de"])
def test_advice_is_said_with_its_values_as_people_read_them(language: str) -> None:
    facts = {"sender": "+33612345678", "hour": 100, "day": 1_000, "month": 10_000}
    with translation.override(language):
        said = plain(explain.said(advice.SENTENCES["french_mobile"], facts))
        thousand = plain(formats.number_format(1_000, use_l10n=True, force_grouping=True))
    assert "+33 6 12 34 56 78" in said
    assert thousand in said


def test_a_value_from_outside_is_never_read_as_a_placeholder() -> None:
    message = rejected("RECIPIENT_NOT_E164", value="{recipient} {0.__class__}")
    assert "“{recipient} {0.__class__}”" in explain.sentence(message)
