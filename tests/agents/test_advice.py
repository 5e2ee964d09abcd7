"""Advice on conditions: what is said of which wording, in both languages; what is well worded passes."""

import pytest

from smsadmin.agents.advice import EXAMPLES, MOST_CHARACTERS, advise


def codes(condition):
    return [each.code for each in advise(condition)]


@pytest.mark.parametrize("condition", EXAMPLES)
def test_the_source_s_own_examples_pass_with_nothing_but_a_hint(condition):
    assert [each.code for each in advise(condition) if not each.is_hint] == []


@pytest.mark.parametrize(
    "condition",
    [
        "After the caller has confirmed an appointment, only once in a call",
        "As soon as the customer asks for the link; do not send it again",
        "Wenn der Anrufer zustimmt, höchstens einmal pro Gespräch",
        "Nachdem ein Termin vereinbart wurde, nicht noch einmal",
    ],
)
def test_what_says_it_all_gets_no_advice(condition):
    assert codes(condition) == []


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("when needed", "vague"),
        ("Send it if it seems appropriate", "vague"),
        ("Bei Bedarf senden", "vague"),
        ("Wenn es sinnvoll ist, schicken", "vague"),
        ("After booking", "short"),
        ("Send the caller the address", "no-event"),
        ("Dem Anrufer die Adresse schicken", "no-event"),
        ("Only once per call", "no-event"),  # a guard is no event
        ("When the caller asks for it or if they sound lost", "several"),
        ("Wenn der Kunde zustimmt oder falls er fragt", "several"),
        ("After a booking;\nwhen the caller asks", "several"),
        ("If the lead score is above 50", "unknown"),
        ("When the customer has opened the email", "unknown"),
        ("Wenn die letzte Bestellung offen ist", "unknown"),
        ("If " + "the caller agrees and " * 25 + "only once", "long"),
    ],
)
def test_what_could_be_better_is_said(condition, code):
    found = {each.code: each for each in advise(condition)}

    assert code in found
    assert not found[code].is_hint
    assert found[code].sentence
    assert found[code].instead


def test_one_word_is_not_taken_for_another():
    assert (
        codes("When the caller orders an audit or a review, just once") == []
    )  # or joins nouns, not conditions
    assert codes("a" * MOST_CHARACTERS + "!")[0] == "long"
