"""German: every text of the product is translated, compiled, and complete in its values."""

import gettext
import os
import re
import shutil
import string
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from django.template.base import Lexer, TokenType
from django.utils import translation

from smsadmin import phrases
from smsadmin.core.errors import CATALOGUE, SendError
from smsadmin.providers import http
from smsadmin.sending import explain
from smsadmin.sending.models import Message

ROOT = Path(__file__).parent.parent
PO = ROOT / "locale/de/LC_MESSAGES/django.po"
MO = PO.with_suffix(".mo")
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
#: How the catalogue is renewed; run it with "-l de", then `msgfmt -o django.mo django.po` beside the file.
EXTRACT = ["makemessages", "--no-location", "--no-wrap", "--no-obsolete"]
OUTSIDE = [".venv", "tests", "data", "static", "staticfiles", "docs", "scripts"]
HINT = (
    f"renew it: manage.py {' '.join(EXTRACT)} -l de {' '.join(f'-i {name}' for name in OUTSIDE)}; then msgfmt"
)


@dataclass(frozen=True)
class Entry:
    """One message of a .po file; `texts` are its English forms, `translations` its German ones."""

    key: tuple[str, str]  # context, English
    texts: list[str]
    translations: list[str]


def entries(path: Path) -> list[Entry]:
    """The messages of a .po file, without its header."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    return [_entry(block) for block in blocks[1:] if "msgid" in block]


def _entry(block: str) -> Entry:
    fields: dict[str, str] = {}
    name = ""
    for line in block.splitlines():
        if line.startswith("#"):
            continue
        start, _quote, rest = line.partition('"')
        name = start.strip() or name
        fields[name] = fields.get(name, "") + _unescaped(rest[:-1])
    texts = [text for name, text in fields.items() if name in ("msgid", "msgid_plural")]
    german = [text for name, text in fields.items() if name.startswith("msgstr")]
    return Entry((fields.get("msgctxt", ""), fields["msgid"]), texts, german)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text)


GERMAN = entries(PO)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[a-z]|(?<!\{)\{\w+\}(?!\})|(?<![\${])\{\{.*?\}\}", text))


# The catalogue of texts


@pytest.fixture(scope="session")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the source says now, extracted into a copy of it."""
    if not shutil.which("xgettext"):
        pytest.skip("translations: install gettext (Debian, Ubuntu: apt install gettext)")
    copy = tmp_path_factory.mktemp("source")
    for part in ("smsadmin", "templates"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", copy)
    (copy / "locale").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(copy), "DJANGO_SETTINGS_MODULE": "smsadmin.settings"}
    command = [sys.executable, "manage.py", *EXTRACT, "-l", "de"]
    run = subprocess.run(command, check=False, cwd=copy, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return copy / "locale/de/LC_MESSAGES/django.po"


def test_every_text_of_the_source_is_in_the_catalogue_and_nothing_else(extracted: Path) -> None:
    known, wanted = {entry.key for entry in GERMAN}, {entry.key for entry in entries(extracted)}
    assert sorted(wanted - known) == [], HINT
    assert sorted(known - wanted) == [], HINT


def test_every_text_is_translated_and_none_is_a_guess() -> None:
    assert [entry.key for entry in GERMAN if not all(entry.translations)] == []
    marks = PO.read_text(encoding="utf-8")
    assert "#, fuzzy" not in marks
    assert "#~" not in marks


def test_a_translation_has_the_values_of_its_text() -> None:
    assert [entry.key for entry in GERMAN if not has_its_values(entry)] == []


def has_its_values(entry: Entry) -> bool:
    """Each form those of its own; a singular may also write out what the plural counts."""
    every = set().union(*map(placeholders, entry.texts))
    pairs = zip(entry.texts, entry.translations, strict=False)
    return all(placeholders(german) in (placeholders(english), every) for english, german in pairs)


def test_a_text_with_a_plural_has_both_forms_in_german() -> None:
    assert [entry.key for entry in GERMAN if len(entry.texts) != len(entry.translations)] == []


def test_the_compiled_catalogue_is_what_the_text_file_says() -> None:
    """A fresh machine has no msgfmt, so the compiled file is committed beside its source."""
    with MO.open("rb") as compiled:
        catalogue = gettext.GNUTranslations(compiled)
    assert _size(MO) == len(GERMAN) + 1, "compile it: msgfmt -o django.mo django.po"  # one more: the header
    stale = [entry.key for entry in GERMAN if _compiled(catalogue, entry) != entry.translations]
    assert stale == [], "compile it: msgfmt -o django.mo django.po"


def _size(compiled: Path) -> int:
    """How many messages the file has (GNU gettext manual, "The Format of GNU MO Files")."""
    count: int = struct.unpack("<I", compiled.read_bytes()[8:12])[0]
    return count


def _compiled(catalogue: gettext.GNUTranslations, entry: Entry) -> list[str]:
    context, text = entry.key
    if len(entry.texts) == 1:
        return [catalogue.pgettext(context, text) if context else catalogue.gettext(text)]
    return [catalogue.ngettext(*entry.texts, count) for count in (1, 2)]


# What people read


@pytest.mark.parametrize("error", CATALOGUE.values(), ids=lambda error: error.code)
def test_every_error_says_in_german_what_happened_and_what_to_do(error: type[SendError]) -> None:
    with translation.override("de"):
        for text in (error.text, error.fix):
            german = translation.gettext(text)
            assert german != text
            assert {name for _, name, _, _ in string.Formatter().parse(german)} == {
                name for _, name, _, _ in string.Formatter().parse(text)
            }


def test_a_full_quota_reads_as_a_german_sentence() -> None:
    facts = {"subject": "+12025550101", "used": 200, "limit": 200, "unit": "messages", "window": "minute"}
    message = Message(error_code="NUMBER_QUOTA_EXCEEDED", error_facts=facts)
    with translation.override("de"):
        sentence = explain.sentence(message)
    assert "200 von 200 Nachrichten pro Minute verbraucht" in sentence


@pytest.mark.parametrize(
    ("stored", "german"),
    [
        ("Aircall refused the API key (HTTP 403).", "Aircall hat den API-Schlüssel abgelehnt (HTTP 403)."),
        (
            "Aircall did not answer: no answer within 30 s.",
            "Aircall hat nicht geantwortet: keine Antwort innerhalb von 30 s.",
        ),
        ("{weird} text of somebody else", "{weird} text of somebody else"),
        ("", ""),
    ],
)
def test_a_report_stored_in_english_is_read_in_german(stored: str, german: str) -> None:
    with translation.override("de"):
        assert phrases.translated(stored) == german
    with translation.override("en"):
        assert phrases.translated(stored) == stored


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectTimeout, httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError],
)
def test_every_way_an_exchange_breaks_is_known_in_german(error: type[httpx.HTTPError]) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise error("")

    with httpx.Client(transport=httpx.MockTransport(broken)) as client, pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "client", lambda: client)
        failure = http.call("GET", "https://example.com").exchange.failure
    with translation.override("de"):
        assert phrases.translated(failure) != failure


# No words outside of the catalogue

#: Names and keys, the same in every language.
NAMES = {
    "smsadmin",
    "EN",
    "DE",
    "English (EN)",
    "Deutsch (DE)",
    "admin@example.com",
    "sandbox",
    "Enter",
    "j",
    "k",
    "plain-wide",  # a class
}
#: Attributes that people read or hear.
WORDS = {"alt", "aria-label", "placeholder", "title", "data-copied"}


class Words(HTMLParser):
    """Collects what a template shows as it stands: text, and the attributes that people read or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.silent = 0
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.silent += tag in ("script", "style")
        self.found += [value for name, value in attributes if name in WORDS and value]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)


def written_out(source: str) -> Iterator[str]:
    """Words of a template that no translation tag holds."""
    parser = Words()
    parser.feed(_without_tags(source))
    for text in parser.found:
        words = text.strip(" \n·:–/?+,.")
        if re.search(r"[^\W\d_]", words) and words not in NAMES:
            yield words


def _without_tags(source: str) -> str:
    """The template's own markup: what tags and variables stand for is left out, and so is translated text."""
    kept, within = [], False
    for token in Lexer(source).tokenize():
        word = token.contents.split()[0] if token.contents.split() else ""
        if token.token_type == TokenType.BLOCK and word in ("blocktranslate", "comment"):
            within = True
        elif token.token_type == TokenType.BLOCK and word in ("endblocktranslate", "endcomment"):
            within = False
        elif token.token_type == TokenType.TEXT and not within:
            kept.append(token.contents)
    return "".join(kept)


def test_a_template_writes_no_words_out() -> None:
    found = {path.name: list(written_out(path.read_text(encoding="utf-8"))) for path in TEMPLATES}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<p>{% translate 'Hello' %}</p>", []),
        ("<p>{% blocktranslate %}Hello {{ name }}{% endblocktranslate %} · smsadmin</p>", []),
        ("<p>Hello {{ name }}</p>", ["Hello"]),
        ("<a title='Hello' href='/there/'>{{ name }}</a>", ["Hello"]),
    ],
)
def test_the_scan_tells_written_out_words_from_translated_ones(source: str, words: list[str]) -> None:
    assert list(written_out(source)) == words
