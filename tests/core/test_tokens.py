import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsadmin.core.tokens import (
    ENROLLED,
    TemplateError,
    key,
    parse,
    render,
    token,
    tokens,
    with_fallback,
    with_texts,
)

ADA = {
    ("contact", "firstname"): "Ada",
    ("enrolledobject", "firstname"): "Ada",
    ("contact", "city"): None,
    ("contact", "company"): " \n\u00a0",
    ("contact", "nickname"): "{{Contact.City}}",
}


def of_ada(record: str, name: str) -> str | None:
    return ADA[key(record), key(name)]


@pytest.mark.parametrize(
    ("template", "record", "name", "fallback"),
    [
        ("{{Contact.FirstName}}", "Contact", "FirstName", None),
        ("{{ Contact . FirstName }}", "Contact", "FirstName", None),
        ("{{\u00a0Contact.FirstName\n}}", "Contact", "FirstName", None),
        ("{{ enrolled_object.firstname }}", ENROLLED, "firstname", None),
        ("{{firstname}}", ENROLLED, "firstname", None),
        ("{{Contact.First Name}}", "Contact", "First Name", None),
        ("{{Contact.E-Mail}}", "Contact", "E-Mail", None),
        ("{{Contact.Straße}}", "Contact", "Straße", None),
        ("{{action_outputs.action_output_1.field}}", "action_outputs", "action_output_1.field", None),
        ('{{Contact.FirstName | default("there")}}', "Contact", "FirstName", "there"),
        ("{{Contact.FirstName|default('there')}}", "Contact", "FirstName", "there"),
        ('{{ firstname | default ( "there" ) }}', ENROLLED, "firstname", "there"),
        ('{{Contact.FirstName | default("")}}', "Contact", "FirstName", ""),
        (r'{{a.b | default("say \"hi\" \\ now")}}', "a", "b", r'say "hi" \ now'),
        (r"{{a.b | default('it\'s')}}", "a", "b", "it's"),
        ('{{a.b | default("it\'s }} | {{")}}', "a", "b", "it's }} | {{"),
    ],
)
def test_token_spellings(template, record, name, fallback):
    (token,) = tokens(template)

    assert (token.object, token.property, token.fallback) == (record, name, fallback)
    assert (token.raw, token.start) == (template, 0)


def test_a_template_is_its_pieces_in_order():
    before, first, between, second = parse("Hi {{a.b}} and {{c}}")

    assert (before, between) == ("Hi ", " and ")
    assert (first.raw, first.start, second.raw, second.start) == ("{{a.b}}", 3, "{{c}}", 15)


@pytest.mark.parametrize("text", ["", "no token", "{one} brace", "loose }} and }", "{", "}}"])
def test_text_without_two_opening_braces_stays_as_it_is(text):
    assert render(text, of_ada).text == text


@pytest.mark.parametrize(
    ("template", "problem", "piece", "position"),
    [
        ("Hi {{Contact.FirstName", "unclosed", "{{Contact.FirstName", 3),
        ("Hi {{Contact.FirstName}\nBye", "unclosed", "{{Contact.FirstName}", 3),
        ("{{a {{b}}", "unclosed", "{{a {{b}}", 0),
        ("{{", "unclosed", "{{", 0),
        ("{{}}", "empty", "{{}}", 0),
        ("ok {{a.b}} {{  }}", "empty", "{{  }}", 11),
        ('{{ | default("x")}}', "empty", '{{ | default("x")}}', 0),
        ("{{Contact.}}", "name", "{{Contact.}}", 0),
        ("{{.FirstName}}", "name", "{{.FirstName}}", 0),
        ("{{{Contact.FirstName}}}", "name", "{{{Contact.FirstName}}", 0),
        ("{{Contact.FirstName!}}", "name", "{{Contact.FirstName!}}", 0),
        ("{{a.b | upper}}", "filter", "{{a.b | upper}}", 0),
        ('{{a.b | defaults("x")}}', "filter", '{{a.b | defaults("x")}}', 0),
        ("{{a.b | }}", "filter", "{{a.b | }}", 0),
        ("{{a.b | default}}", "fallback", "{{a.b | default}}", 0),
        ("{{a.b | default(there)}}", "fallback", "{{a.b | default(there)}}", 0),
        ("{{a.b | default(“there”)}}", "fallback", "{{a.b | default(“there”)}}", 0),
        (r'{{a.b | default("a\nb")}}', "fallback", r'{{a.b | default("a\nb")}}', 0),
    ],
)
def test_malformed_template_names_the_piece_its_place_and_the_fix(template, problem, piece, position):
    with pytest.raises(TemplateError) as refused:
        parse(template)

    error = refused.value
    assert (error.problem, error.piece, error.position) == (problem, piece, position)
    assert f"“{piece}” at character {position + 1} " in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_fix_shows_a_token_that_can_be_copied():
    with pytest.raises(TemplateError, match=r'as in \{\{Contact.FirstName \| default\("there"\)\}\}\.'):
        parse("{{a | upper}}")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hi {{Contact.FirstName}}!", "Hi Ada!"),
        ("Hi {{CONTACT.first_name}}!", "Hi Ada!"),
        ("Hi {{ enrolled_object.firstname }}!", "Hi Ada!"),
        ("Hi {{First Name}}!", "Hi Ada!"),
        ('Hi {{Contact.FirstName | default("there")}}!', "Hi Ada!"),
        ('Hi {{Contact.City | default("there")}}!', "Hi there!"),
        ('Hi{{Contact.City | default("")}}!', "Hi!"),
    ],
)
def test_render_inserts_the_value_or_else_the_fallback(template, text):
    rendered = render(template, of_ada)

    assert rendered.text == text
    assert (rendered.missing, rendered.unknown) == ((), ())


def test_white_space_alone_is_no_value():
    rendered = render('{{Contact.Company}}{{Contact.Company | default("you")}}', of_ada)

    assert rendered.text == "you"
    assert [token.raw for token in rendered.missing] == ["{{Contact.Company}}"]
    assert [(used.value, used.fell_back) for used in rendered.used] == [("you", True)]


def test_a_value_that_looks_like_a_token_is_not_rendered_again():
    rendered = render("{{Contact.Nickname}}", of_ada)

    assert rendered.text == "{{Contact.City}}"
    assert (rendered.missing, rendered.unknown) == ((), ())


def test_missing_and_unknown_tokens_are_told_apart():
    rendered = render("{{Contact.FirstName}} {{Contact.City}} {{Contact.Citi}} {{Deal.Name}}", of_ada)

    assert [used.token.property for used in rendered.used] == ["FirstName"]
    assert [token.property for token in rendered.missing] == ["City"]
    assert [token.raw for token in rendered.unknown] == ["{{Contact.Citi}}", "{{Deal.Name}}"]


def test_a_fallback_does_not_hide_a_property_that_does_not_exist():
    rendered = render('{{Contact.Citi | default("there")}}', of_ada)

    assert [token.property for token in rendered.unknown] == ["Citi"]
    assert rendered.text == ""


@pytest.mark.parametrize("name", ["FirstName", "firstname", "first_name", "First Name", " FIRST\u00a0name "])
def test_names_are_compared_without_case_underscores_and_spaces(name):
    assert key(name) == "firstname"


PIECES = st.sampled_from(
    [
        "{{a.b}}",
        "{{ c }}",
        '{{a.b | default("x")}}',
        "{{",
        "}}",
        "{",
        "}",
        "|",
        '"',
        "\\",
        "a.b",
        " ",
        "default(",
    ]
)
TEMPLATES = st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join)


@given(TEMPLATES)
def test_any_template_is_either_parsed_without_loss_or_refused(template):
    try:
        parts = parse(template)
    except TemplateError:
        return
    assert "".join(part if isinstance(part, str) else part.raw for part in parts) == template
    assert not any("{{" in part for part in parts if isinstance(part, str))


@given(st.lists(st.sampled_from(["{{a.b}}", "{{ c }}", '{{a.b | default("x")}}', " ", "text"])).map("".join))
def test_render_never_leaves_a_token(template):
    for value in ("value", None):
        assert "{{" not in render(template, lambda record, name, value=value: value).text


# Writing templates


@pytest.mark.parametrize(
    ("record", "name", "fallback", "spelt"),
    [
        ("Contact", "FirstName", None, "{{Contact.FirstName}}"),
        ("Contact", "FirstName", "there", '{{Contact.FirstName | default("there")}}'),
        ("Contact", "FirstName", "", '{{Contact.FirstName | default("")}}'),
        ("Contact", "FirstName", 'say "hi" \\', r'{{Contact.FirstName | default("say \"hi\" \\")}}'),
        (ENROLLED, "hs_object_id", None, "{{enrolled_object.hs_object_id}}"),
        ("action_outputs", "action_output_1.field", None, "{{action_outputs.action_output_1.field}}"),
    ],
)
def test_a_token_is_spelt_so_that_it_is_read_as_the_same(record, name, fallback, spelt):
    assert token(record, name, fallback) == spelt
    (read,) = tokens(spelt)
    assert (read.object, read.property, read.fallback) == (record, name, fallback)


@pytest.mark.parametrize(
    ("record", "name"), [("", "a"), ("a", ""), ("a.b", "c"), ("a", "b}} {{c"), ("a", "b | c"), (" a", "b")]
)
def test_a_name_that_no_token_can_spell_is_refused(record, name):
    with pytest.raises(TemplateError):
        token(record, name)


@pytest.mark.parametrize(
    ("template", "index", "fallback", "changed"),
    [
        ("Hi {{a.b}}!", 0, "you", 'Hi {{a.b | default("you")}}!'),
        ("Hi {{ a . b }}!", 0, "you", 'Hi {{ a . b | default("you") }}!'),
        ("Hi {{a.b|default('x') }}!", 0, "you", 'Hi {{a.b | default("you") }}!'),
        ("Hi {{a.b | default('x')}}!", 0, None, "Hi {{a.b}}!"),
        ("Hi {{ a.b | default('x') }}!", 0, None, "Hi {{ a.b }}!"),
        ("Hi {{a.b}}!", 0, None, "Hi {{a.b}}!"),
        ("Hi {{a.b}}!", 0, "", 'Hi {{a.b | default("")}}!'),
        ("{{a}}{{a}} {{ a }}", 1, "}} {{", '{{a}}{{a | default("}} {{")}} {{ a }}'),
        ("{{a}} {{b | default('x')}}", 0, "y", "{{a | default(\"y\")}} {{b | default('x')}}"),
    ],
)
def test_a_fallback_is_set_and_all_else_stays_as_it_is(template, index, fallback, changed):
    assert with_fallback(template, index, fallback) == changed


def test_a_fallback_needs_its_token():
    with pytest.raises(IndexError):
        with_fallback("Hi {{a.b}}", 1, "you")
    with pytest.raises(TemplateError):
        with_fallback("Hi {{a.b", 0, "you")


FALLBACKS = st.none() | st.text() | st.text(st.sampled_from("\"'\\{}|()\n a"))
TOKENS = st.sampled_from(
    ["{{a.b}}", "{{ c }}", "{{a.b|default('x') }}", '{{a.b | default("\\"}}") }}', "{{a-1 . b}}"]
)
READABLE = st.lists(TOKENS | st.sampled_from(["Hi ", "{", " }}", "\n"]), min_size=1, max_size=8).map("".join)


@given(READABLE, FALLBACKS, st.data())
def test_any_fallback_is_read_back_and_every_other_piece_stays_byte_for_byte(template, fallback, data):
    try:
        parts = parse(template)
    except TemplateError:  # a loose brace before a token
        return
    places = [place for place, part in enumerate(parts) if not isinstance(part, str)]
    if not places:
        return
    index = data.draw(st.integers(0, len(places) - 1))

    changed = parse(with_fallback(template, index, fallback))

    place = places[index]
    assert changed[place].fallback == fallback
    assert (changed[place].object, changed[place].property) == (parts[place].object, parts[place].property)
    assert raws(changed[:place]) == raws(parts[:place])
    assert raws(changed[place + 1 :]) == raws(parts[place + 1 :])


def raws(parts):
    return [part if isinstance(part, str) else part.raw for part in parts]


def test_texts_are_changed_and_names_are_not():
    template = "s {{s.s}} {{ s|default('t') }} {{s | default('s\\'s') }}"
    assert with_texts(template, lambda text: text.replace("s", '"')) == (
        '" {{s.s}} {{ s|default(\'t\') }} {{s | default("\\"\'\\"") }}'
    )


@given(READABLE)
def test_a_template_whose_texts_do_not_change_stays_byte_for_byte(template):
    try:
        parse(template)
    except TemplateError:
        return
    assert with_texts(template, str) == template
