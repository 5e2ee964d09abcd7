"""The three forms of an export as spreadsheets and programs read them."""

import json

import openpyxl
import pytest

from smsadmin.exports.columns import Column
from smsadmin.exports.writers import WRITERS, defused

COLUMNS = [
    Column("id", str),
    Column("recipient", str, is_phone=True),
    Column("segments", int),
    Column("sentence", str),
]
NASTY = 'say "hi", Zoë;\r\nnew line 😀'


def content(form, folder, *rows):
    """The bytes of a file with these rows."""
    writer = WRITERS[form](folder, COLUMNS)
    for row in rows:
        writer.write(row)
    writer.close()
    return writer.result.read_bytes()


@pytest.mark.parametrize(
    "cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1"]
)
def test_a_cell_that_a_spreadsheet_would_run_begins_with_an_apostrophe(cell):
    assert defused(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "Hello", "1-2", "a=b", "'quoted", 0, 12])
def test_every_other_cell_stays_as_it_is(cell):
    assert defused(cell) == cell


@pytest.mark.parametrize("number", ["+33612345678", "06 12 34 56 78", "0033612345678"])
def test_a_phone_number_is_text_in_a_spreadsheet(number):
    assert defused(number, is_phone=True) == f"'{number}"


def test_no_phone_number_is_an_empty_cell():
    assert defused("", is_phone=True) == ""


def test_a_csv_is_rfc_4180_in_utf_8_with_a_byte_order_mark(tmp_path):
    made = content("csv", tmp_path, ["1", "+33612345678", 2, NASTY], ["2", "", 0, "=1"])

    assert made.startswith(b"\xef\xbb\xbfid,recipient,segments,sentence\r\n")
    assert made.decode("utf-8-sig").split("\r\n", 1)[1] == (
        '1,\'+33612345678,2,"say ""hi"", Zoë;\r\nnew line 😀"\r\n2,,0,\'=1\r\n'
    )


def test_ndjson_is_one_object_a_line_with_nothing_added(tmp_path):
    made = content("ndjson", tmp_path, ["1", "+33612345678", 2, NASTY], ["2", "", 0, "=1"])

    first, second = made.decode().splitlines()
    assert json.loads(first) == {"id": "1", "recipient": "+33612345678", "segments": 2, "sentence": NASTY}
    assert "Zoë" in first
    assert json.loads(second) == {"id": "2", "recipient": "", "segments": 0, "sentence": "=1"}


def test_a_workbook_holds_text_and_numbers_and_no_formula(tmp_path):
    content("xlsx", tmp_path, ["1", "+33612345678", 2, NASTY], ["2", "", 0, "=1+1"])

    sheet = openpyxl.load_workbook(tmp_path / "messages.xlsx").active
    cells = [[(cell.value, cell.data_type) for cell in row] for row in sheet.iter_rows()]
    assert [value for value, _type in cells[0]] == ["id", "recipient", "segments", "sentence"]
    assert cells[1][1:3] == [("+33612345678", "s"), (2, "n")]
    assert cells[1][3][0].replace("_x000D_", "\r") == NASTY  # as OOXML writes a carriage return
    assert cells[2][3] == ("=1+1", "s")
    assert sheet.freeze_panes == "A2"


def test_a_workbook_takes_what_xml_cannot_hold(tmp_path):
    content("xlsx", tmp_path, ["1", "", 1, "bell \x07"])

    sheet = openpyxl.load_workbook(tmp_path / "messages.xlsx").active
    assert sheet["D2"].value == "bell _x0007_"


@pytest.mark.parametrize("form", WRITERS)
def test_an_abandoned_file_can_be_deleted_at_once(tmp_path, form):
    writer = WRITERS[form](tmp_path, COLUMNS)
    writer.write(["1", "", 1, ""])
    writer.abandon()
