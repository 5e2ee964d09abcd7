"""An agent with a tool, nothing remembered from the test before, and a bell that rings nobody."""

from collections.abc import Iterator

import pytest
from django.core.cache import caches

from smsadmin import cache
from smsadmin.agents.models import AIAgent, Attachment
from smsadmin.sending import bell, refused
from tests.factories import make_ai_agent, make_attachment, make_workspace


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rows are rolled back after a test; what a process remembers of them must go too."""
    monkeypatch.setattr(bell, "ring", lambda *_: None)
    cache.forget()
    caches["api"].clear()
    monkeypatch.setitem(refused._kept, "rows", 0)
    yield
    cache.forget()


@pytest.fixture
def attachment(db: None) -> Attachment:
    """Texts "Booked for {{date}}" to whoever the agent talks with."""
    return make_attachment(make_ai_agent(make_workspace())[0])


@pytest.fixture
def agent(attachment: Attachment) -> AIAgent:
    return attachment.agent
