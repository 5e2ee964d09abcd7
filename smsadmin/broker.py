"""A folder as Celery's broker: kombu's filesystem transport without its races.

Kombu's own (issue 1551) lets a reader open a file that is not written yet, which ends the worker. Here a
message appears by renaming a finished file and is claimed by renaming it again; both are atomic inside
one folder. Used with ``broker_url = "filesystem://"`` and ``broker_transport = "smsadmin.broker:Transport"``.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads


class Channel(filesystem.Channel):
    def __init__(self, connection: Any, **kwargs: Any) -> None:
        super().__init__(connection, **kwargs)
        self.folder = Path(self.data_folder_in)
        self.listed: dict[str, list[str]] = {}  # names seen by the last look at the folder, oldest last
        for folder in (self.folder, self.control_folder):
            folder.mkdir(parents=True, exist_ok=True)

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        # The wall clock comes first, so that messages keep their order over a restart of the machine.
        target = self.folder / f"{time.time_ns():020}_{uuid.uuid4().hex}.{queue}.msg"
        part = target.with_name(f"{target.name}.part")
        part.write_text(dumps(payload))
        part.rename(target)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Return the oldest message that no other process claims first, or raise Empty."""
        names = self.listed.get(queue) or self._list(queue)
        while names:
            found = self.folder / names.pop()
            claimed = found.with_name(f"{found.name}.claimed")
            with suppress(FileNotFoundError):  # another process was faster
                found.rename(claimed)
                text = claimed.read_text()
                claimed.unlink()
                return loads(text)
        raise Empty

    def _list(self, queue: str) -> list[str]:
        names = [name for name in os.listdir(self.folder) if name.partition(".")[2] == f"{queue}.msg"]
        self.listed[queue] = sorted(names, reverse=True)
        return self.listed[queue]

    def get_table(self, exchange: str) -> Any:
        with self._control_files(fcntl.LOCK_SH):
            return super().get_table(exchange)

    def _queue_bind(self, *args: Any) -> None:
        with self._control_files(fcntl.LOCK_EX):
            super()._queue_bind(*args)

    @contextmanager
    def _control_files(self, mode: int) -> Iterator[None]:
        """Kombu creates an exchange's file before it locks it: one lock for the folder closes the gap."""
        with (self.control_folder / "lock").open("a") as lock:
            fcntl.flock(lock, mode)
            yield


class Transport(filesystem.Transport):
    Channel = Channel

    def drain_events(self, connection: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Wait in short turns: between two of them the worker sees that it is to stop."""
        if timeout := kwargs.get("timeout"):
            kwargs["timeout"] = min(timeout, 0.2)
        super().drain_events(connection, **kwargs)
