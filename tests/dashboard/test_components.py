"""The parts every page is made of."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone, translation
from django_htmx.middleware import HtmxMiddleware

from smsadmin.core.status import Status
from smsadmin.core.trace import Verdict
from smsadmin.dashboard.forms import Renderer
from smsadmin.dashboard.pages import render_page, server_error
from smsadmin.dashboard.templatetags import ui

ROOT = Path(settings.ROOT)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def draw(source: str, **context: object) -> str:
    return Template("{% load ui %}" + source).render(Context(context))


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


# --- Statuses, verdicts, icons ----------------------------------------------------------------------


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_badge_of_an_icon_and_a_word(status):
    html = draw("{% status_badge status %}", status=status.value)

    assert words(html) == status.value.capitalize()
    assert "<path" in html
    assert 'aria-hidden="true"' in html


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_told_by_its_word_in_the_trace(verdict):
    step = {"name": "Send as", "verdict": verdict.value, "sentence": "s", "seen": [("users", "<3>")]}

    html = render_to_string("components/trace.html", {"steps": [step]})

    assert f"Send as {ui.VERDICTS[verdict].label} s users &lt;3&gt;" in words(html)


def test_icons_named_in_templates_exist():
    named = {name for page in TEMPLATES for name in re.findall(r"{% icon ['\"]([\w-]+)", page.read_text())}
    named |= {look.icon for look in (*ui.STATUSES.values(), *ui.VERDICTS.values())}
    named |= {*ui.ALERT_ICONS.values(), *(drawing for _name, _label, drawing in ui.PAGES)}

    assert {name for name in named if "<path" not in ui.icon(name)} == set()


# --- Times and numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (timedelta(seconds=-3), "just now"),
        (timedelta(seconds=-59), "59 s ago"),
        (timedelta(minutes=-4, seconds=-30), "4 min ago"),
        (timedelta(hours=-23, minutes=-59), "23 h ago"),
        (timedelta(days=-1), "20 Nov, 12:00"),
        (timedelta(days=-400), "17 Oct 2025"),
        (timedelta(seconds=3), "now"),
        (timedelta(minutes=12), "in 12 min"),
    ],
)
def test_a_time_within_a_day_reads_as_a_distance_and_older_as_a_date(distance, text):
    assert ui.short_time(NOON + distance, NOON) == text


def test_the_full_time_is_the_viewers_with_utc_at_hand():
    with timezone.override("Europe/Berlin"):
        assert ui.full_time(NOON) == "21 Nov 2026, 13:00:00 CET (12:00:00 UTC)"
    with timezone.override("UTC"):
        assert ui.full_time(NOON) == "21 Nov 2026, 12:00:00 UTC"


def test_a_time_tag_carries_utc_for_machines_and_the_full_time_in_its_title():
    with timezone.override("Europe/Berlin"):
        html = draw("{% when at 'clock' %}", at=NOON)

    title = "21 Nov 2026, 13:00:00 CET (12:00:00 UTC)"
    assert html == f'<time datetime="2026-11-21T12:00:00+00:00" title="{title}">13:00:00</time>'
    assert words(draw("{% when at %}", at=None)) == "–"


def test_a_phone_number_is_spelt_for_people_and_copied_as_e164():
    html = draw("{% phone number %}", number="+442079460018")

    assert 'data-copies="+442079460018"' in html
    assert words(html) == "+44 20 7946 0018"


# --- Meter ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "limit", "level", "text"),
    [
        (0, 200, "room", "0 of 200 · 200 left"),
        (159, 200, "room", "159 of 200 · 41 left"),
        (160, 200, "near", "160 of 200 · 40 left"),
        (10_000, 10_000, "full", "10,000 of 10,000 · used up"),
        (201, 200, "full", "201 of 200 · used up"),
        (0, 0, "full", "0 of 0 · used up"),
    ],
)
def test_a_meter_says_in_words_and_pattern_how_much_is_left(used, limit, level, text):
    html = draw("{% meter used limit %}", used=used, limit=limit)

    assert words(html) == text
    assert f"meter-{level}" in html
    assert (f"url(#meter-{level})" in html) == (level != "room")


def test_a_meters_bar_has_its_length_in_any_language():
    for language in ("en", "de"):
        with translation.override(language):
            assert 'width="25%"' in draw("{% meter 50 200 %}")


# --- Forms ------------------------------------------------------------------------------------------


class ActionForm(forms.Form):
    name = forms.CharField(help_text="As it is called in the list.")
    mobile_only = forms.BooleanField(required=False)
    send_as = forms.ChoiceField(choices=[("none", "The number")], widget=forms.RadioSelect)


def test_a_wrong_field_is_tied_to_its_error_and_listed_in_a_summary_that_takes_focus():
    html = ActionForm({"send_as": "none"}, renderer=Renderer()).render()

    assert "data-error-summary" in html
    assert 'tabindex="-1"' in html
    assert '<a href="#id_name">Name: This field is required.</a>' in html
    described = re.search(r'<input type="text"[^>]*aria-describedby="([^"]*)"[^>]*>', html)
    assert described[1].split() == ["id_name_helptext", "id_name_error"]
    assert all(f'id="{name}"' in html for name in described[1].split())
    assert 'aria-invalid="true"' in described[0]
    assert 'class="form-control is-invalid"' in described[0]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("name", "form-control"), ("mobile_only", "form-check-input"), ("send_as", "form-check-input")],
)
def test_every_input_wears_its_class(name, kind):
    drawn = ActionForm(renderer=Renderer())[name].as_field_group()

    assert re.search(rf'<input [^>]*class="{kind}"', drawn)


def test_a_form_nobody_sent_has_no_summary():
    assert "error-summary" not in ActionForm(renderer=Renderer()).render()


def test_what_was_typed_is_escaped_and_stays():
    form = ActionForm({"name": '"><script>'}, renderer=Renderer())

    assert 'value="&quot;&gt;&lt;script&gt;"' in form.render()


# --- Page and fragment ------------------------------------------------------------------------------


def ask(**headers: str) -> HttpResponse:
    request = RequestFactory().get("/", headers=headers)
    HtmxMiddleware(lambda _request: HttpResponse())(request)
    return render_page(request, "400.html", {}, fragment="components/_brand.html")


@pytest.mark.parametrize(
    ("headers", "whole"),
    [
        ({}, True),
        ({"HX-Request": "true"}, False),
        ({"HX-Request": "true", "HX-Boosted": "true"}, True),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, True),
    ],
)
def test_a_swap_gets_the_fragment_and_everybody_else_the_page(headers, whole):
    response = ask(**headers)

    assert (b"<html" in response.content) == whole
    assert "HX-Request" in response["Vary"]


def test_the_error_page_needs_no_database_and_names_the_request(monkeypatch):
    monkeypatch.setattr(
        "smsadmin.dashboard.pages.structlog.contextvars.get_contextvars", lambda: {"request_id": "7f3a-22"}
    )

    response = server_error(RequestFactory().get("/"))

    assert response.status_code == 500
    assert "Id to quote: 7f3a-22" in words(response.content.decode())
    assert response["X-Request-ID"] == "7f3a-22"


# --- What a strict content policy and offline use ask of the files ----------------------------------


def test_templates_hold_nothing_the_content_policy_would_block():
    blocked = r"\sstyle=|<style|\son\w+=|hx-on|[\"']js:|javascript:|<script(?![^>]*\ssrc=)|(src|href)=[\"']https?://"
    assert [str(page) for page in TEMPLATES if re.search(blocked, page.read_text())] == []


@pytest.mark.parametrize("folder", sorted((ROOT / "static/vendor").iterdir()), ids=lambda folder: folder.name)
def test_vendored_files_name_version_and_licence_and_no_source_map(folder):
    assert re.search(r" \d+\.\d+\.\d+", (folder / "VERSION.txt").read_text())
    assert (folder / "LICENSE.txt").exists()
    assert not [file for file in folder.iterdir() if "sourceMappingURL" in file.read_text()]


# --- Contrast (WCAG 2.2, 1.4.3: 4.5 to 1 for text) --------------------------------------------------


def palette() -> dict[str, tuple[str, str]]:
    css = (ROOT / "static/css/app.css").read_text()
    return {
        name: (light, dark)
        for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", css)
    }


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


PAIRS = [
    *[(tone, f"{tone}-soft") for tone in ("accent", "good", "warn", "bad", "waiting", "neutral")],
    *[(tone, "surface") for tone in ("accent", "good", "warn", "bad", "ink", "ink-soft")],
    *[
        (tone, ground)
        for tone in ("ink", "ink-soft")
        for ground in ("ground", "sunken", "raised", "neutral-soft")
    ],
    ("accent-ink", "accent"),
    ("tblr-green-fg", "good"),
    ("tblr-danger-fg", "bad"),
    ("tblr-warning-fg", "warn"),
]


@pytest.mark.parametrize(("text", "ground"), PAIRS)
@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(text, ground, mode):
    colours = palette()

    assert contrast(colours[text][mode], colours[ground][mode]) >= 4.5
