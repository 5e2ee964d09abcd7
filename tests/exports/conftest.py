"""Exports without a worker: what is rung for is listed, files go to a folder of the test."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import pytest

from smsadmin import cache
from smsadmin.exports import asking, bell, files, running
from smsadmin.exports.models import Export
from smsadmin.sending.asked import asked, filter_of
from smsadmin.workspaces.models import Member, Role, Workspace
from tests.factories import make_member, make_workspace


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Where the files of exports lie."""
    settings.DATA_DIR = tmp_path
    cache.forget()
    yield tmp_path / "exports"
    cache.forget()


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The exports that were rung for."""
    rung: list[UUID] = []
    monkeypatch.setattr(bell, "ring", rung.append)
    return rung


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace("Ada & Söhne", time_zone="Europe/Berlin")


@pytest.fixture
def operator(workspace: Workspace) -> Member:
    return make_member(workspace, Role.OPERATOR)


@pytest.fixture
def ask(operator: Member) -> Callable[..., Export]:
    """Asks for an export of the log narrowed to these filters, as its address says them."""

    def asking_for(form: str = "csv", with_text: bool = False, **filters: Any) -> Export:
        given = asked({name: str(value) for name, value in filters.items()}, operator.workspace)
        assert not given.complaints
        found = filter_of(operator.workspace, given.filters)
        assert found.form.is_valid(), found.form.errors
        return asking.ask(operator.workspace, operator.user, found, form, with_text)

    return asking_for


def written(export: Export) -> list[dict[str, Any]]:
    """The rows of the export's file, once a worker has written it."""
    running.run(export.pk)
    export.refresh_from_db()
    assert export.state == "done", (export.state, export.cause, export.error)
    return rows_of(files.path_of(export.pk).read_bytes(), export.format)


def rows_of(content: bytes, form: str) -> list[dict[str, Any]]:
    """A file's rows as somebody else's reader sees them; an empty cell is None."""
    if form == "ndjson":
        return [json.loads(line) for line in content.decode().splitlines()]
    if form == "csv":
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True).active
    names, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(names, row, strict=True)) for row in rows]
