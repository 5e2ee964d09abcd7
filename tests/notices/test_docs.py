"""docs/notices.md says what is so: its verification works, its example has the fields that are sent."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from smsadmin.notices import delivering, limits, webhook, wording
from smsadmin.notices.models import Notice
from smsadmin.workspaces.models import Workspace
from tests.factories import make_number
from tests.notices.conftest import (
    SECRET,
    Received,
    Receiver,
    at,
    crossed,
    failed,
    look,
    make_endpoint,
    make_limit_rule,
    make_rule,
)

PAGE = (Path(__file__).parents[2] / "docs/notices.md").read_text()
pytestmark = pytest.mark.django_db


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def got(workspace: Workspace, receiver: Receiver, travel: Callable[[datetime], None]) -> Received:
    """What is received of a failure, with two secrets in force."""
    travel(at(minutes=2))
    endpoint = make_endpoint(workspace, receiver.url)
    webhook.renew(endpoint, at(minutes=1))
    endpoint.save()
    make_rule(workspace, emails=[], endpoint=endpoint)
    failed(workspace, at(minutes=1))
    look(at(minutes=2))
    delivering.sweep()
    return receiver.got[0]


@pytest.fixture
def verify() -> Callable[[str, dict[str, str], bytes], None]:
    defined: dict[str, Any] = {}
    [snippet] = blocks("python")
    exec(snippet, defined)
    return defined["verify"]


def test_the_snippet_takes_what_is_sent(got: Received, verify: Any, workspace: Workspace) -> None:
    new = workspace.endpoints.get().secrets["secret"]

    for secret in (SECRET, new):
        verify(secret, got.headers, got.body)


@pytest.mark.parametrize("change", ["body", "secret", "id", "time"])
def test_the_snippet_refuses_everything_else(
    got: Received, verify: Any, travel: Callable[[datetime], None], change: str
) -> None:
    secret, headers, body = SECRET, dict(got.headers), got.body
    if change == "body":
        body += b" "
    elif change == "secret":
        secret = webhook.new_secret()
    elif change == "id":
        headers["webhook-id"] = "another"
    else:
        travel(at(minutes=8))

    with pytest.raises(ValueError, match=r"too old|not signed"):
        verify(secret, headers, body)


def test_the_example_has_the_fields_that_are_sent(got: Received) -> None:
    example, sent = json.loads(blocks("json")[0]), json.loads(got.body)

    assert example.keys() == sent.keys()
    assert list(example["data"]) == list(sent["data"])
    assert example["data"]["sentence"] == sent["data"]["sentence"]


def test_the_example_of_a_limit_is_what_is_sent(workspace: Workspace) -> None:
    make_limit_rule(workspace)
    number = make_number(workspace, "+12025550101", name="Sales US")
    crossed(number, 80, at(seconds=1))
    limits.sweep(at(minutes=2))

    told = wording.told(Notice.objects.get())
    sent = json.loads(webhook.body(told.type, told.at, told.payload))

    [example] = [json.loads(each) for each in blocks("json") if "quota.threshold" in each]
    assert sent.pop("timestamp") == example.pop("timestamp")
    assert sent["data"].pop("url").endswith(f"/quotas/numbers/{number.pk}/")
    assert example["data"].pop("url").endswith("/quotas/numbers/7/")
    assert list(sent["data"]) == list(example["data"])
    assert sent == example


def test_every_type_is_named() -> None:
    assert all(f"`{kind}`" in PAGE for kind in Notice.Kind)
