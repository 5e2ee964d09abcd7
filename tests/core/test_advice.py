"""Advice on a text: what it notices, what it leaves alone, and what it says."""

import string

import pytest

from smsadmin.core import tokens
from smsadmin.core.advice import SENTENCES, Advice, Range, Size, Text, advise, range_of
from smsadmin.core.segments import measure

SHORT = Size(characters=5, segments=1)
OURS, FRENCH = "+12025550123", "+33612345678"


def codes(body: str = "Hello", size: Size = SHORT, **over) -> list[str]:
    return [each.code for each in advise(Text(body, size, **over))]


def test_a_plain_text_needs_no_advice():
    assert codes() == []


# The business name


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Example", "Hi Ada, Example here."),
        ("Example", "EXAMPLE: your order"),
        ("Example GmbH", "Your example team"),
        ("Example GmbH & Co. KG", "Example."),
        ("Example, Inc.", "Example's offer"),
        ("SAS Example", "Example"),
        ("Example S.A.S.", "Example"),
        ("Example A/S", "Example"),
        ("M\u00fcller & S\u00f6hne Ltd.", "Hier ist M\u00fcller & S\u00f6hne"),
        ("Caf\u00e9 Example", "cafe example"),
        ("Caf\u00e9 Example", "Cafe\u0301  Example"),
        ("Blue-Sky", "blue sky says hi"),
        ("example.com", "See https://example.com/a"),
        ("SAS", "SAS: your flight"),
        ("\u793a\u4f8b\u516c\u53f8", "\u60a8\u597d\uff0c\u793a\u4f8b\u516c\u53f8\u63d0\u9192\u60a8"),
    ],
)
def test_a_text_that_names_the_business_is_left_alone(name, body):
    assert codes(body, business_name=name) == []


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Example GmbH", "Your appointment is at 9"),
        ("Example GmbH", "GmbH"),
        ("ING", "Your booking is confirmed"),
        ("Blue Sky", "The sky is blue"),
        ("SAS", "Your flight"),
        ("Ada & Co", ""),
    ],
)
def test_a_text_that_does_not_name_the_business_is_noticed(name, body):
    assert advise(Text(body, SHORT, business_name=name)) == [Advice("no_business_name", {"name": name})]


@pytest.mark.parametrize("name", ["", " ", "!"])
def test_without_a_name_there_is_none_to_miss(name):
    assert codes(business_name=name) == []


# French numbers


@pytest.mark.parametrize("sender", [FRENCH, "+33712345678"])
def test_a_french_mobile_number_is_warned_of(sender):
    assert advise(Text("Hello", SHORT, sender=sender)) == [
        Advice("french_mobile", {"sender": sender, "hour": 100, "day": 1_000, "month": 10_000})
    ]


@pytest.mark.parametrize("sender", ["", OURS, "+33142345678", "+3361", "+336123456789"])
def test_other_numbers_are_not(sender):
    assert codes(sender=sender) == []


def test_a_french_number_takes_670_characters():
    assert codes(sender=FRENCH, size=Size(670, 5)) == ["french_mobile"]
    assert codes(sender=FRENCH, size=Size(671, 5)) == ["french_mobile", "french_length"]
    assert codes(sender=OURS, size=Size(671, 5)) == []


# Marketing


@pytest.mark.parametrize(
    "body",
    [
        "Sale! Reply STOP to opt out",
        "Sale! STOP=end",
        "Sale! STOP ALL",
        "Sale! Text “stop” to end",
        "Sale! Text 'Stop' to end",
        "Sale! Unsubscribe: https://example.com/u",
        "Sale! https://example.com/unsubscribe",
        "Sale! To opt-out, answer",
        "Angebot! Abmelden: https://example.com/ab",
        "Angebot! Antworten Sie mit „Stopp“",
        "Angebot! Abbestellen mit STOPP",
        "Promo ! STOP au 36180",
        "Promo ! STOP36180",
        "Promo ! Envoyez ARR\u00caT",
        "Promo ! Pour vous d\u00e9sinscrire",
        "Promo ! R\u00e9pondez «\u00a0stop\u00a0»",
        "\u00a1Oferta! Responde BAJA",
        "\u00a1Oferta! Para darte de baja",
        "Offerta! Per disiscriverti",
        "Offerta! Rispondi ANNULLA",
        "Actie! Afmelden: https://example.com",
        "Actie! Uitschrijven kan hier",
        "Oferta! Responda SAIR",
        "Oferta! Para cancelar a inscri\u00e7\u00e3o",
    ],
)
def test_marketing_that_says_how_to_opt_out_is_left_alone(body):
    assert codes(body, traffic="marketing") == []


@pytest.mark.parametrize(
    "body",
    [
        "Sale!",
        "Stop by our shop",
        "The weekend sale, until the end",
        "Nonstop fun",
        "NONSTOP FUN",
        "STOPOVER DEALS",
        "Precios a la baja",
        "Das Ende der Preise",
    ],
)
def test_marketing_that_does_not_is_noticed(body):
    assert codes(body, traffic="marketing") == ["no_opt_out"]


def test_other_texts_need_no_way_to_opt_out():
    assert codes("Your code is 1", traffic="alerting") == []


# Segments


@pytest.mark.parametrize(("text", "expected"), [("a" * 1_530, []), ("a" * 1_531, ["too_many_segments"])])
def test_aircall_takes_ten_segments(text, expected):
    assert codes(text, range_of([measure(text)]).longest) == expected


def test_the_longest_text_allowed_is_one_segment_too_long():
    longest = range_of([measure("a" * 1_600)]).longest
    assert advise(Text("a", longest)) == [Advice("too_many_segments", {"segments": 11, "limit": 10})]


# Tokens


def rendered(template: str, **values: str | None) -> tokens.Rendered:
    return tokens.render(template, lambda _record, name: values[name])


def test_a_token_that_is_empty_for_some_records_is_counted():
    template = "{{a}} {{b}} {{a}} {{c}}"
    samples = [rendered(template, a=a, b=b, c="c") for a, b in [("", "b"), (None, ""), ("a", "b")]]
    assert advise(Text("", SHORT, samples=samples)) == [
        Advice("token_empty", {"token": "{{a}}", "count": 2, "of": 3}),
        Advice("token_empty", {"token": "{{b}}", "count": 1, "of": 3}),
    ]


def test_a_token_with_a_fallback_is_never_empty():
    assert codes(samples=[rendered('{{a | default("")}}', a=None)]) == []


# The range


def test_the_range_has_the_median_and_the_most_of_each_figure():
    measures = [measure(text) for text in ("a" * 10, "a" * 150, "\u0436" * 80, "a" * 20, "a" * 12)]
    assert range_of(measures) == Range(typical=Size(20, 1), longest=Size(150, 2))


def test_the_typical_size_is_one_that_was_seen():
    assert range_of([measure("a"), measure("aaaa")]).typical == Size(1, 1)


def test_a_range_needs_a_text():
    with pytest.raises(ValueError, match="no median"):
        range_of([])


# What is said

EVERYTHING = Text(
    "Sale",
    Size(1_600, 11),
    sender=FRENCH,
    business_name="Example",
    traffic="marketing",
    samples=[rendered("{{a}}", a="")],
)


def test_every_sentence_is_some_advice_and_finds_its_values():
    given = {each.code: each.facts for each in advise(EVERYTHING)}
    assert set(given) == set(SENTENCES)
    for code, text in SENTENCES.items():
        assert {name for _, name, _, _ in string.Formatter().parse(text) if name} == set(given[code])
