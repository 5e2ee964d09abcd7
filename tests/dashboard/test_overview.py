"""The overview answers "is everything all right?" in one glance."""

import html
import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache
from smsadmin.core.status import LEFT, TROUBLE, Status
from smsadmin.dashboard import health, today
from smsadmin.directory.models import Refresh
from smsadmin.notices.models import Notice
from smsadmin.sending.models import RefusedCall
from tests.factories import (
    make_action,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_workspace,
)


@pytest.fixture
def workspace(db):
    return make_workspace()


@pytest.fixture
def client(workspace):
    browser = Client()
    browser.force_login(make_member(workspace, "viewer").user)
    return browser


def words(response):
    return html.unescape(
        " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", response.content.decode(), flags=re.S).split())
    )


def just_now():
    return timezone.now() - timedelta(milliseconds=5)


def test_without_aircall_the_overview_says_what_to_do_first(client):
    response = client.get(reverse("overview"))

    assert "Connect an account first" in words(response)
    assert reverse("connections") in response.content.decode()


@pytest.mark.services
def test_todays_sends_and_failures_stand_beside_last_weeks(workspace):
    start = today.midnight()
    for at in (start, just_now(), start - today.WEEK):
        make_message(workspace, at=at)
    make_message(workspace, at=start - timedelta(seconds=1))
    make_message(workspace, at=timezone.now() - today.WEEK + timedelta(hours=1))
    make_message(workspace, at=just_now(), status=Status.REJECTED)
    make_message(make_workspace(), at=just_now())
    now = timezone.now()

    sent = today.compared(workspace, "left", LEFT, now)
    failed = today.compared(workspace, "trouble", TROUBLE, now)

    assert (sent.now, sent.then) == (2, 1)
    assert (failed.now, failed.then) == (1, 0)


def test_every_figure_opens_the_list_it_counts(client, workspace):
    make_message(workspace, at=just_now(), status=Status.FAILED, error_code="RATE_LIMITED")
    make_message(workspace, at=just_now(), status=Status.QUEUED)
    page = client.get(reverse("overview")).content.decode()

    figures = re.findall(
        r'<a class="figure[^"]*" href="([^"]+)">\s*<span[^>]*>([^<]+)</span>\s*<span[^>]*>([\d,]+)<', page
    )

    assert [label for _url, label, _count in figures] == [
        "Sent today", "In trouble today", "Waiting to be sent", "Being sent", "Held",
    ]  # fmt: skip
    for url, label, count in figures:
        listed = re.findall('class="row-link"', client.get(html.unescape(url)).content.decode())
        assert len(listed) == int(count), label


@pytest.mark.services
def test_causes_are_counted_worst_first_and_speak_with_their_newest_sentence(workspace):
    for value in ("0611", "0622"):
        make_message(
            workspace,
            at=just_now(),
            status=Status.REJECTED,
            error_code="RECIPIENT_NO_COUNTRY_CODE",
            error_facts={"value": value},
        )
    make_message(workspace, at=just_now(), status=Status.FAILED, error_code="CREDENTIAL_REJECTED")
    make_message(
        workspace,
        at=today.midnight() - timedelta(hours=1),
        status=Status.REJECTED,
        error_code="MESSAGE_EMPTY",
    )

    causes = today.causes(workspace, timezone.now())

    assert [(cause.code, cause.tally.count) for cause in causes] == [
        ("RECIPIENT_NO_COUNTRY_CODE", 2),
        ("CREDENTIAL_REJECTED", 1),
    ]
    assert causes[0].sentence == "The recipient “0622” has no known country code."


@pytest.mark.services
def test_the_queue_ends_when_the_slowest_account_is_done(workspace):
    slow = make_connection(workspace, requests_per_minute=2)
    usual = make_connection(workspace)
    for number in (make_number(workspace, connection=slow), make_number(workspace, connection=usual)):
        for _ in range(4):
            make_message(workspace, number=number, status=Status.QUEUED)
    now = timezone.now()

    queue = today.queue(workspace, [slow, usual], now)

    assert queue.queued == 8
    assert queue.ends_at == now + timedelta(minutes=2)
    assert 4 / settings.AIRCALL_REQUESTS_PER_MINUTE < 2


def test_refused_credentials_are_said_before_the_figures(client, workspace):
    make_connection(workspace, name="Main account", state="rejected")

    page = words(client.get(reverse("overview")))

    assert page.index("refuses the credentials of “Main account”") < page.index("Sent today")


def test_an_action_that_can_no_longer_send_is_said_before_the_figures_until_it_is_mended(client, workspace):
    number = make_number(workspace, name="Sales DE")
    make_action(workspace, name="Reminder", sender_number=number)
    theirs = make_number(make_workspace(), gone_at=timezone.now())
    make_action(theirs.workspace, name="Theirs", sender_number=theirs)
    assert "can no longer send" not in words(client.get(reverse("overview")))

    number.gone_at = timezone.now()
    number.save()
    cache.forget()
    page = words(client.get(reverse("overview")))

    assert "Reminder : Sales DE is no longer in Aircall." in page
    assert page.index("Some actions can no longer send") < page.index("Sent today")
    assert "Theirs" not in page
    number.gone_at = None
    number.save()
    cache.forget()
    assert "can no longer send" not in words(client.get(reverse("overview")))


def test_a_cause_says_that_its_sentence_is_the_newest_of_several(client, workspace):
    make_connection(workspace)
    for value in ("n/a", "none"):
        make_message(
            workspace,
            at=just_now(),
            status=Status.REJECTED,
            error_code="RECIPIENT_NOT_E164",
            error_facts={"value": value},
        )

    assert "the newest of 2" in words(client.get(reverse("overview")))


def test_silent_machinery_is_said_first(client, workspace):
    make_connection(workspace)
    assert "Nothing is being sent" in words(client.get(reverse("overview")))

    health.beat()

    assert "Nothing is being sent" not in words(client.get(reverse("overview")))


def test_a_mirror_tells_its_age_and_why_the_newest_refresh_failed(client, workspace):
    connection = make_connection(workspace)
    old, now = timezone.now() - timedelta(hours=3), timezone.now()
    for at, state, error in ((old, "done", ""), (now, "failed", "Aircall answered 500")):
        Refresh.objects.create(
            workspace=workspace,
            connection=connection,
            state=state,
            error=error,
            started_at=at,
            finished_at=at,
            lease_until=at,
        )

    shown = today.account(connection, now)

    assert shown.refreshed_at == old
    assert shown.is_late
    assert shown.error == "Aircall answered 500"
    assert "3 h ago Late Last refresh failed: Aircall answered 500" in words(client.get(reverse("overview")))


def test_calls_turned_away_today_are_told(client, workspace):
    make_connection(workspace)
    RefusedCall.objects.create(workspace=workspace, path="/hubspot/", reason="signature stale")

    assert "1 call turned away today The signature was too old" in words(client.get(reverse("overview")))


def test_the_overview_shows_nothing_of_another_workspace(client, workspace):
    make_connection(workspace)
    other = make_workspace()
    make_message(other, at=just_now(), status=Status.FAILED, error_code="RATE_LIMITED")
    make_connection(other, name="Their account")

    text = words(client.get(reverse("overview")))

    assert "Their account" not in text
    assert "No message failed today." in text


def test_the_number_of_queries_does_not_grow_with_the_log(client, workspace, django_assert_max_num_queries):
    for _ in range(30):
        make_message(workspace, at=just_now(), status=Status.FAILED, error_code="RATE_LIMITED")
        make_action(workspace, sender_number=make_number(workspace, connected=False))

    with django_assert_max_num_queries(39):
        client.get(reverse("overview"))


def test_notices_that_nobody_has_dismissed_are_told(client, workspace):
    make_connection(workspace)
    Notice.objects.create(workspace=workspace, kind=Notice.Kind.NEW, key="a", at=timezone.now())

    page = client.get(reverse("overview")).content.decode()

    assert "1 notice that nobody has dismissed" in page
    assert f'href="{reverse("notices")}"' in page
