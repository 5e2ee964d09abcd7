"""What records keep of values."""

import json

import pytest

from smsadmin.flows.language.keeping import kept, shortened


@pytest.mark.parametrize(
    "value", [None, True, 7, 1.5, "text", [], {}, {"a": [1, {"b": None}], "c": "x" * 2_000}]
)
def test_what_people_read_is_kept_as_it_is(value):
    assert kept(value) == value


def test_a_long_text_is_cut():
    assert shortened("x" * 11, 10) == "x" * 9 + "…"
    assert kept({"a": ["x" * 2_001]}) == {"a": ["x" * 1_999 + "…"]}


def test_nothing_is_kept_that_is_too_deep_inside():
    deep: list[object] = []
    for _ in range(5_000):
        deep = [deep]

    assert json.dumps(kept(deep), ensure_ascii=False) == "[" * 20 + '"…"' + "]" * 20


@pytest.mark.parametrize(
    "much", [["x" * 50] * 100_000, {f"{n}": n for n in range(100_000)}, [[[7] * 100] * 100] * 100]
)
def test_only_so_much_is_kept_and_its_end_says_so(much):
    found = kept(much)

    assert len(json.dumps(found, ensure_ascii=False)) < 205_000
    assert found[-1] == "…" if isinstance(found, list) else found["…"] == "…"
