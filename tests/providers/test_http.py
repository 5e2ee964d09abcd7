"""What an answer may bring: nothing that a page, a database or a text cannot take."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from smsadmin.providers import http


def answered(monkeypatch: pytest.MonkeyPatch, content: str) -> Any:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=content.encode()))
    client = httpx.Client(transport=transport)
    monkeypatch.setattr(http, "client", lambda: client)
    return http.call("GET", "https://provider.example/").body


def test_halves_of_surrogate_pairs_and_nul_are_left_out_wherever_they_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = json.dumps({"na\ud83dme": ["Ada\ud83d", {"x\x00": "\x00y"}, 1, None], "smile": "\U0001f600"})

    assert answered(monkeypatch, body) == {"name": ["Ada", {"x": "y"}, 1, None], "smile": "\U0001f600"}


@pytest.mark.parametrize("deep", [300, 900, 100_000])
def test_an_answer_however_deep_raises_nothing(monkeypatch: pytest.MonkeyPatch, deep: int) -> None:
    found = answered(monkeypatch, "[" * deep + "]" * deep)

    assert found is None or isinstance(found, list)
