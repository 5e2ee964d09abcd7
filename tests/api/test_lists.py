"""The directory, texts to our numbers, and opt-outs, by program."""

from datetime import UTC, datetime, timedelta

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext

from smsadmin import cache
from smsadmin.consent import opting
from smsadmin.consent.models import Change, OptOut, Source
from smsadmin.directory.models import Number, Refresh
from smsadmin.incoming.models import InboundMessage
from smsadmin.workspaces.models import Workspace
from tests.api.conftest import Program, make_program, told
from tests.api.test_openapi import described
from tests.factories import make_agent, make_member, make_number, make_workspace, put_on

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)


@pytest.fixture
def stranger(db: None) -> Program:
    return make_program(make_member(make_workspace()))


def queries(program: Program, path: str) -> int:
    program.get(path)  # once a minute it is noted that a key was used
    cache.forget()
    with CaptureQueriesContext(connection) as found:
        assert program.get(path).status_code == 200
    return len(found)


# --- Numbers and users -------------------------------------------------------------------------------


def test_a_number_says_whether_it_is_offered_and_why_not(program: Program, number: Number) -> None:
    Refresh.objects.create(
        workspace=number.workspace,
        connection=number.connection,
        state="done",
        started_at=NOW,
        lease_until=NOW,
        finished_at=NOW,
    )
    offered = program.get("numbers/+12025550101")
    assert described("/api/v1/numbers/{number}", offered) == []
    found = offered.json()
    assert (found["offered"], found["why_not"], found["fix"]) == (True, [], None)
    assert found["mirrored_at"] == "2026-11-21T10:07:30.000Z"
    assert [each["email"] for each in found["users"]] == ["mia@example.com"]
    assert program.client.get(found["quota"], headers=program.headers).json()["id"] == number.pk

    Number.objects.update(sms_capable=None)
    cache.forget()
    found = program.get(f"numbers/{number.pk}").json()
    assert (found["offered"], found["why_not"]) == (False, ["Nobody has confirmed that it can text."])
    assert found["fix"]


def test_a_user_says_from_which_numbers_and_why_not(program: Program, number: Number) -> None:
    leo = make_agent(number.workspace, "leo@example.com")
    response = program.get("users")
    assert described("/api/v1/users", response) == []
    mia, other = response.json()["results"]
    assert (mia["can_send"], mia["why_not"], [each["id"] for each in mia["numbers"]]) == (
        True,
        [],
        [number.pk],
    )
    assert (other["email"], other["can_send"]) == ("leo@example.com", False)
    assert other["why_not"] == ["No number is assigned to this user."]
    assert program.client.get(other["quota"], headers=program.headers).json()["id"] == leo.pk


@pytest.mark.parametrize("path", ["numbers", "users"])
def test_the_directory_comes_in_pages_for_the_same_queries_without_who_left(
    program: Program, number: Number, path: str
) -> None:
    few = queries(program, path)
    for nth in range(4):
        put_on(
            make_number(number.workspace, f"+1202555020{nth}"),
            make_agent(number.workspace, f"user{nth}@example.com"),
        )
    Number.objects.filter(e164="+12025550203").update(gone_at=NOW)
    assert queries(program, path) == few
    found, page = [], program.get(path, limit=2)
    while True:
        assert described(f"/api/v1/{path}", page) == []
        found += [each.get("number") or each["email"] for each in page.json()["results"]]
        if not page.json()["next"]:
            break
        page = program.client.get(page.json()["next"], headers=program.headers)
    assert found[0] in ("+12025550101", "mia@example.com")
    assert len(found) == len({*found}) == (4 if path == "numbers" else 5)


def test_the_directory_of_others_is_not_there(stranger: Program, number: Number) -> None:
    assert stranger.get("numbers").json()["results"] == stranger.get("users").json()["results"] == []
    response = stranger.get(f"numbers/{number.pk}")
    told(response, 404, "NOT_FOUND")
    assert described("/api/v1/numbers/{number}", response) == []


# --- Texts to our numbers ----------------------------------------------------------------------------


@pytest.fixture
def texts(number: Number) -> list[InboundMessage]:
    """Newest first; two came at the same moment."""
    moments = [NOW, NOW - timedelta(hours=1), NOW - timedelta(hours=1)]
    rows = [
        InboundMessage(
            workspace=number.workspace,
            connection=number.connection,
            number=number,
            sender="+13125550123",
            body=f"Text {nth}",
            at=at,
            provider_id=f"IN-{nth}",
        )
        for nth, at in enumerate(moments)
    ]
    made = InboundMessage.objects.bulk_create(rows)
    return [made[0], made[2], made[1]]


def test_texts_come_newest_first_in_pages(
    program: Program, stranger: Program, texts: list[InboundMessage]
) -> None:
    found, page = [], program.get("inbound", limit=1)
    while True:
        assert described("/api/v1/inbound", page) == []
        found += page.json()["results"]
        if not page.json()["next"]:
            break
        page = program.client.get(page.json()["next"], headers=program.headers)
    assert [each["id"] for each in found] == [each.pk for each in texts]
    assert (found[0]["from"], found[0]["text"], found[0]["number"]["number"]) == (
        "+13125550123",
        "Text 0",
        "+12025550101",
    )
    assert stranger.get("inbound").json()["results"] == []
    assert queries(program, "inbound") <= 2


def test_texts_are_narrowed_by_when_they_came(program: Program, texts: list[InboundMessage]) -> None:
    ids = [each.pk for each in texts]
    for query, found in (
        ({"since": "2026-11-21T10:00:00Z"}, [0]),
        ({"until": "2026-11-21T10:07:30Z"}, [1, 2]),
    ):
        results = program.get("inbound", **query).json()["results"]
        assert [ids.index(each["id"]) for each in results] == found


def test_a_cursor_that_is_none_of_ours_is_named(program: Program) -> None:
    for path in ("inbound", "opt-outs", "actions", "numbers"):
        for cursor in ("17-", "-", "x-1", "1-x", "99999999999999999-1"):
            problem = told(program.get(path, cursor=cursor), 400, "BAD_PARAMETER")
            assert problem["parameter"] == "cursor", (path, cursor)


# --- Opt-outs ----------------------------------------------------------------------------------------

ADA = "+13125550123"
LIST, ONE = "/api/v1/opt-outs", "/api/v1/opt-outs/{number}"


def test_a_number_is_opted_out_once_and_that_is_on_record(program: Program, workspace: Workspace) -> None:
    body = {"number": ADA, "reason": "Asked on the phone"}
    first, again = program.post("opt-outs", body), program.post("opt-outs", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first["Location"] == "http://testserver/api/v1/opt-outs/+13125550123"
    assert described(LIST, first) == described(LIST, again) == []
    assert first.json() == again.json()
    assert (first.json()["state"], first.json()["source"]) == ("out", "api")
    [change] = Change.objects.all()
    assert change.words == "Asked on the phone (API key Planner)"
    [entry] = LogEntry.objects.get_for_object(OptOut.objects.get())
    assert entry.changes["reason"] == ["", "Asked on the phone"]
    assert ADA not in entry.object_repr


def test_a_number_is_let_in_again_with_a_reason(program: Program, workspace: Workspace) -> None:
    opting.opt_out(workspace.pk, ADA, opting.Statement(Source.TEXT, NOW, words="STOP"))
    told(program.delete(f"opt-outs/{ADA}"), 400, "BAD_PARAMETER")
    for _ in range(2):
        response = program.delete(f"opt-outs/{ADA}", reason="Signed up again")
        assert (response.status_code, response.json()["state"]) == (200, "in")
        assert described(ONE, response) == []
    response = program.get(f"opt-outs/{ADA}")
    assert described(ONE, response) == []
    history = response.json()["history"]
    assert [(each["state"], each["reason"]) for each in history] == [
        ("in", "Signed up again (API key Planner)"),
        ("out", "STOP"),
    ]


def test_of_a_number_that_never_was_out_nothing_is_known(
    program: Program, stranger: Program, workspace: Workspace
) -> None:
    told(program.get(f"opt-outs/{ADA}"), 404, "NOT_FOUND")
    told(program.delete(f"opt-outs/{ADA}", reason="x"), 404, "NOT_FOUND")
    opting.opt_out(workspace.pk, ADA, opting.Statement(Source.TEXT, NOW, words="STOP"))
    told(stranger.get(f"opt-outs/{ADA}"), 404, "NOT_FOUND")
    told(stranger.delete(f"opt-outs/{ADA}", reason="x"), 404, "NOT_FOUND")
    assert stranger.get("opt-outs").json()["results"] == []
    assert OptOut.objects.get().is_out


def test_an_opt_out_needs_a_number_and_a_reason(program: Program) -> None:
    for body, pointer in (
        ({"number": "0123", "reason": "x"}, "/number"),
        ({"number": ADA}, "/reason"),
        ({"number": ADA, "reason": " "}, "/reason"),
        ({"number": ADA, "reason": "x" * 101}, "/reason"),
    ):
        [fault] = told(program.post("opt-outs", body), 422, "BAD_BODY")["errors"]
        assert fault["pointer"] == pointer
    assert not OptOut.objects.exists()


def test_opt_outs_come_in_pages_for_the_same_queries(program: Program, workspace: Workspace) -> None:
    def some(first: int) -> None:
        for nth in range(first, first + 3):
            said = opting.Statement(Source.TEXT, NOW + timedelta(minutes=nth), words="STOP")
            opting.opt_out(workspace.pk, f"+1312555010{nth}", said)

    some(0)
    few = queries(program, "opt-outs")
    some(3)
    opting.opt_in(workspace.pk, "+13125550100", opting.Statement(Source.TEXT, NOW + timedelta(hours=1)))
    assert queries(program, "opt-outs") == few
    found, page = [], program.get("opt-outs", limit=2, state="out")
    while True:
        assert described(LIST, page) == []
        found += [each["number"][-1] for each in page.json()["results"]]
        if not page.json()["next"]:
            break
        page = program.client.get(page.json()["next"], headers=program.headers)
    assert found == ["5", "4", "3", "2", "1"]
