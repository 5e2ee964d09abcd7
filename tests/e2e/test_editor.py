"""The whole path of an action in Chromium: by keyboard, without JavaScript, and when answers come late."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.conftest import Complaints
from tests.e2e.product import Product

NUMBER, USERS = "Support US 2", ["Ava Thompson · ava@example.com", "Mia Hoffmann · mia@example.com"]


def test_from_sign_in_to_a_message_by_keyboard_alone(
    product: Product, new_context: Any, complaints: Complaints
) -> None:
    name = "By keyboard"
    page = new_context().new_page()
    complaints.listen(page)
    sign_in(page)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Actions").press("Enter")
    page.get_by_role("main").get_by_role("link", name="New action").press("Enter")

    page.get_by_label("Name", exact=True).press_sequentially(name)
    pick(page.get_by_label("Number", exact=True), NUMBER)
    # A person sees the answer before the next step, which it shows.
    expect(page.locator("#sender-and-user")).not_to_have_attribute("aria-busy", "true")
    page.get_by_label("A user of the number").press("Space")
    user = page.get_by_label("User", exact=True)
    expect(user.get_by_role("option")).to_have_text(["Choose a user", *USERS])
    pick(user, "Ava Thompson")
    pick(page.get_by_label("Property with the recipient's number"), "Phone number (phone)")
    message = page.get_by_label("Message", exact=True)
    message.press_sequentially("Hi {{")
    insert_by_keyboard(page, "first na", "First name")
    expect(message).to_be_focused()
    message.press_sequentially(", it’s time.")
    expect(message).to_have_value("Hi {{Contact.firstname}}, it’s time.")

    expect(page.locator("#forcing")).to_contain_text("U+2019")
    page.get_by_role("button", name="Replace 1 character").press("Enter")
    expect(message).to_have_value("Hi {{Contact.firstname}}, it's time.")
    page.get_by_label("When First name is empty").press("w")  # write instead
    page.get_by_label("Text instead of First name").press_sequentially("there")
    page.get_by_label("Text instead of First name").press("Tab")
    expect(message).to_have_value('Hi {{Contact.firstname | default("there")}}, it\'s time.')

    page.get_by_label("Find a record").press_sequentially("4242")
    page.get_by_label("Ada Lovelace").press("Space")
    verdict = page.locator("#preview").get_by_role("status")
    expect(verdict).to_contain_text("It would be sent now")
    expect(verdict).to_contain_text("Checked with Ada Lovelace.")
    expect(page.locator(".bubble")).to_have_text("Hi Ada, it's time.")
    page.get_by_role("button", name="Send the test").press("Enter")
    expect(page.locator("#test").get_by_role("status")).to_contain_text(
        "The test to Alex's phone is on its way."
    )

    page.get_by_role("button", name="Save the action").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    follow_to_its_message(page, product, name)


def test_from_sign_in_to_a_message_without_javascript(
    product: Product, new_context: Any, complaints: Complaints
) -> None:
    name = "Without scripts"
    page = new_context(java_script_enabled=False).new_page()
    complaints.listen(page)
    sign_in(page)
    page.goto("/actions/new/")

    page.get_by_label("Name", exact=True).fill(name)
    number = page.get_by_label("Number", exact=True)
    number.select_option(label=number.get_by_role("option", name=NUMBER).text_content())
    page.get_by_role("button", name="Show what belongs to this choice").press("Enter")
    page.get_by_label("A user of the number").press("Space")
    page.get_by_role("button", name="Show this number's users").press("Enter")
    page.get_by_label("User", exact=True).select_option(label=USERS[0])
    page.get_by_label("Property with the recipient's number").select_option("Contact.phone")
    page.get_by_label("Message", exact=True).fill("It’s time, ")
    page.locator("summary", has_text="Insert a value of the record").press("Enter")
    page.get_by_role("button", name="First name firstname").press("Enter")
    expect(page.get_by_label("Message", exact=True)).to_have_value("It’s time, {{Contact.firstname}}")
    page.get_by_role("button", name="Replace 1 character").press("Enter")
    page.get_by_label("When First name is empty").select_option("text")
    page.get_by_role("button", name="Put these into the message").press("Enter")
    page.get_by_label("Text instead of First name").fill("friend")
    page.get_by_role("button", name="Put these into the message").press("Enter")
    message = page.get_by_label("Message", exact=True)
    expect(message).to_have_value('It\'s time, {{Contact.firstname | default("friend")}}')

    page.get_by_label("Find a record").fill("4242")
    page.locator("#record").get_by_role("button", name="Find", exact=True).press("Enter")
    page.get_by_label("Ada Lovelace").check()
    page.get_by_role("button", name="Check with this record").press("Enter")
    expect(page.locator("#preview").get_by_role("status")).to_contain_text("It would be sent now")
    expect(page.locator(".bubble")).to_have_text("It's time, Ada")
    page.get_by_role("button", name="Send the test").press("Enter")
    expect(page.locator("#test").get_by_role("status")).to_contain_text("is on its way.")

    page.get_by_role("button", name="Save the action").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    follow_to_its_message(page, product, name)


def sign_in(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Email").fill("admin@example.com")
    page.get_by_label("Password").fill("sandbox")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def pick(select: Locator, words: str) -> None:
    """Chooses in a list as the keyboard does: by typing how the entry begins, and the arrows for what is missing."""
    select.focus()
    select.page.keyboard.type(words)
    entries = select.locator("option").all_text_contents()
    wanted = next(place for place, entry in enumerate(entries) if words in entry)
    away = wanted - int(
        select.evaluate("each => each.selectedIndex")
    )  # a slow machine forgets what was typed first
    for _ in range(abs(away)):
        select.press("ArrowDown" if away > 0 else "ArrowUp")
    expect(select.locator("option:checked")).to_contain_text(words)


def insert_by_keyboard(page: Page, search: str, label: str) -> None:
    """Two braces have opened the list of properties."""
    expect(page.get_by_label("Find a property")).to_be_focused()
    page.keyboard.type(search)
    expect(page.locator("[data-insert]")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-insert]:focus")).to_contain_text(label)
    page.keyboard.press("Enter")


def follow_to_its_message(page: Page, product: Product, name: str) -> None:
    assert "1 success" in product.enrol(name, records=1)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Log").press("Enter")
    row = page.get_by_role("row").filter(has_text=name).filter(has_not_text="Test").first
    expect(row).to_contain_text(NUMBER)
    expect(row).to_contain_text("Ava Thompson")
    row.get_by_role("link").first.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^(Sent|Delivered) to \+1"))
    expect(page.get_by_role("main")).to_contain_text("Ada")


def choose_the_number(page: Page) -> None:
    number = page.get_by_label("Number", exact=True)
    number.select_option(label=number.get_by_role("option", name=NUMBER).text_content())


def test_a_choice_survives_the_late_answer_to_an_older_one(admin: Page) -> None:
    """Number and user are chosen faster than the server answers."""
    asked: list[Route] = []

    def kept(route: Route) -> None:
        if "refilter" in (route.request.post_data or ""):
            asked.append(route)
        else:
            route.continue_()

    admin.goto("/actions/new/")
    admin.route("**/actions/new/", kept)
    refilters = lambda request: "refilter" in (request.post_data or "")  # noqa: E731
    with admin.expect_request(refilters):
        choose_the_number(admin)
    with admin.expect_request(refilters):
        admin.get_by_label("A property of the record").first.press("Space")

    admin.evaluate("0")  # both have been routed when the page answers

    older, newer = asked
    older.fulfill(response=older.fetch())
    newer.continue_()

    expect(admin.get_by_label("Property with the number")).to_be_visible()
    expect(admin.get_by_label("Number", exact=True)).to_be_hidden()


def test_who_types_in_a_list_goes_on_in_the_same_list_when_the_answer_comes(admin: Page) -> None:
    admin.goto("/actions/new/")
    number = admin.get_by_label("Number", exact=True)
    number.evaluate("each => { each.wasHere = true }")

    with admin.expect_response(lambda answer: "refilter" in (answer.request.post_data or "")):
        choose_the_number(admin)

    expect(admin.get_by_label("A user of the number")).to_be_visible()
    assert number.evaluate("each => each.wasHere")
    expect(number.locator("option:checked")).to_contain_text(NUMBER)


def test_what_is_typed_while_an_answer_is_on_its_way_stays(admin: Page) -> None:
    asked: list[Route] = []
    admin.goto("/actions/new/")
    expect(admin.locator("#preview .trace")).to_be_visible()
    admin.route("**/actions/new/", lambda route: asked.append(route))  # noqa: PLW0108 (Playwright marks it)
    message = admin.get_by_label("Message", exact=True)

    with admin.expect_request("**/actions/new/"):
        message.press_sequentially("Hello")
    with admin.expect_request("**/actions/new/"):
        message.press_sequentially(" world")
    admin.evaluate("0")  # both have been routed when the page answers
    older, newer = asked
    older.fulfill(response=older.fetch())
    newer.continue_()

    expect(admin.locator("#composed")).to_contain_text("11 of 1,600 characters")
    expect(message).to_be_focused()
    expect(message).to_have_value("Hello world")


def test_the_properties_of_a_record_type_come_also_when_the_number_is_chosen_before_they_do(
    admin: Page,
) -> None:
    asked: list[Route] = []

    def kept(route: Route) -> None:
        if "listed_type=contact&" in (body := route.request.post_data or "") and "object_type=deal" in body:
            asked.append(route)
        else:
            route.continue_()

    admin.goto("/actions/new/")
    expect(admin.locator("#preview .trace")).to_be_visible()
    admin.route("**/actions/new/", kept)
    with admin.expect_request("**/actions/new/"):
        admin.get_by_label("Record type").select_option("deal")
    admin.unroute("**/actions/new/")
    choose_the_number(admin)

    recipient = admin.get_by_label("Property with the recipient's number")
    expect(recipient.locator("optgroup").last).to_have_attribute(
        "label", "Other properties: associated contact"
    )
    expect(admin.get_by_label("Number", exact=True).locator("option:checked")).to_contain_text(NUMBER)


def test_what_a_button_swaps_keeps_the_focus_or_hands_it_on(admin: Page) -> None:
    admin.goto("/actions/new/")
    message, focused = admin.get_by_label("Message", exact=True), admin.locator(":focus")

    message.fill("it’s")
    admin.get_by_role("button", name="Replace 1 character").press("Enter")
    expect(message).to_have_value("it's")
    expect(message).to_be_focused()

    again = admin.get_by_role("button", name="Read them again")
    with admin.expect_response("**/actions/new/"):
        again.press("Enter")
    expect(again).to_be_focused()

    admin.get_by_role("button", name="Send the test").press("Enter")
    expect(admin.locator("#test").get_by_role("status")).to_contain_text("The test was not sent.")
    expect(focused).to_have_text("Send the test")

    admin.locator("summary", has_text="Insert a value of the record").press("Enter")
    admin.get_by_label("Find a property").press("ArrowDown")
    expect(admin.locator(".token-example").first).to_be_visible()
    expect(focused).to_contain_text("First name")


def test_a_fallback_is_written_into_the_message_that_is_clicked_to_go_on(admin: Page) -> None:
    admin.goto("/actions/new/")
    message = admin.get_by_label("Message", exact=True)
    message.fill("Hi {{Contact.firstname}}, it is time")
    admin.get_by_label("When First name is empty").select_option("text")
    admin.get_by_label("Text instead of First name").press_sequentially("friend")

    message.focus()
    message.press("End")
    expect(message).to_have_value('Hi {{Contact.firstname | default("friend")}}, it is time')
    message.press_sequentially("!")

    expect(message).to_have_value('Hi {{Contact.firstname | default("friend")}}, it is time!')


def test_a_token_that_is_written_by_hand_ends_up_in_the_message(admin: Page) -> None:
    admin.goto("/actions/new/")
    message = admin.get_by_label("Message", exact=True)
    message.focus()

    admin.keyboard.type("Hi {{Contact.FirstName}}, it is time")

    expect(message).to_have_value("Hi {{Contact.FirstName}}, it is time")
    expect(message).to_be_focused()


def test_enter_saves_only_from_the_fields_of_the_action(admin: Page) -> None:
    asked: list[str] = []
    admin.goto("/actions/")
    admin.get_by_role("main").get_by_role("link", name="Welcome new contacts").press("Enter")
    expect(admin.locator("#preview .trace")).to_be_visible()
    admin.route(
        admin.url, lambda route: [asked.append(route.request.post_data or ""), route.fulfill(status=204)]
    )

    admin.get_by_label("Find a record").press("Enter")
    admin.get_by_label("The record changed last").press("Enter")
    admin.locator("summary", has_text="Switch the action off").press("Enter")
    reason = admin.get_by_label("Why it is switched off")
    reason.fill("Wrong price")
    with admin.expect_request(admin.url):
        reason.press("Enter")
    with admin.expect_request(admin.url):
        admin.get_by_label("Name", exact=True).press("Enter")

    sent = [body for body in asked if "do=live" not in body and "do=find" not in body]
    assert ["do=off" in body for body in sent] == [True, False]


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
    expect(editor.locator("#preview .trace")).to_be_visible()
    editor.get_by_label("Name", exact=True).fill("Typed for long")
    other.locator("summary", has_text="Alex Admin").press("Enter")
    other.get_by_role("button", name="Sign out").press("Enter")
    expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")

    editor.get_by_label("Message", exact=True).press_sequentially("Hi")
    expect(editor.locator("#preview")).to_contain_text("You are signed out.")
    sign_in(other)
    editor.get_by_label("Message", exact=True).press_sequentially("!")

    expect(editor.locator("#composed")).to_contain_text("3 of 1,600 characters")
    expect(editor.get_by_label("Name", exact=True)).to_have_value("Typed for long")
    editor.get_by_role("button", name="Save the action").press("Enter")
    expect(editor.locator(":focus")).to_contain_text("Choose the number to send from.")


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_what_was_saved_while_signed_out_is_back_after_signing_in(new_context: Any, scripts: bool) -> None:
    context = new_context(java_script_enabled=scripts)
    editor, other = context.new_page(), context.new_page()
    sign_in(other)
    editor.goto("/actions/new/")
    editor.get_by_label("Message", exact=True).fill("Typed for long")
    other.goto("/accounts/logout/")
    other.get_by_role("main").get_by_role("button", name="Sign out").press("Enter")

    editor.get_by_role("button", name="Save the action").press("Enter")
    expect(editor.get_by_text("what you typed is there again")).to_be_visible()
    editor.get_by_label("Email").fill("admin@example.com")
    editor.get_by_label("Password").fill("sandbox")
    editor.get_by_label("Password").press("Enter")

    expect(editor.get_by_label("Message", exact=True)).to_have_value("Typed for long")


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
[...new Set([...document.querySelectorAll("#steps :is(input, select, textarea):not([type=hidden])")]
  .filter(each => each.checkVisibility()).map(each => each.name))].concat("Save the action")
"""
