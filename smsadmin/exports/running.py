"""Writing an export's file: by one worker at a time, in constant memory, begun anew when that worker is killed.

Whoever holds the lease of a row writes; every second it says how far it is, which renews the lease, and hears
whether the export was cancelled. The file becomes visible in the same step in which the row becomes done.
"""

import errno
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone, translation

from smsadmin.exports import asking, bell, files
from smsadmin.exports.columns import columns, read
from smsadmin.exports.models import KEPT, UNFINISHED, Export
from smsadmin.exports.writers import SHEET_ROWS, WRITERS
from smsadmin.sending.asked import Unreadable
from smsadmin.sending.models import Message
from smsadmin.stopping import stopping

logger = structlog.get_logger(__name__)

BATCH = 1_000
#: A worker has few threads, and messages need them: no more exports than this are written at once.
MOST_AT_ONCE = 2
MOST_ATTEMPTS = 3
TELL_EVERY = 1.0  # seconds
LEASE = timedelta(minutes=1)
#: Counting millions of rows, and packing a workbook of a million, are one step each that says nothing meanwhile.
LONG_LEASE = timedelta(minutes=15)


class Stopped(Exception):
    """This worker is no longer to write: the export was cancelled, deleted or taken over."""


class HandedBack(Exception):
    """This worker is being shut down: another one begins anew."""


def run(export_id: UUID) -> None:
    """Writes the file of an export, unless it is finished, another worker holds it, or enough are written already."""
    export = _take(export_id, timezone.now())
    if export is None:
        return
    try:
        with files.workplace(export) as place:
            _finish(export, _written(export, place))
    except Stopped:
        logger.info("export.stopped", export=str(export_id))
    except HandedBack:
        _mine(export).update(
            state=Export.State.WAITING, holder=None, lease_until=None, attempts=F("attempts") - 1
        )
        return
    except Unreadable:
        _fail(export, Export.Cause.FILTER)
    except Exception as error:
        if _fail(export, *_why(error)):  # else it was deleted, and its folder with it, while we wrote
            raise
    _ring_for_next()


def sweep(now: datetime | None = None) -> None:
    """Rings for exports that nobody writes, and gives up those whose workers were killed again and again."""
    now = now or timezone.now()
    cut_off = Export.objects.filter(_unheld(now), attempts__gte=MOST_ATTEMPTS)
    cut_off.update(
        state=Export.State.FAILED, cause=Export.Cause.CUT_OFF, holder=None, lease_until=None, finished_at=now
    )
    _ring_for_next()


def clean_up(now: datetime | None = None) -> None:
    """Deletes exports that were kept long enough, their files with them, and files without an export."""
    expired = Export.objects.filter(expires_at__lte=now or timezone.now())
    expired.exclude(state__in=UNFINISHED).delete()
    files.remove_strays()


def newest_first(messages: QuerySet[Message]) -> Iterator[Message]:
    """The messages one by one: a query for each BATCH, which begins after the last one read and never skips rows.

    No more than one batch is in memory: it is used up before the next is read.
    """
    rest = messages
    while batch := list(rest.order_by("-pk")[:BATCH]):
        oldest, is_full = batch[-1].pk, len(batch) == BATCH
        batch.reverse()
        while batch:
            yield batch.pop()
        if not is_full:
            return
        rest = messages.filter(pk__lt=oldest)


def _take(export_id: UUID, now: datetime) -> Export | None:
    """The export, held by us from now on; None where it is not to be had."""
    held = Export.objects.filter(state=Export.State.RUNNING, lease_until__gte=now)
    if held.exclude(pk=export_id).count() >= MOST_AT_ONCE:
        return None
    holder = uuid.uuid4()
    taken = Export.objects.filter(_unheld(now), pk=export_id, attempts__lt=MOST_ATTEMPTS).update(
        state=Export.State.RUNNING,
        holder=holder,
        lease_until=now + LEASE,
        attempts=F("attempts") + 1,
        total=None,
        written=0,
    )
    related = Export.objects.select_related("workspace")
    return related.get(pk=export_id, holder=holder) if taken else None


def _unheld(now: datetime) -> Q:
    return Q(state=Export.State.WAITING) | Q(state=Export.State.RUNNING, lease_until__lt=now)


def _mine(export: Export) -> QuerySet[Export]:
    """The row, as long as we hold it."""
    return Export.objects.filter(pk=export.pk, state=Export.State.RUNNING, holder=export.holder)


def _written(export: Export, place: Path) -> Path:
    """The complete file, in our own folder. Raises Stopped, HandedBack or Unreadable."""
    with translation.override(export.language), timezone.override(ZoneInfo(export.time_zone)):
        found, shown, progress = asking.messages(export), columns(export.with_text), Progress(export)
        progress.keep(lease=LONG_LEASE)
        progress.keep(total=found.count())
        writer = WRITERS[export.format](place, shown)
        try:
            for message in progress.counting(_room(export, newest_first(read(found, export.with_text)))):
                writer.write([column.of(message) for column in shown])
            progress.keep(lease=LONG_LEASE)
        except BaseException:
            writer.abandon()
            raise
        writer.close()
        return writer.result


def _room(export: Export, messages: Iterable[Message]) -> Iterable[Message]:
    """As many as the format has room for."""
    return islice(messages, SHEET_ROWS) if export.format == Export.Format.XLSX else messages


@dataclass(slots=True)
class Progress:
    """How far an export is, kept on its row."""

    export: Export
    written: int = 0
    told_at: float = field(default_factory=time.monotonic)

    def counting(self, messages: Iterable[Message]) -> Iterator[Message]:
        """Hands the messages on and tells of them now and then. Raises what `keep` raises."""
        for message in messages:
            yield message
            self.written += 1
            if time.monotonic() - self.told_at >= TELL_EVERY:
                self.keep()

    def keep(self, lease: timedelta = LEASE, **facts: int) -> None:
        """Tells how many are written, and holds on for as long as the lease. Raises Stopped or HandedBack."""
        if stopping.is_set():
            raise HandedBack
        until = timezone.now() + lease
        if not _mine(self.export).update(written=self.written, lease_until=until, **facts):
            raise Stopped
        self.told_at = time.monotonic()


def _finish(export: Export, result: Path) -> None:
    """The file gets its place, and the row its end: both or neither."""
    now = timezone.now()
    with transaction.atomic():
        mine = _mine(export).update(
            state=Export.State.DONE,
            size=result.stat().st_size,
            holder=None,
            lease_until=None,
            finished_at=now,
            expires_at=now + KEPT,
        )
        if not mine:
            raise Stopped
        os.replace(result, files.path_of(export.pk))


def _fail(export: Export, cause: Export.Cause, error: str = "") -> bool:
    """The end of an export that cannot be written; False where it is no longer ours."""
    now = timezone.now()
    failed = {"state": Export.State.FAILED, "cause": cause, "error": error, "finished_at": now}
    return bool(_mine(export).update(holder=None, lease_until=None, **failed))


def _why(error: Exception) -> tuple[Export.Cause, str]:
    """The cause, and what is said of it (an entry of smsadmin.phrases)."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Export.Cause.DISK, ""
    return Export.Cause.OURS, f"smsadmin itself failed: {type(error).__name__}"


def _ring_for_next() -> None:
    """Rings for those that were asked for first, as many as may be written at once."""
    waiting = Export.objects.filter(_unheld(timezone.now())).order_by("pk")
    for export_id in waiting.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        bell.ring(export_id)
