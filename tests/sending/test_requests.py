"""Every call of a machine in one list: what became a message, what came again, what was turned away."""

import html
import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from smsadmin import keyset
from smsadmin.core.ids import key16
from smsadmin.core.status import Status
from smsadmin.incoming.models import ProviderCall
from smsadmin.sending import requests
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Event, Message, RefusedCall
from smsadmin.sending.requests import Outcome, Place, requests_url
from smsadmin.workspaces.models import Role
from tests.factories import (
    PORTAL,
    ask,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_workspace,
    uuid7_at,
)

NOW = timezone.now().replace(microsecond=0)


@pytest.fixture
def workspace(db):
    made = make_workspace()
    make_connection(made, "hubspot")
    return made


@pytest.fixture
def client(workspace):
    return signed_in(workspace)


def signed_in(workspace, role=Role.VIEWER):
    browser = Client()
    browser.force_login(make_member(workspace, role).user)
    return browser


def words(response):
    text = response.content.decode() if hasattr(response, "content") else response
    bare = re.sub(r"<(svg|head|nav|option)\b.*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


def listed(response):
    """The words of each row, from top to bottom, without how long ago it was: that changes while a test runs."""
    page = re.sub(r"<time\b.*?</time>", "", response.content.decode(), flags=re.DOTALL)
    [body] = re.findall(r"<tbody>(.*?)</tbody>", page, flags=re.DOTALL) or [""]
    return [words(row) for row in re.findall(r"<tr>.*?</tr>", body, flags=re.DOTALL)]


def outcomes(response):
    labels = {str(look.label): outcome for outcome, look in requests.LOOKS.items()}
    return [next(labels[label] for label in labels if label in row) for row in listed(response)]


def asked(client, **filters):
    return client.get(requests_url(**filters))


def ago(**distance):
    return NOW - timedelta(**distance)


def repeat(message, at):
    return Event.objects.create(
        message=message, workspace_id=message.workspace_id, at=at, kind=Event.Kind.REPEAT
    )


def told(workspace, at, outcome="moved", **columns):
    """A call of the workspace's provider."""
    account = workspace.connections.filter(kind="aircall").first() or make_connection(workspace)
    defaults = {"event": "message.status_updated", "detail": "delivered", "fingerprint": uuid4()}
    return ProviderCall.objects.create(
        workspace=workspace, connection=account, at=at, outcome=outcome, **{**defaults, **columns}
    )


def refused(workspace, at, **columns):
    call = RefusedCall.objects.create(
        workspace=workspace,
        **{"path": "/hubspot/actions/send-sms", "reason": "signature mismatch", **columns},
    )
    RefusedCall.objects.filter(pk=call.pk).update(at=at)  # auto_now_add
    return call


# --- The list ----------------------------------------------------------------------------------------


def test_it_needs_a_sign_in(db):
    assert Client().get(reverse("requests")).url.startswith(reverse("account_login"))


@pytest.mark.services
def test_calls_of_every_outcome_stand_in_one_list_newest_first(workspace):
    first = make_message(workspace, at=ago(minutes=9))
    repeat(first, ago(minutes=5))
    refused(workspace, ago(minutes=7), portal=PORTAL)
    make_message(workspace, at=ago(minutes=3), status=Status.REJECTED, error_code="MESSAGE_EMPTY")

    page = asked(signed_in(workspace, Role.OPERATOR))

    assert outcomes(page) == [Outcome.ACCEPTED, Outcome.REPEATED, Outcome.REFUSED, Outcome.ACCEPTED]
    newest, again, away, oldest = listed(page)
    assert "HubSpot workflow 17 step 4" in oldest
    assert "Became a message Sent to +33 6 12 34 56 78" in oldest
    assert "Rejected" in newest
    assert "Came again It got the first answer; nothing more was sent. Sent to +33 6 12 34 56 78" in again
    assert f"HubSpot portal {PORTAL} /hubspot/actions/send-sms" in away
    assert "Turned away The signature does not match the client secret" in away


def test_the_same_request_made_twice_is_a_message_and_a_repeat(client, workspace):
    request = ask(make_number(workspace), origin={"portal": PORTAL, "workflow": "17"})

    accept(request)
    accept(request)

    assert outcomes(asked(client)) == [Outcome.REPEATED, Outcome.ACCEPTED]


def test_a_call_leads_to_its_message(client, workspace):
    message = make_message(workspace)
    repeat(message, NOW)

    page = asked(client).content.decode()

    assert page.count(f'class="row-link" href="{reverse("message", args=[message.pk])}"') == 2


def test_what_a_person_set_off_is_no_call_of_a_machine(client, workspace):
    for trigger in ("test", "verification"):
        repeat(make_message(workspace, trigger=trigger, origin={"who": "Alex"}), NOW)

    assert listed(asked(client)) == []
    assert "No machine has called yet" in words(asked(client))


def test_other_events_of_a_message_are_no_calls(client, workspace):
    message = make_message(workspace)
    for kind in set(Event.Kind) - {Event.Kind.REPEAT}:
        Event.objects.create(message=message, at=NOW, kind=kind)

    assert outcomes(asked(client)) == [Outcome.ACCEPTED]


def test_calls_are_the_workspaces_own_and_for_owners_also_nobodys(workspace):
    other = make_workspace()
    repeat(make_message(other), NOW)
    for whose in (workspace, None, other):
        refused(whose, NOW, portal=f"of {whose}")

    seen = {role: words(asked(signed_in(workspace, role))) for role in (Role.EDITOR, Role.OWNER)}

    assert {
        role: [f"of {whose}" in text for whose in (workspace, None, other)] for role, text in seen.items()
    } == {
        Role.EDITOR: [True, False, False],
        Role.OWNER: [True, True, False],
    }
    assert all("Became a message" not in text and "Came again" not in text for text in seen.values())


def test_the_number_of_queries_does_not_grow_with_the_rows(workspace, django_assert_max_num_queries):
    for minute in range(20):
        message = make_message(workspace, number=make_number(workspace))
        repeat(message, ago(minutes=minute))
        refused(None, ago(minutes=minute))
        told(workspace, ago(minutes=minute), message=message.pk)
    owner = signed_in(workspace, Role.OWNER)

    with django_assert_max_num_queries(24):
        assert len(listed(asked(owner))) == 50


def test_a_row_reads_none_of_the_long_columns(workspace):
    message = make_message(workspace)
    repeat(message, NOW)
    search = requests.Search()

    for row in (
        requests._messages(workspace, search).get(),
        requests._repeats(workspace, search).get().message,
    ):
        assert row.get_deferred_fields() == {"template", "body", "trace", "quota"}


def test_what_a_caller_sent_is_shown_as_text(client, workspace):
    refused(workspace, NOW, portal="<b>", detail="<script>", path="/hubspot/<i>", reason="<u>")
    make_message(
        workspace, origin={"workflow": "<s>", "step": "<em>"}, object_id="<q>", object_type="contact"
    )

    page = asked(client).content.decode()

    assert not [tag for tag in ("<b>", "<script>", "<i>", "<u>", "<s>", "<em>", "<q>") if tag in page]


# --- Paging ------------------------------------------------------------------------------------------


def link(response, rel):
    found = re.search(rf'rel="{rel}" href="([^"]+)"', response.content.decode())
    return html.unescape(found[1]) if found else ""


@pytest.mark.services
@pytest.mark.parametrize("step", [timedelta(minutes=1), timedelta(0), timedelta(microseconds=300)])
def test_older_and_newer_turn_the_pages_without_gap_or_repeat(workspace, monkeypatch, step):
    """Also where calls came in the same moment, or closer together than a message's id can tell."""
    monkeypatch.setattr(keyset, "PER_PAGE", 4)
    for turn in range(4):
        message = make_message(workspace, at=NOW - turn * 4 * step)
        repeat(message, NOW - (turn * 4 + 1) * step)
        refused((workspace, None)[turn % 2], NOW - (turn * 4 + 2) * step)
        told(workspace, NOW - (turn * 4 + 3) * step, ("moved", "not_ours")[turn % 2])
    browser = signed_in(workspace, Role.OWNER)

    pages = [places(workspace, browser, requests_url())]
    while pages[-1].older:
        pages.append(places(workspace, browser, requests_url(before=pages[-1].older)))
    seen = [call.place for page in pages for call in page.rows]

    assert [len(page.rows) for page in pages] == [4, 4, 4, 4]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 16
    back = pages[-1]
    for earlier in reversed(pages[:-1]):
        back = places(workspace, browser, requests_url(after=back.newer))
        assert [call.place for call in back.rows] == [call.place for call in earlier.rows]


def places(workspace, browser, url):
    """The page behind an address, as it was worked out."""
    return browser.get(url).context["page"]


def test_the_pager_leads_through_the_list_and_keeps_the_filter(client, workspace, monkeypatch):
    monkeypatch.setattr(keyset, "PER_PAGE", 1)
    for minute in range(3):
        refused(workspace, ago(minutes=minute), detail=f"call {minute}")
        make_message(workspace, at=ago(minutes=minute, seconds=30))

    first = asked(client, outcome="refused")
    second = client.get(link(first, "next"))

    assert ["call 0" in listed(first)[0], "call 1" in listed(second)[0]] == [True, True]
    assert "outcome=refused" in link(second, "next")
    assert listed(client.get(link(second, "prev"))) == listed(first)
    assert link(first, "prev") == ""


@pytest.mark.parametrize(
    "place",
    [
        "x",
        "1-2",
        "9" * 30 + "-1-5",
        "1-0-notanid",
        "1-1-1.5",
        "--",
        "1-7-" + "9" * 40,
        "-5-1-1",
        "9" * 16 + "-1-1",
    ],
)
def test_a_place_that_is_none_never_fails(client, workspace, place):
    make_message(workspace)

    assert asked(client, before=place).status_code == asked(client, after=place).status_code == 200


def test_a_place_is_read_as_it_was_written():
    message = Message()
    for place in (Place(message.received_at, 0, message.pk), Place(NOW + timedelta(microseconds=7), 2, 41)):
        assert Place.read(str(place)) == place


# --- Filters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_shows_its_calls_and_no_others(client, workspace, outcome):
    repeat(make_message(workspace), NOW)
    refused(workspace, NOW)
    for each in ("moved", "reply", "started", "not_ours", "waiting", "failed"):
        told(workspace, NOW, each)

    assert outcomes(asked(client, outcome=outcome.value)) == [outcome]


@pytest.mark.services
def test_calls_of_aircall_stand_with_their_message_and_what_came_of_them(client, workspace):
    message = make_message(workspace, status=Status.DELIVERED)
    told(workspace, ago(minutes=1), "moved", message=message.pk)
    told(workspace, ago(minutes=2), "not_ours", message=None)

    ours, other = listed(asked(client, caller="aircall"))

    assert "Aircall: Account message.status_updated · delivered Delivery receipt" in ours
    assert "It changed the message's status." in ours
    assert "Delivered to" in ours
    assert "About no message The message was not sent from here. –" in other


def test_the_list_can_be_narrowed_to_who_called(client, workspace):
    make_message(workspace)
    told(workspace, NOW)
    refused(workspace, NOW, path="/aircall/webhooks/•••", reason="token")
    refused(workspace, NOW, portal=PORTAL)

    aircall, hubspot = asked(client, caller="aircall"), asked(client, caller="hubspot")

    assert sorted(outcomes(aircall)) == [Outcome.RECEIPT, Outcome.REFUSED]
    assert "Aircall, or somebody in its name" in words(aircall)
    assert sorted(outcomes(hubspot)) == [Outcome.ACCEPTED, Outcome.REFUSED]
    assert f"HubSpot portal {PORTAL}" in words(hubspot)


def test_another_workspaces_provider_is_not_listed(client, workspace):
    other = make_workspace()
    told(other, NOW, message=make_message(other).pk)
    told(workspace, NOW, message=make_message(other).pk)

    [row] = listed(asked(client, caller="aircall"))

    assert row.endswith("–")


def test_a_providers_call_is_found_by_its_message_and_by_aircalls_id(client, workspace):
    message = make_message(workspace, provider_id="SM1")
    told(workspace, NOW, message=message.pk, provider_id="SM1")
    told(workspace, NOW, "not_ours", provider_id="SM2")

    assert sorted(outcomes(asked(client, q="SM1"))) == [Outcome.ACCEPTED, Outcome.RECEIPT]
    assert sorted(outcomes(asked(client, q=str(message.pk)))) == [Outcome.ACCEPTED, Outcome.RECEIPT]
    assert outcomes(asked(client, q="SM2")) == [Outcome.OTHER]


@pytest.mark.services
@pytest.mark.parametrize("name", ["message", "callback", "workflow", "record", "portal"])
def test_a_call_is_found_by_every_id_it_has(client, workspace, name):
    wanted = make_message(
        workspace,
        key=key16(f"{PORTAL}:ap-9-8-7"),
        origin={"portal": PORTAL, "workflow": "4711", "callback_id": "ap-9-8-7"},
        object_type="contact",
        object_id="501501",
    )
    repeat(wanted, NOW)
    make_message(workspace, origin={"portal": "1", "workflow": "1"}, object_id="1")
    repeat(make_message(workspace, origin={"portal": "1"}), NOW)
    refused(workspace, NOW, portal="1")
    ids = {
        "message": wanted.pk,
        "callback": "ap-9-8-7",
        "workflow": "4711",
        "record": "501501",
        "portal": PORTAL,
    }

    page = asked(client, q=str(ids[name]))

    assert sorted(outcomes(page)) == [Outcome.ACCEPTED, Outcome.REPEATED]
    assert page.content.decode().count(f'class="row-link" href="/log/{wanted.pk}/"') == 2


def test_a_portal_finds_the_calls_turned_away_in_its_name(client, workspace):
    refused(workspace, NOW, portal=PORTAL)
    refused(workspace, NOW, portal="77")

    assert outcomes(asked(client, q="77")) == [Outcome.REFUSED]


def test_another_workspaces_call_is_not_found(client):
    other = make_message(make_workspace(), key=key16(f"{PORTAL}:ap-1"), origin={"workflow": "4711"})

    for text in (str(other.pk), "ap-1", "4711"):
        assert listed(asked(client, q=text)) == []


def test_what_no_index_finds_is_looked_for_among_the_newest_calls_and_the_page_says_since_when(
    client, workspace, monkeypatch
):
    monkeypatch.setattr(requests, "MOST_SEARCHED", 2)
    edge = datetime(2026, 11, 1, 10, 30, tzinfo=UTC)
    old = make_message(workspace, at=edge - timedelta(hours=5), origin={"workflow": "4711"})
    make_message(workspace, at=edge)
    for hours in (1, 2):
        make_message(workspace, at=edge + timedelta(hours=hours))

    page = asked(client, q="4711")

    assert listed(page) == []
    assert "Only calls since 1 Nov 2026, 10:30:00 UTC were looked through" in words(page)
    assert len(listed(asked(client, q=str(old.pk)))) == 1


def test_a_small_log_is_looked_through_whole(client, workspace):
    make_message(workspace)

    assert "looked through" not in words(asked(client, q="17"))


def test_a_search_that_finds_nothing_says_what_was_looked_for(client, workspace):
    make_message(workspace)

    text = words(asked(client, q="<4>"))

    assert (
        "“<4>” was looked for as the id of a message, here and at Aircall, a callback, a workflow, a portal and a "
        "record." in text
    )


def test_an_outcome_that_is_none_says_so_beside_its_field(client, workspace):
    make_message(workspace)

    response = asked(client, outcome="lost", q="kept")

    assert response.status_code == 422
    assert "lost is not one of the available choices" in words(response)
    assert 'value="kept"' in response.content.decode()
    assert listed(response) == []


def test_htmx_gets_the_list_alone_and_an_address_without_empty_fields(client, workspace):
    make_message(workspace)

    response = client.get(
        reverse("requests"), {"q": "", "outcome": "accepted"}, headers={"HX-Request": "true"}
    )

    assert response.content.decode().startswith('<section id="requests"')
    assert response["HX-Push-Url"] == "/log/requests/?outcome=accepted"


# --- What it replaces --------------------------------------------------------------------------------


def test_the_old_address_of_refused_calls_leads_here(client, workspace):
    response = client.get("/log/refused/")

    assert (response.status_code, response.url) == (301, "/log/requests/?outcome=refused")


def test_the_log_tells_of_calls_turned_away_today_and_leads_to_them(client, workspace):
    assert "turned away" not in words(client.get(reverse("log")))
    refused(workspace, timezone.now())

    response = client.get(reverse("log"))

    assert "1 call turned away today The signature does not match the client secret" in words(response)
    assert requests_url(outcome="refused") in html.unescape(response.content.decode())


def test_the_log_leads_to_the_requests(client):
    assert f'href="{reverse("requests")}"' in client.get(reverse("log")).content.decode()


# --- Plans -------------------------------------------------------------------------------------------


@pytest.fixture
def many(workspace):
    """So many rows, of this workspace and another, that reading the whole table is no choice."""
    now, other = timezone.now(), make_workspace()
    for each in (workspace, other):
        number = make_number(each)
        one = make_message(each, number=number)
        messages = [
            Message(
                pk=uuid7_at(now - timedelta(seconds=3_000 - serial)),
                workspace=each,
                trigger="hubspot",
                key=key16(f"{PORTAL}:ap-{each.pk}-{serial}"),
                origin={"workflow": str(serial % 7), "callback_id": f"ap-{each.pk}-{serial}"},
                object_id=str(serial),
                number=number,
                connection_id=one.connection_id,
                status=Status.SENT,
            )
            for serial in range(3_000)
        ]
        Message.objects.bulk_create(messages)
        Event.objects.bulk_create(
            Event(message=message, at=message.received_at, kind=kind, workspace=each)
            for serial, message in enumerate(messages)
            for kind in (Event.Kind.ATTEMPT, *([Event.Kind.REPEAT] if serial % 100 == 0 else []))
        )
        ProviderCall.objects.bulk_create(
            ProviderCall(
                workspace=each,
                connection_id=one.connection_id,
                at=message.received_at,
                message=message.pk,
                provider_id=f"SM{serial}",
                fingerprint=uuid4(),
                outcome="noted" if serial % 50 else "not_ours",
            )
            for serial, message in enumerate(messages)
        )
        RefusedCall.objects.bulk_create(
            RefusedCall(workspace=each, path="/hubspot/", reason="portal", portal="1") for _ in range(500)
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return messages[-1]


@pytest.mark.services
def test_no_page_reads_a_whole_table(workspace, many, monkeypatch):
    monkeypatch.setattr(requests, "MOST_SEARCHED", 200)
    owner = signed_in(workspace, Role.OWNER)

    for filters in (
        {},
        {"outcome": "repeated"},
        {"q": "3"},
        {"q": many.origin["callback_id"]},
        {"q": PORTAL},
        {"q": "SM7"},
        {"caller": "aircall"},
        {"caller": "hubspot"},
        {"outcome": "failed"},
    ):
        older = link(asked(owner, **filters), "next")
        for url in filter(None, (requests_url(**filters), older)):
            with CaptureQueriesContext(connection) as captured:
                owner.get(url)
            plans = [plan_of(query["sql"]) for query in captured if TABLES.search(query["sql"])]
            assert plans
            assert [plan for plan in plans if WHOLE_TABLE.search(plan)] == [], url


#: As PostgreSQL and as SQLite say that they look at every row, in the order of no index.
WHOLE_TABLE = re.compile(r"Seq Scan on (sending|incoming)_|SCAN (sending|incoming)_\w+$", re.MULTILINE)
TABLES = re.compile(r"(sending|incoming)_")


def plan_of(sql):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'' if connection.vendor == 'postgresql' else 'QUERY PLAN '}{sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())
