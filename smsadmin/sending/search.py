"""The search box of the log: `555-0123 status:failed from:"Sales US" after:2h`, read and written again.

A filter is what stands in the log's address: {"q": "555-0123", "status": "failed", "number": "12", "since": "2h"}.
Nothing here asks a database or a clock: what the words refer to comes in as `Around`, and "2h" stays "2h".
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from typing import Literal

from smsadmin.core import errors, numbers

#: Each value of a filter and how it is written in the box: in English, in German, and what else is understood.
Values = Mapping[str, Sequence[str]]

STATUSES: Values = {
    "received": ("received", "eingegangen"),
    "rejected": ("rejected", "abgelehnt"),
    "held": ("held", "zurückgehalten"),
    "queued": ("queued", "eingereiht"),
    "sending": ("sending", "sendend", "wird gesendet"),
    "sent": ("sent", "gesendet"),
    "delivered": ("delivered", "zugestellt"),
    "undelivered": ("undelivered", "unzugestellt", "nicht zugestellt"),
    "failed": ("failed", "fehlgeschlagen"),
    "unknown": ("unknown", "unbekannt"),
    "expired": ("expired", "abgelaufen"),
    "cancelled": ("cancelled", "abgebrochen", "canceled"),
    "waiting": ("waiting", "wartend"),
    "left": ("left", "draußen"),
    "trouble": ("trouble", "problem", "probleme"),
}
KINDS: Values = {"test": ("test", "test", "tests"), "no-tests": ("real", "echt", "no-tests")}
TRIGGERS: Values = {
    "hubspot": ("hubspot", "hubspot"),
    "hubspot-classic": ("classic", "klassisch", "hubspot-classic"),
    "callflow": ("flow", "ablauf", "callflow"),
    "agent": ("agent", "agent"),
    "api": ("program", "programm"),
    "resend": ("resend", "erneut", "again"),
    "inbox": ("inbox", "posteingang"),
    "messaging-api": ("api", "api", "messaging-api"),
    "test": ("test", "test"),
    "verification": ("code", "code", "verification"),
    "opt-out": ("opt-out", "abmeldung", "stop"),
}
#: Several error codes under one word: either of a user's quotas was used up.
USER_NO_ROOM = "USER_NO_ROOM"
CODES = {USER_NO_ROOM: frozenset({errors.UserQuotaExceeded.code, errors.UserOutOfSegments.code})}
TOLD: Values = {
    "untold": ("untold", "ungemeldet"),
    "unlogged": ("unlogged", "unprotokolliert"),
    "owed": ("owed", "ausstehend"),
}
GIVEN_BACK: Values = {"only": ("only", "nur")}
DAYS: Values = {"today": ("today", "heute"), "yesterday": ("yesterday", "gestern")}
UNITS: Values = {
    "min": ("min", "min", "m", "minute", "minutes", "minuten"),
    "h": ("h", "h", "hour", "hours", "std", "stunde", "stunden"),
    "d": ("d", "d", "day", "days", "t", "tag", "tage"),
    "w": ("w", "w", "week", "weeks", "woche", "wochen"),
}
SPANS = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}

#: What goes on after a space without quotes: the rest of a phone number, the hour after a date.
_MORE_DIGITS = re.compile(r"[\d()./-]+")
_MORE_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


@dataclass(frozen=True, slots=True)
class Word:
    """What stands before a colon: the filter it sets, and an example for those that people type."""

    filter: str
    keys: Sequence[str]
    examples: Sequence[str] = ()
    values: Values = field(default_factory=dict)
    more: re.Pattern[str] | None = None


WORDS = (
    Word("status", ("status", "status"), ("failed", "fehlgeschlagen"), STATUSES),
    Word("error", ("code", "code", "error", "fehler"), ("rate_limited", "rate_limited")),
    Word("number", ("from", "von"), ('"Sales US"', '"Sales US"'), more=_MORE_DIGITS),
    Word("recipient", ("to", "an"), ("+12025550123", "+4930123456"), more=_MORE_DIGITS),
    Word("agent", ("as", "als"), ("mia@example.com", "mia@example.com")),
    Word("action", ("action", "aktion"), ("Welcome", "Willkommen")),
    Word("trigger", ("is", "ist"), ("test", "test"), KINDS),
    Word("trigger", ("trigger", "auslöser"), ("hubspot", "hubspot"), TRIGGERS),
    Word("cause", ("cause", "ursache")),
    Word("record", ("record", "datensatz"), ("501", "501")),
    Word("workflow", ("workflow", "workflow"), ("17", "17")),
    Word("told", ("told", "gemeldet"), ("untold", "ungemeldet"), TOLD),
    Word("since", ("after", "nach", "since", "seit"), ("2h", "2h"), DAYS, _MORE_TIME),
    Word("until", ("before", "vor", "until", "bis"), ("today", "heute"), DAYS, _MORE_TIME),
    Word("counted_from", ("countedafter", "gezähltnach"), values=DAYS, more=_MORE_TIME),
    Word("counted_until", ("countedbefore", "gezähltvor"), values=DAYS, more=_MORE_TIME),
    Word("given_back", ("givenback", "zurückgegeben"), values=GIVEN_BACK),
)
#: The filters that are moments.
TIMES = ("since", "until", "counted_from", "counted_until")
#: Colons that belong to the text: a copied phone link, a copied address of a page.
_NO_KEYS = frozenset({"tel", "http", "https"})

Problem = Literal["key", "value", "several", "twice"]


@dataclass(frozen=True, slots=True)
class Complaint:
    """A word that was not understood, and what it may have meant."""

    problem: Problem
    key: str
    value: str
    nearest: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What a text asks for, as far as it was understood."""

    filters: dict[str, str]
    complaints: Sequence[Complaint] = ()


@dataclass(frozen=True, slots=True)
class Around:
    """What words refer to: the reader's zone and language, the countries whose numbers are written without a code,
    and for the filters `number`, `agent` and `action` each id with its names, the nicest first."""

    zone: tzinfo = UTC
    german: bool = False
    countries: Callable[[], Iterable[str]] = tuple
    names: Callable[[str], Values] = lambda name: {}

    def spelt(self, spellings: Sequence[str]) -> str:
        return spellings[self.german]


class Unreadable(ValueError):
    """A value that stands for nothing, or (`several`) for more than one thing."""

    def __init__(self, nearest: Iterable[str] = (), problem: Problem = "value") -> None:
        super().__init__(problem)
        self.nearest, self.problem = tuple(nearest), problem


# --- Reading ------------------------------------------------------------------------------------------


def parse(text: str, around: Around) -> Read:
    """The filters a text of the box sets, and what in it was not understood."""
    pairs, free = _lexed(text.replace("\0", ""))  # which no database takes
    filters: dict[str, str] = {}
    complaints = []
    for key, value in pairs:
        word = _word(key)
        try:
            if word is None:
                raise Unreadable(_close(key, _keys(around)), "key")
            read = read_value(word, value, around)
            if filters.setdefault(word.filter, read) != read:
                raise Unreadable(problem="twice")
        except Unreadable as problem:
            complaints.append(Complaint(problem.problem, key, value, problem.nearest))
    if free:
        filters["q"] = written(free)
    return Read(filters, complaints)


def canonical(filters: Mapping[str, str], around: Around) -> dict[str, str]:
    """The same filters as everybody's address spells them; what cannot be read stays as it is."""
    readers: dict[str, Callable[[str], str]] = {
        **dict.fromkeys(TIMES, lambda value: read_time(value, around.zone)),
        "recipient": lambda value: _recipient(value, around),
    }
    found = {}
    for name, value in filters.items():
        try:
            found[name] = (
                readers[name](value) if name in readers else " ".join(value.replace("\0", "").split())
            )
        except Unreadable:
            found[name] = value
    return {name: value for name, value in found.items() if value}


def read_value(word: Word, value: str, around: Around) -> str:
    """What the address says for a word's value; raises Unreadable."""
    value = " ".join(value.split())
    if not value:
        raise Unreadable()
    if word.filter in TIMES:
        return read_time(value, around.zone)
    if word.values:
        return _chosen(value, word.values, around)
    if word.filter == "error":
        return _code(value)
    if word.filter == "recipient":
        return _recipient(value, around)
    if word.filter in ("number", "agent", "action"):
        return _named(value, around.names(word.filter), around)
    return value


def read_time(text: str, zone: tzinfo) -> str:
    """A time as addresses carry it: "2h" ago, "today", or the moment in UTC. Raises Unreadable."""
    folded = fold(text)
    for day, spellings in DAYS.items():
        if folded in spellings:
            return day
    if ago := re.fullmatch(r"(\d{1,4}) ?([a-z]+)", folded):
        for unit, spellings in UNITS.items():
            if ago[2] in spellings:
                return f"{int(ago[1])}{unit}"
    return _moment(text, zone).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_relative(time: str) -> bool:
    """Whether a time of an address moves with the clock."""
    return not time.endswith("Z")


def moment(time: str, now: datetime) -> datetime:
    """The moment a time of an address means, for somebody whose clock shows `now`."""
    if time in DAYS:
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight if time == "today" else midnight - timedelta(days=1)
    if ago := re.fullmatch(r"(\d+)([a-z]+)", time):
        return now - int(ago[1]) * SPANS[ago[2]]
    return datetime.fromisoformat(time)


def candidates(text: str, countries: Callable[[], Iterable[str]]) -> list[str]:
    """The E.164 numbers a spelling may stand for: as it is written, else as each of these countries writes it."""
    try:
        return [numbers.read(text).e164]
    except numbers.NumberError as error:
        if error.reason != "no_country_code":
            return []
    found = {f"+{''.join(filter(str.isdigit, text))}"}
    for country in countries():
        try:
            found.add(numbers.read(text, country).e164)
        except numbers.NumberError:
            continue
    return sorted(each for each in found if numbers.E164.fullmatch(each))


def fold(text: str) -> str:
    """A spelling without what people leave out: case, umlauts, repeated spaces."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    for umlaut, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue")):
        folded = folded.replace(umlaut, letters)
    return folded


def plain(q: str) -> str:
    """The words to look for, without the quotes they needed to be no key."""
    return _lexed(q)[1]


_PIECE = re.compile(r'\s*(?:([^\W\d_]+):)?(?:"((?:[^"\\]|\\.)*)"|(\S*))')


def _lexed(text: str) -> tuple[list[tuple[str, str]], str]:
    """The (key, value) pairs of a text, and the rest of it."""
    pieces = [_piece(each) for each in _PIECE.finditer(text) if each[0].strip()]
    pairs: list[tuple[str, str]] = []
    free = []
    while pieces:
        key, value, is_quoted = pieces.pop(0)
        if not key:
            free.append(value)
            continue
        if not value and not is_quoted and pieces and not pieces[0][0]:
            value = pieces.pop(0)[1]  # "status: failed"
        word = _word(key)
        while word and word.more and not is_quoted and pieces and _goes_on(word.more, pieces[0]):
            value += " " + pieces.pop(0)[1]
        pairs.append((key, value))
    return pairs, " ".join(" ".join(free).split())


def _goes_on(more: re.Pattern[str], piece: tuple[str, str, bool]) -> bool:
    key, value, is_quoted = piece
    return not key and not is_quoted and more.fullmatch(value) is not None


def _piece(found: re.Match[str]) -> tuple[str, str, bool]:
    """Key, value, and whether the value stood in quotes."""
    key, quoted, bare = found[1] or "", found[2], found[3] or ""
    if fold(key) in _NO_KEYS:
        return "", f"{key}:{bare if quoted is None else quoted}", False
    if quoted is not None:
        return key, re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL), True
    return key, bare, False


def _word(key: str) -> Word | None:
    folded = fold(key)
    return next((word for word in WORDS if folded in map(fold, word.keys)), None)


def _keys(around: Around) -> list[str]:
    return [around.spelt(word.keys) for word in WORDS]


def _chosen(value: str, values: Values, around: Around) -> str:
    folded = fold(value)
    for each, spellings in values.items():
        if folded in map(fold, (each, *spellings)):
            return each
    raise Unreadable(_close(value, [around.spelt(spellings) for spellings in values.values()]))


def _code(value: str) -> str:
    code = value.upper()
    if code in errors.CATALOGUE or code in CODES:
        return code
    raise Unreadable(_close(code, errors.CATALOGUE))


def _recipient(value: str, around: Around) -> str:
    found = candidates(value, around.countries)
    if not found:
        raise Unreadable()
    return found[0] if len(found) == 1 else " ".join(value.split())


def _named(value: str, names: Values, around: Around) -> str:
    """The id with this name or number; a part of a name will do where only one has it."""
    if by_id := re.fullmatch(r"#(\d+)", value):
        if by_id[1] in names:
            return by_id[1]
        raise Unreadable()
    found = _ids(value, names, around)
    if len(found) == 1:
        return found[0]
    if found:
        raise Unreadable([names[each][0] for each in found[:3]], "several")
    called = [each for spellings in names.values() for each in spellings if not numbers.E164.fullmatch(each)]
    raise Unreadable(_close(value, called))


def _ids(value: str, names: Values, around: Around) -> list[str]:
    folded = fold(value)
    if exact := [pk for pk, spelt in names.items() if folded in map(fold, spelt)]:
        return exact
    if dialled := set(candidates(value, around.countries)):
        return [pk for pk, spelt in names.items() if dialled & set(spelt)]
    return [pk for pk, spelt in names.items() if any(folded in fold(each) for each in spelt)]


def _close(value: str, among: Iterable[str]) -> list[str]:
    """What somebody who typed `value` probably meant."""
    folded = {fold(each): each for each in among}
    return [folded[each] for each in get_close_matches(fold(value), folded, n=1, cutoff=0.6)]


_MOMENT = re.compile(
    r"(?:(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})|(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4}))"
    r"(?:[T ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?P<zone>Z|[+-]\d{2}:\d{2})?)?",
    re.IGNORECASE,
)
_FIRST, _LAST = datetime(1969, 12, 31, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)


def _moment(text: str, zone: tzinfo) -> datetime:
    """A date, with or without a time, in the reader's zone unless it names its own; in UTC."""
    found = _MOMENT.fullmatch(text.strip())
    if not found:
        raise Unreadable()
    year, month, day = (int(found[a] or found[b]) for a, b in (("y", "year"), ("m", "month"), ("d", "day")))
    clock = f"{found['time'] or '00:00'}{(found['zone'] or '').upper()}"
    try:
        read = datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{clock}")
        at = (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable() from None
    if not _FIRST <= at < _LAST:
        raise Unreadable()
    return at


# --- Writing ------------------------------------------------------------------------------------------


def render(filters: Mapping[str, str], around: Around) -> str:
    """The filters as a text of the box, which `parse` reads back to the same filters."""
    words = [filters["q"]] if filters.get("q") else []
    for name in dict.fromkeys(word.filter for word in WORDS):
        if value := filters.get(name):
            word = _writer(name, value)
            words.append(f"{around.spelt(word.keys)}:{_quoted(_spelt(word, value, around))}")
    return " ".join(words)


def hints(around: Around) -> list[tuple[str, str]]:
    """The words that people type, each with an example: (the filter it sets, `status:failed`)."""
    return [
        (word.filter, f"{around.spelt(word.keys)}:{around.spelt(word.examples)}")
        for word in WORDS
        if word.examples
    ]


def written(free: str) -> str:
    """Words to look for as they are typed: in quotes where they would read as something else."""
    free = " ".join(free.split())
    if '"' not in free and _lexed(free) == ([], free):
        return free
    return _in_quotes(free)


def _writer(name: str, value: str) -> Word:
    """Of the words for one filter, the one that has the value."""
    words = [word for word in WORDS if word.filter == name]
    return next((word for word in words if value in word.values), words[-1])


def _spelt(word: Word, value: str, around: Around) -> str:
    if word.filter in TIMES:
        return _time_spelt(value, around)
    if value in word.values:
        return around.spelt(word.values[value])
    if word.filter == "error":
        return value.lower()
    if word.filter in ("number", "agent", "action"):
        return _name(value, around.names(word.filter), around)
    return value


def _name(pk: str, names: Values, around: Around) -> str:
    """The nicest name that means this one alone, else its id."""
    for spelling in names.get(pk, ()):
        try:
            if _named(spelling, names, around) == pk:
                return spelling
        except Unreadable:
            continue
    return f"#{pk}"


def _time_spelt(time: str, around: Around) -> str:
    if time in DAYS:
        return around.spelt(DAYS[time])
    try:
        read = read_time(time, around.zone)
    except Unreadable:
        return time
    if is_relative(read):
        return read
    local = datetime.fromisoformat(read).astimezone(around.zone).replace(tzinfo=None)
    shortest = local.isoformat(timespec="seconds").removesuffix(":00").removesuffix("T00:00")
    # An hour that a change of the clocks repeats is not told from the next without its offset.
    if read_time(shortest, around.zone) == read:
        return shortest
    return datetime.fromisoformat(read).astimezone(around.zone).isoformat(timespec="seconds")


def _quoted(value: str) -> str:
    return value if re.fullmatch(r'[^\s"]+', value) else _in_quotes(value)


def _in_quotes(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
