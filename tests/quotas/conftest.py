from collections.abc import Iterator

import pytest

from smsadmin import cache
from smsadmin.sending import bell


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Rules are read anew, and nobody is rung for."""
    monkeypatch.setattr(bell, "ring", lambda connection_id: None)
    cache.forget()
    yield
    cache.forget()
