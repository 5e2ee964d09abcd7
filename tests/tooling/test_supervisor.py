"""Starting, restarting and ending the processes of one terminal."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsadmin import supervisor

# A child that has a child of its own, as Granian has, and says both process numbers.
CHILD = """
import os, subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("numbers", os.getpid(), inner.pid, flush=True)
time.sleep(60)
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
SUPERVISE = """
import sys
from smsadmin.supervisor import Child, Supervisor
child = Child("dummy", [sys.executable, "-c", sys.argv[1]], ready_line="numbers")
Supervisor([child], "all ready").run()
"""


class Run:
    """A supervisor with one dummy child, and its output."""

    def __init__(self, child: str = CHILD) -> None:
        command = [sys.executable, "-c", SUPERVISE, child]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.text = ""

    def wait_for(self, pattern: str) -> list[str]:
        """The groups of the pattern's next match in the output, which is then used up."""
        assert self.process.stdout
        end = time.monotonic() + 20
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < end, self.text
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                self.text += self.process.stdout.read(65536).decode()
        self.text = self.text[found.end() :]
        return list(found.groups())

    def numbers(self) -> list[int]:
        return [int(number) for number in self.wait_for(r"dummy \| numbers (\d+) (\d+)\n")]


@pytest.fixture
def run() -> Iterator[type[Run]]:
    runs: list[Run] = []

    class Noted(Run):
        def __init__(self, child: str = CHILD) -> None:
            super().__init__(child)
            runs.append(self)

    yield Noted
    for started in runs:
        started.process.terminate()
        started.process.wait(10)


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    # A zombie waits for a parent that may never look: in a container without an init, that is for ever.
    state = Path(f"/proc/{number}/stat")
    return not (state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def gone(*numbers: int, within: float = 5.0) -> bool:
    end = time.monotonic() + within
    while any(map(alive, numbers)) and time.monotonic() < end:
        time.sleep(0.02)
    return not any(map(alive, numbers))


@pytest.mark.processes
def test_a_stop_ends_the_children_and_their_children(run: type[Run]) -> None:
    started = run()
    numbers = started.numbers()
    started.wait_for("all ready\n")

    started.process.send_signal(signal.SIGINT)

    assert started.process.wait(5) == 0
    assert gone(*numbers)


@pytest.mark.processes
def test_a_child_that_ignores_the_stop_is_killed_within_5_seconds(run: type[Run]) -> None:
    started = run(DEAF + CHILD)
    numbers = started.numbers()

    started.process.send_signal(signal.SIGTERM)

    assert started.process.wait(5) == 0
    assert gone(*numbers)


@pytest.mark.processes
def test_a_second_ctrl_c_kills_at_once(run: type[Run]) -> None:
    started = run(DEAF + CHILD)
    numbers = started.numbers()

    started.process.send_signal(signal.SIGINT)
    started.wait_for("Stopping")
    started.process.send_signal(signal.SIGINT)

    assert started.process.wait(2) == 0
    assert gone(*numbers)


@pytest.mark.processes
@pytest.mark.skipif(
    sys.platform != "linux", reason="kill -9 of the supervisor: only Linux tells its children"
)
def test_a_killed_supervisor_takes_its_children_along(run: type[Run]) -> None:
    started = run()
    child, inner = started.numbers()

    started.process.kill()

    assert gone(child)
    os.kill(inner, signal.SIGKILL)  # the dummy does not end its own child, as Granian does


@pytest.mark.processes
def test_a_killed_child_comes_back_and_leaves_nothing_behind(run: type[Run]) -> None:
    started = run()
    child, inner = started.numbers()

    os.kill(child, signal.SIGKILL)

    started.wait_for(r"dummy \| ended by SIGKILL; starts again in 0\.5 s\n")
    assert started.numbers() != [child, inner]
    assert gone(child, inner)


@pytest.mark.processes
def test_a_child_that_keeps_dying_is_started_less_and_less_often(run: type[Run]) -> None:
    started = run("raise SystemExit(3)")
    started.wait_for(r"ended with code 3; starts again in 0\.5 s\n")
    started.wait_for(r"ended with code 3; starts again in 1 s\n")


def supervise(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smsadmin.supervisor"]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, **environment}, timeout=60
    )


@pytest.mark.processes
@pytest.mark.parametrize("name", ["PORT", "SANDBOX_PORT"])
def test_a_port_in_use_is_one_clear_line(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        port, free = taken.getsockname()[1], other.getsockname()[1]
        other.close()
        done = supervise(**{"PORT": str(free), "SANDBOX_PORT": str(free), name: str(port)})

    assert done.returncode == 1
    assert done.stdout == ""
    expected = f"port {port} is in use by another program. Choose another one with {name}=…"
    assert done.stderr == f"smsadmin cannot start: {expected}\n"


@pytest.mark.processes
@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"PORT": "http"}, "a setting is wrong"),
        ({"PORT": "8123", "SANDBOX_PORT": "8123"}, "PORT and SANDBOX_PORT are both 8123"),
        ({"PORT": "99999"}, "port 99999 cannot be used"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(environment: dict[str, str], problem: str) -> None:
    done = supervise(**environment)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"smsadmin cannot start: {problem}")
    assert done.stderr.count("\n") == 1


def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FREE_MB", 10**9)
    with pytest.raises(supervisor.CannotStart, match=f"MB free on the disk of {tmp_path}; smsadmin needs"):
        supervisor.check_disk(tmp_path)


def test_a_second_copy_on_the_same_data_is_refused(tmp_path: Path) -> None:
    second = supervisor.sole_user_of(tmp_path)
    with supervisor.sole_user_of(tmp_path), pytest.raises(supervisor.CannotStart, match="Choose another"):
        second.__enter__()
    with supervisor.sole_user_of(tmp_path):
        pass


PREPARED = """
import sys
from smsadmin.supervisor import Child, Supervisor
preparation = Child("prepare", [sys.executable, "-c", sys.argv[1]])
child = Child("dummy", [sys.executable, "-c", "import time; print('up'); time.sleep(60)"], ready_line="up")
sys.exit(Supervisor([child], "all ready", preparation).run())
"""


@pytest.mark.processes
def test_nothing_starts_where_the_preparation_fails() -> None:
    command = [sys.executable, "-c", PREPARED, "print('the disk is full'); raise SystemExit(1)"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert done.stdout == "prepare | the disk is full\nStopping …\n"
