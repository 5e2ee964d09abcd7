"""The pages of the running product in Chromium: with and without JavaScript, by keyboard, dark, narrow, for all."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.executions import execution, new_recipient
from tests.e2e.product import Product

AXE = Axe().axe_script
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


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


@pytest.fixture(scope="session")
def addresses(product: Product) -> dict[str, str]:
    """Every kind of page, with something on it: a message that was sent, one refused, one nobody knows about."""
    well = {"sender_number": "812004", "recipient": new_recipient(), "message": "Hello"}
    sent, refused = product.run(well), product.run(well | {"recipient": "n/a"})
    with product.fault(kind="500"):
        unknown = product.run(well | {"recipient": new_recipient()})
    product.execute(execution(well), secret="another secret")
    resend, flow = resent(product, refused["message_id"]), flow_of(product)
    agent, tool, call = agent_of(product)
    return {
        "overview": "/",
        "actions": "/actions/",
        "new action": "/actions/new/",
        "action": "/actions/1/",
        "versions": "/actions/1/versions/",
        "version": "/actions/1/versions/1/",
        "log": "/log/",
        "log with a filter": "/log/?status=trouble",
        "log without a match": "/log/?q=%2B4930999",
        "message sent": f"/log/{sent['message_id']}/",
        "message refused": f"/log/{refused['message_id']}/",
        "message unknown": f"/log/{unknown['message_id']}/",
        "log with rows to choose": "/log/?status=trouble&choose=1",
        "deciding about a message": f"/log/{unknown['message_id']}/unknown/",
        "sending again": "/resends/new/?status=trouble",
        "resends": "/resends/",
        "a resend": resend,
        "requests": "/log/requests/",
        "refused calls": "/log/requests/?outcome=refused",
        "failures": "/failures/",
        "exports": "/exports/",
        "an export": "/exports/new/",
        "help: causes": "/help/errors/",
        "help: statuses": "/help/statuses/",
        "quotas": "/quotas/",
        "directory": "/directory/",
        "directory: users": "/directory/users/",
        "directory: number": "/directory/numbers/1/",
        "directory: user": "/directory/users/1/",
        "directory: refreshes": "/directory/refreshes/",
        "connections": "/connections/",
        "settings": "/settings/",
        "test numbers": "/settings/test-numbers/",
        "sender IDs": "/settings/sender-ids/",
        "inbox": "/inbox/",
        "opt-outs": "/opt-outs/",
        "opt-outs: settings": "/opt-outs/settings/",
        "classic action": "/actions/classic/",
        "action in HubSpot": "/connections/hubspot-action/",
        "flows": "/flows/",
        "flow": flow,
        "flow: settings": f"{flow}settings/",
        "flow: sample call": f"{flow}try/",
        "runs": "/flows/runs/",
        "agents": "/agents/",
        "agent": agent,
        "agent: its action": tool,
        "agent: a tool tried": f"{tool}try/",
        "agents: calls": "/agents/calls/",
        "agents: a call": call,
    }


def resent(product: Product, message_id: str) -> str:
    """Sends a message again; the address of the resend."""
    return posted(product, f"/resends/new/?id={message_id}")


def flow_of(product: Product) -> str:
    """Makes a call flow with two branches; its address."""
    steps = "branches:\n  inbound-call:\n    - goto: {branch: text}\n  text:\n    - action: hangup@v1\n"
    return posted(product, "/flows/new/", name="Looked at", source=steps, do="save")


def agent_of(product: Product) -> tuple[str, str, str]:
    """Makes an agent that may use the sample action, and has it use that in a call; the three addresses."""
    answer = posted_form(product, "/agents/new/", name="Looked at", platform="other", language="en")
    token, address = (
        re.search(r"smsagent_\w+", answer.text),
        re.search(r"/agents/(\d+)/settings/", answer.text),
    )
    assert token
    assert address
    agent = f"/agents/{address[1]}/"
    values = {"v0-source": "agent", "v0-name": "first_name", "rule-rows": "1", "rule-match": "all"}
    values |= {"tool_name": "welcome", "when": "during", "recipient": "caller", "most_per_call": "1"}
    posted(product, f"{agent}attach/?action=1", **values)
    tools = [{"name": "welcome", "arguments": {"first_name": "Ada"}}]
    asked = {"platform": "other", "token": token[0], "tools": tools, "party": new_recipient()}
    assert product.control.post("agent-calls", json=asked).json()["answers"][0]["status"] == 200
    calls, page = product.admin.get("/agents/calls/").text, product.admin.get(agent).text
    found = re.search(r"/agents/calls/\d+/", calls), re.search(rf"{agent}actions/\d+/", page)
    assert found[0]
    assert found[1]
    return agent, found[1][0], found[0][0]


def posted(product: Product, address: str, **fields: str) -> str:
    """Fills a form in; the address of what came of it."""
    return posted_form(product, address, **fields).url.path


def posted_form(product: Product, address: str, **fields: str) -> httpx.Response:
    """The same; the page of what came of it."""
    form = product.admin.get(address)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
    assert token, form.text
    data = {"csrfmiddlewaretoken": token[1], **fields}
    answer = product.admin.post(address, data=data, headers={"Referer": str(form.url)})
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.timeout(300)  # a second and a half for each page, on a machine that does nothing else
def test_no_page_has_a_barrier_or_scrolls_sideways_on_a_narrow_phone(
    admin: Page, addresses: dict[str, str]
) -> None:
    """Each page once, by axe in light and dark, then made narrow."""
    barriers, too_wide = {}, {}
    for name, address in addresses.items():
        admin.emulate_media(color_scheme="light")
        admin.set_viewport_size({"width": 1280, "height": 900})
        visit(admin, address)
        found = violations(admin, {"type": "tag", "values": WCAG})
        admin.emulate_media(color_scheme="dark")
        expect(admin.locator("html")).to_have_attribute("data-bs-theme", "dark")
        found += violations(admin, {"type": "rule", "values": ["color-contrast"]})  # all that a theme changes
        if found:
            barriers[name] = found
        admin.set_viewport_size({"width": 320, "height": 640})
        width = admin.evaluate("document.documentElement.scrollWidth")
        if width > 320:
            too_wide[name] = width
    assert barriers == {}
    assert too_wide == {}


def violations(page: Page, rules: dict[str, Any]) -> list[tuple[str, str]]:
    """What breaks these rules: the rule, and the first element that does."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    found = page.evaluate("options => axe.run(options)", options)["violations"]
    return [(each["id"], each["nodes"][0]["html"]) for each in found]


def visit(page: Page, address: str) -> None:
    answer = page.goto(address)
    assert answer
    assert answer.status == 200, address
    expect(page.locator("#preview .note", has_text="Checking")).to_have_count(
        0
    )  # the editor looks as it opens
