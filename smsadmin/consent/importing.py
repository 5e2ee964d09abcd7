"""Numbers that were opted out elsewhere: read from a CSV file, all of them or none."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

from smsadmin.core import numbers

#: One import is one transaction, which nothing else should have to wait for.
MOST_LINES = 5_000
MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Wrong:
    """A line that cannot be read: which, what stands in it, and why (smsadmin.core.numbers)."""

    line: int
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Read:
    """The numbers of a file (E.164), each once, and the lines that are wrong."""

    numbers: tuple[str, ...]
    wrong: tuple[Wrong, ...]


def read(text: str) -> Read:
    """The first column of a CSV with commas, semicolons or tabs; empty lines and a line with the columns' names are
    passed over. Numbers must have their country code: none is guessed."""
    found: dict[str, None] = {}
    wrong = []
    for line, value in _values(text):
        try:
            found[numbers.read(value).e164] = None
        except numbers.NumberError as error:
            wrong.append(Wrong(line, value[:40], error.reason))
    return Read(tuple(found), tuple(wrong))


def lines(text: str) -> int:
    return sum(1 for _value in _values(text))


def _values(text: str) -> Iterator[tuple[int, str]]:
    """Line numbers and values. (An apostrophe in front is how spreadsheets are told that a number is a text.)"""
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.reader(StringIO(text.lstrip("\ufeff")), delimiter=delimiter)
    for row in rows:
        value = row[0].strip().removeprefix("'").strip() if row else ""
        is_heading = rows.line_num == 1 and not any(each.isdecimal() for each in value)
        if value and not is_heading:
            yield rows.line_num, value
