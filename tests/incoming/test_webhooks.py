"""Our webhook at Aircall, made, mended and removed over real HTTP at the sandbox; and the page that does it."""

import re
import time
from dataclasses import replace
from html import unescape

import httpx
import pytest
from django.db import connection as database
from django.urls import reverse

from smsadmin import cache
from smsadmin.incoming import webhooks
from smsadmin.incoming.models import InboundMessage, ProxyConfiguration, Webhook
from smsadmin.incoming.replies import replies_to
from smsadmin.providers.aircall.client import AircallError
from smsadmin.providers.aircall.webhooks import EVENTS, EVENTS_OF_APP
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import Settings
from smsadmin.sending import bell as sending_bell
from smsadmin.sending import dispatch
from smsadmin.sending.accept import accept
from tests.e2e.processes import until
from tests.factories import ask, make_connection, make_member, make_message, make_number, make_workspace
from tests.incoming.conftest import handle

SUPPORT = "812001"  # a number of the sandbox


@pytest.fixture
def sandbox(settings):
    settings.PROVIDER_READ_TIMEOUT = 1.0
    settings.BASE_URL = "http://product.example"
    quick = Settings(aircall_requests_per_minute=0, aircall_event_delay=0.0, aircall_webhook_retry_delay=0.0)
    with running(quick, now=time.time) as server:
        settings.AIRCALL_BASE_URL = f"{server.url}/aircall"
        yield server


@pytest.fixture
def connection(db):
    return make_connection(make_workspace())


@pytest.fixture
def owner(client, connection):
    client.force_login(make_member(connection.workspace, "owner").user)
    return client


def at_aircall(sandbox):
    return list(sandbox.state.webhooks.values())


def the_webhook():
    return Webhook.objects.select_related("connection").get()


# --- Set up, repaired, removed ------------------------------------------------------------------------------


@pytest.mark.services
def test_set_up_makes_a_webhook_with_our_address_and_events_and_keeps_its_token(sandbox, connection):
    webhooks.set_up(connection)

    [hook], kept = at_aircall(sandbox), the_webhook()
    assert hook.url == f"http://product.example/aircall/webhooks/{kept.secrets['address']}"
    assert hook.events == list(EVENTS)
    assert (kept.provider_id, kept.secrets["token"], kept.state) == (hook.id, hook.token, "working")
    assert len(kept.secrets["address"]) >= 40
    assert kept.secrets["address"] not in kept.address_hash


def test_the_secrets_are_encrypted(sandbox, connection):
    webhooks.set_up(connection)

    with database.cursor() as cursor:
        cursor.execute("SELECT * FROM incoming_webhook")
        stored = str(cursor.fetchall())
    assert not [secret for secret in the_webhook().secrets.values() if secret in stored]


def test_setting_up_twice_makes_one(sandbox, connection):
    for _ in range(3):
        webhooks.set_up(connection)

    assert len(at_aircall(sandbox)) == 1


def test_a_webhook_whose_answer_got_lost_is_found_again(sandbox, connection):
    webhooks.set_up(connection)
    Webhook.objects.update(provider_id="", secrets={"address": the_webhook().secrets["address"]})

    webhooks.set_up(connection)

    [hook] = at_aircall(sandbox)
    assert (the_webhook().provider_id, the_webhook().secrets["token"]) == (hook.id, hook.token)


@pytest.mark.parametrize(
    ("spoilt", "state"),
    [
        ({"active": False}, "off"),
        ({"events": ["call.ended"]}, "wrong"),
        ({"url": "http://elsewhere.example/"}, "wrong"),
        ({"url": "https://[x/"}, "wrong"),
    ],
    ids=str,
)
def test_what_is_wrong_at_aircall_is_seen_and_mended(sandbox, connection, spoilt, state):
    webhooks.set_up(connection)
    [hook] = at_aircall(sandbox)
    for name, value in spoilt.items():
        setattr(hook, name, value)

    assert webhooks.look(the_webhook()).state == state
    assert webhooks.set_up(connection).state == "working"
    assert (hook.active, set(hook.events)) == (True, set(EVENTS))
    assert hook.url.startswith("http://product.example/aircall/webhooks/")


def test_one_that_is_gone_is_seen_and_made_anew_with_its_new_token(sandbox, connection):
    webhooks.set_up(connection)
    sandbox.state.webhooks.clear()

    assert webhooks.look(the_webhook()).state == "gone"
    assert webhooks.set_up(connection).state == "working"
    assert the_webhook().secrets["token"] == at_aircall(sandbox)[0].token


def test_when_our_address_changes_the_webhook_is_wrong_until_it_is_mended(sandbox, connection, settings):
    webhooks.set_up(connection)
    settings.BASE_URL = "http://new.example"

    assert webhooks.look(the_webhook()).state == "wrong"
    webhooks.set_up(connection)
    assert at_aircall(sandbox)[0].url.startswith("http://new.example/")


def test_the_sandbox_forgets_and_is_told_again_by_itself(sandbox, connection):
    webhooks.set_up(connection)
    sandbox.state.webhooks.clear()

    webhooks.look_after()

    assert len(at_aircall(sandbox)) == 1


@pytest.mark.parametrize(
    ("repairs", "after"), [(True, (True, "working")), (False, (False, "off"))], ids=["by itself", "asked"]
)
def test_at_the_real_aircall_it_is_switched_on_again_only_where_it_may_repair_itself(
    sandbox, connection, settings, repairs, after
):
    settings.SANDBOX, settings.BASE_URL = False, "https://product.example"
    webhooks.set_up(connection)
    webhooks.let_repair(connection, repairs)
    at_aircall(sandbox)[0].active = False

    webhooks.look_after()

    assert (at_aircall(sandbox)[0].active, the_webhook().state) == after


def test_several_of_ours_are_seen_and_one_is_left(sandbox, connection):
    webhooks.set_up(connection)
    [known] = at_aircall(sandbox)
    for nth in range(3):
        sandbox.state.webhooks[f"more-{nth}"] = replace(known, id=f"more-{nth}", active=nth > 0)
    sandbox.state.webhooks["others"] = replace(known, id="others", url="http://others.example/")

    assert webhooks.look(the_webhook()).state == "doubled"
    assert webhooks.set_up(connection).state == "working"

    assert {hook.id for hook in at_aircall(sandbox)} == {known.id, "others"}


def test_one_that_called_us_under_an_earlier_name_of_this_server_is_ours_and_changed(
    sandbox, connection, settings
):
    webhooks.set_up(connection)
    Webhook.objects.update(provider_id="")
    settings.BASE_URL = "http://new.example"

    webhooks.set_up(connection)

    [hook] = at_aircall(sandbox)
    assert hook.url.startswith("http://new.example/")


def test_an_apps_webhook_asks_for_its_end_too(sandbox, connection):
    token = "t" * 40
    sandbox.state.aircall_tokens.add(token)
    connection.auth, connection.secrets = "oauth", {"access_token": token}
    connection.save()

    webhooks.set_up(connection)

    assert at_aircall(sandbox)[0].events == list(EVENTS_OF_APP)


def test_troubles_name_those_that_do_not_tell_what_they_should_in_one_query(
    sandbox, connection, django_assert_num_queries
):
    webhooks.set_up(connection)
    assert webhooks.troubles(connection.workspace) == []
    Webhook.objects.update(state="off")
    other = make_connection(make_workspace())
    webhooks.set_up(other)
    Webhook.objects.filter(connection=other).update(state="gone")

    with django_assert_num_queries(1):
        [trouble] = webhooks.troubles(connection.workspace)
    assert (trouble.connection, trouble.state) == (connection, "off")
    assert "is switched off" in str(trouble.sentence)
    assert trouble.url == f"/connections/{connection.pk}/#webhook"


def test_the_address_stays_ours_while_a_number_in_proxy_mode_calls_it(sandbox, connection, client):
    webhooks.set_up(connection)
    number = make_number(connection.workspace, connection=connection)
    ProxyConfiguration.objects.create(number=number, workspace=connection.workspace, callback="ours")
    address = the_webhook().secrets["address"]

    webhooks.remove(connection)

    assert not at_aircall(sandbox)
    kept = the_webhook()
    assert (kept.provider_id, kept.state, kept.secrets) == ("", "none", {"address": address})


def test_one_account_that_does_not_answer_leaves_the_others_looked_after(sandbox, connection):
    webhooks.set_up(connection)
    bad = make_connection(make_workspace(), secrets={"api_id": "x", "api_token": "y"})
    Webhook.objects.create(
        connection=bad, workspace=bad.workspace, address_hash="x", secrets={"address": "x"}, provider_id="x"
    )
    sandbox.state.webhooks.clear()

    webhooks.look_after()

    assert len(at_aircall(sandbox)) == 1
    assert "refused the API key" in Webhook.objects.get(connection=bad).error


def test_an_address_without_https_is_refused_before_aircall_is_asked(sandbox, connection, settings):
    settings.SANDBOX = False

    with pytest.raises(AircallError, match="HTTPS addresses only"):
        webhooks.set_up(connection)
    assert not at_aircall(sandbox)


def test_removed_it_is_gone_and_its_address_is_nobodys(sandbox, connection, client):
    webhooks.set_up(connection)
    address = the_webhook().secrets["address"]

    webhooks.remove(connection)

    assert not at_aircall(sandbox)
    assert not Webhook.objects.exists()
    assert client.post(f"/aircall/webhooks/{address}", "{}", "application/json").status_code == 404


def test_removing_what_aircall_no_longer_has_works(sandbox, connection):
    webhooks.set_up(connection)
    sandbox.state.webhooks.clear()

    webhooks.remove(connection)

    assert not Webhook.objects.exists()


# --- The page -------------------------------------------------------------------------------------------------


def words(response):
    text = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return unescape(" ".join(text.split()))


def page_of(owner, connection):
    return owner.get(reverse("connection", args=[connection.pk]))


def press(owner, connection, do="set_up", **more):
    return owner.post(reverse("connection-webhook", args=[connection.pk]), {"do": do, **more}, follow=True)


def test_whether_it_repairs_itself_is_an_owners_choice_and_is_so_at_first(sandbox, connection, owner):
    assert "Repair by itself" in words(press(owner, connection))
    assert the_webhook().repairs

    press(owner, connection, "repairs")
    assert not the_webhook().repairs

    press(owner, connection, "repairs", repairs="on")
    assert the_webhook().repairs


def test_the_page_says_what_is_missing_sets_it_up_and_removes_it(sandbox, connection, owner):
    assert "they stay at “Sent”, and replies are not seen here" in words(page_of(owner, connection))

    page = press(owner, connection)
    assert "Aircall tells what becomes of messages from now on." in words(page)
    assert "Working" in words(page)
    assert "message.status_updated" in words(page)
    assert "Last call None yet" in words(page)

    page = press(owner, connection, "remove")
    assert "Aircall no longer tells what becomes of messages." in words(page)
    assert "Set up delivery reports" in words(page)
    assert not at_aircall(sandbox)


def test_neither_address_nor_token_are_on_the_pages(sandbox, connection, owner):
    webhooks.set_up(connection)
    secrets = the_webhook().secrets.values()

    for page in (
        page_of(owner, connection),
        owner.get(reverse("connections")),
        owner.get(reverse("requests")),
    ):
        assert not [secret for secret in secrets if secret in page.content.decode()]


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("off", "Aircall has switched the webhook off"),
        ("gone", "Aircall no longer has the webhook"),
        ("doubled", "Aircall has several webhooks that call smsadmin"),
        ("wrong", "calls another address than this one, or leaves out events"),
    ],
)
def test_the_page_says_what_is_wrong_and_offers_the_repair(sandbox, connection, owner, state, says):
    webhooks.set_up(connection)
    Webhook.objects.update(state=state)

    assert says in words(page_of(owner, connection))
    assert "Repair delivery reports" in words(page_of(owner, connection))


def test_an_error_of_aircall_is_said_in_words_and_stays_on_the_page(sandbox, connection, owner):
    connection.secrets = {"api_id": "x", "api_token": "y"}
    connection.save()

    assert "Aircall refused the API key (HTTP 403)." in words(press(owner, connection))
    assert "The last try failed Aircall refused the API key (HTTP 403)." in words(page_of(owner, connection))


@pytest.mark.parametrize("role", ["viewer", "operator", "editor"])
def test_only_owners_set_it_up(client, connection, role):
    client.force_login(make_member(connection.workspace, role).user)

    assert press(client, connection).status_code == 403


def test_another_workspaces_connection_and_a_portal_are_not_found(owner, connection):
    assert press(owner, make_connection(make_workspace())).status_code == 404
    assert press(owner, make_connection(connection.workspace, "hubspot")).status_code == 404
    assert "delivery reports" not in words(
        page_of(owner, connection.workspace.connections.get(kind="hubspot"))
    )


def test_a_connection_that_is_deleted_takes_its_webhook_at_aircall_along(sandbox, connection, owner):
    webhooks.set_up(connection)

    owner.post(reverse("connection-delete", args=[connection.pk]))

    assert not at_aircall(sandbox)


def test_where_aircall_does_not_answer_the_connection_is_deleted_all_the_same(
    sandbox, connection, owner, settings
):
    webhooks.set_up(connection)
    settings.AIRCALL_BASE_URL = "http://127.0.0.1:9"

    page = owner.post(reverse("connection-delete", args=[connection.pk]), follow=True)

    assert "Its webhook could not be removed at Aircall. Aircall did not answer" in words(page)
    assert not Webhook.objects.exists()


def test_a_connection_that_cannot_be_deleted_keeps_its_webhook(sandbox, connection, owner):
    webhooks.set_up(connection)
    make_message(connection.workspace)

    assert owner.post(reverse("connection-delete", args=[connection.pk])).status_code == 422
    assert len(at_aircall(sandbox)) == 1


def test_the_list_of_connections_says_whether_it_is_set_up_in_one_query_for_all(
    sandbox, connection, owner, django_assert_max_num_queries
):
    webhooks.set_up(connection)
    for _ in range(5):
        make_connection(connection.workspace)

    with django_assert_max_num_queries(13):
        page = words(owner.get(reverse("connections")))

    assert page.count("Delivery reports and replies Not set up") == 5
    assert page.count("Delivery reports and replies Working") == 1


# --- The whole way ------------------------------------------------------------------------------------------


@pytest.fixture
def line(transactional_db, sandbox, live_server, settings, monkeypatch):
    """A number of the sandbox whose messages it tells us of, over real HTTP."""
    settings.BASE_URL, settings.DISPATCH_LINGER = live_server.url, 0
    monkeypatch.setattr(sending_bell, "ring", lambda connection_id: None)
    account = make_connection(make_workspace(), requests_per_minute=60_000)
    webhooks.set_up(account)
    yield make_number(account.workspace, "+12025550101", connection=account, provider_id=SUPPORT)
    sandbox.state.scheduler.clear()
    cache.forget()


def sent(line, phone):
    message = accept(ask(line, phone=phone))
    dispatch.drain(line.connection_id)
    return message


def comes_to(message, status):
    def handled():
        handle()
        message.refresh_from_db()
        return message.status == status

    until(handled, 15, lambda: message.status)


@pytest.mark.services
@pytest.mark.parametrize(
    ("phone", "status"),
    [
        ("+13125550123", "delivered"),
        ("+12025550191", "undelivered"),
        ("+12025550188", "delivered"),  # taken, and the connection reset: unknown until the receipt
        ("+12025550190", "delivered"),  # taken, and answered without an id
    ],
)
def test_a_message_is_delivered_or_not_as_the_sandbox_says(line, phone, status):
    comes_to(sent(line, phone), status)


@pytest.mark.services
def test_events_doubled_and_shuffled_come_to_the_same(line, sandbox):
    sandbox.state.settings.change({"aircall_events_doubled": 1.0, "aircall_events_shuffled": 1.0})
    messages = [sent(line, f"+131255501{serial:02}") for serial in range(5)]

    for message in messages:
        comes_to(message, "delivered")


@pytest.mark.services
def test_a_reply_is_joined_to_its_message(line, sandbox):
    message = sent(line, "+13125550123")
    comes_to(message, "delivered")

    text = {"number": int(SUPPORT), "from": "+13125550123", "body": "Thank you"}
    httpx.post(f"{sandbox.url}/_control/inbound", json=text, trust_env=False).raise_for_status()
    until(lambda: handle() and InboundMessage.objects.exists())

    assert [reply.body for reply in replies_to(message)] == ["Thank you"]
