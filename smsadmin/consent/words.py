"""What a text to one of our numbers says about being texted: an exact word is acted on, what is near one is shown to
a person, and nothing else means anything.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from smsadmin.core import keywords
from smsadmin.core.keywords import LANGUAGES, Words

#: Longer texts than this are looked at for phrases alone.
MOST_WORDS = 6
#: Shorter words have too many others near them.
_SHORTEST = 4
_NO_WORD = re.compile(r"[\W_]+")
_REPEATED = re.compile(r"(.)\1+")


class Kind(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"


class Why(StrEnum):
    """Why somebody should look at a text."""

    DOUBTFUL = "doubtful"  # a word that is an ordinary answer too
    TYPO = "typo"
    PHRASE = "phrase"
    WITHIN = "within"  # a word within a short text


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Which words count in a workspace: those of some languages, the doubtful ones too if `doubtful`, and its own."""

    languages: tuple[str, ...] = LANGUAGES
    doubtful: bool = False
    stop: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    help: tuple[str, ...] = ()


EVERY_LANGUAGE = Vocabulary()


@dataclass(frozen=True, slots=True)
class Match:
    """An exact word. A doubtful one to come back by says so to nobody who is not out."""

    kind: Kind
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Guess:
    """What a text may have meant, and why it is thought so."""

    kind: Kind
    why: Why


def kind_of(text: str, vocabulary: Vocabulary = EVERY_LANGUAGE) -> Kind | None:
    """What the whole text says, in one of the words that count; None for every other text."""
    found = match(text, vocabulary)
    return found.kind if found else None


def match(text: str, vocabulary: Vocabulary = EVERY_LANGUAGE) -> Match | None:
    """The word that the whole text is, whatever its case, accents, quotes, punctuation and emoji."""
    return _matches(vocabulary).get(plain(text))


def near_miss(text: str, vocabulary: Vocabulary = EVERY_LANGUAGE) -> Guess | None:
    """What a text that is no word that counts may have meant. For a person to decide: a program never acts on it."""
    said = plain(text)
    if not said or said in _matches(vocabulary):
        return None
    if doubtful := _doubtful(vocabulary.languages).get(said):
        return Guess(doubtful, Why.DOUBTFUL)
    if kind := _mistyped(said, vocabulary):
        return Guess(kind, Why.TYPO)
    if _phrases(vocabulary.languages).search(said):
        return Guess(Kind.STOP, Why.PHRASE)
    words = said.split()
    if len(words) <= MOST_WORDS and not _NOT_MEANT.search(said) and _telling(vocabulary) & {*words}:
        return Guess(Kind.STOP, Why.WITHIN)
    return None


def plain(text: str) -> str:
    """Small letters and digits alone, without accents and what cannot be seen, one space between words."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    letters = "".join(
        each for each in folded if not (unicodedata.combining(each) or unicodedata.category(each) == "Cf")
    )
    return _NO_WORD.sub(" ", letters).strip()


# --- Made once for each vocabulary -------------------------------------------------------------------

_BY_KIND: Mapping[Kind, Mapping[str, Words]] = {
    Kind.HELP: keywords.HELP,
    Kind.START: keywords.START,
    Kind.STOP: keywords.STOP,  # last: what means several things stops
}
_NOT_MEANT = re.compile(rf"\b({'|'.join(keywords.NOT_MEANT)})\b")


@lru_cache(maxsize=256)
def _matches(vocabulary: Vocabulary) -> dict[str, Match]:
    """Every word that counts. A workspace's own words prevail over ours, sure ones over doubtful ones."""
    found: dict[str, Match] = {}
    if vocabulary.doubtful:
        found |= {
            word: Match(kind, is_doubtful=True) for word, kind in _doubtful(vocabulary.languages).items()
        }
    for kind, languages in _BY_KIND.items():
        found |= {word: Match(kind) for each in _of(languages, vocabulary.languages) for word in each.sure}
    for kind in _BY_KIND:
        found |= {plain(word): Match(kind) for word in getattr(vocabulary, kind) if plain(word)}
    return found


@lru_cache(maxsize=256)
def _doubtful(languages: tuple[str, ...]) -> dict[str, Kind]:
    return {
        word: kind
        for kind, by_language in _BY_KIND.items()
        for each in _of(by_language, languages)
        for word in each.doubtful
    }


@lru_cache(maxsize=256)
def _phrases(languages: tuple[str, ...]) -> re.Pattern[str]:
    found = [phrase for language in languages for phrase in keywords.PHRASES[language]]
    return re.compile(rf"\b({'|'.join(found)})\b" if found else r"(?!)")


@lru_cache(maxsize=256)
def _telling(vocabulary: Vocabulary) -> frozenset[str]:
    ours = [word for language in vocabulary.languages for word in keywords.TELLING[language]]
    return frozenset([*ours, *map(plain, vocabulary.stop)])


def _of(languages: Mapping[str, Words], chosen: Iterable[str]) -> list[Words]:
    return [languages[each] for each in chosen]


# --- Mistyped ----------------------------------------------------------------------------------------


def _mistyped(said: str, vocabulary: Vocabulary) -> Kind | None:
    """The word that it is one slip of the finger from; letters set apart and letters held too long count too."""
    parts = said.split()
    if len(parts) > 1 and any(len(each) > 1 for each in parts):
        return None
    word = "".join(parts)
    if len(word) < _SHORTEST - 1 or word in keywords.OTHER_WORDS:
        return None
    for known, found in _matches(vocabulary).items():
        is_plain = len(known) >= _SHORTEST and not found.is_doubtful and " " not in known
        if is_plain and found.kind != Kind.HELP and (_held(word) == _held(known) or _one_slip(word, known)):
            return found.kind
    return None


def _held(word: str) -> str:
    return _REPEATED.sub(r"\1", word)


def _one_slip(word: str, known: str) -> bool:
    """One letter more, one less, another one, or two that changed places."""
    if len(word) == len(known):
        other = [at for at, (a, b) in enumerate(zip(word, known, strict=True)) if a != b]
        swapped = len(other) == 2 and other[1] == other[0] + 1 and word[other[0]] == known[other[1]]
        return len(other) == 1 or (swapped and word[other[1]] == known[other[0]])
    short, long = sorted((word, known), key=len)
    return len(long) - len(short) == 1 and any(long[:at] + long[at + 1 :] == short for at in range(len(long)))
