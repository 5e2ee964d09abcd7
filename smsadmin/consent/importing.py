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


class UnreadableError(Exception):
    """A CSV file that breaks off, as at a quote that nobody closes; `line` is where what cannot be read begins."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(f"line {line} cannot be read")


def read(text: str) -> Read:
    """The first column of a CSV with commas, semicolons or tabs; empty lines and a line with the columns' names are
    passed over. Numbers must have their country code: none is guessed. Raises UnreadableError for what is no CSV."""
    found: dict[str, None] = {}
    wrong = []
    for line, value in _values(text):
        try:
            found[numbers.read(value).e164] = None
        except numbers.NumberError as error:
            wrong.append(Wrong(line, value[:40], error.reason))
    return Read(tuple(found), tuple(wrong))


def lines(text: str) -> int:
    """How many values there are. Raises UnreadableError."""
    return sum(1 for _value in _values(text))


def _values(text: str) -> Iterator[tuple[int, str]]:
    """Line numbers and values. (An apostrophe in front is how spreadsheets are told that a number is a text.)"""
    for line, row in _rows(text):
        value = row[0].strip().removeprefix("'").strip() if row else ""
        is_heading = line == 1 and not any(each.isdecimal() for each in value)
        if value and not is_heading:
            yield line, value


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows, and the line that each ends in. Raises UnreadableError."""
    source = StringIO(text.lstrip("\ufeff"), newline=None)  # also CR alone ends a line
    delimiter = max(",;\t", key=source.readline().count)
    source.seek(0)
    rows, ended = csv.reader(source, delimiter=delimiter), 0
    try:
        for row in rows:
            ended = rows.line_num
            yield ended, row
    except csv.Error as error:
        raise UnreadableError(ended + 1) from error
