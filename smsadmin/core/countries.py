"""What countries are called, by their ISO 3166 codes, in the reader's language."""

import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import phonenumbers

#: Regions of the numbering plan that the names below lack.
_MISSING = {"AC": "Ascension Island", "TA": "Tristan da Cunha", "XK": "Kosovo"}


def name(code: str, language: str) -> str:
    """The country's name; in English where the language is not known, and anything but a code as it came."""
    names = _names().get(code, {})
    found = names.get(language.partition("-")[0]) or names.get("en", "")
    if found.startswith("*"):  # the same as in that language
        found = names[found[1:]]
    return found or _MISSING.get(code, code)


@cache
def choices(language: str) -> list[tuple[str, str]]:
    """Every country that has a telephone numbering plan, with its name and code, by name."""
    named = sorted((name(code, language), code) for code in phonenumbers.SUPPORTED_REGIONS)
    return [(code, f"{words} ({code})") for words, code in named]


@cache
def _names() -> Mapping[str, Mapping[str, str]]:
    """phonenumbers' own table. It is read from its file, as to import it in the usual way takes every place of the
    world along, and 100 MB."""
    file = Path(phonenumbers.__file__).parent / "geodata" / "locale.py"
    spec = importlib.util.spec_from_file_location("phonenumbers.geodata.locale", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Mapping[str, Mapping[str, str]] = module.LOCALE_DATA
    return found
