"""Fills a log, asks for the pages over it as a browser would, and says what each cost. Run as a program, with settings.

Each figure is the median of several runs, and its ratio to a floor measured in the same run: fifty rows by primary
key, read with nothing but a cursor. A page that looks through the whole log ends the benchmark.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from tests.bench.addresses import addresses, floor  # noqa: E402
from tests.bench.rows import Customer, Filled, fill, make_customer  # noqa: E402
from tests.plans import plans_of_log, reads_whole_log  # noqa: E402

SIZES = [int(size) for size in os.environ.get("BENCH_ROWS", "1000000,10000000").split(",")]
RUNS = int(os.environ.get("BENCH_RUNS", "7"))


@dataclass(frozen=True, slots=True)
class Figure:
    """One page: its median in milliseconds, and what of it its queries took."""

    what: str
    ms: float
    queries_ms: float = 0.0


def main() -> None:
    call_command("migrate", verbosity=0)
    customer = make_customer()
    smallest: list[Figure] = []
    for size in SIZES:
        filled = fill(customer, size)
        figures = measure(customer)
        smallest = smallest or figures
        report(filled, figures, smallest)


def measure(customer: Customer) -> list[Figure]:
    """The floor first, then every page. Raises SystemExit for a page that fails or looks through the whole log."""
    browser = Client()
    browser.force_login(customer.owner.user)
    figures = [Figure("floor: 50 rows by primary key", _median(floor))]
    for what, url in addresses(customer):
        _check(browser, what, url)
        figures.append(_figure(browser, what, url))
    return figures


def _check(browser: Client, what: str, url: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        response = browser.get(url)
    if response.status_code != 200:
        raise SystemExit(f"{what}: {url} was answered with {response.status_code}")
    if bad := [plan for plan in plans_of_log(captured) if reads_whole_log(plan)]:
        raise SystemExit(f"{what}: {url} looks through the whole log:\n{bad[0]}")


def _figure(browser: Client, what: str, url: str) -> Figure:
    of_queries: list[float] = []

    def once() -> None:
        with _timing_queries() as spent:
            browser.get(url)
        of_queries.append(sum(spent))

    return Figure(what, _median(once), statistics.median(of_queries) * 1_000)


def _median(once: Callable[[], Any]) -> float:
    """The median of several runs in milliseconds, after one that warms what is cached."""
    once()
    took = []
    for _ in range(RUNS):
        started = time.perf_counter()
        once()
        took.append(time.perf_counter() - started)
    return statistics.median(took) * 1_000


@contextmanager
def _timing_queries() -> Iterator[list[float]]:
    spent: list[float] = []

    def timed(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            spent.append(time.perf_counter() - started)

    with connection.execute_wrapper(timed):
        yield spent


def report(filled: Filled, figures: list[Figure], smallest: list[Figure]) -> None:
    """A line for each page; the last column compares with the smallest log of the run."""
    print(
        f"\n{filled.messages:,} messages: filled in {filled.seconds:,.0f} s, "
        f"table {filled.table_bytes / 2**30:.1f} GB, indexes {filled.index_bytes / 2**30:.1f} GB"
    )
    floor_ms, before = figures[0].ms, {each.what: each.ms for each in smallest}
    print(f"{'':42}{'page':>11}{'÷ floor':>9}{'its queries':>14}{f'÷ {SIZES[0]:,} rows':>20}")
    for each in figures:
        page = f"{each.ms:,.1f} ms"
        queries = f"{each.queries_ms:,.1f} ms" if each.queries_ms else ""
        ratios = f"{each.ms / floor_ms:>9,.0f}{queries:>14}{each.ms / before[each.what]:>20.1f}"
        print(f"{each.what:42}{page:>11}{ratios}", flush=True)


if __name__ == "__main__":
    main()
