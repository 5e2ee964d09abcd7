"""The pages of flows: the list, how one begins, the editor, versions and settings; by whom, and of which workspace."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from smsadmin.flows import saving
from smsadmin.flows.language.document import MOST_CHARACTERS
from smsadmin.flows.language.starters import STARTERS
from smsadmin.flows.models import FetchHost, Flow, FlowRun, Start
from smsadmin.workspaces.models import User
from tests.factories import (
    make_connection,
    make_member,
    make_number,
    make_pool,
    make_user,
    make_workspace,
    uuid7_at,
)

pytestmark = pytest.mark.django_db

MISSED = STARTERS[0].source
BROKEN = MISSED.replace('if: "!$dial?.ok"', "if: !$dial?.ok")
HTMX = {"HX-Request": "true"}


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def editor(client, workspace):
    client.force_login(make_member(workspace, "editor").user)
    return client


def as_(client, workspace, role):
    client.force_login(make_member(workspace, role).user)
    return client


def flow_of(workspace, name="Follow-up", source=MISSED):
    return saving.create(workspace, name, source, "", make_user())


def form(**values):
    """What the browser posts for a new flow."""
    return {"name": "Follow-up", "source": MISSED, "note": "", "base": "", "do": "save"} | values


def edited(flow, **values):
    """What it posts when a flow's page is opened, changed and saved."""
    current = flow.current
    return form(name=flow.name, source=current.source, base=str(current.number)) | values


def text(response):
    """What the page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def run_of(flow, at=None, **columns):
    made = uuid7_at(at or timezone.now())
    defaults = {"key": made, "cause": "api", "branch": "inbound-call", "state": "done", "steps": []}
    defaults |= {"workspace": flow.workspace, "version": flow.current}
    return FlowRun.objects.create(pk=made, flow=flow, **{**defaults, **columns})


# --- The list -------------------------------------------------------------------------------------------


def test_without_a_flow_the_list_explains_and_offers_every_template(editor):
    page = editor.get(reverse("flows"))

    assert "No flows yet" in text(page)
    for starter in STARTERS:
        assert f"{reverse('flow-new')}?starter={starter.key}" in page.content.decode()


def test_the_list_says_of_each_flow_what_starts_it_and_how_its_runs_of_a_week_ended(editor, workspace):
    flow = flow_of(workspace)
    number = make_number(workspace, name="Sales US")
    Start.objects.create(
        flow=flow, workspace=workspace, kind="missed-call", number=number, hours="outside", opening=[[]] * 7
    )
    run_of(flow)
    run_of(flow, state="failed")
    run_of(flow, dry=True)
    run_of(flow, at=timezone.now() - timedelta(days=8))

    page = editor.get(reverse("flows"))

    (row,) = page.context["rows"]
    assert (row.state, row.total, row.failed) == ("off", 2, 1)
    assert row.starts == ["A missed call to Sales US, outside opening hours"]
    assert f"{reverse('flow-runs-of', args=[flow.pk])}?state=failed" in page.content.decode()


def test_the_list_costs_the_same_for_many_flows(editor, workspace):
    def cost_with(more):
        for nth in range(more):
            flow = flow_of(workspace, f"Flow {more}-{nth}")
            Start.objects.create(flow=flow, workspace=workspace, kind="inbound-sms")
            run_of(flow)
        with CaptureQueriesContext(connection) as queries:
            editor.get(reverse("flows"))
        return len(queries)

    assert cost_with(1) == cost_with(5)


def test_archived_flows_are_listed_by_themselves(editor, workspace):
    saving.archive(flow_of(workspace, "Old"))
    flow_of(workspace, "Kept")

    assert [row.flow.name for row in editor.get(reverse("flows")).context["rows"]] == ["Kept"]
    archived = editor.get(reverse("flows"), {"show": "archived"})
    assert [row.flow.name for row in archived.context["rows"]] == ["Old"]


# --- How a flow begins ----------------------------------------------------------------------------------


def test_a_template_opens_in_the_editor_and_is_not_saved(editor):
    page = editor.get(reverse("flow-new"), {"starter": STARTERS[0].key})

    assert page.context["form"].typed == MISSED
    assert not Flow.objects.exists()


def test_a_copy_begins_as_the_other_one_is(editor, workspace):
    page = editor.get(reverse("flow-new"), {"copy": flow_of(workspace).pk})

    assert page.context["form"].initial == {"name": "Copy of Follow-up", "source": MISSED}


def imported(client, content=None, **values):
    if content is not None:
        values["file"] = SimpleUploadedFile("missed call.yaml", content)
    return client.post(reverse("flow-new"), {"do": "import", **values})


def test_a_file_is_imported_into_the_editor(editor):
    page = imported(editor, b"\xef\xbb\xbf" + MISSED.replace("\n", "\r\n").encode())

    assert page.status_code == 200
    assert page.context["form"].initial == {"name": "missed call", "source": MISSED}


def test_a_text_that_was_pasted_is_imported_too_and_what_is_wrong_with_it_is_told(editor):
    page = imported(editor, text=BROKEN)

    assert page.context["form"].typed == BROKEN
    assert page.context["checked"].errors


@pytest.mark.parametrize(
    ("content", "values", "said"),
    [
        (b"caf\xe9: 1", {}, "not UTF-8: byte 4"),
        (b"a" * (MOST_CHARACTERS + 1), {}, "longer than the 32,768 characters"),
        (b"a" * (4 * MOST_CHARACTERS + 1), {}, "longer than the 32,768 characters"),
        (b"", {}, "The file is empty"),
        (b"a: 1", {"text": "b: 2"}, "not both"),
        (None, {}, "Choose a file, or paste"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_the_reason(editor, content, values, said):
    page = imported(editor, content, **values)

    assert page.status_code == 422
    assert said in text(page)


# --- The editor -----------------------------------------------------------------------------------------


def test_a_new_flow_is_saved_as_version_1_and_is_off(editor, workspace):
    editor.post(reverse("flow-new"), form(source=MISSED.replace("\n", "\r\n")))

    flow = Flow.objects.get(workspace=workspace)
    assert (flow.name, flow.enabled, flow.current.number, flow.current.source) == (
        "Follow-up",
        False,
        1,
        MISSED,
    )


def test_a_change_is_a_new_version_and_the_same_text_is_none(editor, workspace):
    flow = flow_of(workspace)
    changed = MISSED.replace("25", "20")

    editor.post(reverse("flow", args=[flow.pk]), edited(flow, source=changed, note="Shorter"))
    flow.refresh_from_db()
    editor.post(reverse("flow", args=[flow.pk]), edited(flow, name="Renamed"))

    flow.refresh_from_db()
    assert (flow.name, flow.current.number, flow.current.note) == ("Renamed", 2, "Shorter")
    assert flow.versions.get(number=1).source == MISSED


def test_a_text_with_errors_is_not_saved_and_nothing_typed_is_lost(editor, workspace):
    flow = flow_of(workspace)

    page = editor.post(reverse("flow", args=[flow.pk]), edited(flow, name="Other", source=BROKEN))

    assert page.status_code == 422
    assert (page.context["form"]["name"].value(), page.context["form"].typed) == ("Other", BROKEN)
    assert "Not saved" in text(page)
    flow.refresh_from_db()
    assert (flow.name, flow.current.number) == ("Follow-up", 1)


def test_a_problem_is_told_with_line_column_sentence_and_fix_and_leads_to_its_line(editor):
    line = next(nth for nth, each in enumerate(BROKEN.split("\n"), 1) if "if: !" in each)

    page = editor.post(reverse("flow-new"), form(source=BROKEN, do="live"), headers=HTMX)

    (problem,) = page.context["checked"].problems
    assert problem.line == line
    assert f"Line {line}, column {problem.column}" in text(page)
    assert problem.sentence in page.content.decode().replace("&quot;", '"')
    assert f'href="#line-{line}" data-line="{line}" data-column="{problem.column}"' in page.content.decode()
    assert problem.fix


def test_while_typing_htmx_gets_the_problems_alone_and_others_the_whole_page(editor):
    part = editor.post(reverse("flow-new"), form(do="live"), headers=HTMX)
    whole = editor.post(reverse("flow-new"), form(do="check", source=BROKEN))

    assert part.content.decode().strip().startswith('<div class="stack" id="checked"')
    assert (whole.status_code, whole.context["form"].typed) == (200, BROKEN)
    assert '<li id="line-' in whole.content.decode()  # the numbered text for who has no scripts


def test_the_branches_are_drawn_and_told_in_words(editor, workspace):
    page = editor.get(reverse("flow", args=[flow_of(workspace).pk]))

    assert '<svg class="diagram"' in page.content.decode()
    assert "to voicemail if !$dial?.ok" in text(page)
    assert "style=" not in page.content.decode()


def test_nobody_overwrites_what_they_have_not_seen(editor, workspace):
    flow = flow_of(workspace)
    saving.change(flow, flow.name, MISSED.replace("25", "30"), "", make_user(), 1)

    page = editor.post(
        reverse("flow", args=[flow.pk]), edited(flow, source=MISSED.replace("25", "20"), base="1")
    )

    assert page.status_code == 422
    assert "Somebody saved this flow meanwhile" in text(page)
    kinds = [line.kind for line in page.context["differences"]]
    assert (kinds.count("removed"), kinds.count("added")) == (1, 1)
    assert page.context["form"]["base"].value() == "2"


def test_a_name_that_is_taken_is_refused(editor, workspace):
    flow_of(workspace)

    page = editor.post(reverse("flow-new"), form())

    assert page.status_code == 422
    assert "Another flow has this name" in text(page)


def test_what_was_typed_while_signed_out_is_back_after_signing_in(editor, workspace):
    flow = flow_of(workspace)
    address = reverse("flow", args=[flow.pk])
    mark = editor.get(address).context["typed_by"]
    person = User.objects.get(pk=editor.session["_auth_user_id"])
    editor.logout()

    editor.post(address, edited(flow, source=BROKEN, typed_by=mark))
    editor.force_login(person)

    assert editor.get(address).context["form"].typed == BROKEN
    assert editor.get(address).context["form"].typed == MISSED  # once


# --- On, off, archived ----------------------------------------------------------------------------------


def do(client, flow, what):
    client.post(reverse("flow", args=[flow.pk]), {"do": what})
    flow.refresh_from_db()
    return flow


def test_a_flow_that_something_starts_is_switched_on_and_off(editor, workspace):
    flow = flow_of(workspace)
    make_number(workspace)
    Start.objects.create(flow=flow, workspace=workspace, kind="missed-call")

    on = do(editor, flow, "on")
    assert on.enabled
    assert timezone.now() - on.on_since < timedelta(minutes=1)
    off = do(editor, flow, "off")
    assert (off.enabled, off.on_since) == (False, None)


def test_a_flow_is_on_since_it_was_switched_on_last(workspace):
    flow = flow_of(workspace)
    saving.switch(flow, on=True)
    earlier = timezone.now() - timedelta(days=1)
    Flow.objects.update(on_since=earlier)

    saving.switch(flow, on=True)
    assert flow.on_since == earlier  # it was on already
    saving.switch(flow, on=False)
    saving.switch(flow, on=True)
    assert flow.on_since > earlier
    saving.archive(flow)
    assert flow.on_since is None


MUTE = "none of our numbers that can be called or texted may send texts"


def test_a_flow_whose_texts_nothing_could_carry_stays_off_and_says_which(editor, workspace):
    """The example of the source names no sender: what was called answers."""
    flow = flow_of(workspace)
    mute = make_number(workspace, sms_capable=False)
    start = Start.objects.create(flow=flow, workspace=workspace, kind="missed-call", number=mute)
    address = reverse("flow", args=[flow.pk])

    assert not do(editor, flow, "on").enabled
    page = text(editor.get(address))
    assert f"names no sender, and nothing could carry it: {MUTE}" in page
    assert "the number that was called or texted" in page

    make_number(workspace)  # which this flow's calls are not to
    assert MUTE in text(editor.get(address))
    start.number = None
    start.save()
    assert do(editor, flow, "on").enabled


def test_where_an_account_picks_senders_a_number_that_cannot_text_is_no_obstacle(editor, workspace):
    flow = flow_of(workspace)
    mute = make_number(workspace, sms_capable=False)
    Start.objects.create(flow=flow, workspace=workspace, kind="missed-call", number=mute)
    make_pool(make_connection(workspace, "callr"))

    assert do(editor, flow, "on").enabled


@pytest.mark.parametrize(
    ("able", "carrier", "said"),
    [
        (True, {}, "the settings say that such texts are refused"),
        (False, {"sender": True}, "Mute may not send texts"),
        (True, {"sender": True}, ""),
    ],
)
def test_what_the_settings_choose_has_to_be_able_to_text(editor, workspace, able, carrier, said):
    number = make_number(workspace, name="Mute", sms_capable=able)
    flow = flow_of(workspace)
    Start.objects.create(flow=flow, workspace=workspace, kind="missed-call")
    flow.from_called, flow.sender = False, number if carrier else None
    flow.save()

    assert do(editor, flow, "on").enabled is not bool(said)
    assert said in text(editor.get(reverse("flow", args=[flow.pk])))


def test_a_flow_whose_texts_name_their_sender_needs_no_other(editor, workspace):
    named = MISSED.replace("params:\n          to:", "params:\n          from: ACME\n          to:")
    assert named != MISSED
    flow = flow_of(workspace, source=named)
    Start.objects.create(flow=flow, workspace=workspace, kind="missed-call")
    assert do(editor, flow, "on").enabled


def test_a_flow_that_nothing_can_start_stays_off(editor, workspace):
    flow = flow_of(workspace)

    assert not do(editor, flow, "on").enabled
    assert "Nothing can start it" in text(editor.get(reverse("flow", args=[flow.pk])))


def test_a_flow_whose_start_begins_a_branch_it_lacks_stays_off(editor, workspace):
    flow = flow_of(workspace)
    Start.objects.create(flow=flow, workspace=workspace, kind="inbound-sms")

    assert not do(editor, flow, "on").enabled
    page = text(editor.get(reverse("flow", args=[flow.pk])))
    assert "begins the branch inbound-sms, which the saved text does not have" in page


def test_a_flow_that_lost_the_branch_of_its_start_says_so_though_it_is_on(editor, workspace):
    flow = flow_of(workspace)
    make_number(workspace)
    Start.objects.create(flow=flow, workspace=workspace, kind="missed-call")
    do(editor, flow, "on")
    by_text = next(each.source for each in STARTERS if "inbound-sms" in each.source)

    saving.change(flow, flow.name, by_text, "", make_user(), 1)

    assert "on, but cannot do its work" in text(editor.get(reverse("flow", args=[flow.pk])))


def test_a_flow_with_errors_stays_off(editor, workspace):
    flow = flow_of(workspace, source=BROKEN)
    Start.objects.create(flow=flow, workspace=workspace, kind="missed-call")

    assert not do(editor, flow, "on").enabled


def test_an_archived_flow_is_off_until_it_is_brought_back(editor, workspace):
    flow = flow_of(workspace)
    make_number(workspace)
    Start.objects.create(flow=flow, workspace=workspace, kind="missed-call")
    do(editor, flow, "on")

    assert do(editor, flow, "archive").archived_at
    assert not do(editor, flow, "on").enabled
    assert do(editor, flow, "back").archived_at is None
    assert do(editor, flow, "on").enabled


# --- Versions -------------------------------------------------------------------------------------------


def test_a_version_shows_what_changed_line_by_line_and_can_be_restored(editor, workspace):
    flow = flow_of(workspace)
    saving.change(flow, flow.name, MISSED.replace("timeout: 25", "timeout: 20"), "Shorter", make_user(), 1)
    address = reverse("flow-version", args=[flow.pk, 1])

    page = editor.get(reverse("flow-version", args=[flow.pk, 2]))
    lines = [(line.kind, line.text.strip()) for line in page.context["since_before"] if line.kind != "kept"]
    assert ("removed", "timeout: 25") in lines
    assert ("added", "timeout: 20") in lines
    assert "Shorter" in text(editor.get(reverse("flow-versions", args=[flow.pk])))

    editor.post(address, {"note": "", "base": "2"})
    flow.refresh_from_db()
    assert (flow.current.number, flow.current.source) == (3, MISSED)


def test_a_version_with_errors_is_not_restored(editor, workspace):
    flow = flow_of(workspace, source=BROKEN)
    saving.change(flow, flow.name, MISSED, "", make_user(), 1)

    page = editor.post(reverse("flow-version", args=[flow.pk, 1]), {"note": "", "base": "2"})

    assert page.status_code == 422
    assert "it was not restored" in text(page)


# --- Settings and starts --------------------------------------------------------------------------------


def test_the_settings_say_who_carries_texts_and_who_gets_them(editor, workspace):
    flow = flow_of(workspace)
    account = make_connection(workspace, "callr", name="Callr FR", external_id="c-1")
    number = make_number(workspace, name="Sales US")
    address = reverse("flow-settings", args=[flow.pk])

    editor.post(address, {"carrier": f"account:{account.pk}", "mobile_only": "on", "build_mode": "on"})
    flow.refresh_from_db()
    assert (flow.connection, flow.sender, flow.mobile_only, flow.build_mode) == (account, None, True, True)

    editor.post(address, {"carrier": f"number:{number.pk}"})
    flow.refresh_from_db()
    assert (flow.connection, flow.sender, flow.mobile_only, flow.build_mode) == (None, number, False, False)
    assert not flow.answers_from_called


def test_a_messaging_service_may_carry_texts(editor, workspace):
    flow, account = flow_of(workspace), make_connection(workspace, "twilio", name="Twilio", external_id="AC1")
    service = make_pool(account)

    editor.post(reverse("flow-settings", args=[flow.pk]), {"carrier": f"number:{service.pk}"})

    flow.refresh_from_db()
    assert flow.sender == service


def test_what_was_called_answers_unless_the_settings_say_otherwise(editor, workspace):
    flow = flow_of(workspace)
    number = make_number(workspace)
    address = reverse("flow-settings", args=[flow.pk])
    assert flow.answers_from_called
    assert editor.get(address).context["form"]["carrier"].value() == "called"

    for chosen, answers in ((f"number:{number.pk}", False), ("called", True), ("", False)):
        editor.post(address, {"carrier": chosen})
        flow.refresh_from_db()
        assert flow.answers_from_called is answers
        assert editor.get(address).context["form"]["carrier"].value() == chosen


def test_nothing_of_another_workspace_carries_texts(editor, workspace):
    flow, theirs = flow_of(workspace), make_number(make_workspace())

    page = editor.post(reverse("flow-settings", args=[flow.pk]), {"carrier": f"number:{theirs.pk}"})

    assert page.status_code == 422


def test_the_settings_explain_mobile_in_north_america_and_show_how_programs_start_it(editor, workspace):
    flow = flow_of(workspace)

    page = text(editor.get(reverse("flow-settings", args=[flow.pk])))

    assert "FIXED_LINE_OR_MOBILE" in page
    assert '"run": ${{ JSON.stringify(run) }}' in page.replace("&quot;", '"')
    assert "timeout: 4" in page
    assert f"/api/v1/flows/{flow.pk}/runs" in page


def start_form(**values):
    return {"number": "", "hours": "any", "time_zone": ""} | values


def test_a_missed_call_starts_it_by_number_reason_and_hours(editor, workspace):
    flow, number = flow_of(workspace), make_number(workspace)
    posted = start_form(
        number=str(number.pk),
        reasons=["no_available_agent"],
        hours="outside",
        monday="9-12:30, 14:00–18:00",
        time_zone="Europe/Paris",
    )

    editor.post(reverse("flow-start-new", args=[flow.pk]) + "?kind=missed-call", posted)

    start = flow.starts.get()
    assert (start.kind, start.number, start.reasons) == ("missed-call", number, ["no_available_agent"])
    assert (start.hours, start.time_zone) == ("outside", "Europe/Paris")
    assert start.opening == [[["09:00", "12:30"], ["14:00", "18:00"]], *[[]] * 6]
    page = editor.get(reverse("flow-start", args=[flow.pk, start.pk]))
    assert 'value="09:00–12:30, 14:00–18:00"' in page.content.decode()


@pytest.mark.parametrize(
    ("hours", "monday", "said"),
    [
        ("inside", "", "the table below has no hours"),
        ("inside", "morning", "is not a time span"),
        ("inside", "22:00-06:00", "ends before it begins"),
        ("inside", "9-25", "is not a time span"),
        ("inside", "9-24:30", "ends before it begins"),
        ("inside", "9-12, 11-13", "overlap at 11:00"),
        ("never", "", "not one of the available choices"),
    ],
)
def test_hours_that_nobody_can_keep_are_refused(editor, workspace, hours, monday, said):
    flow = flow_of(workspace)

    page = editor.post(reverse("flow-start-new", args=[flow.pk]), start_form(hours=hours, monday=monday))

    assert page.status_code == 422
    assert said in text(page)


def test_a_text_starts_it_by_number_and_no_longer_once_that_is_removed(editor, workspace):
    flow = flow_of(workspace)

    editor.post(reverse("flow-start-new", args=[flow.pk]) + "?kind=inbound-sms", {"number": ""})
    start = flow.starts.get()
    assert (start.kind, start.number) == ("inbound-sms", None)

    editor.post(reverse("flow-start-remove", args=[flow.pk, start.pk]))
    assert not flow.starts.exists()


# --- Hosts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("API.example.com", "api.example.com"),
        (" https://api.example.com:8443/v1?q=1 ", "api.example.com:8443"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_owners_allow_hosts_as_they_stand_in_addresses(client, workspace, given, kept):
    as_(client, workspace, "owner").post(reverse("fetch-hosts"), {"host": given})

    assert [row.host for row in FetchHost.objects.filter(workspace=workspace)] == [kept]


@pytest.mark.parametrize("given", ["", "not a host", "https://", "a..b", "-a.example", "host:99999", "[::1]"])
def test_what_is_no_host_is_refused(client, workspace, given):
    page = as_(client, workspace, "owner").post(reverse("fetch-hosts"), {"host": given})

    assert page.status_code == 422
    assert not FetchHost.objects.exists()


def test_a_host_is_allowed_once_and_removed_by_owners(client, workspace):
    owner = as_(client, workspace, "owner")
    owner.post(reverse("fetch-hosts"), {"host": "api.example.com"})
    assert owner.post(reverse("fetch-hosts"), {"host": "api.example.com"}).status_code == 422

    owner.post(reverse("fetch-host-remove", args=[FetchHost.objects.get().pk]))

    assert not FetchHost.objects.exists()


# --- Who may --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_may_not_edit_reads_and_changes_nothing(client, workspace, role):
    flow = flow_of(workspace)
    reader = as_(client, workspace, role)
    address = reverse("flow", args=[flow.pk])

    assert "you can read this flow but not change it" in text(reader.get(address))
    posts = {
        address: edited(flow, source=MISSED + "\n"),
        reverse("flow-new"): form(name="Another"),
        reverse("flow-settings", args=[flow.pk]): {"build_mode": "on"},
        reverse("flow-start-new", args=[flow.pk]): start_form(),
        reverse("flow-version", args=[flow.pk, 1]): {"base": "1"},
    }
    assert {reader.post(url, data).status_code for url, data in posts.items()} == {403}
    flow.refresh_from_db()
    assert (Flow.objects.count(), flow.current.number, flow.build_mode) == (1, 1, False)


def test_owners_remove_no_host_of_another_workspace(client, workspace):
    theirs = FetchHost.objects.create(workspace=make_workspace(), host="api.example.com")

    removed = as_(client, workspace, "owner").post(reverse("fetch-host-remove", args=[theirs.pk]))

    assert removed.status_code == 404


def test_only_owners_allow_hosts(editor, workspace):
    assert editor.get(reverse("fetch-hosts")).status_code == 200
    assert editor.post(reverse("fetch-hosts"), {"host": "api.example.com"}).status_code == 403


def test_nothing_of_another_workspace_can_be_reached(editor):
    theirs = make_workspace()
    flow = flow_of(theirs)
    start = Start.objects.create(flow=flow, workspace=theirs, kind="missed-call")
    run = run_of(flow)

    addresses = [
        reverse("flow", args=[flow.pk]),
        reverse("flow-settings", args=[flow.pk]),
        reverse("flow-start-new", args=[flow.pk]),
        reverse("flow-start", args=[flow.pk, start.pk]),
        reverse("flow-try", args=[flow.pk]),
        reverse("flow-runs-of", args=[flow.pk]),
        reverse("flow-run", args=[run.pk]),
        reverse("flow-versions", args=[flow.pk]),
        reverse("flow-version", args=[flow.pk, 1]),
        reverse("flow-new") + f"?copy={flow.pk}",
    ]
    assert {editor.get(address).status_code for address in addresses} == {404}
    removal = reverse("flow-start-remove", args=[flow.pk, start.pk])
    assert editor.post(removal).status_code == 404
    assert "Follow-up" not in text(editor.get(reverse("flows")))
    assert not editor.get(reverse("flow-runs")).context["rows"]
