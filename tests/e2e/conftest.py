"""One running copy of the product for all tests that need it, and browsers that look at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from tests.e2e.product import Product, running_product

expect.set_options(timeout=15_000)  # two cores run the product, its sandbox and the browser

#: Not complaints: the answer to a form that was not saved, and a request that a newer one has replaced.
EXPECTED = ("status of 422", "htmx:sendAbort", "htmx:afterRequest")


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("product")) as started:
        yield started


class Complaints(list[str]):
    """What the browser's console says: errors, and whatever the content security policy stopped."""

    def listen(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(each in message.text for each in EXPECTED):
            self.append(message.text)


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    found = Complaints()
    yield found
    assert found == []


@pytest.fixture
def visitor(page: Page, product: Product, complaints: Complaints) -> Page:
    """A page of somebody who has not signed in."""
    complaints.listen(page)
    return page


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], product: Product) -> dict[str, Any]:
    shape = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
    return browser_context_args | shape | {"base_url": product.url}


@pytest.fixture
def admin(visitor: Page, context: BrowserContext, product: Product) -> Page:
    """A page of the sample admin, signed in."""
    cookies: Any = product.admin.cookies
    context.add_cookies([{"name": name, "value": cookies[name], "url": product.url} for name in cookies])
    return visitor
