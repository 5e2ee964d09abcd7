"""How fresh the mirror is: age, progress, the last difference, and failures with what to do."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from smsadmin.directory import freshness, tasks
from smsadmin.directory.models import Refresh
from tests.directory.pages import make_refresh, text, words
from tests.factories import make_connection, make_member, make_workspace

pytestmark = pytest.mark.django_db

JOINED = {"joined": {"count": 1, "items": [{"number": "Sales DE", "count": 2, "users": ["Mia", "Leo"]}]}}


# --- Age and differences ------------------------------------------------------------------------------


def test_the_page_says_how_old_the_mirror_is_and_what_changed(viewer, workspace):
    make_refresh(make_connection(workspace), changes=JOINED)

    page = words(viewer.get(reverse("directory")))

    assert "Refreshed 4 min ago , next by" in page
    assert "What the last refresh changed 2 users added to Sales DE: Mia and Leo" in page


def test_the_last_difference_stays_while_newer_refreshes_find_none(viewer, workspace):
    connection = make_connection(workspace)
    make_refresh(connection, age=timedelta(minutes=34), changes=JOINED)
    make_refresh(connection)

    page = words(viewer.get(reverse("directory")))

    assert "Nothing had changed." in page
    assert "The last change, 34 min ago 2 users added to Sales DE" in page


def test_more_differences_than_fit_are_counted_and_linked(viewer, workspace):
    items = [{"number": f"Line {n}", "count": 1, "users": ["Mia"]} for n in range(5)]
    changes = {kind: {"count": 5, "items": items} for kind in ("joined", "left")}
    make_refresh(make_connection(workspace), changes=changes)

    page = text(viewer.get(reverse("directory")))

    assert "Mia was added to Line 0" in page
    assert "Mia was added to Line 1" not in page
    assert f'<a href="{reverse("directory-refreshes")}">and 4 more changes</a>' in page


def test_a_refresh_of_an_older_version_is_still_told(viewer, workspace):
    changes = {"associations_added": ["mia@example.com · Sales", "leo@example.com · Sales"]}
    make_refresh(make_connection(workspace), changes=changes)

    assert "2 users added to Sales: mia@example.com and leo@example.com" in words(
        viewer.get(reverse("directory"))
    )


# --- Failures -----------------------------------------------------------------------------------------

FAILURES = [
    ("key", "Aircall refused the API key (HTTP 403).", "Enter a new API key for the connection."),
    ("provider", "Aircall answered HTTP 500: oops", "The next refresh tries again."),
    ("empty", "Aircall listed no number at all, so the old mirror was kept.", "Check with the provider"),
    ("cut_off", "It was cut off: its worker stopped.", "The next refresh starts anew."),
    ("ours", "smsadmin itself failed: KeyError", "Report this with the time"),
    ("", "Aircall answered HTTP 502: of an older version", "The next refresh tries again."),
]


@pytest.mark.parametrize(("cause", "error", "remedy"), FAILURES)
def test_a_failure_says_its_cause_and_what_to_do_beside_the_age_of_the_old_mirror(
    viewer, workspace, cause, error, remedy
):
    connection = make_connection(workspace)
    make_refresh(connection, age=timedelta(minutes=14), changes=JOINED)
    make_refresh(connection, "failed", error=error, cause=cause)

    page = words(viewer.get(reverse("directory")))

    assert f"The last refresh failed 4 min ago : {error} {remedy}" in page
    assert "What you see was refreshed 14 min ago ; the next refresh begins by" in page
    assert "The last change, 14 min ago" in page
    assert ("To the connections" in page) is (cause == "key")


def test_a_failure_is_told_until_the_next_refresh_that_works(viewer, workspace):
    connection = make_connection(workspace)
    make_refresh(connection, "failed", age=timedelta(minutes=14), error="Aircall answered HTTP 500: oops")
    make_refresh(connection)

    assert "The last refresh failed" not in words(viewer.get(reverse("directory")))


# --- Progress -----------------------------------------------------------------------------------------


def test_a_running_refresh_shows_its_progress_in_numbers_on_every_visit(viewer, workspace):
    progress = {"numbers": [50, 60], "users": [20, 25]}
    make_refresh(make_connection(workspace), "running", age=timedelta(seconds=5), progress=progress)

    for address in (reverse("directory"), reverse("directory-freshness")):
        page = text(viewer.get(address))
        assert "Numbers: 50 of 60 read" in page
        assert "Users: 20 of 25 read" in page
        assert 'value="50" max="60"' in page


def test_a_running_refresh_is_polled_until_it_ends(viewer, workspace):
    run = make_refresh(make_connection(workspace), "running", age=timedelta(seconds=5), requests=12)
    url = reverse("directory-freshness")

    running = text(viewer.get(url))
    assert 'hx-trigger="every 2s"' in running
    assert "12 requests to Aircall so far." in running
    Refresh.objects.filter(pk=run.pk).update(state="done", finished_at=timezone.now())
    ended = text(viewer.get(url))
    assert "hx-trigger" not in ended
    assert "Show the list as it is now" in ended


def test_without_javascript_a_link_shows_how_far_it_is(viewer, workspace):
    make_refresh(make_connection(workspace), "running")

    assert "<noscript><p" in text(viewer.get(reverse("directory")))


def test_operators_ask_for_a_refresh_of_their_own_accounts_only(client, workspace, asked):
    mine = make_connection(workspace)
    make_connection(make_workspace())
    client.force_login(make_member(workspace, "operator").user)

    response = client.post(reverse("directory-refresh"))

    assert asked == [mine.pk]
    assert "begins as soon as a worker takes it" in text(client.get(response.url))


def test_viewers_may_not_ask_for_a_refresh(viewer, workspace, asked):
    make_connection(workspace)

    assert viewer.post(reverse("directory-refresh")).status_code == 403
    assert asked == []
    assert "Refresh now" not in text(viewer.get(reverse("directory")))


def test_a_refresh_without_a_broker_says_so(editor, workspace, monkeypatch):
    make_connection(workspace)

    def broken(*_args, **_options):
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.refresh, "apply_async", broken)

    response = editor.post(reverse("directory-refresh"), follow=True)

    assert "The queue (broker) cannot be reached, so no refresh was started." in text(response)


def asked_ago(seconds):
    return {"asked": int(timezone.now().timestamp()) - seconds}


def test_a_refresh_that_no_worker_takes_is_said_after_a_minute(viewer, workspace):
    make_connection(workspace)

    page = text(viewer.get(reverse("directory"), asked_ago(freshness.BEGINS_WITHIN + 5)))

    assert "no worker took it" in page
    assert 'hx-trigger="every' not in page


def test_one_that_was_running_when_it_was_asked_for_counts_as_taken(viewer, workspace):
    """No second one begins beside it."""
    ended = timezone.now() - timedelta(seconds=70)
    make_refresh(make_connection(workspace), age=timedelta(seconds=90), finished_at=ended)

    page = text(viewer.get(reverse("directory"), asked_ago(80)))

    assert "no worker took it" not in page
    assert "Refreshed <time" in page


@pytest.mark.parametrize("given", ["x", "²", "-5", "9" * 30, "9" * 5000])
def test_a_made_up_time_of_asking_is_ignored(viewer, workspace, given):
    make_refresh(make_connection(workspace))

    assert viewer.get(reverse("directory"), {"asked": given}).status_code == 200


# --- Earlier refreshes --------------------------------------------------------------------------------


def test_the_newest_refreshes_are_listed_with_what_became_of_them(viewer, workspace):
    connection = make_connection(workspace, name="Main account")
    for minutes in range(20, 32):
        make_refresh(connection, age=timedelta(minutes=minutes))
    began = timezone.now() - timedelta(minutes=3)
    make_refresh(
        connection, changes=JOINED, requests=23, started_at=began, finished_at=began + timedelta(seconds=4.2)
    )
    make_refresh(connection, "failed", timedelta(minutes=2), error="Aircall answered HTTP 500: oops")
    make_refresh(make_connection(make_workspace(), name="Their account"))

    page = words(viewer.get(reverse("directory-refreshes")))

    assert "3 min ago Done 2 users added to Sales DE: Mia and Leo 4.2 s 23" in page
    assert "2 min ago Failed Aircall answered HTTP 500: oops The next refresh tries again." in page
    assert page.count("Done No change") == freshness.MOST_LISTED - 2
    assert "Their account" not in page


def test_without_an_account_there_is_nothing_to_list(viewer):
    assert "none is connected to this workspace" in words(viewer.get(reverse("directory-refreshes")))
