"""A workspace with hooks, and a program that they tell; a clock of the test that stands still."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine

from smsadmin import cache
from smsadmin.directory.models import Number
from smsadmin.hooks import bell
from smsadmin.hooks.models import Hook, HookDelivery, HookEvent
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace
from tests.factories import make_number, make_workspace
from tests.notices.conftest import SECRET, make_endpoint, receiver  # noqa: F401  (a fixture)
from tests.sending.conftest import NOW, Clock, clock, drain, provider, rings  # noqa: F401  (fixtures)

Travel = Callable[[datetime], None]
NOWHERE = "http://127.0.0.1:9/hook"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    cache.forget()
    yield
    cache.forget()


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often a worker was rung for."""
    found: list[str] = []
    monkeypatch.setattr(bell, "ring", lambda: found.append("ring"))
    return found


@pytest.fixture
def travel() -> Iterator[Travel]:
    """Sets the clock, which then stands still."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller.move_to


@pytest.fixture
def number(db: None) -> Number:
    return make_number(make_workspace("Example Ltd"))


@pytest.fixture
def workspace(number: Number) -> Workspace:
    return number.workspace


def after(**later: float) -> datetime:
    return NOW + timedelta(**later)


def make_hook(workspace: Workspace, *kinds: str, url: str = NOWHERE, **columns: Any) -> Hook:
    """A hook that wants these events, or all of messages; each has an address of its own."""
    name = columns.pop("name", f"Hook {workspace.hooks.count() + 1}")
    url = url if url != NOWHERE else f"{NOWHERE}/{name}"
    hook = Hook.objects.create(
        workspace=workspace,
        name=name,
        endpoint=workspace.endpoints.filter(url=url).first() or make_endpoint(workspace, url),
        events=list(kinds) or ["message.*"],
        **columns,
    )
    cache.forget()
    return hook


def told(message: Message | None = None) -> list[str]:
    """What hooks were told, of this message or of everything, in order."""
    found = HookEvent.objects.filter(message=message.pk) if message else HookEvent.objects.all()
    return list(found.order_by("pk").values_list("type", flat=True))


def only() -> HookDelivery:
    return HookDelivery.objects.select_related("event", "hook").get()
