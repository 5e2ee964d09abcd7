"""The folder broker under several processes at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection
from kombu.simple import SimpleQueue

SENDERS, CONSUMERS, EACH = 3, 3, 1000

PROCESS = """
import json, pathlib, sys
from tests.tooling.test_broker import connect

role, folder, number, count = sys.argv[1:]
all_sent = pathlib.Path(folder, "all-sent")
queue = connect(folder).SimpleQueue("bells")
if role == "send":
    for at in range(int(count)):
        queue.put(f"{number}-{at}")
got = []
while role == "consume":
    nothing_will_come = all_sent.exists()
    try:
        message = queue.get(timeout=0.1)
    except queue.Empty:
        if nothing_will_come:
            break
    else:
        message.ack()
        got.append(message.payload)
print(json.dumps(got))
"""


def connect(folder: str | Path) -> Connection:
    folders = {"data_folder_in": f"{folder}/bells", "data_folder_out": f"{folder}/bells"}
    options = {**folders, "control_folder": f"{folder}/control", "polling_interval": 0.02}
    return Connection("filesystem://", transport="smsadmin.broker:Transport", transport_options=options)


def own_queue(connection: Connection, folder: Path) -> SimpleQueue:
    """A queue of this test alone: kombu remembers bindings by name for the whole process."""
    return connection.SimpleQueue(folder.name)


def start(role: str, folder: Path, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROCESS, role, str(folder), str(number), str(EACH)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> list[str]:
    """What the process received; fails if it crashed."""
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return json.loads(output)


@pytest.mark.processes
def test_no_message_is_lost_or_taken_twice_between_processes(tmp_path: Path) -> None:
    consumers = [start("consume", tmp_path, number) for number in range(CONSUMERS)]
    senders = [start("send", tmp_path, number) for number in range(SENDERS)]
    for sender in senders:
        finish(sender)
    (tmp_path / "all-sent").touch()
    received = Counter(name for consumer in consumers for name in finish(consumer))

    sent = {f"{number}-{at}" for number in range(SENDERS) for at in range(EACH)}
    assert set(received) == sent
    assert set(received.values()) == {1}
    assert list((tmp_path / "bells").iterdir()) == []


def test_messages_come_in_the_order_they_were_sent(tmp_path: Path) -> None:
    with connect(tmp_path) as connection:
        queue = own_queue(connection, tmp_path)
        for number in range(50):
            queue.put(number)
        assert [queue.get_nowait().payload for _ in range(50)] == list(range(50))


def test_a_message_still_being_written_is_not_seen(tmp_path: Path) -> None:
    with connect(tmp_path) as connection:
        queue = own_queue(connection, tmp_path)
        queue.put("whole")
        (message,) = (tmp_path / "bells").iterdir()
        message.rename(f"{message}.part")
        with pytest.raises(Empty):
            queue.get_nowait()


def test_purging_counts_and_removes_what_waits(tmp_path: Path) -> None:
    with connect(tmp_path) as connection:
        queue = own_queue(connection, tmp_path)
        for number in range(3):
            queue.put(number)
        assert len(queue) == 3
        assert queue.clear() == 3
        assert len(queue) == 0
