"""Work for later: webhook deliveries, retries of the workflow runner."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

logger = logging.getLogger(__name__)

WORKERS = 8


class Scheduler:
    """Runs functions after a delay, on a few threads; what is due at once starts at once."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="sandbox-later")
        threading.Thread(target=self._watch, name="sandbox-scheduler", daemon=True).start()

    def after(self, delay: float, work: Callable[[], object]) -> None:
        """Run `work` in `delay` seconds."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + delay, next(self._order), work))
            self._changed.notify()

    def clear(self) -> None:
        """Forget what has not started."""
        with self._changed:
            self._due.clear()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._due.clear()
            self._changed.notify()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                else:
                    self._pool.submit(self._run, heapq.heappop(self._due)[2])

    @staticmethod
    def _run(work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            logger.exception("Work of the sandbox failed")
