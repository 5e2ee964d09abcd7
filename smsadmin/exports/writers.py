"""The three forms of an export. Each writer takes rows one by one and keeps none of them."""

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import xlsxwriter

from smsadmin.exports.columns import Cell, Column
from smsadmin.exports.models import Export

#: An Excel sheet has 1,048,576 rows, and the first one names the columns.
SHEET_ROWS = 1_048_575

#: What a spreadsheet may take for the beginning of a formula (OWASP: CSV injection; full-width forms count there too).
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


class Writer(ABC):
    """Writes a file in a folder that is its own: `result` is complete once it is closed, useless once abandoned."""

    content_type: ClassVar[str]
    result: Path

    @abstractmethod
    def __init__(self, place: Path, columns: Sequence[Column]) -> None: ...
    @abstractmethod
    def write(self, cells: Sequence[Cell]) -> None: ...
    @abstractmethod
    def close(self) -> None: ...
    @abstractmethod
    def abandon(self) -> None: ...


class CsvWriter(Writer):
    """RFC 4180 in UTF-8, with a byte order mark, without which Excel takes it for another encoding.

    A CSV has no types, so a spreadsheet guesses: what begins with = + - @ it runs as a formula, and a phone number it
    takes for a sum of digits ("+33 6 …" loses its plus, "06 …" its zero). An apostrophe in front makes both
    text. So every phone number has one, and so has every other cell that begins with one of those characters. Whoever
    reads the file by program takes one leading apostrophe off, or asks for NDJSON, which has none.
    """

    content_type = "text/csv; charset=utf-8"

    def __init__(self, place: Path, columns: Sequence[Column]) -> None:
        self.columns, self.result = columns, place / "messages.csv"
        self._file = self.result.open("w", encoding="utf-8-sig", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow([column.name for column in columns])

    def write(self, cells: Sequence[Cell]) -> None:
        self._rows.writerow(
            [defused(cell, column.is_phone) for column, cell in zip(self.columns, cells, strict=True)]
        )

    def close(self) -> None:
        self._file.close()

    abandon = close


def defused(cell: Cell, is_phone: bool = False) -> Cell:
    """The cell as a spreadsheet shows it and never runs or reckons with it; see CsvWriter."""
    if isinstance(cell, str) and cell and (is_phone or cell.startswith(_FORMULA)):
        return f"'{cell}"
    return cell


class NdjsonWriter(Writer):
    """One JSON object a line (NDJSON), in UTF-8; numbers are numbers, all else is text as it is stored."""

    content_type = "application/x-ndjson"

    def __init__(self, place: Path, columns: Sequence[Column]) -> None:
        self.names, self.result = [column.name for column in columns], place / "messages.ndjson"
        self._file = self.result.open("w", encoding="utf-8", newline="\n")

    def write(self, cells: Sequence[Cell]) -> None:
        row = dict(zip(self.names, cells, strict=True))
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()

    abandon = close


class XlsxWriter(Writer):
    """A workbook with one sheet of at most SHEET_ROWS rows. Its cells have types, so text is never run as a formula."""

    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def __init__(self, place: Path, columns: Sequence[Column]) -> None:
        self.result, self._row = place / "messages.xlsx", 0
        # Each row goes to a temporary file in our folder; without ZIP64 a sheet of more than 2 GB cannot be packed.
        options = {"constant_memory": True, "tmpdir": str(place), "use_zip64": True}
        self._book: Any = xlsxwriter.Workbook(str(self.result), options)
        self._sheet: Any = self._book.add_worksheet("Messages")
        for position, column in enumerate(columns):
            self._sheet.set_column(position, position, column.width)
        self._sheet.freeze_panes(1, 0)
        bold = self._book.add_format({"bold": True})
        for position, column in enumerate(columns):
            self._sheet.write_string(0, position, column.name, bold)

    def write(self, cells: Sequence[Cell]) -> None:
        self._row += 1
        for position, cell in enumerate(cells):
            if isinstance(cell, int):
                self._sheet.write_number(self._row, position, cell)
            else:
                self._sheet.write_string(self._row, position, cell)

    def close(self) -> None:
        """Packs the file, which takes a while for a million rows."""
        self._book.close()

    def abandon(self) -> None:
        """Drops the workbook without packing it; its temporary file lies in our folder."""
        del self._book, self._sheet


WRITERS: dict[str, type[Writer]] = {
    Export.Format.CSV: CsvWriter,
    Export.Format.XLSX: XlsxWriter,
    Export.Format.NDJSON: NdjsonWriter,
}
