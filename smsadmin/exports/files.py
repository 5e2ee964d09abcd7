"""Where exports lie: one folder, a file named by its export's id, and beside it the workplaces of those that run."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from smsadmin.exports.models import Export

#: What lies in the folder and belongs to nothing is left alone for so long (seconds): its row may come.
YOUNG = 3600.0


def path_of(export_id: UUID) -> Path:
    """The finished file."""
    return _folder() / str(export_id)


@contextmanager
def workplace(export: Export) -> Iterator[Path]:
    """A folder of its own for whoever holds the export, gone at the end with all that is in it.

    What an earlier holder left there when it was killed goes first.
    """
    for left in _workplaces(export.pk):
        shutil.rmtree(left, ignore_errors=True)
    _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    place = _folder() / f"{export.pk}.{export.holder}"
    place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def forget(instance: Export, **_: Any) -> None:
    """Receives post_delete: with its row goes the file, also where a whole workspace is deleted."""
    transaction.on_commit(partial(_remove, instance.pk))


def remove_strays() -> None:
    """Deletes what no export has a claim on, such as the workplaces of workers that were killed."""
    rows = Export.objects.values_list("pk", "state", "holder")
    claimed = {f"{pk}.{holder}" if state == Export.State.RUNNING else str(pk) for pk, state, holder in rows}
    for path in _folder().glob("*"):
        if path.name not in claimed and time.time() - path.stat().st_mtime > YOUNG:
            _delete(path)


def _remove(export_id: UUID) -> None:
    for path in (path_of(export_id), *_workplaces(export_id)):
        _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _workplaces(export_id: UUID) -> list[Path]:
    return list(_folder().glob(f"{export_id}.*"))


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "exports"
