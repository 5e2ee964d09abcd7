"""The pages of the running product in Chromium: with and without JavaScript, by keyboard, dark, narrow, for all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Route, expect

from tests.e2e.executions import execution, new_recipient
from tests.e2e.product import Product

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NUMBER, USERS = "Support US 2", ["Ava Thompson · ava@example.com", "Mia Hoffmann · mia@example.com"]

#: Not complaints: the answer to a form that was not saved, and a request that a newer one has replaced.
EXPECTED = ("status of 422", "htmx:sendAbort", "htmx:afterRequest")


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


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_from_sign_in_over_a_new_action_to_its_message(
    product: Product, new_context: Any, complaints: Complaints, scripts: bool
) -> None:
    name = f"Follow up {'with' if scripts else 'without'} scripts"
    page = new_context(java_script_enabled=scripts).new_page()
    complaints.listen(page)

    sign_in(page)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Actions").press("Enter")
    page.get_by_role("main").get_by_role("link", name="New action").press("Enter")
    fill_in_the_action(page, name, scripts)
    page.get_by_role("button", name="Save the action").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)

    assert "1 success" in product.enrol(name, records=1)

    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Log").press("Enter")
    row = page.get_by_role("row").filter(has_text=name)
    expect(row).to_contain_text(NUMBER)
    expect(row).to_contain_text("Ava Thompson")
    row.get_by_role("link").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^(Sent|Delivered) to \+1"))
    expect(page.get_by_role("main")).to_contain_text("Hi Ada, shall we talk?")


def sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Email").fill("admin@example.com")
    page.get_by_label("Password").fill("sandbox")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def fill_in_the_action(page: Page, name: str, scripts: bool) -> None:
    """Number first, then its users: they come by htmx, or by a button where there are no scripts."""
    page.get_by_label("Name", exact=True).fill(name)
    choose_the_number(page)
    page.get_by_label("A user of the number").press("Space")
    if not scripts:
        page.get_by_role("button", name="Show this number's users").press("Enter")
    user = page.get_by_label("User", exact=True)
    expect(user.get_by_role("option")).to_have_text(["Choose a user", *USERS])
    user.select_option(label=USERS[0])
    page.get_by_label("Property with the recipient's number").fill("Contact.phone")
    page.get_by_label("Message", exact=True).fill("Hi {{Contact.FirstName}}, shall we talk?")


def choose_the_number(page: Page) -> None:
    number = page.get_by_label("Number", exact=True)
    number.select_option(label=number.get_by_role("option", name=NUMBER).text_content())


def test_a_choice_survives_the_late_answer_to_an_older_one(admin: Page) -> None:
    """Number and user are chosen faster than the server answers."""
    asked: list[Route] = []
    admin.route("**/actions/choices/", lambda route: asked.append(route))  # noqa: PLW0108 (Playwright marks it)
    admin.goto("/actions/new/")
    with admin.expect_request("**/actions/choices/"):
        choose_the_number(admin)
    with admin.expect_request("**/actions/choices/"):
        admin.get_by_label("A user of the number").press("Space")

    older, newer = asked
    older.fulfill(response=older.fetch())
    newer.continue_()

    expect(admin.get_by_label("User", exact=True).get_by_role("option")).to_have_text(
        ["Choose a user", *USERS]
    )


def test_saving_an_unfinished_action_shows_what_is_missing_and_takes_the_focus_there(admin: Page) -> None:
    admin.goto("/actions/new/")
    admin.get_by_role("button", name="Save the action").press("Enter")

    summary = admin.locator(":focus")
    expect(summary).to_contain_text("Give the action a name.")
    expect(summary).to_contain_text("Choose the number to send from.")
    expect(admin.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")


def test_what_was_typed_survives_signing_out_and_in_again_in_another_tab(
    new_context: Any, complaints: Complaints
) -> None:
    context = new_context()
    editor, other = context.new_page(), context.new_page()
    complaints.listen(editor)
    sign_in(other)
    editor.goto("/actions/new/")
    editor.get_by_label("Name", exact=True).fill("Typed for long")
    other.locator("summary", has_text="Alex Admin").press("Enter")
    other.get_by_role("button", name="Sign out").press("Enter")
    expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")

    editor.get_by_label("Message", exact=True).press_sequentially("Hi")
    expect(editor.locator("#measure")).to_contain_text("You are signed out.")
    sign_in(other)
    editor.get_by_label("Message", exact=True).press_sequentially("!")

    expect(editor.locator("#measure")).to_have_text(re.compile("^\\s*3 characters"))
    expect(editor.get_by_label("Name", exact=True)).to_have_value("Typed for long")
    editor.get_by_role("button", name="Save the action").press("Enter")
    expect(editor.locator(":focus")).to_contain_text("Choose the number to send from.")


@pytest.mark.parametrize(("width", "is_folded"), [(320, True), (1280, False)])
@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_the_logs_filters_are_folded_on_narrow_screens_only(
    new_context: Any, product: Product, scripts: bool, width: int, is_folded: bool
) -> None:
    context = new_context(java_script_enabled=scripts)
    cookies: Any = product.admin.cookies
    context.add_cookies([{"name": name, "value": cookies[name], "url": product.url} for name in cookies])
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 640})
    page.goto("/log/")
    status = page.get_by_role("combobox", name="Status", exact=True)

    expect(status).to_be_visible(visible=not is_folded)
    if is_folded:
        page.locator("summary", has_text="Filters").press("Enter")
        expect(status).to_be_visible()


def test_every_control_of_the_editor_is_reached_with_tab(admin: Page) -> None:
    admin.goto("/actions/new/")
    wanted = admin.evaluate(CONTROLS)
    reached = []
    for _ in range(60):
        admin.keyboard.press("Tab")
        reached.append(admin.evaluate(FOCUSED))
        if reached[-1] == "Save the action":
            break
    assert [each for each in reached if each in wanted] == wanted


FOCUSED = "document.activeElement.name || document.activeElement.textContent.trim()"
#: The names of what can be filled in, in the order of the page; of radio buttons, Tab reaches one of each group.
CONTROLS = """
[...new Set([...document.querySelectorAll("#action-form :is(input, select, textarea):not([type=hidden])")]
  .filter(each => each.checkVisibility()).map(each => each.name))].concat("Save the action")
"""


@pytest.fixture(scope="session")
def addresses(product: Product) -> dict[str, str]:
    """Every kind of page, with something on it: a message that was sent, one refused, one nobody knows about."""
    well = {"sender_number": "812004", "recipient": new_recipient(), "message": "Hello"}
    sent, refused = product.run(well), product.run(well | {"recipient": "n/a"})
    with product.fault(kind="500"):
        unknown = product.run(well | {"recipient": new_recipient()})
    product.execute(execution(well), secret="another secret")
    return {
        "overview": "/",
        "actions": "/actions/",
        "new action": "/actions/new/",
        "action": "/actions/1/",
        "log": "/log/",
        "log with a filter": "/log/?status=trouble",
        "log without a match": "/log/?q=%2B4930999",
        "message sent": f"/log/{sent['message_id']}/",
        "message refused": f"/log/{refused['message_id']}/",
        "message unknown": f"/log/{unknown['message_id']}/",
        "refused calls": "/log/refused/",
        "quotas": "/quotas/",
        "directory": "/directory/",
        "directory: users": "/directory/users/",
        "directory: number": "/directory/numbers/1/",
        "connections": "/connections/",
        "settings": "/settings/",
    }


def test_axe_finds_no_barrier_on_any_page(admin: Page, addresses: dict[str, str]) -> None:
    barriers = {}
    for name, address in addresses.items():
        admin.emulate_media(color_scheme="light")
        visit(admin, address)
        found = violations(admin, {"type": "tag", "values": WCAG})
        admin.emulate_media(color_scheme="dark")
        expect(admin.locator("html")).to_have_attribute("data-bs-theme", "dark")
        found += violations(admin, {"type": "rule", "values": ["color-contrast"]})  # all that a theme changes
        if found:
            barriers[name] = found
    assert barriers == {}


def violations(page: Page, rules: dict[str, Any]) -> list[tuple[str, str]]:
    """What breaks these rules: the rule, and the first element that does."""
    found = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]}).response["violations"]
    return [(each["id"], each["nodes"][0]["html"]) for each in found]


def test_no_page_scrolls_sideways_on_a_narrow_phone(admin: Page, addresses: dict[str, str]) -> None:
    admin.set_viewport_size({"width": 320, "height": 640})
    too_wide = {}
    for name, address in addresses.items():
        visit(admin, address)
        width = admin.evaluate("document.documentElement.scrollWidth")
        if width > 320:
            too_wide[name] = width
    assert too_wide == {}


def visit(page: Page, address: str) -> None:
    answer = page.goto(address)
    assert answer
    assert answer.status == 200, address
