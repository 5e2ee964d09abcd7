"""A call flow in Chromium, by keyboard alone: from a template over a slip of the pen to a dry run."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect


def test_from_a_template_over_a_slip_to_a_dry_run_by_keyboard_alone(admin: Page) -> None:
    admin.goto("/flows/new/")
    admin.get_by_role("link", name=re.compile("^Use this template.*Missed call follow-up$")).press("Enter")
    source, checked = admin.get_by_label("Steps (YAML)"), admin.locator("#checked")
    expect(admin.locator(".gutter span").nth(11)).to_have_text("12")
    expect(checked.locator("svg.diagram")).to_be_visible()

    source.press("Control+Home")
    for _line in range(11):
        source.press("ArrowDown")
    source.press("End")
    source.press("Backspace")  # the quote that closes the condition
    problem = checked.get_by_role("link", name="Line 12").first
    expect(problem).to_be_visible()
    expect(admin.locator(".gutter span.error").first).to_have_text("12")
    admin.get_by_role("button", name="Save the flow").press("Enter")
    expect(admin.locator(":focus")).to_contain_text("What you typed is still here.")

    problem.press("Enter")
    expect(source).to_be_focused()
    source.press("End")
    source.press_sequentially('"')
    expect(checked).to_contain_text("Nothing is wrong with it.")
    expect(admin.locator(".gutter .error")).to_have_count(0)
    admin.get_by_role("button", name="Save the flow").press("Enter")
    expect(admin.get_by_role("heading", level=1)).to_have_text("Missed call follow-up")

    admin.get_by_role("link", name="Run with a sample call").first.press("Enter")
    admin.get_by_role("button", name="Dry run").press("Enter")
    story = admin.locator("#tried")
    expect(story).to_contain_text("if !$dial?.ok → true")
    expect(story).to_contain_text("Hello! You tried to reach us")
