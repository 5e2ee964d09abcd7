"""`make bench ARGS=sending`: accepted and sent per second on PostgreSQL and Valkey, beside a floor of the same run.

Only the ratios mean anything on another machine: load generator, database, provider and product share it.
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from tests.services import services

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
COUNT = int(os.environ.get("BENCH_COUNT", "6000"))
CONNECTIONS = 32
WORKERS, THREADS = "2", "4"


def main() -> None:
    with services() as addresses, tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(addresses, folder, stack)
        bench.prepare()
        rounds = [bench.round(number) for number in range(ROUNDS)]
        bench.report(rounds)


class Bench:
    def __init__(self, addresses: dict[str, str], folder: str, stack: ExitStack) -> None:
        self.stack, self.database, self.next_index = stack, addresses["DATABASE_URL"], 0
        self.web, self.floor, self.provider = free_port(), free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.web}"
        self.environment = os.environ | addresses | {
            "DJANGO_SETTINGS_MODULE": "smsadmin.settings",
            "DATA_DIR": folder,
            "BASE_URL": self.base,
            "AIRCALL_BASE_URL": f"http://127.0.0.1:{self.provider}",
            "HUBSPOT_BASE_URL": f"http://127.0.0.1:{self.provider}",
            "HUBSPOT_ANSWER_WAITERS": "0",  # executions are answered with BLOCK and completed by callback
            "CONFIGURATION_TTL": "1",
            "LOG_LEVEL": "WARNING",
            "STATIC_STORAGE": "django.contrib.staticfiles.storage.StaticFilesStorage",
        }  # fmt: skip

    def prepare(self) -> None:
        self.run("manage.py", "migrate", "-v0")
        self.run("-m", "tests.bench.seed")
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute("CREATE TABLE floor (id bigserial PRIMARY KEY, body text NOT NULL)")
        self.start("-m", "tests.bench.provider", str(self.provider))
        self.serve("tests.bench.floor:application", self.floor)
        web = self.serve("smsadmin.wsgi:application", self.web)
        celery = ("-m", "celery", "-A", "smsadmin.celery:app")
        self.worker = self.start(*celery, "worker", "-P", "threads", "-c", "4", "-l", "WARNING")
        self.watched = [web, self.worker]
        self.start(*celery, "beat", "-l", "WARNING")
        for port in (self.web, self.floor, self.provider):
            wait_for(port)
        self.load(f"{self.base}/hubspot/actions/send-sms", 200)  # warm
        self.until_sent(200)

    def round(self, number: int) -> dict[str, float]:
        floor = COUNT / self.load(f"http://127.0.0.1:{self.floor}/floor", COUNT)
        action = f"{self.base}/hubspot/actions/send-sms"
        with Peak(self.watched) as peak:
            with self.worker_paused():
                accepted = COUNT / self.load(action, COUNT)
            self.until_told(self.next_index)
            started = time.perf_counter()
            self.load(action, COUNT)
            self.until_sent(self.next_index)
            sent = COUNT / (time.perf_counter() - started)
            self.until_told(self.next_index)
        found = {"floor": floor, "accepted": accepted, "sent": sent, "peak": peak.megabytes}
        print(f"round {number + 1}: " + self.line(found), flush=True)
        return found

    @contextmanager
    def worker_paused(self) -> Iterator[None]:
        """Acceptance alone: nothing is sent meanwhile."""
        os.killpg(self.worker.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.worker.pid, signal.SIGCONT)

    @staticmethod
    def line(found: dict[str, float]) -> str:
        floor = found["floor"]
        return (
            f"floor {floor:,.0f}/s · accepted {found['accepted']:,.0f}/s ({found['accepted'] / floor:.2f}) · "
            f"accepted and sent {found['sent']:,.0f}/s ({found['sent'] / floor:.2f}) · "
            f"peak memory {found['peak']:,.0f} MB"
        )

    def report(self, rounds: list[dict[str, float]]) -> None:
        accepted = statistics.median(r["accepted"] / r["floor"] for r in rounds)
        sent = statistics.median(r["sent"] / r["floor"] for r in rounds)
        peak = max(r["peak"] for r in rounds)
        print(
            f"median of {len(rounds)} rounds of {COUNT:,} executions on {CONNECTIONS} connections: "
            f"accepted {accepted:.2f} of the floor, accepted and sent {sent:.2f}, peak memory {peak:,.0f} MB"
        )

    def load(self, url: str, count: int) -> float:
        arguments = ("-m", "tests.bench.load", url, str(self.next_index), str(count), str(CONNECTIONS))
        found = json.loads(self.run(*arguments))
        if found["answers"] != {"200": count}:
            raise SystemExit(f"not every request was answered with 200: {found['answers']}")
        if "hubspot" in url:
            self.next_index += count
        return float(found["seconds"])

    def until_sent(self, total: int) -> None:
        self.until("SELECT count(*) FROM sending_message WHERE status = 'sent'", total)

    def until_told(self, total: int) -> None:
        self.until("SELECT count(*) FROM sending_message WHERE reply = 'given'", total)

    def until(self, query: str, total: int) -> None:
        with psycopg.connect(self.database, autocommit=True) as connection:
            ends = time.monotonic() + 120
            while (found := connection.execute(query).fetchone()[0]) < total:  # type: ignore[index,call-overload]
                if time.monotonic() > ends:
                    raise SystemExit(f"{found} of {total} after two minutes: {query}")
                time.sleep(0.05)

    def serve(self, application: str, port: int) -> subprocess.Popen[bytes]:
        granian = ("-m", "granian", "--interface", "wsgi", application, "--port", str(port), "--no-ws")
        return self.start(
            *granian, "--workers", WORKERS, "--blocking-threads", THREADS, "--log-level", "warning"
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, *arguments], env=self.environment, start_new_session=True)
        self.stack.callback(stop, process)
        return process

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], env=self.environment, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode()


class Peak:
    """The largest proportional memory of some process groups while the block runs."""

    def __init__(self, watched: list[subprocess.Popen[bytes]]) -> None:
        self.groups, self.megabytes, self.stopped = {p.pid for p in watched}, 0.0, False

    def __enter__(self) -> "Peak":
        from threading import Thread

        self.thread = Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped = True
        self.thread.join()

    def watch(self) -> None:
        while not self.stopped:
            self.megabytes = max(self.megabytes, sum(self.sizes()))
            time.sleep(0.25)

    def sizes(self) -> Iterator[float]:
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and os.getpgid(int(folder.name)) in self.groups:
                    rollup = (folder / "smaps_rollup").read_text()
                    yield int(rollup.split("Pss:")[1].split()[0]) / 1024
            except (OSError, IndexError):
                continue


def stop(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing answers on port {port}")
