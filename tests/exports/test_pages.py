"""The pages of exports: who may ask, what they read while it runs, and how they fetch the file."""

import html
import re
from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsadmin.exports import asking, files, running
from smsadmin.exports.models import Export
from smsadmin.sending import listing
from smsadmin.workspaces.models import Role
from tests.exports.conftest import rows_of, written
from tests.factories import make_action, make_member, make_message, make_number, make_workspace


@pytest.fixture
def client(operator):
    return signed_in(operator)


def signed_in(member):
    browser = Client()
    browser.force_login(member.user)
    return browser


def words(response):
    text = response.content.decode()
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


def page(client, **headers):
    return client.get(reverse("exports"), headers=headers)


def post(client, name, export):
    return client.post(reverse(name, args=[export.pk]), follow=True)


def fetch(client, export):
    return client.get(reverse("export-download", args=[export.pk]))


# --- Asking -----------------------------------------------------------------------------------------


def test_the_log_leads_to_the_export_of_what_it_shows(client, workspace):
    make_message(workspace, status="failed")
    make_message(workspace)

    response = client.get("/log/?status=failed")

    assert 'href="/exports/new/?status=failed"' in response.content.decode()
    assert "Export this 1 message" in words(response)
    assert "Export these 2 messages" in words(client.get("/log/", headers={"HX-Request": "true"}))


def test_a_log_without_messages_has_nothing_to_export(client):
    assert "/exports/new/" not in client.get("/log/").content.decode()


def test_the_form_says_in_words_and_numbers_what_will_be_exported(client, workspace, monkeypatch):
    make_message(workspace, status="failed")

    text = words(client.get("/exports/new/?status=failed"))

    assert "Which messages status:failed" in text
    assert "Export 1 message" in text
    monkeypatch.setattr(listing, "MOST_COUNTED", 1)
    assert "1 messages or more" in words(client.get("/exports/new/"))


def test_asking_makes_an_export_and_shows_it_among_the_others(client, workspace, operator):
    message = make_message(workspace, status="failed")
    make_message(workspace)

    response = client.post(
        "/exports/new/?status=failed", {"format": "ndjson", "with_text": "on"}, follow=True
    )

    export = Export.objects.get()
    assert response.redirect_chain == [("/exports/", 302)]
    assert "status:failed" in words(response)
    assert (export.filters, export.newest) == ({"status": "failed"}, message.pk)
    assert (export.format, export.with_text, export.asked_by) == ("ndjson", True, operator.user)
    assert export.time_zone == "Europe/Berlin"


def test_texts_are_left_out_unless_they_are_asked_for(client, workspace):
    make_message(workspace)
    client.post("/exports/new/", {"format": "csv"})

    assert not Export.objects.get().with_text


@pytest.mark.parametrize("query", ["since=nonsense", "number=4711", "q=statsu:failed"])
def test_a_filter_that_cannot_be_read_is_not_exported(client, workspace, query):
    make_message(workspace)

    for response in (
        client.get(f"/exports/new/?{query}"),
        client.post(f"/exports/new/?{query}", {"format": "csv"}),
    ):
        assert response.status_code == 422
        assert "The filter cannot be read" in words(response)
    assert not Export.objects.exists()


def test_an_unknown_format_is_refused_on_the_form(client, workspace):
    make_message(workspace)

    response = client.post("/exports/new/", {"format": "pdf"})

    assert response.status_code == 422
    assert "error-summary" in response.content.decode()


def test_a_fourth_unfinished_export_is_refused_with_what_to_do(client, workspace):
    make_message(workspace)
    for _ in range(asking.MOST_UNFINISHED):
        client.post("/exports/new/", {"format": "csv"})

    response = client.post("/exports/new/", {"format": "csv"})

    assert response.status_code == 422
    assert "You have 3 exports that are not finished" in words(response)
    assert Export.objects.count() == 3


def test_a_filter_that_finds_nothing_says_so(client):
    assert "There is nothing to export." in words(client.get("/exports/new/"))


# --- Roles and workspaces ---------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
def test_operators_and_above_export_viewers_do_not(workspace, ask, role):
    make_message(workspace)
    export = ask()
    written(export)
    browser, may = signed_in(make_member(workspace, role)), role != Role.VIEWER

    assert ("/exports/" in browser.get("/log/").content.decode()) is may
    for response in (page(browser), browser.get("/exports/new/"), fetch(browser, export)):
        assert response.status_code == (200 if may else 403)
    for name in ("export-cancel", "export-delete"):
        assert post(browser, name, export).status_code == (200 if may else 403)
    assert Export.objects.exists() is not may


def test_another_workspaces_export_does_not_exist(workspace, ask, folder):
    make_message(workspace)
    export = ask()
    written(export)
    stranger = signed_in(make_member(make_workspace()))

    assert "No export yet" in words(page(stranger))
    assert fetch(stranger, export).status_code == 404
    for name in ("export-cancel", "export-delete"):
        assert post(stranger, name, export).status_code == 404
    assert files.path_of(export.pk).exists()


def test_exports_need_a_sign_in(workspace, ask):
    make_message(workspace)
    export = ask()

    assert fetch(Client(), export).url.startswith(reverse("account_login"))


# --- The list ---------------------------------------------------------------------------------------


def test_a_list_without_exports_says_how_one_comes_to_be(client):
    assert "No export yet Filter the log, then export what it shows" in words(page(client))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"state": "waiting"}, "Waiting CSV · asked for just now by"),
        ({"state": "waiting"}, "It begins as soon as a worker is free."),
        ({"state": "running", "total": None}, "The messages are being counted."),
        ({"state": "running", "total": 2000, "written": 1500}, "1,500 of 2,000 messages written"),
        ({"state": "running", "total": 2000, "written": 2000}, "All 2,000 messages are written"),
        ({"state": "failed", "cause": "disk"}, "There was no room for the file"),
        (
            {"state": "failed", "cause": "filter"},
            "An action, a number or a user that its filter names is gone.",
        ),
        ({"state": "failed", "cause": "cut_off"}, "Its worker stopped before it was done, three times."),
        (
            {"state": "failed", "cause": "ours", "error": "smsadmin itself failed: ValueError"},
            "smsadmin itself failed: ValueError Report this",
        ),
        ({"state": "cancelled"}, "Cancelled CSV"),
        ({"state": "done", "total": 1, "written": 1, "size": 2048}, "1 message · 2.0 KB · kept until"),
        (
            {"state": "done", "format": "xlsx", "total": 1_048_577, "written": 1_048_575, "size": 9},
            "the 2 oldest are not in it",
        ),
        (
            {"state": "done", "total": 5, "written": 4, "size": 9},
            "5 messages matched when the export began; meanwhile statuses changed.",
        ),
    ],
)
def test_the_list_says_how_far_an_export_is(client, workspace, ask, columns, said):
    make_message(workspace)
    ask()
    Export.objects.update(**columns)

    response = page(client)

    assert said in words(response)
    unfinished = columns["state"] in ("waiting", "running")
    assert ("every 2s" in response.content.decode()) is unfinished
    assert ("See how far it is now" in words(response)) is unfinished


def test_the_list_asks_again_until_nothing_is_under_way(client, workspace, ask):
    make_message(workspace)
    export = ask()
    first = page(client, **{"HX-Request": "true"}).content.decode()
    running.run(export.pk)
    last = page(client, **{"HX-Request": "true"}).content.decode()

    assert first.startswith('<section id="exports"')
    assert "every 2s" in first
    assert "every 2s" not in last
    assert "data-announce>No export is under way any more.<" in last


def test_the_filter_is_said_in_the_readers_language(client, workspace, ask):
    make_message(workspace, status="failed")
    ask(status="failed")
    client.cookies["django_language"] = "de"

    assert "status:fehlgeschlagen" in words(page(client))


def test_the_number_of_queries_does_not_grow_with_the_exports(
    client, workspace, operator, ask, monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr(asking, "MOST_UNFINISHED", 100)
    for _ in range(20):
        action, number = make_action(workspace), make_number(workspace)
        make_message(workspace, action=action, number=number)
        ask(action=action.pk, number=number.pk)
    Export.objects.filter(pk__in=Export.objects.values("pk")[:5]).update(asked_by=make_member(workspace).user)

    with django_assert_max_num_queries(10):
        response = page(client)
    assert response.content.decode().count("<article") == 20


def test_older_exports_are_on_the_next_page(client, workspace, ask, monkeypatch):
    monkeypatch.setattr("smsadmin.exports.views.PER_PAGE", 2)
    make_message(workspace)
    for _ in range(3):
        ask()

    assert page(client).content.decode().count("<article") == 2
    assert client.get("/exports/?page=2").content.decode().count("<article") == 1


# --- The file ---------------------------------------------------------------------------------------

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ndjson": "application/x-ndjson",
}


@pytest.mark.parametrize("form", TYPES)
def test_a_file_is_fetched_with_its_type_under_a_safe_name(client, workspace, ask, form):
    message = make_message(workspace)
    export = ask(form)
    running.run(export.pk)

    response = fetch(client, export)

    assert response["Content-Type"] == TYPES[form]
    name = re.fullmatch(r'attachment; filename="([\w.-]+)"', response["Content-Disposition"])
    assert name
    assert re.fullmatch(rf"ada-sohne-messages-\d{{8}}T\d{{6}}Z\.{form}", name[1])
    assert "no-store" in response["Cache-Control"]
    [row] = rows_of(b"".join(response.streaming_content), form)
    assert row["id"] == str(message.pk)


def test_who_fetched_a_file_and_who_asked_for_it_is_in_the_audit_log(client, workspace, operator, ask):
    make_message(workspace)
    client.post("/exports/new/", {"format": "csv"})
    export = Export.objects.get()
    running.run(export.pk)
    fetch(client, export)

    entries = LogEntry.objects.get_for_object(export).order_by("pk")
    created, accessed = LogEntry.Action.CREATE, LogEntry.Action.ACCESS
    assert list(entries.values_list("action", "actor")) == [
        (created, operator.user.pk),
        (accessed, operator.user.pk),
    ]


@pytest.mark.parametrize("state", ["waiting", "running", "failed", "cancelled"])
def test_an_export_that_is_not_done_has_no_file(client, workspace, ask, state):
    make_message(workspace)
    export = ask()
    Export.objects.update(state=state)

    assert fetch(client, export).status_code == 404


def test_a_file_that_vanished_is_said_to_have(client, workspace, ask):
    make_message(workspace)
    export = ask()
    running.run(export.pk)
    files.path_of(export.pk).unlink()

    response = client.get(reverse("export-download", args=[export.pk]), follow=True)

    assert "The file of this export is no longer on the server." in words(response)


def test_cancelling_ends_an_export_that_is_not_finished(client, workspace, ask):
    make_message(workspace)
    export = ask()

    assert "The export is cancelled." in words(post(client, "export-cancel", export))
    running.run(export.pk)
    export.refresh_from_db()
    assert (export.state, files.path_of(export.pk).exists()) == ("cancelled", False)


@pytest.mark.parametrize(("state", "name"), [("waiting", "cancel"), ("done", "delete")])
def test_the_buttons_of_an_export_send_the_token_that_a_browser_needs(operator, workspace, ask, state, name):
    make_message(workspace)
    export = ask()
    Export.objects.update(state=state, total=1, written=1, size=1)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(operator.user)
    address = reverse(f"export-{name}", args=[export.pk])

    form = re.search(rf'action="{address}">.*?</form>', page(browser).content.decode(), re.DOTALL)
    assert form
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form[0])
    assert token
    assert browser.post(address, {"csrfmiddlewaretoken": token[1]}).status_code == 302


def test_cancelling_too_late_changes_nothing(client, workspace, ask):
    make_message(workspace)
    export = ask()
    running.run(export.pk)

    assert "had ended already" in words(post(client, "export-cancel", export))
    export.refresh_from_db()
    assert export.state == "done"


def test_deleting_takes_the_file_with_it(client, workspace, ask, django_capture_on_commit_callbacks):
    make_message(workspace)
    export = ask()
    running.run(export.pk)
    with django_capture_on_commit_callbacks(execute=True):
        post(client, "export-delete", export)

    assert not files.path_of(export.pk).exists()
    assert "No export yet" in words(page(client))


def test_what_failed_can_be_asked_for_again_with_its_filter(client, workspace, ask):
    make_message(workspace, status="failed")
    ask(status="failed", since="2h")
    Export.objects.update(state="failed", cause="disk", finished_at=timezone.now() - timedelta(hours=1))

    again = re.search(r'href="(/exports/new/\?[^"]+)"', page(client).content.decode())
    assert again
    assert "Export 1 message" in words(client.get(html.unescape(again[1])))
