"""The trace: what each step is called, says and keeps."""

import ast
import string
from pathlib import Path

import pytest

import smsadmin.sending
from smsadmin.core.trace import SENTENCES, STEPS, Step, Verdict, passed, warned
from smsadmin.sending.check import CHECKS
from smsadmin.sending.resolve import RESOLVE

FLOW = Path(smsadmin.sending.__file__).parent
#: The flow, and the checks that stand with what they ask.
STEPS_IN = [
    *sorted(FLOW.glob("*.py")),
    FLOW.parent / "consent/checks.py",
    FLOW.parent / "directory/country.py",
    FLOW.parent / "senders/checks.py",
    FLOW.parent / "trials/checks.py",
]


def said() -> list[tuple[str, set[str]]]:
    """Every step the flow takes, as (sentence, facts given); facts given as ** are read from their dict."""
    found = []
    for path in STEPS_IN:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"passed", "warned"}:
                say = node.args[1]
                facts = {keyword.arg for keyword in node.keywords}
                sentences = [each.value for each in ast.walk(say) if isinstance(each, ast.Constant)]
                found += [(str(sentence), facts) for sentence in sentences]
    return found


@pytest.mark.parametrize(("sentence", "facts"), said())
def test_every_step_of_the_flow_has_a_sentence_and_gives_its_values(sentence: str, facts: set[str]) -> None:
    named = {name for _, name, _, _ in string.Formatter().parse(SENTENCES[sentence]) if name}
    assert None in facts or named <= facts  # None: some are given as **facts


def test_every_sentence_is_said_by_some_step() -> None:
    assert {sentence for sentence, _ in said()} == set(SENTENCES)


def test_steps_are_taken_in_the_order_in_which_they_are_shown() -> None:
    taken = [name for name, _ in (*RESOLVE, *CHECKS)]
    assert [*taken, "quota"] == list(STEPS)


def test_a_sentence_belongs_to_its_step() -> None:
    assert {key.partition(".")[0] for key in SENTENCES} == set(STEPS)


@pytest.mark.parametrize(
    "step",
    [
        passed("sender", "sender.chosen", sender="+12025550123", name="Sales"),
        warned("recipient", "recipient.unusual", value="+15550199"),
        Step("quota", Verdict.REFUSED, "NUMBER_QUOTA_EXCEEDED", {"used": 200}),
    ],
)
def test_a_step_comes_back_from_the_row_as_it_was(step: Step) -> None:
    assert Step.from_json(step.as_json()) == step
