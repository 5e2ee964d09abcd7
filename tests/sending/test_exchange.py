"""The raw exchange with the provider, as the message page shows it."""

import time

import pytest
from django.utils import timezone

from smsadmin.sending.exchange import exchanges, redact
from smsadmin.sending.models import Event


@pytest.mark.parametrize(
    ("value", "redacted"),
    [
        ({"to": "+1202", "api_token": "s3cret"}, {"to": "+1202", "api_token": "•••"}),
        ({"headers": {"Authorization": "Basic YTpi"}}, {"headers": {"Authorization": "•••"}}),
        ([{"clientSecret": 1}], [{"clientSecret": "•••"}]),
        ("https://id:s3cret@api.aircall.io/v1/x", "https://•••@api.aircall.io/v1/x"),
        ("https://x/?access_token=s3cret&page=2", "https://x/?access_token=•••&page=2"),
        ("Authorization: Bearer s3cret", "Authorization: ••• •••"),
        ('{"password": "s3cret", "to": 1', '{"password": "•••", "to": 1'),
        ("Basic YTpi was refused", "Basic ••• was refused"),
        ("Hi Ada, your key to success", "Hi Ada, your key to success"),
        ("error: api key: s3cret, x-api-key=s3cret", "error: api key: •••, x-api-key=•••"),
        ("refused:client_secret=s3cret", "refused:client_secret=•••"),
        (17, 17),
    ],
)
def test_what_is_called_like_a_secret_is_masked(value, redacted):
    assert redact(value) == redacted


def test_masking_takes_no_longer_for_a_text_made_of_names_of_secrets():
    started = time.perf_counter()

    redact("token" * 2_000)

    assert time.perf_counter() - started < 1


def test_an_attempt_is_shown_as_it_went_over_the_wire_and_other_events_are_not():
    data = {
        "method": "POST",
        "url": "https://api/send",
        "request": {"to": "+1"},
        "status": 200,
        "answer": "OK",
    }
    events = [Event(kind=kind, at=timezone.now(), data=data) for kind in ("attempt", "receipt")]

    [said] = exchanges(events)

    assert (said.request, said.body, said.answer) == (
        "POST https://api/send",
        '{\n  "to": "+1"\n}',
        "HTTP 200\nOK",
    )


def test_an_attempt_without_an_answer_says_why():
    [said] = exchanges([Event(kind="attempt", at=timezone.now(), data={"failure": "timed out"})])

    assert said.answer == "No answer: timed out"
