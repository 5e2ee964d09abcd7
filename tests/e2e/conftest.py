"""One running copy of the product for all tests that need it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.product import Product, running_product


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("product")) as started:
        yield started
