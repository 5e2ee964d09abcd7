"""What is stored of a text is what is sent: body, encoding and segments agree, whatever the action asks for."""

import pytest

from smsadmin.core import segments
from smsadmin.directory.models import Number
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.sending.rehearse import rehearse
from tests.factories import ask
from tests.sending.conftest import NOW

LONG = "\u201c" + "a" * 68 + "\u201d\u2026"  # 71 units of UCS-2; with look-alikes 73 septets


@pytest.mark.parametrize(
    ("wanted", "text", "body", "encoding", "count"),
    [
        ("auto", "a" * 71, "a" * 71, "GSM-7", 1),
        ("auto", LONG, LONG, "UCS-2", 2),
        ("gsm", LONG, '"' + "a" * 68 + '"...', "GSM-7", 1),
        ("unicode", "a" * 71, "a" * 71, "UCS-2", 2),
    ],
)
def test_an_accepted_row_has_the_measure_of_its_body(
    number: Number, wanted: str, text: str, body: str, encoding: str, count: int
) -> None:
    accept(ask(number, message=text, encoding=wanted), NOW)

    row = Message.objects.get()
    measured = segments.measure(row.body, unicode=wanted == "unicode")
    assert (row.status, row.template, row.body) == ("queued", text, body)
    assert (row.encoding, row.characters, row.segments) == (encoding, len(body), count)
    assert (measured.encoding, measured.characters, measured.segments) == (encoding, len(body), count)


def test_a_refused_row_has_the_text_and_the_measure_it_would_have_needed(number: Number) -> None:
    accept(ask(number, message="It\u2019s \u0436", encoding="gsm"), NOW)

    row = Message.objects.get()
    assert (row.status, row.error_code) == ("rejected", "ENCODING_NOT_SUPPORTED")
    assert (row.body, row.encoding, row.characters, row.segments) == ("It\u2019s \u0436", "UCS-2", 6, 1)


@pytest.mark.parametrize(
    ("text", "verdicts"),
    [
        ("Hi {{nobody}}", {"message": "refused", "encoding": "not_reached", "length": "not_reached"}),
        ("Hi \u0436", {"message": "passed", "encoding": "refused", "length": "passed"}),
        ("Hi", {"message": "passed", "encoding": "passed", "length": "passed"}),
    ],
)
def test_a_rehearsal_needs_a_text_for_its_encoding(
    number: Number, text: str, verdicts: dict[str, str]
) -> None:
    found = rehearse(ask(number, message=text, encoding="gsm"), NOW)
    assert {step.name: step.verdict.value for step in found.trace if step.name in verdicts} == verdicts
