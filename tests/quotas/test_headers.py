"""What HTTP tells of a limit: seconds that are never too few, and nothing of a refusal that is no limit's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smsadmin.core.windows import Window, resets_at
from smsadmin.quotas import headers
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.rulebook import Limit

NOW = datetime(2026, 11, 21, 10, 7, 30, 500_000, tzinfo=UTC)


def of(limit: str, remaining: str, reset: str) -> dict[str, str]:
    return {"RateLimit-Limit": limit, "RateLimit-Remaining": remaining, "RateLimit-Reset": reset}


def test_a_limit_with_what_is_left_and_the_seconds_to_its_reset_rounded_up() -> None:
    limit = Limit("number", Window.MINUTE, "messages", 200, kept=20)
    usage = Usage(limit, 150, resets_at(Window.MINUTE, NOW))
    assert headers.of_usage(usage, NOW) == of("200", "50", "30")
    assert headers.of_usage(usage, NOW, priority=False) == of("200", "30", "30")


def test_more_used_than_allowed_leaves_nothing_rather_than_less() -> None:
    assert headers.rate_limit(5, -3, NOW, NOW) == of("5", "0", "0")


def test_a_refusal_says_when_to_ask_again() -> None:
    assert headers.retry_after(NOW + timedelta(seconds=1.2), NOW) == {"Retry-After": "2"}
    assert headers.retry_after(NOW - timedelta(seconds=5), NOW) == {"Retry-After": "0"}


FACTS: dict[str, Any] = {"used": 90, "limit": 100, "resets": "2026-11-21T10:08:00+00:00"}


@pytest.mark.parametrize(
    ("code", "facts", "told"),
    [
        ("NUMBER_QUOTA_EXCEEDED", FACTS, of("100", "10", "30")),
        ("USER_QUOTA_EXCEEDED", FACTS, of("100", "10", "30")),
        ("USER_OUT_OF_SEGMENTS", FACTS, of("100", "10", "30")),
        ("NUMBER_QUOTA_EXCEEDED", FACTS | {"kept": 10}, of("100", "0", "30")),
        ("NUMBER_QUOTA_EXCEEDED", FACTS | {"resets": "2026-11-21T10:07:00+00:00"}, {}),
        ("MESSAGE_TOO_LONG", {"limit": 1_600}, {}),
        ("", {}, {}),
    ],
)
def test_a_refused_message_tells_of_the_limit_that_refused_it(
    code: str, facts: dict[str, Any], told: dict[str, str]
) -> None:
    assert headers.of_refusal(code, facts, NOW) == told
