"""The pages of routes: sentences, remarks, their order, the question which would carry a text, and where else they
show."""

import html
import re
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from smsadmin.directory.models import Number
from smsadmin.routing import arranging
from smsadmin.routing.models import Route
from smsadmin.sending.accept import accept
from smsadmin.workspaces.models import Connection, Role
from tests.factories import (
    ask,
    make_connection,
    make_member,
    make_number,
    make_route,
    make_sender_name,
    make_workspace,
)
from tests.routing.conftest import House
from tests.routing.test_failover import SENDER
from tests.sending.conftest import NOW

FRENCH = "+33612345678"


def words(response: HttpResponse) -> str:
    text = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(html.unescape(text).split())


@pytest.fixture
def signed_in(house: House, client: Client) -> Client:
    client.force_login(make_member(house.workspace).user)
    return client


def shown(client: Client, **query: Any) -> str:
    return words(client.get(reverse("routes"), query))


def order(client: Client) -> list[str]:
    return re.findall(
        r'<span class="cell-note">([^<]+)</span>', client.get(reverse("routes")).content.decode()
    )


def test_without_routes_the_page_explains_what_one_is_for(signed_in: Client) -> None:
    assert "No routes: every text leaves from the sender that its action names" in shown(signed_in)


def test_routes_stand_by_kind_in_the_order_in_which_they_are_looked_at(
    house: House, signed_in: Client
) -> None:
    make_route(house.second, note="any", position=0)
    make_route(house.second, sender=house.first, country="FR", note="one", position=9)
    house.failover(house.third, country="US", note="then")
    assert order(signed_in) == ["one", "any", "then"]
    text = shown(signed_in)
    assert "Texts from +1 202-555-0101 to France leave from Second (+1 202-555-0202), by Callr." in text
    assert "Texts from any sender to any country leave from Second" in text
    assert "to United States that surely did not leave go on from Third (+1 202-555-0303), by Callr." in text


def test_the_list_costs_as_many_queries_however_many_routes_there_are(
    house: House, signed_in: Client, django_assert_max_num_queries: Any
) -> None:
    make_route(house.second)
    shown(signed_in)
    with CaptureQueriesContext(connection) as queries:
        shown(signed_in)
    few = len(queries)
    for country in ("FR", "DE", "US"):
        make_route(house.second, sender=house.first, country=country)
    shown(signed_in)
    with django_assert_max_num_queries(few):
        shown(signed_in)


def test_a_route_is_laid_changed_switched_and_deleted_and_the_audit_log_says_so(
    house: House, signed_in: Client
) -> None:
    given = {
        "when": "always",
        "sender": house.first.pk,
        "country": "FR",
        "via": house.second.pk,
        "enabled": "on",
    }
    answer = words(signed_in.post(reverse("route-new"), given | {"note": "France"}, follow=True))
    assert "The route is laid: Texts from +1 202-555-0101 to France leave from Second" in answer
    route = Route.objects.get()
    assert accept(ask(house.first, phone=FRENCH), NOW).number == house.second

    signed_in.post(reverse("route", args=[route.pk]), given | {"via": house.third.pk}, follow=True)
    assert accept(ask(house.first, phone=FRENCH), NOW).number == house.third
    assert "It says: Texts from" in words(signed_in.get(reverse("route-delete", args=[route.pk])))

    signed_in.post(reverse("route-switch", args=[route.pk]), {"on": "0"})
    assert accept(ask(house.first, phone=FRENCH), NOW).number == house.first
    signed_in.post(reverse("route-delete", args=[route.pk]))
    assert not Route.objects.exists()
    assert LogEntry.objects.filter(content_type__model="route").count() == 4


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"via": ""}, "Choose the sender that the route leads to."),
        ({"via": "first"}, "That is the sender itself"),
        ({"sender": "name"}, "Only call flows send from it"),
        ({"via": "elsewhere"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    house: House, signed_in: Client, given: dict[str, str], says: str
) -> None:
    name = make_sender_name(make_connection(house.workspace, Connection.Kind.CALLR)).number
    known = {"first": house.first, "name": name, "elsewhere": make_number(make_workspace())}
    posted: dict[str, Any] = {
        "when": "always",
        "sender": house.first.pk,
        "country": "",
        "via": house.second.pk,
    }
    posted |= {field: known[value].pk if value else "" for field, value in given.items()}
    answer = signed_in.post(reverse("route-new"), posted)
    assert answer.status_code == 422
    assert says in words(answer)
    assert not Route.objects.exists()


def test_the_form_begins_with_what_is_always_taken_or_as_its_address_says(
    house: House, signed_in: Client
) -> None:
    for query, chosen in (({}, "always"), ({"when": "failover"}, "failover")):
        form = signed_in.get(reverse("route-new"), query).context["form"]
        assert form["when"].value() == chosen


def test_a_route_changes_places_among_its_equals(house: House, signed_in: Client) -> None:
    first, second = (make_route(house.second, country="FR", note=name) for name in ("a", "b"))
    make_route(house.second, note="broad")
    assert order(signed_in) == ["a", "b", "broad"]
    signed_in.post(reverse("route-move", args=[second.pk]), {"to": "up"})
    assert order(signed_in) == ["b", "a", "broad"]
    signed_in.post(reverse("route-move", args=[first.pk]), {"to": "down"})  # what is broader stays behind
    assert order(signed_in) == ["b", "a", "broad"]


def test_a_route_that_was_deleted_meanwhile_changes_no_places(house: House) -> None:
    first, second = (make_route(house.second, country="FR", note=name) for name in ("a", "b"))
    type(second).objects.filter(pk=second.pk).delete()
    assert not arranging.move(second, -1)
    assert arranging.move(first, 1) is False


def test_what_is_odd_about_a_route_is_said(house: House, signed_in: Client) -> None:
    gone = make_number(house.workspace, "+12025550404", gone_at=NOW)
    mute = make_number(house.workspace, "+12025550405", sms_capable=False)
    beside = make_number(house.workspace, "+12025550406")
    make_route(gone, country="AT")
    make_route(mute, country="BE")
    make_route(beside, sender=mute, country="CH")
    make_route(house.second, country="FR", note="first one")
    make_route(house.third, country="FR", position=1)
    make_route(house.second, sender=house.first, note="there")
    make_route(house.first, sender=house.second, note="back")
    house.failover(beside, sender=house.first)
    text = shown(signed_in)
    assert "Aircall no longer lists this number. Texts that it fits are refused." in text
    assert "It cannot text. Texts that it fits are refused." in text
    assert "It cannot text. Texts from it are refused before any route is looked at." in text
    assert "It never applies: “first one” is for the same texts and before it." in text
    assert "“back” leads the other way: texts of each of the two leave from the other one." in text
    assert "Both are of the account Account (Aircall), so this helps where a number is refused" in text
    assert text.count("Look at this") == 4


def test_a_sound_route_and_one_that_is_off_have_nothing_odd(house: House, signed_in: Client) -> None:
    make_route(house.second, sender=house.first, country="FR")
    house.failover(house.second, sender=house.first)
    make_route(make_number(house.workspace, gone_at=NOW), enabled=False)
    text = shown(signed_in)
    assert "Look at this" not in text
    assert "Good to know" not in text


# --- The question ---------------------------------------------------------------------------------------


def test_the_question_which_would_carry_a_text_is_answered_by_the_steps_of_a_send(
    house: House, signed_in: Client
) -> None:
    make_route(house.second, country="FR", note="France by Callr")
    house.failover(make_number(house.workspace, sms_capable=False, name="Mute"), note="to none", position=0)
    house.failover(house.third, sender=house.second, note="then the third", position=1)
    text = shown(signed_in, sender=house.first.pk, to="+33 6 12 34 56 78")
    assert "It would leave from Second (+1 202-555-0202), by Callr." in text
    assert (
        "Sent from +1 202-555-0202 (Second) in place of +1 202-555-0101, as the route “France by Callr” says"
        in text
    )
    onward = text[text.index("If it surely did not leave") :]
    assert onward.index("Third") < onward.index("Mute")
    assert "route “to none”. Passed over as things are" in onward
    message = accept(ask(house.first, phone=FRENCH), NOW)
    assert message.number == house.second


def test_a_refusal_and_no_way_on_are_said_too(house: House, signed_in: Client) -> None:
    text = shown(signed_in, sender=house.first.pk, to=FRENCH)
    assert "It would leave from" in text
    assert "No route leads on: it would fail there, or wait for its account." in text
    make_route(make_number(house.workspace, "+12025550404", sms_capable=False), note="Mute")
    text = shown(signed_in, sender=house.first.pk, to=FRENCH)
    assert "The route “Mute” leads to +1 202-555-0404, which is not known to send text messages" in text


def test_a_question_that_cannot_be_read_keeps_what_was_typed(house: House, signed_in: Client) -> None:
    answer = signed_in.get(reverse("routes"), {"sender": house.first.pk, "to": "0612345678"})
    assert answer.status_code == 422
    assert "Write the number with + and its country code." in words(answer)
    assert 'value="0612345678"' in answer.content.decode()


# --- Who may, and where else it shows -------------------------------------------------------------------


def test_operators_read_and_change_nothing_and_others_find_nothing(house: House, client: Client) -> None:
    route = make_route(house.second)
    client.force_login(make_member(house.workspace, Role.OPERATOR).user)
    assert "Owners and editors can add and change routes." in shown(client)
    for name in ("route-move", "route-switch", "route-delete", "route"):
        assert client.post(reverse(name, args=[route.pk])).status_code == 403
    client.force_login(make_member(make_workspace()).user)
    assert "No routes" in shown(client)
    for name in ("route-move", "route-switch", "route-delete", "route"):
        assert client.post(reverse(name, args=[route.pk])).status_code == 404


def number_page(client: Client, number: Number) -> str:
    return words(client.get(reverse("number", args=[number.pk])))


def test_the_pages_of_senders_and_accounts_say_which_routes_hang_on_them(
    house: House, signed_in: Client
) -> None:
    name = make_sender_name(house.second.connection, "ACME")
    make_route(name.number, country="FR")
    assert "Routes that have to do with it" not in number_page(signed_in, house.second)
    make_route(house.second, sender=house.first)
    for number in (house.first, house.second):
        assert "Texts from +1 202-555-0101 to any country leave from Second" in number_page(signed_in, number)
    assert "are refused." in number_page(signed_in, house.second)
    withdraw = words(signed_in.get(reverse("sender-id-withdraw", args=[name.pk])))
    assert "Texts from any sender to France leave from ACME (sender name), by Callr." in withdraw
    disconnect = words(signed_in.get(reverse("connection-delete", args=[house.second.connection_id])))
    assert "These routes are deleted with its senders" in disconnect


def test_the_message_page_says_which_way_it_went(house: House, signed_in: Client, work: Any) -> None:
    house.failover(house.second, note="Then by Callr")
    mia = house.first.agents.get(email="mia@example.com")
    message = accept(ask(house.first, send_as_kind="user", send_as_user_id=mia.pk), NOW)
    for each in (house.first, house.second):
        house.of(each).otherwise = SENDER
    last = make_number(house.workspace, "+12025550404", sms_capable=False)
    house.failover(last, position=2)
    work()
    text = words(signed_in.get(reverse("message", args=[message.pk])))
    assert "Goes on from +1 202-555-0202 (Callr)" in text
    assert (
        "It surely did not leave from +1 202-555-0101: Twilio does not send this from +1 202-555-0101: 21606."
        in text
    )
    assert "The route “Then by Callr” leads on. mia@example.com is no user there" in text
    assert (
        text.index("Aircall answered: HTTP 400")
        < text.index("Goes on from")
        < text.index("Callr answered: HTTP 400")
    )
    assert "No other sender could take it: +1 202-555-0404 is not known to send text messages" in text
    client = Client()
    client.force_login(make_member(house.workspace, Role.VIEWER).user)
    masked = words(client.get(reverse("message", args=[message.pk])))
    assert "Goes on from +1 202-555-0202 (Callr)" in masked
