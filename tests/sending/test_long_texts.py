"""A text that could never be sent costs neither memory nor minutes."""

from __future__ import annotations

import tracemalloc

import pytest

from smsadmin.core import tokens
from smsadmin.core.message import Record
from smsadmin.directory.models import Number
from smsadmin.sending.accept import accept
from smsadmin.sending.rehearse import rehearse
from smsadmin.sending.resolve import lookup
from tests.factories import ask

HUGE = 90_000


def test_many_tokens_of_a_long_value_are_not_put_together() -> None:
    value, template = "x" * HUGE, "{{a}}" * 2_000
    tokens.parse(template)
    tracemalloc.start()

    with pytest.raises(tokens.TooLong) as refused:
        tokens.render(template, lambda kind, name: value)

    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.characters == 2_000 * HUGE
    assert peak < 10_000_000


def test_a_text_up_to_the_limit_is_put_together() -> None:
    value = "x" * (tokens.LONGEST - 1)

    assert len(tokens.render("!{{a}}", lambda kind, name: value).text) == tokens.LONGEST
    with pytest.raises(tokens.TooLong):
        tokens.render("!!{{a}}", lambda kind, name: value)


def test_such_a_message_is_refused_as_too_long_by_the_send_and_by_the_preview(number: Number) -> None:
    wish = ask(number, message="{{Contact.note}}" * 2, properties={"note": "x" * HUGE})

    message, rehearsal = accept(wish), rehearse(wish)

    assert (message.status, message.error_code) == ("rejected", "MESSAGE_TOO_LONG")
    assert message.error_facts == {"characters": 2 * HUGE, "limit": 1_600}
    assert rehearsal.error
    assert (rehearsal.error.code, rehearsal.error.facts) == (message.error_code, message.error_facts)


@pytest.mark.timeout(10)
def test_looking_up_many_names_in_a_large_record_takes_little_time() -> None:
    record = Record("contact", properties={f"property_{n}": str(n) for n in range(20_000)})

    assert [lookup(record, "Contact", f"Property {n}") for n in range(2_000)] == [
        str(n) for n in range(2_000)
    ]


def test_a_name_as_it_is_written_comes_before_one_that_only_compares_alike() -> None:
    both = {"first_name": "one", "firstname": "two"}
    record = Record("deal", properties=both, related={"contact": both})

    for kind in ("Deal", "Contact", tokens.ENROLLED):
        assert [lookup(record, kind, name) for name in both] == ["one", "two"]
