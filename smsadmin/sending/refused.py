"""Calls of machines that were turned away, kept for those who look for them. Anybody may make forged ones."""

import time
from threading import Lock

from smsadmin.sending.models import RefusedCall

#: Of a flood this process keeps only so many.
MOST_KEPT_A_MINUTE = 60
_kept = {"minute": 0, "rows": 0}
_kept_lock = Lock()


def keep(path: str, reason: str, detail: str, *, workspace_id: int | None = None, portal: str = "") -> None:
    """Keeps a refused call; `reason` is one of presenters.REFUSALS, and no workspace where none could be told."""
    if not _worth_a_row():
        return
    RefusedCall.objects.create(
        workspace_id=workspace_id,
        path=path[:200],
        reason=reason,
        detail=detail[:300],
        portal=portal[:40],
    )


def _worth_a_row() -> bool:
    minute = int(time.monotonic() // 60)
    with _kept_lock:
        if _kept["minute"] != minute:
            _kept.update(minute=minute, rows=0)
        _kept["rows"] += 1
        return _kept["rows"] <= MOST_KEPT_A_MINUTE
