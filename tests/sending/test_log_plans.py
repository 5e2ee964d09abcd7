"""However long the log is: no filter, no search and no count looks through all of it."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from smsadmin.core.ids import key16
from smsadmin.core.status import Status
from smsadmin.sending import filters, listing, requests
from smsadmin.sending.filters import MessageFilter, log_url
from smsadmin.sending.models import Message
from smsadmin.sending.requests import Outcome, Place, requests_url
from smsadmin.workspaces.models import Role
from tests.factories import (
    PORTAL,
    make_action,
    make_agent,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_workspace,
    uuid7_at,
)
from tests.plans import plans_of_log, reads_whole_log
from tests.sending.conftest import NOW

ROWS = 12_000

ASKED = [
    {},
    {"status": "failed"},
    {"status": "sent"},
    {"status": "trouble"},
    {"error": "RATE_LIMITED"},
    {"cause": "RATE_LIMITED.0123456789abcdef"},
    {"number": "number"},
    {"agent": "agent"},
    {"action": "action"},
    {"recipient": "+33612345678"},
    {"trigger": "hubspot"},
    {"trigger": "no-tests"},
    {"trigger": "test"},
    {"trigger": "verification"},
    {"trigger": "resend"},
    {"since": "2026-11-21T09:00:00Z"},
    {"until": "2026-11-21T09:00:00Z"},
    {"counted_from": "2026-11-21T09:00:00Z", "counted_until": "2026-11-21T10:00:00Z", "number": "number"},
    {"counted_from": "2026-11-01T00:00:00Z", "agent": "agent"},
    {"counted_until": "2026-11-21T09:00:00Z", "action": "action"},
    {"counted_from": "2026-11-21T09:00:00Z", "given_back": "only", "number": "number"},
    {"given_back": "only", "number": "number"},
    {"record": "501"},
    {"workflow": "17"},
    {"told": "untold"},
    {"told": "unlogged"},
    {"told": "owed"},
    {"status": "failed", "record": "501", "since": "yesterday"},
    {"q": "+33612345678"},
    {"q": "+12025550101"},
    {"q": "0612345678"},
    {"q": "SM77"},
    {"q": "Sales"},
    {"q": "mia@example.com"},
    {"q": "rate_limited"},
    {"q": "01a1f8e0-0000-7000-8000-000000000000"},
    {"q": "nothing of the kind"},
]


@pytest.fixture
def full(db, monkeypatch):
    """A log that is long beside what one page, one count and one search look at."""
    workspace = make_workspace()
    make_connection(workspace, "hubspot")
    numbers = [
        make_number(workspace, "+12025550101", name="Sales US"),
        *(make_number(workspace) for _ in range(9)),
    ]
    agents = [make_agent(workspace, "mia@example.com"), *(make_agent(workspace) for _ in range(9))]
    actions = [make_action(workspace, sender_number=numbers[0]) for _ in range(10)]

    def row(serial):
        failed = serial % 50 == 0
        return Message(
            pk=uuid7_at(NOW),
            workspace=workspace,
            trigger="hubspot" if serial % 100 else "test",
            key=key16(serial),
            origin={"portal": PORTAL, "workflow": str(serial % 30)},
            object_id=str(serial),
            number=numbers[serial % 10],
            agent=agents[serial % 10],
            action=actions[serial % 10],
            recipient="" if serial % 70 == 0 else f"+336{serial:08}",
            recipient_given=str(serial),
            status=Status.FAILED if failed else Status.SENT,
            error_code="RATE_LIMITED" if failed else "",
            cause=f"RATE_LIMITED.{serial:016}" if failed else "",
            provider_id=f"SM-{serial}",
        )

    Message.objects.bulk_create([row(serial) for serial in range(ROWS)], batch_size=5_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    monkeypatch.setattr(listing, "MOST_COUNTED", 200)
    monkeypatch.setattr(filters, "NEWEST", 200)
    monkeypatch.setattr(requests, "MOST_SEARCHED", 200)
    return workspace


@pytest.mark.services
def test_no_filter_and_no_search_looks_through_the_whole_log(full):
    browser = Client()
    browser.force_login(make_member(full, Role.OWNER).user)
    ids = {
        "number": full.numbers.first().pk,
        "agent": full.agents.first().pk,
        "action": full.actions.first().pk,
    }
    found = {}
    older = Message.objects.order_by("pk")[ROWS // 2].pk
    for each in ASKED:
        asked = {name: ids.get(value, value) for name, value in each.items()}
        for url in (log_url(**asked), log_url(**asked, before=older)):
            if bad := whole_log_plans(browser, url):
                found[url] = bad
    assert found == {}


@pytest.mark.services
def test_no_other_page_looks_through_the_whole_log(full):
    browser = Client()
    browser.force_login(make_member(full, Role.OWNER).user)
    middle = Message.objects.order_by("pk")[ROWS // 2]
    failed = Message.objects.filter(status=Status.FAILED).order_by("pk")[10]
    sent_again = make_message(full, original=failed.pk, object_id=failed.object_id)
    place = Place(middle.received_at, 0, middle.pk)
    pages = [
        *(reverse("message", args=[each.pk]) for each in (middle, failed, sent_again)),
        requests_url(),
        requests_url(before=str(place)),
        requests_url(after=str(place)),
        *(requests_url(q=text) for text in ("ap-77", "17", "501", str(middle.pk), "nothing of the kind")),
        *(requests_url(outcome=outcome.value) for outcome in (Outcome.ACCEPTED, Outcome.REPEATED)),
        *(f"{reverse('failures')}?days={days}" for days in (1, 7, 30)),
        *map(reverse, ("overview", "help-errors", "export-new")),
    ]

    assert {url: bad for url in pages if (bad := whole_log_plans(browser, url))} == {}


def test_every_filter_is_among_them():
    assert {name for asked in ASKED for name in asked} == set(MessageFilter.base_filters)


def whole_log_plans(browser, url):
    """The plans of the page's queries that look through the whole log."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(url).status_code == 200, url
    plans = plans_of_log(captured)
    assert plans, url
    return [plan for plan in plans if reads_whole_log(plan)]
