"""Programs that tests start: ended with everything they started, and watched without sleeping for luck."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from smsadmin.supervisor import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
POLL = 0.01  # seconds
T = TypeVar("T")


def until(found: Callable[[], T], seconds: float = 20.0, why: Callable[[], object] = lambda: "") -> T:
    """The first true value of `found`, asked again and again; fails with what `why` says when the time is up."""
    ends = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < ends, f"not within {seconds:g} s. {why()}"
        time.sleep(POLL)
    return value


def bare_environment(**variables: str) -> dict[str, str]:
    """What a person's shell would have, without any setting of the tests or of the developer."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | variables


class Program:
    """A Python program in a session of its own, with its output in a file."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=environment | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 (it only makes a system call)
            )

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until_it_says(self, words: str, seconds: float = 60.0) -> None:
        until(lambda: words in self.output or self._ended(), seconds, lambda: self.output[-2000:])
        assert words in self.output, self.output[-2000:]

    def _ended(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL for it and what it started: no chance to tidy up."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Asks it to end; kills what does not."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        self.kill()


def run(arguments: list[str], environment: dict[str, str]) -> str:
    """What a Python program that ends well writes."""
    command = [sys.executable, *arguments]
    options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 60}
    done = subprocess.run(command, check=False, cwd=ROOT, env=environment, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def program(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator[Program]:
    """A program that runs while the block does."""
    started = Program(arguments, environment, log)
    try:
        yield started
    finally:
        started.stop()
