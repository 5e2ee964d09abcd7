"""How a database would run what a page asked of it, for tests that no query looks through the whole log."""

import re
from collections.abc import Iterable
from typing import Any

from django.db import connection

#: As PostgreSQL and as SQLite say that they look at every row; SQLite's may be in the order of an index.
_WHOLE_LOG = re.compile(r"Seq Scan on sending_message\b|^SCAN (sending_message|m)\b", re.MULTILINE)


def plans_of_log(captured: Iterable[dict[str, Any]]) -> list[str]:
    """The plan of every captured query that reads the table of messages."""
    return [plan_of(query["sql"]) for query in captured if "sending_message" in query["sql"]]


def plan_of(sql: str) -> str:
    """The plan of a query with its values filled in, one step a line."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A log of a test is so short that reading all of it may seem the cheaper way on a disk with heads.
            cursor.execute("SELECT set_config('random_page_cost', '1.1', true)")
        cursor.execute(f"EXPLAIN {'' if connection.vendor == 'postgresql' else 'QUERY PLAN '}{sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def reads_whole_log(plan: str) -> bool:
    return _WHOLE_LOG.search(plan) is not None
