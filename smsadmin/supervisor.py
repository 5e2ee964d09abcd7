"""All of smsadmin in one terminal: web, worker, scheduler and sandbox, each restarted when it dies.

``python -m smsadmin.supervisor`` (what ``make run`` calls) checks ports and disk, prepares the database and
runs until Ctrl-C. One thread and no shell: children are started, read and reaped in one loop.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, Any, cast

from django.core.exceptions import ImproperlyConfigured

HOST = "127.0.0.1"
FREE_MB = 200  # room for the database, the broker folder and logs
STOP_WITHIN = 4.0  # seconds until a child that ignores SIGTERM is killed
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a restart
SANDBOX_WITHIN = 30.0  # seconds for the sandbox to answer
STEADY_AFTER = 30.0  # seconds of life after which earlier deaths no longer count
LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


class CannotStart(Exception):
    """What keeps smsadmin from starting, in one line that says what to do."""


# The loop


@dataclass
class Child:
    """One process to keep alive, and how to see that it is ready (by its port, or by a line it prints)."""

    name: str
    command: list[str]
    port: int | None = None
    ready_line: str = ""
    foundation: bool = False  # the first to start and the last to stop

    up: bool = False
    ready: bool = False
    process: subprocess.Popen[bytes] = field(init=False)
    output: IO[bytes] = field(init=False)
    unfinished: bytes = b""  # the beginning of a line
    started: float = 0.0
    due: float = 0.0
    pause: float = FIRST_PAUSE

    def start(self) -> None:
        """Start it in a session of its own: Ctrl-C reaches only us, and its whole group can be killed."""
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509  (this process has one thread)
        )
        self.output = cast(IO[bytes], self.process.stdout)
        self.up, self.started = True, time.monotonic()

    def has_ended(self) -> bool:
        return self.up and self.process.poll() is not None

    def terminate(self) -> None:
        if self.up:
            self.process.terminate()

    def clear(self) -> None:
        """Kill what is left of its group: a server's own children would go on holding the port."""
        with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.output.close()
        self.up, self.unfinished = False, b""

    def check_ready(self) -> bool:
        self.ready = self.ready or (answers(self.port) if self.port else not self.ready_line)
        return self.up and self.ready


@dataclass
class Supervisor:
    """Keeps the children running and their output readable, once the preparation has ended well."""

    children: list[Child]
    announcement: str
    preparation: Child | None = None
    failed: bool = False
    announced: bool = False
    stop_requests: int = 0
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def run(self) -> int:
        """Return the exit code when everything has ended: 1 if the preparation failed."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        try:
            if self.preparation:
                self._start(self.preparation)
            while not self.stop_requests:
                self._start_those_due()
                self._relay_output(0.1)
                self._notice_preparation()
                self._notice_deaths()
                self._announce()
        finally:
            self._stop()
        return int(self.failed)

    @property
    def names(self) -> list[str]:
        return [child.name for child in filter(None, [*self.children, self.preparation])]

    def _ask_to_stop(self, *_: Any) -> None:
        self.stop_requests += 1

    def _start_those_due(self) -> None:
        for child in self.children:
            allowed = child.foundation or not self.preparation
            if allowed and not child.up and child.due <= time.monotonic():
                self._start(child)

    def _start(self, child: Child) -> None:
        child.start()
        self.selector.register(child.output, selectors.EVENT_READ, child)

    def _relay_output(self, timeout: float) -> None:
        for key, _ in self.selector.select(timeout):
            child: Child = key.data
            chunk = os.read(key.fd, 65536)
            *lines, child.unfinished = (child.unfinished + chunk).split(b"\n")
            for line in filter(None, map(bytes.rstrip, lines)):
                self._relay(child, line.decode(errors="replace"))
            if not chunk:
                self.selector.unregister(key.fileobj)

    def _relay(self, child: Child, line: str) -> None:
        if child.ready_line and child.ready_line in line:
            child.ready = True
        self._say(line, child.name)

    def _notice_preparation(self) -> None:
        if self.preparation and self.preparation.has_ended():
            self._relay_output(0)
            if self.preparation.process.returncode:
                self.failed = True
                self._ask_to_stop()
            self._clear(self.preparation)
            self.preparation = None

    def _notice_deaths(self) -> None:
        for child in filter(Child.has_ended, self.children):
            if time.monotonic() - child.started > STEADY_AFTER:
                child.pause = FIRST_PAUSE
            self._relay_output(0)
            self._say(f"{how_it_ended(child.process)}; starts again in {child.pause:g} s", child.name)
            self._clear(child)
            child.due = time.monotonic() + child.pause
            child.pause = min(child.pause * 2, LONGEST_PAUSE)

    def _clear(self, child: Child) -> None:
        if child.output in self.selector.get_map():
            self.selector.unregister(child.output)
        child.clear()

    def _announce(self) -> None:
        if not self.announced and all(child.check_ready() for child in self.children):
            self.announced = True
            self._say(self.announcement)

    def _stop(self) -> None:
        """What others stand on goes last: the sandbox still answers the sends that are running."""
        self._say("Stopping …")
        end = time.monotonic() + STOP_WITHIN
        everyone = [*self.children, self.preparation] if self.preparation else self.children
        for foundation in (False, True):
            self._end([child for child in everyone if child.up and child.foundation is foundation], end)

    def _end(self, children: list[Child], end: float) -> None:
        for child in children:
            child.terminate()
        while not all(map(Child.has_ended, children)) and time.monotonic() < end and self.stop_requests < 2:
            self._relay_output(0.05)
        for child in children:
            self._clear(child)

    def _say(self, line: str, name: str = "") -> None:
        try:
            print(prefixed(line, name, self.names), flush=True)
        except BrokenPipeError:  # whoever read our output has gone
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            self._ask_to_stop()


def die_with_parent(parent: int) -> None:
    """Ask Linux to end this process when its parent dies, even by kill -9; other systems cannot."""
    if LINUX:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def answers(port: int) -> bool:
    """Is there an HTTP server that answers?"""
    connection = HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status > 0
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def how_it_ended(process: subprocess.Popen[bytes]) -> str:
    code = process.returncode
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def prefixed(line: str, name: str, names: list[str]) -> str:
    """``web     | line``, coloured on a terminal; our own lines carry no prefix."""
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    if not name:
        return f"\033[1m{line}\033[0m" if colours else line
    label = f"{name:<{max(map(len, names))}} |"
    return f"\033[{36 - names.index(name) % 6}m{label}\033[0m {line}" if colours else f"{label} {line}"


# What has to be so before anything starts


def check_ports(settings: Any) -> None:
    ports = {"PORT": settings.PORT}
    if settings.SANDBOX:
        ports["SANDBOX_PORT"] = settings.SANDBOX_PORT
    if len(set(ports.values())) < len(ports):
        raise CannotStart(f"PORT and SANDBOX_PORT are both {settings.PORT}. Give them different numbers")
    for name, port in ports.items():
        check_port(port, name)


def check_port(port: int, name: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            reason = "is in use by another program" if taken else f"cannot be used ({error})"
            raise CannotStart(f"port {port} {reason}. Choose another one with {name}=…") from None


def check_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < FREE_MB:
        raise CannotStart(f"only {free} MB free on the disk of {folder}; smsadmin needs {FREE_MB} MB")


@contextmanager
def sole_user_of(folder: Path) -> Iterator[None]:
    """Two schedulers on one database would do everything twice."""
    with (folder / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                f"another copy runs on {folder}. Choose another folder with DATA_DIR=…"
            ) from None
        yield


def loaded_settings() -> Any:
    """Settings, read; raises CannotStart for what a wrong environment does to them."""
    from django.conf import settings

    try:
        settings.DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (ImproperlyConfigured, ValueError) as error:
        raise CannotStart(f"a setting is wrong: {error}") from None
    except OSError as error:
        raise CannotStart(f"cannot write to {error.filename}: {error.strerror}") from None
    return settings


# smsadmin's own children


def python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def children(settings: Any) -> Iterable[Child]:
    celery = python("celery", "--quiet", "-A", "smsadmin.celery:app")
    celery[1:1] = ["-W", "ignore:You're running the worker with superuser"]  # root is usual in containers
    if settings.SANDBOX:
        port = settings.SANDBOX_PORT
        yield Child("sandbox", python("manage", "sandbox"), port=port, foundation=True)
    # One web process: sign-in throttling counts in its memory. Threads beyond the cores only add switching.
    web = ["--interface", "wsgi", "--no-ws", "--blocking-threads", "4", "--log-level", "warning"]
    web += ["--host", HOST, "--port", str(settings.PORT), "smsadmin.wsgi:application"]
    yield Child("web", python("granian", *web), port=settings.PORT)
    says_ready = " ready." if settings.LOG_LEVEL in {"DEBUG", "INFO"} else ""
    yield Child("worker", [*celery, "worker", "-P", "threads", "-c", "8"], ready_line=says_ready)
    yield Child("beat", [*celery, "beat"])


def share(settings: Any) -> None:
    """Let every child see the same addresses, whether it reads settings or the environment."""
    twilio = ("TWILIO_BASE_URL", "TWILIO_MESSAGING_BASE_URL")
    outside = ("AIRCALL_BASE_URL", "HUBSPOT_BASE_URL", "CALLR_BASE_URL", *twilio, "SYNTHFLOW_BASE_URL")
    for name in ("PORT", "SANDBOX_PORT", "BASE_URL", *outside):
        os.environ.setdefault(name, str(getattr(settings, name)))
    os.environ["SANDBOX"] = str(settings.SANDBOX).lower()


def announcement(settings: Any) -> str:
    url = f"http://{HOST}:{settings.PORT}"
    from smsadmin.workspaces.checks import sample_is_safe

    sign_in = "  sign in as admin@example.com / sandbox" if sample_is_safe() else ""
    return f"smsadmin is ready: {url}{sign_in}  (Ctrl-C stops it)"


def prepare() -> None:
    """In a process of its own: bring database and static files up to date, make the sample workspace."""
    import django
    from django.conf import settings
    from django.core.management import CommandError, call_command
    from django.db import OperationalError

    django.setup()
    from smsadmin.workspaces.checks import sample_is_safe

    try:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        refuse_open_doors()
        if sample_is_safe():
            wait_until_it_answers(settings.SANDBOX_PORT)
            call_command("seed_sample")
    except (OSError, OperationalError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC or "disk is full" in str(error):
            raise CannotStart("the disk is full") from None
        raise
    except CommandError as error:
        raise CannotStart(str(error)) from None


def refuse_open_doors() -> None:
    """The checks that need the database, which Django's own start does not run."""
    from django.core.checks import Tags, run_checks

    for found in run_checks(tags=[Tags.database], databases=["default"]):
        if found.is_serious():
            raise CannotStart(f"{found.msg} {found.hint or ''}".strip())


def wait_until_it_answers(port: int) -> None:
    end = time.monotonic() + SANDBOX_WITHIN
    while not answers(port):
        if time.monotonic() > end:
            raise CannotStart(f"the sandbox does not answer on port {port}")
        time.sleep(0.05)


def supervise() -> int:
    settings = loaded_settings()
    check_ports(settings)
    check_disk(settings.DATA_DIR)
    share(settings)
    with sole_user_of(settings.DATA_DIR):
        print(f"Preparing {settings.DATA_DIR} …", flush=True)
        preparation = Child("prepare", python("smsadmin.supervisor", "--prepare"))
        return Supervisor(list(children(settings)), announcement(settings), preparation).run()


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smsadmin.settings")
    try:
        if sys.argv[1:] == ["--prepare"]:
            prepare()
            return 0
        return supervise()
    except CannotStart as problem:
        print(f"smsadmin cannot start: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
