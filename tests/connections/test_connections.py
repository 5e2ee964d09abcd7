"""Connections: write-only secrets, one workspace per account, tested with a clear result."""

import pytest
from django.db import connection as database
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from smsadmin.consent.models import Review
from smsadmin.directory import tasks
from smsadmin.inbox.models import Thread
from smsadmin.incoming.models import InboundMessage
from smsadmin.providers import http
from smsadmin.providers.base import Exchange
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection
from smsadmin.writeback.models import Engagement
from tests.factories import (
    make_action,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_workspace,
)

pytestmark = pytest.mark.django_db

AIRCALL = {"name": "Main", "api_id": "id-1", "api_token": "tok-1", "requests_per_minute": ""}
HUBSPOT = {"name": "Portal", "portal": "123", "client_secret": "cs-1", "access_token": "at-1"}
SECRETS = ("sandbox-token", "sandbox-client-secret", "sandbox-hubspot-token")


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def owner(client, workspace):
    client.force_login(make_member(workspace, "owner").user)
    return client


def test_a_portal_says_what_its_records_still_lack(owner, workspace):
    portal = make_connection(workspace, "hubspot")
    for state in ("owed", "writing", "failed", "not_logged", "done"):
        message = make_message(workspace)
        Engagement.objects.create(
            workspace=workspace, connection=portal, message=message, state=state, at=timezone.now()
        )

    page = owner.get(reverse("connections")).content.decode()

    assert '<a href="/log/?told=owed">2 still to be logged</a>' in page
    assert '<a href="/log/?told=unlogged">1 could not be logged</a>' in page


@pytest.fixture
def asked(monkeypatch):
    """The accounts a worker was asked to refresh."""
    found = []
    monkeypatch.setattr(tasks.refresh, "apply_async", lambda args, **_: found.append(args[0]))
    return found


@pytest.fixture
def outside(monkeypatch):
    """Answers of the outside by path: a status and a JSON body, or None for no connection."""
    answers = {}

    def call(method, url, **_options):
        path = next(path for path in answers if url.endswith(path))
        if answers[path] is None:
            failure = "no connection within 5 s"
            return http.Answer(Exchange(method=method, url=url, request=None, failure=failure), http.NOT_SENT)
        status, body = answers[path]
        return http.Answer(
            Exchange(method=method, url=url, request=None, http_status=status, answer=""), body=body
        )

    monkeypatch.setattr(http, "call", call)
    return answers


def text(response):
    return " ".join(response.content.decode().split())


# --- Making and changing ------------------------------------------------------------------------------


def test_a_new_aircall_account_is_stored_encrypted_and_its_numbers_are_asked_for(owner, workspace, asked):
    response = owner.post(reverse("connection-new", args=["aircall"]), AIRCALL)

    made = Connection.objects.get(workspace=workspace)
    assert response.url == reverse("connections")
    assert dict(made.secrets) == {"api_id": "id-1", "api_token": "tok-1"}
    assert (made.external_id, made.state) == ("id-1", "untested")
    assert asked == [made.pk]
    with database.cursor() as cursor:
        cursor.execute("SELECT secrets FROM workspaces_connection")
        assert "tok-1" not in cursor.fetchone()[0]


def test_a_new_portal_is_stored(owner, workspace, asked):
    owner.post(reverse("connection-new", args=["hubspot"]), HUBSPOT)

    made = Connection.objects.get(workspace=workspace)
    assert (made.kind, made.external_id) == ("hubspot", "123")
    assert dict(made.secrets) == {"client_secret": "cs-1", "access_token": "at-1"}
    assert asked == []


def test_an_account_is_saved_even_when_the_broker_is_down(owner, monkeypatch):
    def broken(*_args, **_options):
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.refresh, "apply_async", broken)

    page = text(owner.post(reverse("connection-new", args=["aircall"]), AIRCALL, follow=True))

    assert Connection.objects.count() == 1
    assert "the queue cannot be reached now" in page


@pytest.mark.parametrize("kind", ["aircall", "hubspot"])
def test_secrets_never_come_back_to_the_browser(owner, workspace, kind):
    made = make_connection(workspace, kind)

    pages = [
        owner.get(reverse("connections")),
        owner.get(reverse("connection", args=[made.pk])),
        owner.post(
            reverse("connection", args=[made.pk]), {"name": "", "portal": "x", "api_token": "typed-secret"}
        ),
    ]

    for page in map(text, pages):
        assert not any(secret in page for secret in (*SECRETS, "sandbox-id", "typed-secret"))
    assert "Set. Leave empty to keep it." in text(pages[1])


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        ("aircall", {}, {"api_id": "sandbox-id", "api_token": "sandbox-token"}),
        ("aircall", {"api_token": "t2"}, {"api_id": "sandbox-id", "api_token": "t2"}),
        (
            "hubspot",
            {"portal": "9000001", "access_token": "t2"},
            {"client_secret": "sandbox-client-secret", "access_token": "t2"},
        ),
    ],
)
def test_a_secret_left_empty_stays_as_it_is(owner, workspace, kind, typed, kept):
    made = make_connection(workspace, kind)

    owner.post(reverse("connection", args=[made.pk]), {"name": "New", **typed})

    made.refresh_from_db()
    assert (made.name, dict(made.secrets)) == ("New", kept)


def test_new_secrets_are_untested_and_a_new_name_is_not(owner, workspace):
    made = make_connection(workspace, state="working")
    url = reverse("connection", args=[made.pk])

    owner.post(url, {"name": "New", "api_id": "", "api_token": ""})
    made.refresh_from_db()
    assert made.state == "working"

    owner.post(url, {"name": "New", "api_id": "", "api_token": "t2"})
    made.refresh_from_db()
    assert made.state == "untested"


@pytest.mark.parametrize(
    ("kind", "typed", "field"),
    [
        ("aircall", {"api_id": ""}, "api_id"),
        ("aircall", {"api_token": ""}, "api_token"),
        ("aircall", {"api_token": "two words"}, "api_token"),
        ("aircall", {"requests_per_minute": "0"}, "requests_per_minute"),
        ("aircall", {"requests_per_minute": "99999999999"}, "requests_per_minute"),
        ("aircall", {"api_id": "oauth-1"}, "api_id"),
        ("hubspot", {"portal": "abc"}, "portal"),
        ("hubspot", {"client_secret": ""}, "client_secret"),
        ("hubspot", {"name": ""}, "name"),
    ],
)
def test_what_is_missing_or_wrong_is_said_at_its_field(owner, kind, typed, field):
    response = owner.post(
        reverse("connection-new", args=[kind]), (AIRCALL if kind == "aircall" else HUBSPOT) | typed
    )

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not Connection.objects.exists()


def test_a_portal_of_another_workspace_is_refused_without_a_word_about_it(owner):
    make_connection(make_workspace("Rival Ltd"), "hubspot", name="Rival portal", external_id="123")

    response = owner.post(reverse("connection-new", args=["hubspot"]), HUBSPOT)

    assert response.status_code == 422
    assert "in use elsewhere" in text(response)
    assert "Rival" not in text(response)


def test_an_account_connected_twice_in_one_workspace_is_named(owner, workspace):
    make_connection(workspace, name="First", external_id="id-1")

    assert "as “First”" in text(owner.post(reverse("connection-new", args=["aircall"]), AIRCALL))


# --- Testing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "answers", "state", "sentence"),
    [
        (
            "aircall",
            {"/v1/ping": (200, {"ping": "pong"}), "/v1/company": (200, {"company": {"name": "Example Ltd"}})},
            "working",
            "Aircall accepts the key: it belongs to Example Ltd.",
        ),
        (
            "aircall",
            {"/v1/ping": (200, {"ping": "pong"}), "/v1/company": (500, None)},
            "working",
            "Aircall accepts the key.",
        ),
        ("aircall", {"/v1/ping": (403, {})}, "rejected", "Aircall refused the API key (HTTP 403)."),
        ("aircall", {"/v1/ping": None}, "unreachable", "Aircall did not answer: no connection within 5 s."),
        (
            "hubspot",
            {"/details": (200, {"portalId": 9000001})},
            "working",
            "HubSpot accepts the token: it belongs to portal 9000001.",
        ),
        (
            "hubspot",
            {"/details": (200, {"portalId": 55})},
            "rejected",
            "The token belongs to portal 55, not to 9000001.",
        ),
        (
            "hubspot",
            {"/details": None},
            "unreachable",
            "HubSpot did not answer usably: no connection within 5 s.",
        ),
        (
            "hubspot",
            {"/details": (500, None)},
            "unreachable",
            "HubSpot did not answer usably: HTTP 500.",
        ),
    ],
)
def test_testing_says_what_the_outside_answered_and_keeps_it(
    owner, workspace, outside, kind, answers, state, sentence
):
    made = make_connection(workspace, kind)
    outside.update(answers)

    page = text(owner.post(reverse("connection-test", args=[made.pk]), follow=True))

    made.refresh_from_db()
    assert (made.state, made.state_detail) == (state, sentence)
    assert sentence in page
    assert bool(made.proven_at) == (state == "working")


def test_another_portal_must_be_proven_anew(owner, workspace, outside):
    made = make_connection(workspace, "hubspot")
    outside["/details"] = (200, {"portalId": 9000001})
    owner.post(reverse("connection-test", args=[made.pk]))
    owner.post(reverse("connection", args=[made.pk]), {"name": "Portal", "portal": "9000077"})
    made.refresh_from_db()
    assert (made.external_id, made.proven_at) == ("9000077", None)


@pytest.mark.parametrize("typed", [{}, {"access_token": "at-2"}])
def test_the_tokens_of_one_portal_never_act_on_another(owner, workspace, typed):
    secrets = {"client_secret": "cs", "access_token": "at", "refresh_token": "rt"}
    known = {"scopes": ["tickets"], "scopes_refused": ["oauth"]}
    times = {"token_expires_at": timezone.now(), "token_lease_until": timezone.now()}
    made = make_connection(workspace, "hubspot", secrets=secrets, state="working", **known, **times)
    url = reverse("connection", args=[made.pk])
    assert "the access token is dropped" in text(owner.get(url))

    owner.post(url, {"name": "P", "portal": "9000001", "language": ""})
    made.refresh_from_db()
    assert (dict(made.secrets), made.scopes) == (secrets, ["tickets"])

    owner.post(url, {"name": "P", "portal": "9000077", "language": "", **typed})
    made.refresh_from_db()
    assert dict(made.secrets) == {"client_secret": "cs", **typed}
    assert (made.auth, made.state, made.scopes, made.scopes_refused) == ("key", "untested", None, [])
    assert (made.token_expires_at, made.token_lease_until) == (None, None)


def test_a_refused_hubspot_token_is_rejected(owner, workspace, outside):
    made = make_connection(workspace, "hubspot")
    outside["/details"] = (401, {})

    owner.post(reverse("connection-test", args=[made.pk]))

    made.refresh_from_db()
    assert made.state == "rejected"


# --- Disconnecting ------------------------------------------------------------------------------------


def test_a_connection_nothing_refers_to_is_deleted_after_asking(owner, workspace):
    made = make_number(workspace).connection
    url = reverse("connection-delete", args=[made.pk])

    assert "are deleted here" in text(owner.get(url))
    assert Connection.objects.exists()
    owner.post(url)
    assert not Connection.objects.exists()


def test_what_people_texted_is_counted_before_it_goes_with_its_account(owner, workspace):
    number = make_number(workspace)
    for nth in range(3):
        inbound = InboundMessage.objects.create(
            workspace=workspace,
            connection=number.connection,
            number=number,
            at=timezone.now(),
            provider_id=f"IN{nth}",
        )
        state = "dismissed" if nth == 0 else "open"
        Review.objects.create(workspace=workspace, inbound=inbound, guess="stop", why="typo", state=state)
    Thread.objects.create(workspace=workspace, number=number, party="+13125550123", last_at=timezone.now())
    url = reverse("connection-delete", args=[number.connection_id])

    page = text(owner.get(url))
    for counted in ("3 texts that came in", "1 thread of the inbox", "2 texts to review"):
        assert counted in page
    owner.post(url)
    assert [kept for kept in (InboundMessage, Thread, Review) if kept.objects.exists()] == []


def test_of_a_portal_nothing_that_people_texted_is_deleted(owner, workspace):
    portal = make_connection(workspace, "hubspot")

    assert "came in" not in text(owner.get(reverse("connection-delete", args=[portal.pk])))


def test_a_connection_with_messages_or_actions_is_kept_and_the_page_says_why(owner, workspace):
    by_action = make_action(workspace).current.sender_number.connection
    by_message = make_connection(workspace, "hubspot")
    Message.objects.create(workspace=workspace, trigger="api", key="0" * 32, connection=by_message)

    for kept in (by_action, by_message):
        response = owner.post(reverse("connection-delete", args=[kept.pk]))
        assert response.status_code == 422
        assert "must stay readable" in text(response)
    assert Connection.objects.count() == 2


# --- Who may ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["editor", "operator", "viewer"])
def test_only_owners_change_connections_and_others_read_their_state(client, workspace, role):
    made = make_connection(workspace, state="working")
    client.force_login(make_member(workspace, role).user)

    page = text(client.get(reverse("connections")))
    assert "Only owners change connections." in page
    assert "Working" in page
    assert client.get(reverse("connection", args=[made.pk])).status_code == 403
    assert client.get(reverse("connection-new", args=["aircall"])).status_code == 403
    assert client.post(reverse("connection-test", args=[made.pk])).status_code == 403
    assert client.post(reverse("connection-delete", args=[made.pk])).status_code == 403


def test_another_workspaces_connection_does_not_exist(owner):
    foreign = make_connection(make_workspace(), name="Secret account")

    assert owner.get(reverse("connection", args=[foreign.pk])).status_code == 404
    assert owner.post(reverse("connection", args=[foreign.pk]), AIRCALL).status_code == 404
    assert owner.post(reverse("connection-test", args=[foreign.pk])).status_code == 404
    assert owner.post(reverse("connection-delete", args=[foreign.pk])).status_code == 404
    assert "Secret account" not in text(owner.get(reverse("connections")))


def test_an_unknown_kind_of_connection_does_not_exist(owner):
    assert owner.get(reverse("connection-new", args=["fax"])).status_code == 404


def test_the_page_shows_what_to_enter_at_hubspot(owner, settings):
    settings.BASE_URL = "https://sms.example.com"

    page = text(owner.get(reverse("connections")))

    for path in ("actions/send-sms", "options/sender-numbers", "options/send-as-users"):
        assert f"https://sms.example.com/hubspot/{path}" in page


def test_the_list_costs_the_same_for_any_number_of_connections(
    owner, workspace, django_assert_max_num_queries
):
    for _ in range(8):
        make_connection(workspace)

    with django_assert_max_num_queries(13):
        owner.get(reverse("connections"))
