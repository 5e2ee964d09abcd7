"""The lists of numbers and users: why a number is offered or not, who may say so, and what else a row tells."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.html import escape

from smsadmin.core.status import Status
from smsadmin.directory import facts, tasks, views
from smsadmin.directory.models import Agent, Number, Source
from tests.directory.pages import make_counter, make_refresh, text, words
from tests.factories import (
    make_action,
    make_agent,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_version,
    make_workspace,
    put_on,
)

pytestmark = pytest.mark.django_db


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


GERMAN = {"accept-language": "de"}
#: How each of the four conditions can fail, and the criterion that says so.
REASONS = [
    ({"connected": None}, "connected"),
    ({"connected": False}, "connected"),
    ({"sms_capable": None}, "sms_capable"),
    ({"sms_capable": False}, "sms_capable"),
    ({"third_party": True}, "third_party"),
    ({"proxy_mode": True}, "proxy_mode"),
]


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(("columns", "name"), REASONS)
def test_the_list_says_why_a_number_is_not_offered_with_the_button_that_mends_it(
    editor, workspace, columns, name, language
):
    number = make_number(workspace, **columns)
    page = text(editor.get(reverse("directory"), headers={"accept-language": language}))

    with translation.override(language):
        (fact,) = facts.failing(number)
        assert escape(str(fact.failing)) in page
        mends = f'formaction="{reverse("number-mend", args=[number.pk])}" name="fact" value="{name}">'
        assert f"{mends}{escape(str(fact.button))}<" in page
        assert (escape(str(fact.fix)) in page) is (
            None not in columns.values()
        )  # nothing to do in Aircall first


@pytest.mark.parametrize(("columns", "name"), REASONS)
def test_every_reason_has_a_sentence_of_its_own_in_both_languages(columns, name):
    criterion = facts.BY_NAME[name]
    english = criterion.unknown if None in columns.values() else criterion.failing
    with translation.override("en"):
        original = str(english)
    with translation.override("de"):
        assert str(english) != original


def test_a_number_that_is_gone_says_so_in_both_languages(editor, workspace):
    make_number(workspace, gone_at=timezone.now())

    assert "Aircall no longer lists this number." in text(editor.get(reverse("directory")))
    with translation.override("de"):
        german = translation.gettext("%(provider)s no longer lists this number.") % {"provider": "Aircall"}
    assert german != "Aircall no longer lists this number."
    assert escape(german) in text(editor.get(reverse("directory"), headers=GERMAN))


def test_every_condition_that_fails_is_named_not_only_the_first(editor, workspace):
    number = make_number(workspace, connected=False, sms_capable=None, third_party=True, proxy_mode=True)

    page = text(editor.get(reverse("directory")))

    for fact in facts.failing(number):
        assert escape(str(fact.failing)) in page
    assert page.count('name="fact"') == 4


def test_an_offered_number_has_nothing_to_mend(editor, workspace):
    make_number(workspace)

    page = text(editor.get(reverse("directory")))

    assert page.count("Offered</span>") == 1
    assert 'name="fact"' not in page


def test_viewers_read_what_to_do_and_get_no_buttons(viewer, workspace):
    make_number(workspace, connected=None)

    page = text(viewer.get(reverse("directory")))

    assert "Look at the HubSpot integration" in page
    assert 'name="fact"' not in page
    assert 'type="checkbox" form=' not in page
    assert "Set facts for several numbers" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("show=offered", {"Sales"}),
        ("show=not-offered", {"Fax", "New", "Old"}),
        ("show=unconfirmed", {"New"}),
        ("q=sal", {"Sales"}),
        ("q=(202) 555-0123", {"Fax"}),
        ("q=MIA", {"Fax"}),
        ("q=mia@example", {"Fax"}),
        ("q=gone@example", set()),
        ("q=zzz", set()),
        ("show=nonsense", {"Sales", "Fax", "New", "Old"}),
    ],
)
def test_the_list_is_filtered_by_text_and_state(editor, workspace, query, found):
    make_number(workspace, "+442079460100", name="Sales")
    fax = make_number(workspace, "+12025550123", name="Fax", sms_capable=False, users=("mia@example.com",))
    put_on(fax, make_agent(workspace, "gone@example.com", gone_at=timezone.now()))
    make_number(workspace, "+442079460101", name="New", connected=None)
    make_number(workspace, "+442079460102", name="Old", connected=None, gone_at=timezone.now())

    response = editor.get(f"{reverse('directory')}?{query}")

    assert {row.number.name for row in response.context["rows"]} == found


def test_a_row_counts_and_names_its_users_without_those_who_are_gone(editor, workspace):
    number = make_number(
        workspace, users=tuple(f"{name}@x.com" for name in ("ann", "bob", "cleo", "dan", "eve"))
    )
    number.agents.filter(email="eve@x.com").update(gone_at=timezone.now())

    (row,) = editor.get(reverse("directory")).context["rows"]

    assert (row.users, row.names) == (4, "Ann, Bob, Cleo and 1 more")


def test_a_row_tells_the_quota_that_runs_out_first_and_links_what_it_counts(editor, workspace):
    number = make_number(workspace)
    make_number(workspace)
    make_counter(number, minute_messages=3, hour_messages=900, month_messages=2000)

    page = text(editor.get(reverse("directory")))

    assert re.search(
        rf'<a href="[^"]*number={number.pk}&amp;counted_from=[^"]*">100 of 1,000 left</a>'
        r'<span class="cell-note">This hour</span>',
        page,
    )
    assert page.count("all of it") == 1


def test_a_row_counts_the_failures_of_the_last_week_and_links_them(editor, workspace):
    number = make_number(workspace)
    for status in (Status.REJECTED, Status.FAILED, Status.SENT):
        make_message(workspace, number=number, status=status)
    make_message(
        workspace, number=number, status=Status.FAILED, at=timezone.now() - timedelta(days=7, minutes=1)
    )
    make_message(make_workspace(), status=Status.FAILED)

    (row,) = editor.get(reverse("directory")).context["rows"]
    listed = editor.get(row.failures.url).content.decode()

    assert row.failures.count == 2
    assert listed.count("/log/") - listed.count("/log/?") >= 2
    assert len(re.findall('class="row-link"', listed)) == 2


def test_without_an_account_the_page_says_what_to_connect(editor):
    assert "none is connected to this workspace" in text(editor.get(reverse("directory")))
    assert "no Aircall account is connected" in text(editor.get(reverse("directory-users")))


@pytest.mark.parametrize(("page", "most"), [("directory", 26), ("directory-users", 15)])
def test_the_lists_cost_the_same_for_any_number_of_rows(
    editor, workspace, page, most, django_assert_max_num_queries
):
    for serial in range(15):
        number = make_number(
            workspace, connected=None, users=(f"a{serial}@example.com", "everywhere@example.com")
        )
        make_counter(number, month_messages=9)
        make_message(workspace, number=number, status=Status.FAILED)
        agent = Agent.objects.get(email=f"a{serial}@example.com")
        make_action(workspace, sender_number=number, send_as_kind="user", send_as_agent=agent)

    with django_assert_max_num_queries(most):
        editor.get(reverse(page))


@pytest.mark.parametrize(("page", "place"), [("directory", "numbers"), ("directory-users", "users")])
def test_lists_turn_their_pages_without_losing_filter_and_place(editor, workspace, monkeypatch, page, place):
    monkeypatch.setattr(views, "PER_PAGE", 2)
    for serial in range(5):
        make_number(workspace, name=f"Sales {serial}", users=(f"sales{serial}@example.com",))
    make_number(workspace, name="Fax", users=("fax@example.com",))

    found = text(editor.get(f"{reverse(page)}?q=sales&page=2"))

    assert f'href="{reverse(page)}?q=sales&amp;page=1#{place}"' in found
    assert f'href="{reverse(page)}?q=sales&amp;page=3#{place}"' in found
    assert "Page 2 of 3" in found


def test_without_javascript_a_filter_comes_back_to_the_list(editor, workspace):
    make_number(workspace)

    for page in ("directory", "directory-users"):
        found = text(editor.get(f"{reverse(page)}?q=x"))
        assert f'action="{reverse(page)}#list"' in found
        assert f'hx-get="{reverse(page)}"' in found
        assert f'href="{reverse(page)}#list"> Clear' in found or f'href="{reverse(page)}#list">Clear' in found
        assert 'id="list"' in found


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


def test_a_whole_filtered_list_is_confirmed_in_one_step_on_all_its_pages(editor, workspace, monkeypatch):
    monkeypatch.setattr(views, "PER_PAGE", 2)
    sales = [make_number(workspace, name=f"Sales {n}", connected=None) for n in range(3)]
    make_number(workspace, name="Fax", connected=None)

    assert "all 3 numbers of this list" in text(editor.get(f"{reverse('directory')}?q=sales"))
    response = confirm(editor, scope="all", q="sales", page="2", connected="yes")

    assert set(Number.objects.filter(connected=True)) == set(sales)
    assert response.url == f"{reverse('directory')}?q=sales&page=2#numbers"


def test_what_nobody_confirmed_is_confirmed_in_one_step_and_what_somebody_said_stays(editor, workspace):
    new = make_number(workspace, connected=None, sms_capable=None)
    half = make_number(workspace, connected=False, sms_capable=None)
    said = make_number(workspace, connected=False, sms_capable=False)

    page = confirm(editor, scope="unconfirmed", connected="yes", sms_capable="yes")

    for number in (new, half, said):
        number.refresh_from_db()
    assert (new.connected, new.sms_capable) == (True, True)
    assert (half.connected, half.sms_capable) == (False, True)
    assert (said.connected, said.sms_capable) == (False, False)
    assert "Set for 2 numbers. 1 is offered now." in words(editor.get(page.url))


def test_the_bulk_edit_stands_before_the_table_and_is_open_while_something_is_unconfirmed(editor, workspace):
    make_number(workspace)
    page = text(editor.get(reverse("directory")))
    assert page.index('id="confirm"') < page.index("<table")
    assert not re.search('id="confirm"[^>]* open', page)

    make_number(workspace, connected=None)
    page = text(editor.get(reverse("directory")))
    assert re.search('id="confirm"[^>]* open', page)
    assert re.search('value="unconfirmed"[^>]* checked', page)


def test_a_tick_belongs_to_the_bulk_edit_though_it_stands_in_the_table(editor, workspace):
    number = make_number(workspace)

    assert f'form="confirm-form" name="number" value="{number.pk}"' in text(editor.get(reverse("directory")))


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"connected": "yes"}, "scope"),
        ({"scope": "all"}, "connected"),
        ({"scope": "?"}, "scope"),
        ({"scope": "all", "sms_capable": "maybe"}, "sms_capable"),
        ({"scope": "all", "sms_capable": ""}, "sms_capable"),
        ({"scope": "all", "connected": ""}, "connected"),
        ({"scope": "unconfirmed", "connected": "yes"}, "scope"),
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


# --- One click ----------------------------------------------------------------------------------------


def mend(client, number, fact, **back):
    return client.post(reverse("number-mend", args=[number.pk]), {"fact": fact, **back})


@pytest.mark.parametrize(("columns", "name"), REASONS[:5])
def test_one_click_sets_the_fact_and_the_number_is_offered(editor, workspace, columns, name):
    number = make_number(workspace, name="Sales DE", **columns)

    response = mend(editor, number, name)

    number.refresh_from_db()
    assert number.is_eligible
    assert getattr(number, f"{name}_source") == Source.ADMIN
    assert response.url == f"{reverse('directory')}#number-{number.pk}"
    page = text(editor.get(response.url))
    assert "Sales DE is offered now." in page
    assert f'<a href="{reverse("number", args=[number.pk])}#facts">Change the facts</a>' in page


def test_one_click_mends_one_condition_and_says_what_is_left(editor, workspace):
    number = make_number(workspace, name="Sales DE", connected=None, sms_capable=None)

    page = words(editor.get(mend(editor, number, "connected").url))

    number.refresh_from_db()
    assert (number.connected, number.sms_capable) == (True, None)
    assert "Sales DE is still not offered: Nobody has confirmed that it can text." in page


def test_one_click_comes_back_to_the_list_as_it_was_filtered_and_paged(editor, workspace):
    number = make_number(workspace, name="Sales", third_party=True)

    response = mend(editor, number, "third_party", q="sales", page="2")
    assert response.url == f"{reverse('directory')}?q=sales&page=2#number-{number.pk}"

    other = make_number(workspace, name="Sales", third_party=True)
    response = mend(editor, other, "third_party", show="not-offered")
    assert response.url == f"{reverse('directory')}?show=not-offered#numbers"  # its row is no longer there


@pytest.mark.parametrize("source", [Source.PROBE, Source.SEND, Source.ADMIN])
def test_whether_the_messaging_api_uses_a_number_is_asked_again(editor, workspace, asked, source):
    number = make_number(
        workspace, proxy_mode=True, proxy_mode_source=source, probed_at=timezone.now() - timedelta(hours=1)
    )

    response = mend(editor, number, "proxy_mode")

    number.refresh_from_db()
    assert (number.proxy_mode, number.proxy_mode_source, number.probed_at) == (True, Source.PROBE, None)
    assert asked == [number.connection_id]
    assert re.fullmatch(rf"{reverse('directory')}\?asked=\d+#freshness", response.url)


def test_without_a_broker_the_number_is_asked_about_with_the_next_refresh(editor, workspace, monkeypatch):
    number = make_number(workspace, name="Sales DE", proxy_mode=True, proxy_mode_source=Source.SEND)

    def broken(*_args, **_options):
        raise OSError("connection refused")

    monkeypatch.setattr(tasks.refresh, "apply_async", broken)

    page = words(editor.get(mend(editor, number, "proxy_mode").url))

    assert "Sales DE is asked about with the next refresh" in page


def test_only_what_is_not_met_has_a_button_and_nothing_else_is_taken_from_one(editor, workspace):
    number = make_number(workspace, connected=None)

    for fact in ("", "gone_at", "name", "is_eligible"):
        assert mend(editor, number, fact).status_code == 404
    number.refresh_from_db()
    assert number.connected is None


def test_a_number_that_is_gone_cannot_be_mended(editor, workspace):
    number = make_number(workspace, connected=None, gone_at=timezone.now())

    assert mend(editor, number, "connected").status_code == 404


def test_what_a_send_proved_can_be_given_back_to_aircall_on_the_numbers_page(editor, workspace):
    number = make_number(workspace, proxy_mode=True, proxy_mode_source=Source.SEND, probed_at=timezone.now())
    answers = {"connected": "yes", "sms_capable": "yes", "third_party": "no", "proxy_mode": "ask"}

    editor.post(reverse("number", args=[number.pk]), answers)

    number.refresh_from_db()
    assert (number.proxy_mode_source, number.probed_at) == (Source.PROBE, None)


# --- The first import ---------------------------------------------------------------------------------


def test_a_first_import_is_guided_step_by_step_until_every_number_is_confirmed(editor, workspace):
    connection = make_connection(workspace, name="Main account")
    page = words(editor.get(reverse("directory")))
    assert "Connect an account done Main account" in page
    assert "Read its numbers and users next 0 numbers · 0 users" in page

    make_refresh(connection)
    numbers = [make_number(workspace, connected=None, sms_capable=None) for _ in range(3)]
    make_agent(workspace)
    page = words(editor.get(reverse("directory")))
    assert "Read its numbers and users done 3 numbers · 1 user" in page
    assert "Say which numbers are connected to HubSpot and can text 3 left" in page
    assert "Numbers are offered 0 now" in page
    assert "Answer for all of them in one step" in page

    confirm(editor, numbers[:2], connected="yes", sms_capable="yes")
    page = words(editor.get(reverse("directory")))
    assert "can text 1 left" in page
    assert "Numbers are offered 2 now" in page
    assert f'<a href="{reverse("action-new")}">Create an action</a>' in text(editor.get(reverse("directory")))

    page = editor.get(confirm(editor, scope="unconfirmed", connected="yes", sms_capable="no").url)
    assert "Before numbers can send" not in words(page)
    assert "2 are offered now. Create the first action" in words(page)
    assert reverse("action-new") in text(page)


def test_the_guide_says_when_the_action_is_there_too(editor, workspace):
    make_refresh(make_connection(workspace))
    make_action(workspace)
    make_number(workspace, connected=None)

    page = editor.get(reverse("directory"))

    assert "Create an action done" in words(page)
    assert "Create the first action" not in words(
        editor.get(confirm(editor, scope="unconfirmed", connected="yes").url)
    )


def test_others_read_the_guide_and_who_can_go_on(viewer, workspace):
    make_refresh(make_connection(workspace))
    make_number(workspace, connected=None)

    page = words(viewer.get(reverse("directory")))

    assert "Owners and editors can." in page
    assert "Answer for all of them in one step" not in page


def test_when_every_number_is_confirmed_the_list_of_those_that_are_not_says_so(editor, workspace):
    make_number(workspace)

    assert "Every number is confirmed" in words(editor.get(f"{reverse('directory')}?show=unconfirmed"))


def test_an_account_without_any_number_is_not_guided_for_ever(editor, workspace):
    make_refresh(make_connection(workspace))

    assert "Before numbers can send" not in words(editor.get(reverse("directory")))


# --- Who may, and where -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_editors_set_facts(client, workspace, role):
    number = make_number(workspace, connected=None)
    client.force_login(make_member(workspace, role).user)

    assert client.post(reverse("number", args=[number.pk]), {"connected": "yes"}).status_code == 403
    assert confirm(client, [number], connected="yes").status_code == 403
    assert mend(client, number, "connected").status_code == 403
    number.refresh_from_db()
    assert number.connected is None
    assert "Set the facts" not in text(client.get(reverse("number", args=[number.pk])))


def test_another_workspaces_numbers_do_not_exist(editor, workspace):
    make_number(workspace)
    foreign = make_number(make_workspace(), name="Secret line", connected=None, users=("spy@example.com",))

    assert editor.get(reverse("number", args=[foreign.pk])).status_code == 404
    assert editor.post(reverse("number", args=[foreign.pk]), {"connected": "yes"}).status_code == 404
    assert mend(editor, foreign, "connected").status_code == 404
    confirm(editor, [foreign], connected="yes")
    confirm(editor, scope="all", connected="yes")
    confirm(editor, scope="unconfirmed", connected="yes")
    foreign.refresh_from_db()
    assert foreign.connected is None
    assert "Secret line" not in text(editor.get(reverse("directory")))
    assert "spy@example.com" not in text(editor.get(reverse("directory-users")))
    spy = Agent.objects.get(email="spy@example.com")
    assert editor.get(reverse("directory-user", args=[spy.pk])).status_code == 404


# --- Users --------------------------------------------------------------------------------------------


def test_the_users_page_lists_each_users_numbers(editor, workspace):
    one, two = (
        make_number(workspace, name=name, users=("mia@example.com",)) for name in ("Sales", "Support")
    )
    make_agent(workspace, "leo@example.com")

    page = text(editor.get(reverse("directory-users")))

    for number in (one, two):
        assert f'<a href="{reverse("number", args=[number.pk])}">{number.name}</a>' in page
    assert page.count("on no number: cannot be chosen") == 1


def test_a_user_has_segments_left_and_actions_that_send_as_them(editor, workspace):
    number = make_number(workspace, users=("mia@example.com", "leo@example.com"))
    mia, leo = (Agent.objects.get(email=email) for email in ("mia@example.com", "leo@example.com"))
    make_counter(mia, "user", month_segments=12_000, month_messages=9_999)
    config = {"sender_number": number, "send_as_kind": "user"}
    now = make_action(workspace, name="Reminder", send_as_agent=mia, **config)
    was = make_action(workspace, name="Changed since", send_as_agent=mia, **config)
    make_version(was, send_as_agent=leo, **config)
    gone = make_action(workspace, name="Archived", enabled=False, send_as_agent=mia, **config)
    gone.archived_at = timezone.now()
    gone.save()

    page = editor.get(reverse("directory-users"))

    rows = {row.agent.email: row for row in page.context["rows"]}
    assert rows["mia@example.com"].actions == [now]
    assert rows["leo@example.com"].actions == [was]
    assert "12,000 of 13,000 · 1,000 left" in words(page)
    assert f'<a href="{reverse("action", args=[now.pk])}">Reminder</a>' in text(page)


def test_a_workspace_without_that_limit_shows_none(editor, workspace):
    make_agent(workspace)
    workspace.quota_rules.filter(unit="segments").delete()

    (row,) = editor.get(reverse("directory-users")).context["rows"]

    assert row.segments is None


def test_gone_numbers_and_users_are_shown_as_gone_and_last(editor, workspace):
    make_number(workspace, name="A line", gone_at=timezone.now())
    make_number(workspace, name="Z line")
    make_agent(workspace, "a@example.com", gone_at=timezone.now())
    make_agent(workspace, "z@example.com")

    numbers, users = editor.get(reverse("directory")), editor.get(reverse("directory-users"))

    assert [row.number.name for row in numbers.context["rows"]] == ["Z line", "A line"]
    assert [row.agent.name for row in users.context["rows"]] == ["Z", "A"]
    assert "Gone</span>" in text(numbers)
    assert "Gone</span>" in text(users)


@pytest.mark.parametrize(
    ("query", "found"), [("mia", {"mia@example.com"}), ("Sales", {"leo@example.com"}), ("zzz", set())]
)
def test_users_are_found_by_name_email_or_their_number(editor, workspace, query, found):
    make_number(workspace, name="Sales", users=("leo@example.com",))
    make_agent(workspace, "mia@example.com", name="Mia")

    page = editor.get(reverse("directory-users"), {"q": query}).context["page"]

    assert {agent.email for agent in page} == found
