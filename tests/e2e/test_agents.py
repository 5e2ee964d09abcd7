"""An agent in Chromium, as the source's steps go: an action with its condition, attached to two agents, and a call
whose text and delivery its details show (Synthflow help: Send SMS)."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.executions import new_recipient
from tests.e2e.product import Product

ACTION = "Booking confirmation"
CONDITION = "After scheduling an appointment"


def test_an_action_is_created_attached_to_two_agents_and_its_text_is_seen_in_the_call(
    admin: Page, product: Product
) -> None:
    create_the_action(admin)
    tokens = [add_an_agent(admin, name) for name in ("Booking line", "Night line")]
    for name in ("Booking line", "Night line"):
        attach_it(admin, name)

    called = product.control.post("agent-calls", json=a_call(admin, tokens[1])).raise_for_status().json()

    (answer,) = called["answers"]
    assert answer["body"]["message"] == "The text is on its way."
    admin.reload()
    admin.locator("#calls").get_by_role("link", name=re.compile(r"^\+1 312")).click()
    expect(admin.get_by_role("heading", level=1)).to_have_text("Call of Night line")
    details = admin.locator("main")
    expect(details).to_contain_text("Booked for 3 March.")
    expect(details).to_contain_text("human_goodbye")
    for _look in range(20):  # the receipt comes when the carrier has delivered
        if details.get_by_text("Delivered").is_visible():
            break
        admin.wait_for_timeout(500)
        admin.reload()
    expect(details.get_by_text("Delivered")).to_be_visible()
    details.get_by_role("link", name="The message, with every step").click()
    expect(admin.locator("main")).to_contain_text("Agent Night line, tool booking_confirmation")


def create_the_action(page: Page) -> None:
    page.goto("/actions/")
    page.get_by_role("link", name="New action").click()
    page.get_by_label("Record type").select_option("call")
    expect(page.locator("#recipient")).to_contain_text("Whoever the agent talks with")
    page.get_by_label("Name", exact=True).fill(ACTION)
    page.get_by_label("Number", exact=True).select_option(label="Support US 1 (+1 202-555-0101)")
    page.get_by_label("Message", exact=True).fill("Example Ltd: Booked for {{date}}.")
    page.get_by_label("When an agent sends it").fill("when needed")
    expect(page.locator("#condition-advice")).to_contain_text("leaves it to the agent after all")
    page.get_by_label("When an agent sends it").fill(CONDITION)
    expect(page.locator("#condition-advice")).not_to_contain_text("leaves it to the agent after all")
    page.get_by_role("button", name="Save the action").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(ACTION)


def add_an_agent(page: Page, name: str) -> str:
    """The token, which the page after it shows once."""
    page.goto("/agents/")
    page.get_by_role("link", name="New agent").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Platform").select_option("other")
    page.get_by_role("button", name="Add the agent").click()
    token = page.locator(".secret-once").inner_text()
    assert token.startswith("smsagent_")
    page.get_by_role("link", name="Agents", exact=True).first.click()
    return token


def attach_it(page: Page, name: str) -> None:
    page.goto("/agents/")
    page.get_by_role("link", name=name).click()
    expect(page.locator(".secret-once")).to_have_count(0)
    tools = page.locator("#actions")
    tools.get_by_label("Action").select_option(label=ACTION)
    tools.get_by_role("button", name="Add").click()
    page.get_by_role("button", name=f"Attach it to {name}").click()
    expect(tools).to_contain_text(CONDITION)
    tools.get_by_text("What the agent reads about it").click()
    expect(tools).to_contain_text(f"Use this when: {CONDITION}.")


def a_call(page: Page, token: str) -> dict[str, Any]:
    """What the agent whose page is shown does in a call, and that its platform tells of the end."""
    address = page.locator("#ends code").inner_text()
    tool = {"name": "booking_confirmation", "arguments": {"date": "3 March"}}
    end = {"status": "completed", "end_reason": "human_goodbye"}
    called = {"platform": "other", "token": token, "webhook_url": address, "tools": [tool], "end": end}
    return called | {"party": new_recipient()}
