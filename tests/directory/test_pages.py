"""The directory's pages: why a number is offered or not, who may say so, and how fresh it all is."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from smsadmin.directory import facts, tasks, views
from smsadmin.directory.models import Number, Refresh, Source
from tests.factories import make_agent, make_connection, make_member, make_number, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def asked(monkeypatch):
    """The accounts a worker was asked to refresh."""
    found = []
    monkeypatch.setattr(tasks.refresh, "apply_async", lambda args, **_: found.append(args[0]))
    return found


@pytest.fixture
def editor(client, workspace):
    client.force_login(make_member(workspace, "editor").user)
    return client


def make_refresh(connection, state="done", age=timedelta(minutes=4), **columns):
    started = timezone.now() - age
    finished = None if state == "running" else started
    return Refresh.objects.create(
        workspace=connection.workspace,
        connection=connection,
        state=state,
        started_at=started,
        finished_at=finished,
        lease_until=started + timedelta(minutes=9),
        **columns,
    )


def text(response):
    return " ".join(response.content.decode().split())


# --- Offered or not -----------------------------------------------------------------------------------

CASES = [
    ({}, ""),
    ({"connected": None}, "Nobody has confirmed that it is connected to HubSpot."),
    ({"connected": False}, "It is not connected to the HubSpot integration."),
    ({"sms_capable": None}, "Nobody has confirmed that it can text."),
    ({"sms_capable": False}, "It cannot text."),
    ({"third_party": True}, "It uses another messaging service."),
    ({"proxy_mode": True}, "It is used by the Aircall Messaging API (proxy mode)."),
    ({"gone_at": "2026-01-01T00:00Z"}, "Aircall no longer lists this number."),
    ({"sms_capable": False, "third_party": True}, "It cannot text. It uses another messaging service."),
]


@pytest.mark.parametrize(("columns", "sentence"), CASES)
def test_each_number_is_offered_or_says_why_not_and_what_fixes_it(workspace, columns, sentence):
    number = make_number(workspace, **columns)
    number.refresh_from_db()

    reason, fix = facts.why_not(number)

    assert reason == sentence
    assert bool(fix) == bool(sentence) == (not number.is_eligible)
    assert Number.objects.filter(facts.OFFERED).exists() == number.is_eligible


def test_the_list_says_offered_or_the_reason(editor, workspace):
    make_number(workspace, name="Good line")
    make_number(workspace, name="Bad line", third_party=True)

    page = text(editor.get(reverse("directory")))

    assert page.count("Offered</span>") == 1
    assert "It uses another messaging service." in page
    assert "Switch the number back to Aircall messaging" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("show=offered", {"Sales"}),
        ("show=not-offered", {"Fax", "New", "Old"}),
        ("show=unconfirmed", {"New"}),
        ("q=sal", {"Sales"}),
        ("q=(202) 555-0123", {"Fax"}),
        ("q=zzz", set()),
        ("show=nonsense", {"Sales", "Fax", "New", "Old"}),
    ],
)
def test_the_list_is_filtered_by_text_and_state(editor, workspace, query, found):
    make_number(workspace, "+442079460100", name="Sales")
    make_number(workspace, "+12025550123", name="Fax", sms_capable=False)
    make_number(workspace, "+442079460101", name="New", connected=None)
    make_number(workspace, "+442079460102", name="Old", connected=None, gone_at=timezone.now())

    response = editor.get(f"{reverse('directory')}?{query}")

    assert {row.number.name for row in response.context["rows"]} == found


def test_users_are_counted_without_those_who_are_gone(editor, workspace):
    number = make_number(workspace, users=("mia@example.com", "leo@example.com"))
    number.agents.filter(email="leo@example.com").update(gone_at=timezone.now())

    (row,) = editor.get(reverse("directory")).context["rows"]

    assert row.users == 1


def test_without_an_account_the_page_says_what_to_connect(editor):
    assert "no Aircall account is connected" in text(editor.get(reverse("directory")))
    assert "no Aircall account is connected" in text(editor.get(reverse("directory-users")))


@pytest.mark.parametrize("page", ["directory", "directory-users"])
def test_the_lists_cost_the_same_for_any_number_of_rows(
    editor, workspace, page, django_assert_max_num_queries
):
    for serial in range(15):
        make_number(workspace, users=(f"a{serial}@example.com", "everywhere@example.com"))

    with django_assert_max_num_queries(12):
        editor.get(reverse(page))


# --- Setting facts ------------------------------------------------------------------------------------


def test_what_an_editor_changes_is_said_by_an_admin_and_the_rest_keeps_its_source(editor, workspace):
    number = make_number(workspace, connected=None, connected_source="assumed", third_party_source="assumed")
    answers = {"connected": "yes", "sms_capable": "no", "third_party": "no", "proxy_mode": "ask"}

    editor.post(reverse("number", args=[number.pk]), answers)

    number.refresh_from_db()
    assert (number.connected, number.connected_source) == (True, Source.ADMIN)
    assert (number.sms_capable, number.sms_capable_source) == (False, Source.ADMIN)
    assert (number.third_party, number.third_party_source) == (False, Source.ASSUMED)


def test_proxy_mode_can_be_set_and_given_back_to_the_probe(editor, workspace):
    number = make_number(workspace, probed_at=timezone.now())
    url = reverse("number", args=[number.pk])
    answers = {"connected": "yes", "sms_capable": "yes", "third_party": "no"}

    editor.post(url, {**answers, "proxy_mode": "yes"})
    number.refresh_from_db()
    assert (number.proxy_mode, number.proxy_mode_source) == (True, Source.ADMIN)

    editor.post(url, {**answers, "proxy_mode": "ask"})
    number.refresh_from_db()
    assert (number.proxy_mode_source, number.probed_at) == (Source.PROBE, None)


def confirm(client, numbers=(), **answers):
    chosen = {"connected": "keep", "sms_capable": "keep", "scope": "ticked", "q": "", "show": ""} | answers
    return client.post(reverse("directory-confirm"), {**chosen, "number": [number.pk for number in numbers]})


def test_ticked_numbers_are_confirmed_in_one_step(editor, workspace):
    one, two, other = (make_number(workspace, connected=None, sms_capable=None) for _ in range(3))

    confirm(editor, [one, two], connected="yes", sms_capable="yes")

    assert set(Number.objects.filter(facts.OFFERED)) == {one, two}
    one.refresh_from_db()
    other.refresh_from_db()
    assert (one.connected_source, other.connected) == (Source.ADMIN, None)


def test_a_whole_filtered_list_is_confirmed_in_one_step(editor, workspace):
    sales = [make_number(workspace, name=f"Sales {n}", connected=None) for n in range(3)]
    make_number(workspace, name="Fax", connected=None)

    confirm(editor, scope="all", q="sales", connected="yes")

    assert set(Number.objects.filter(connected=True)) == set(sales)


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"connected": "yes"}, "scope"),
        ({"scope": "all"}, "connected"),
        ({"scope": "?"}, "scope"),
        ({"scope": "all", "sms_capable": "maybe"}, "sms_capable"),
    ],
)
def test_confirming_nothing_is_refused_with_what_is_missing(editor, workspace, answers, field):
    make_number(workspace)

    response = confirm(editor, **answers)

    assert response.status_code == 422
    assert field in response.context["form"].errors


def test_ticks_stay_when_confirming_is_refused(editor, workspace):
    number = make_number(workspace)

    assert f'value="{number.pk}" aria-label="{number.name}" checked' in text(confirm(editor, [number]))


# --- Who may, and where -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_editors_set_facts(client, workspace, role):
    number = make_number(workspace, connected=None)
    client.force_login(make_member(workspace, role).user)

    assert client.post(reverse("number", args=[number.pk]), {"connected": "yes"}).status_code == 403
    assert confirm(client, [number], connected="yes").status_code == 403
    assert "Set the facts" not in text(client.get(reverse("number", args=[number.pk])))


def test_another_workspaces_numbers_do_not_exist(editor, workspace):
    make_number(workspace)
    foreign = make_number(make_workspace(), name="Secret line", connected=None, users=("spy@example.com",))

    assert editor.get(reverse("number", args=[foreign.pk])).status_code == 404
    assert editor.post(reverse("number", args=[foreign.pk]), {"connected": "yes"}).status_code == 404
    confirm(editor, [foreign], connected="yes")
    confirm(editor, scope="all", connected="yes")
    foreign.refresh_from_db()
    assert foreign.connected is None
    assert "Secret line" not in text(editor.get(reverse("directory")))
    assert "spy@example.com" not in text(editor.get(reverse("directory-users")))


# --- Number and users ---------------------------------------------------------------------------------


def test_the_users_page_lists_each_users_numbers(editor, workspace):
    one, two = (
        make_number(workspace, name=name, users=("mia@example.com",)) for name in ("Sales", "Support")
    )
    make_agent(workspace, "leo@example.com")

    page = text(editor.get(reverse("directory-users")))

    for number in (one, two):
        assert f'<a href="{reverse("number", args=[number.pk])}">{number.name}</a>' in page
    assert page.count("on no number: cannot be chosen") == 1


def test_a_numbers_page_shows_each_fact_with_its_source_and_its_users(editor, workspace):
    number = make_number(workspace, users=("mia@example.com",), sms_capable=False, sms_capable_source="send")

    page = text(editor.get(reverse("number", args=[number.pk])))

    assert "learnt from a send" in page
    assert "mia@example.com" in page
    assert f"{reverse('log')}?number={number.pk}" in page


def test_gone_numbers_and_users_are_shown_as_gone(editor, workspace):
    number = make_number(workspace, name="Old line", gone_at=timezone.now())
    make_agent(workspace, "old@example.com", gone_at=timezone.now())

    assert "Gone</span>" in text(editor.get(reverse("directory")))
    assert "nothing can be sent from it" in text(editor.get(reverse("number", args=[number.pk])))
    assert "Gone</span>" in text(editor.get(reverse("directory-users")))


@pytest.mark.parametrize(
    ("query", "found"), [("mia", {"mia@example.com"}), ("Sales", {"leo@example.com"}), ("zzz", set())]
)
def test_users_are_found_by_name_email_or_their_number(editor, workspace, query, found):
    make_number(workspace, name="Sales", users=("leo@example.com",))
    make_agent(workspace, "mia@example.com", name="Mia")

    page = editor.get(reverse("directory-users"), {"q": query}).context["page"]

    assert {agent.email for agent in page} == found


# --- Freshness ----------------------------------------------------------------------------------------


def test_the_page_says_how_old_the_mirror_is_and_what_changed(editor, workspace):
    make_refresh(make_connection(workspace), changes={"numbers_added": ["Sales (+12025550123)"]})

    page = text(editor.get(reverse("directory")))

    assert "Refreshed <time" in page
    assert "4 min ago" in page
    assert "New numbers: Sales (+12025550123)" in page


def test_a_failed_refresh_is_shown_with_its_cause_beside_the_age_of_the_old_mirror(editor, workspace):
    connection = make_connection(workspace)
    make_refresh(connection, age=timedelta(minutes=14))
    make_refresh(connection, "failed", error="Aircall refused the API key (HTTP 403).")

    page = text(editor.get(reverse("directory")))

    assert "Aircall refused the API key (HTTP 403)." in page
    assert "14 min ago" in page


def test_a_running_refresh_is_polled_until_it_ends(editor, workspace):
    run = make_refresh(make_connection(workspace), "running", age=timedelta(seconds=5), requests=12)
    url = reverse("directory-freshness")

    running = text(editor.get(url))
    assert 'hx-trigger="every 2s"' in running
    assert "12 requests to Aircall so far." in running
    Refresh.objects.filter(pk=run.pk).update(state="done", finished_at=timezone.now())
    ended = text(editor.get(url))
    assert "hx-trigger" not in ended
    assert "Show the list as it is now" in ended


def test_operators_ask_for_a_refresh_of_their_own_accounts_only(client, workspace, asked):
    mine = make_connection(workspace)
    make_connection(make_workspace())
    client.force_login(make_member(workspace, "operator").user)

    response = client.post(reverse("directory-refresh"))

    assert asked == [mine.pk]
    assert "begins as soon as a worker takes it" in text(client.get(response.url))


def test_viewers_may_not_ask_for_a_refresh(client, workspace, asked):
    make_connection(workspace)
    client.force_login(make_member(workspace, "viewer").user)

    assert client.post(reverse("directory-refresh")).status_code == 403
    assert asked == []
    assert "Refresh now" not in text(client.get(reverse("directory")))


def test_a_refresh_without_a_broker_says_so(editor, workspace, monkeypatch):
    make_connection(workspace)

    def broken(*_args, **_options):
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.refresh, "apply_async", broken)

    response = editor.post(reverse("directory-refresh"), follow=True)

    assert "The queue (broker) cannot be reached, so no refresh was started." in text(response)


def test_a_refresh_that_no_worker_takes_is_said_after_a_minute(editor, workspace):
    make_connection(workspace)
    long_ago = int(timezone.now().timestamp()) - views.BEGINS_WITHIN - 5

    page = text(editor.get(reverse("directory"), {"asked": long_ago}))

    assert "no worker took it" in page
    assert 'hx-trigger="every' not in page


@pytest.mark.parametrize("given", ["x", "²", "-5", "9" * 30, "9" * 5000])
def test_a_made_up_time_of_asking_is_ignored(editor, workspace, given):
    make_refresh(make_connection(workspace))

    assert editor.get(reverse("directory"), {"asked": given}).status_code == 200
