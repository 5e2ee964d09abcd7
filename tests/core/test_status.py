"""The life of a message (the table itself; `tests/sending/test_log.py` holds the database to it)."""

from itertools import pairwise

import pytest

from smsadmin.core.status import BEFORE, LEFT, SETTLED, TROUBLE, Status

PATHS = [
    "received rejected",
    "received queued sending sent delivered",
    "received queued sending sent undelivered",
    "sending failed",
    "sending unknown",
    "sending queued",  # it surely never left
    "queued failed",  # nobody gave its account new credentials
    "sending delivered",  # a receipt overtakes the provider's own answer
    "sending undelivered",
    "unknown sent",
    "unknown failed",
    "unknown delivered",
    "unknown undelivered",
    "received held queued",
    "held expired",
    "held cancelled",
]
ALLOWED = {step for path in PATHS for step in pairwise(path.split())}


@pytest.mark.parametrize("old", Status)
@pytest.mark.parametrize("new", Status)
def test_only_the_steps_of_the_design_are_allowed(old: Status, new: Status) -> None:
    assert (old in BEFORE[new]) == ((old.value, new.value) in ALLOWED)


def reachable(start: Status) -> set[Status]:
    found: set[Status] = set()
    todo = {start}
    while todo:
        todo = {new for new in Status if BEFORE[new] & todo} - found
        found |= todo
    return found


def test_what_may_have_left_is_never_sent_again() -> None:
    for status in LEFT | {Status.UNKNOWN}:
        assert not reachable(status) & {Status.QUEUED, Status.SENDING}


def test_every_message_can_come_to_an_end() -> None:
    for status in Status:
        assert status in SETTLED or reachable(status) & SETTLED


def test_nothing_follows_a_receipt() -> None:
    assert not reachable(Status.DELIVERED)
    assert not reachable(Status.UNDELIVERED)


def test_trouble_is_an_end_without_success() -> None:
    assert TROUBLE < SETTLED
    left = TROUBLE & LEFT
    assert left == {Status.UNDELIVERED}
