"""Counts messages for one number and for many, in several processes at once. Run as a program, with settings.

Each figure is the median of some rounds, and its ratio to a floor measured right before it: a transaction that changes
one counter row of a number and one of a user, by primary key, and tests nothing.
"""

import os
import random
import statistics
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from smsadmin.core.windows import Window  # noqa: E402
from smsadmin.directory import book  # noqa: E402
from smsadmin.directory.models import Agent, Number  # noqa: E402
from smsadmin.quotas import counting  # noqa: E402
from smsadmin.quotas.models import Counter, Rule, Scope  # noqa: E402
from smsadmin.quotas.rulebook import Subject  # noqa: E402
from smsadmin.sending import ledger, log, quota  # noqa: E402
from smsadmin.sending.quota import Demand  # noqa: E402
from smsadmin.sending.resolve import RESOLVE, Draft, run  # noqa: E402
from smsadmin.workspaces.models import Workspace  # noqa: E402
from tests.factories import ask, make_agent, make_number, make_workspace, put_on  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "1"))
NUMBERS, USERS = 500, 100
ZONES = ["Europe/Paris", "America/New_York", "Asia/Kathmandu"]
ZONE_COUNTS = [0, 1, 3]
NO_LIMIT = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Load:
    """What is done by so many processes: for one number or for many, with limits in so many zones beside UTC."""

    what: str
    zones: int
    numbers: int
    processes: int


@dataclass(frozen=True, slots=True)
class Holders:
    """The numbers and users of a workspace, with their counters in UTC, and a message of its first number."""

    pairs: list[tuple[Number, Agent]]
    counters: dict[tuple[str, int], int]
    draft: Draft


def main() -> None:
    call_command("migrate", verbosity=0)
    for zones in ZONE_COUNTS:
        seed(zones)
    leave_to_processes()
    print(
        f"{connection.vendor}: median of {ROUNDS} rounds of {SECONDS:g} s each, operations a second (of the floor)"
    )
    processes = [1, 4, 16] if connection.vendor == "postgresql" else [1]
    with ProcessPoolExecutor(max(processes), get_context("fork")) as pool:
        for count in processes:
            for numbers in (1, NUMBERS):
                report(pool, numbers, count)


def leave_to_processes() -> None:
    """Closes what they would inherit: each connects by itself."""
    connections.close_all()
    if connection.vendor == "postgresql":
        connection.close_pool()


def seed(zones: int) -> None:
    """A workspace with limits that no run reaches, and every counter."""
    workspace = make_workspace(str(zones))
    Rule.objects.filter(workspace=workspace).update(limit=NO_LIMIT, reason="no run reaches it")
    for zone in ZONES[:zones]:
        for scope in Scope:
            Rule.objects.create(
                workspace=workspace, scope=scope, window=Window.DAY, zone=zone, limit=NO_LIMIT
            )
    users = [make_agent(workspace) for _ in range(USERS)]
    for nth in range(NUMBERS):
        number = make_number(workspace)
        put_on(number, users[nth % USERS])
        with transaction.atomic():
            counting.reserve([Subject.of(number), Subject.of(users[nth % USERS])], 1, timezone.now())


def report(pool: ProcessPoolExecutor, numbers: int, processes: int) -> None:
    loads = [Load(what, zones, numbers, processes) for zones in ZONE_COUNTS for what in ("reserve", "enter")]
    found: dict[Load, list[tuple[float, float]]] = {load: [] for load in loads}
    for _ in range(ROUNDS):
        for zones in ZONE_COUNTS:
            floor = rate(pool, Load("floor", zones, numbers, processes))
            for load in (each for each in loads if each.zones == zones):
                found[load].append((rate(pool, load), floor))
    floor = statistics.median(floor for rounds in found.values() for _, floor in rounds)
    print(f"  {numbers:>3} numbers, {processes:>2} processes: floor {floor:,.0f}/s", flush=True)
    for zones in ZONE_COUNTS:
        print(
            f"    {zones} zones: "
            + " · ".join(line(load, found[load]) for load in loads if load.zones == zones)
        )


def line(load: Load, rounds: list[tuple[float, float]]) -> str:
    per_second = statistics.median(done for done, _ in rounds)
    ratio = statistics.median(done / floor for done, floor in rounds)
    return f"{load.what} {per_second:,.0f}/s ({ratio:.2f})"


def rate(pool: ProcessPoolExecutor, load: Load) -> float:
    """Operations a second of all processes together."""
    begins = time.monotonic() + 0.3
    done = pool.map(work, [load] * load.processes, [begins] * load.processes)
    return sum(done) / SECONDS


def work(load: Load, begins: float) -> int:
    """Runs the operation from a common start for `SECONDS`; how often it was done."""
    once, done = OPERATIONS[load.what], 0
    holders = holders_of(load.zones)
    once(holders, *holders.pairs[0])  # what is cached is read before
    time.sleep(max(begins - time.monotonic(), 0))
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        once(holders, *holders.pairs[random.randrange(load.numbers)])
        done += 1
    return done


@cache
def holders_of(zones: int) -> Holders:
    workspace = Workspace.objects.get(name=str(zones))
    numbers = workspace.numbers.order_by("pk").prefetch_related("agents")
    pairs = [(number, number.agents.all()[0]) for number in numbers]
    counters = {
        (scope, subject): pk
        for pk, scope, subject in Counter.objects.filter(workspace=workspace, zone="UTC").values_list(
            "pk", "scope", "subject_id"
        )
    }
    draft = Draft(ask(pairs[0][0]), book.of(workspace.pk))
    run(draft, RESOLVE)
    return Holders(pairs, counters, draft)


# --- What is measured ---------------------------------------------------------------------------------------


def floor(holders: Holders, number: Number, agent: Agent) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for scope, subject in ((Scope.NUMBER, number), (Scope.USER, agent)):
            cursor.execute(
                "UPDATE quotas_counter SET day_messages = day_messages + 1 WHERE id = %s",
                [holders.counters[scope, subject.pk]],
            )


def reserve(holders: Holders, number: Number, agent: Agent) -> None:
    with transaction.atomic():
        counting.reserve([Subject.of(number), Subject.of(agent)], 1, timezone.now())


def enter(holders: Holders, number: Number, agent: Agent) -> None:
    """The same and the row, as acceptance does it."""
    now = timezone.now()
    message = log.queued(holders.draft, quota.counted(holders.draft), now)
    message.key, message.number, message.agent = uuid.uuid4(), number, agent
    ledger.enter(message, Demand(number, agent, 1), now)


OPERATIONS: dict[str, Callable[[Holders, Number, Agent], None]] = {
    "floor": floor,
    "reserve": reserve,
    "enter": enter,
}

if __name__ == "__main__":
    main()
