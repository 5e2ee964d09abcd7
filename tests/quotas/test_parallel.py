"""Many senders at once: no limit is ever exceeded, and no room of it is wasted."""

import os
import random
import uuid
from collections import Counter as Tally
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from smsadmin import cache
from smsadmin.core import errors
from smsadmin.core.status import Status
from smsadmin.core.windows import Window
from smsadmin.directory.models import Number
from smsadmin.quotas import counting, rulebook
from smsadmin.quotas.counting import QuotaExceeded
from smsadmin.quotas.models import Counter, Rule, Scope
from smsadmin.quotas.rulebook import Subject
from smsadmin.sending import log
from smsadmin.sending.accept import accept
from smsadmin.sending.log import Outcome
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace
from tests.counted import assert_counters_equal_the_log
from tests.factories import ask, make_number, make_workspace
from tests.sending.test_accept import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
PARIS, NEW_YORK = "Europe/Paris", "America/New_York"


@pytest.fixture
def number() -> Number:
    return make_number(make_workspace(), users=("mia@example.com",))


def only(workspace: Workspace, *rules: tuple[str, str, str, int]) -> None:
    """The workspace has these limits and no other: for each what, in which window, of which zone, how many."""
    workspace.quota_rules.all().delete()
    for scope, window, zone, limit in rules:
        Rule.objects.create(workspace=workspace, scope=scope, window=window, zone=zone, limit=limit)
    cache.forget()


def send(number: Number, traffic: str) -> Message:
    mia = number.agents.get()
    return accept(ask(number, send_as_kind="user", send_as_user_id=mia.pk, traffic=traffic), NOW)


def send_at_once(number: Number, *traffic: str) -> Tally[tuple[str, str]]:
    """How many of each kind came to each status."""
    found = at_once(lambda kind: send(number, kind), traffic)
    return Tally((message.traffic, message.status) for message in found)


def shuffled(kinds: Iterable[str]) -> list[str]:
    found = list(kinds)
    random.Random(4).shuffle(found)
    return found


# --- One number ---------------------------------------------------------------------------------------------


def test_marketing_and_alerting_together_take_all_of_a_limit_and_marketing_never_the_kept_share(
    number: Number,
) -> None:
    only(
        number.workspace,
        (Scope.NUMBER, Window.DAY, PARIS, 50),
        (Scope.NUMBER, Window.HOUR, "UTC", 60),
        (Scope.USER, Window.MONTH, NEW_YORK, 55),
    )

    found = send_at_once(number, *shuffled(["marketing", "alerting"] * 60))

    assert found["marketing", "queued"] + found["alerting", "queued"] == 50
    assert found["marketing", "queued"] <= 45
    assert_counters_equal_the_log()


def test_marketing_alone_stops_before_the_kept_share_and_alerting_gets_all_of_it(number: Number) -> None:
    only(number.workspace, (Scope.NUMBER, Window.DAY, PARIS, 50), (Scope.USER, Window.DAY, "UTC", 60))

    assert send_at_once(number, *["marketing"] * 80)["marketing", "queued"] == 45
    assert send_at_once(number, *["alerting"] * 20)["alerting", "queued"] == 5

    assert_counters_equal_the_log()


@pytest.mark.parametrize("missing", [["UTC", PARIS], [PARIS]], ids=["every counter", "that of a new zone"])
def test_a_counter_that_is_missing_is_made_from_the_log_by_whoever_comes_first(
    number: Number, missing: list[str]
) -> None:
    only(number.workspace, (Scope.NUMBER, Window.DAY, PARIS, 20), (Scope.USER, Window.DAY, "UTC", 100))
    assert send_at_once(number, *["alerting"] * 7)["alerting", "queued"] == 7
    Counter.objects.filter(zone__in=missing).delete()

    assert send_at_once(number, *["alerting"] * 40)["alerting", "queued"] == 13
    assert_counters_equal_the_log()


@pytest.mark.parametrize(
    "missing", [[], [PARIS]], ids=["all counters there", "that of a new zone is made meanwhile"]
)
def test_what_is_given_back_meanwhile_may_be_used_again_and_nothing_else(
    number: Number, missing: list[str]
) -> None:
    """Twelve messages never left; while that is written, others ask for room."""
    only(number.workspace, (Scope.NUMBER, Window.DAY, PARIS, 30), (Scope.USER, Window.DAY, "UTC", 100))
    assert send_at_once(number, *["alerting"] * 20)["alerting", "queued"] == 20
    Counter.objects.filter(zone__in=missing).delete()
    failed, drain = list(Message.objects.order_by("pk")[:12]), uuid.uuid4()
    log.claim([message.pk for message in failed], drain, NOW, NOW)

    def fail_or_send(message: Message | None) -> str:
        if message is None:
            return str(send(number, "alerting").status)
        error = errors.ProviderRejected(provider="Aircall")
        log.finish([Outcome(message.pk, Status.FAILED, NOW, error=error)], drain)
        return "given back"

    turns = [*failed, *[None] * 40]
    random.Random(4).shuffle(turns)
    found = Tally(at_once(fail_or_send, turns))

    assert found["given back"] == 12
    counting_now = Message.objects.filter(accepted_at__isnull=False, refunded_at=None)
    assert counting_now.count() <= 30
    assert_counters_equal_the_log()
    send_at_once(number, *["alerting"] * 30)
    assert counting_now.count() == 30
    assert_counters_equal_the_log()


# --- Many numbers -------------------------------------------------------------------------------------------

NUMBERS = int(os.environ.get("PARALLEL_NUMBERS", "150"))  # `make chaos` takes 500
EACH, OF_THE_USER = 1, NUMBERS * 7 // 10


def test_many_numbers_and_the_user_they_share_are_used_up_to_the_last_message() -> None:
    """Two messages for each number, of which one fits; of the user's, one for seven of ten numbers."""
    workspace = make_workspace()
    only(
        workspace,
        (Scope.NUMBER, Window.DAY, PARIS, EACH),
        (Scope.NUMBER, Window.HOUR, "UTC", EACH + 1),
        (Scope.USER, Window.DAY, NEW_YORK, OF_THE_USER),
    )
    user = Subject(workspace.pk, Scope.USER, 1)
    rulebook.limits(user, NOW)  # read once, not by each thread

    def reserve(share: list[int]) -> int:
        return sum(map(is_reserved, share))

    def is_reserved(number: int) -> bool:
        try:
            with transaction.atomic():
                counting.reserve([Subject(workspace.pk, Scope.NUMBER, number), user], 1, NOW)
        except QuotaExceeded:
            return False
        return True

    turns = list(range(1, NUMBERS + 1)) * 2
    random.Random(4).shuffle(turns)
    # SQLite lets one write at a time, and of many that wait it may forget one for longer than that one waits.
    threads = 16 if connection.vendor == "postgresql" else 2
    assert sum(at_once(reserve, [turns[nth::threads] for nth in range(threads)])) == OF_THE_USER

    for zone, of_user in ((PARIS, None), ("UTC", OF_THE_USER), (NEW_YORK, OF_THE_USER)):
        used = dict(Counter.objects.filter(zone=zone).values_list("scope", "day_messages"))
        assert used.get(Scope.USER) == of_user
    by_zone = [
        Counter.objects.filter(scope=Scope.NUMBER, zone=zone).values_list("subject_id", "day_messages")
        for zone in (PARIS, "UTC")
    ]
    assert dict(by_zone[0]) == dict(by_zone[1])
    assert sum(used for _, used in by_zone[0]) == OF_THE_USER
    assert max(used for _, used in by_zone[0]) == EACH
