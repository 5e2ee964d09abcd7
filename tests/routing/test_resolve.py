"""Which sender a text leaves from: the route that fits it best, checked as any sender is, and said in the trace."""

from typing import Any

import pytest

from smsadmin.core.message import Record
from smsadmin.directory.models import Number
from smsadmin.sending.accept import accept
from smsadmin.sending.filters import INBOX, OPT_OUT, VERIFICATION
from smsadmin.sending.models import Message
from smsadmin.sending.rehearse import rehearse
from tests.factories import ask, make_connection, make_number, make_pool, make_route, make_sender_name, put_on
from tests.routing.conftest import House
from tests.sending.conftest import NOW

FRENCH = "+33612345678"


def sent(number: Number, phone: str = FRENCH, **over: Any) -> Message:
    return accept(ask(number, phone=phone, **over), NOW)


def step(message: Message, name: str = "route") -> list[Any]:
    return next(each for each in message.trace if each[0] == name)


def test_without_a_route_a_text_leaves_from_the_sender_of_its_action(house: House) -> None:
    message = sent(house.first)
    assert (message.status, message.number) == ("queued", house.first)
    assert step(message) == ["route", "passed", "route.none", {}]


def test_a_route_puts_another_sender_in_its_place_and_everything_goes_on_with_that(house: House) -> None:
    make_route(house.second, country="FR", note="France by Callr")
    message = sent(house.first)
    assert (message.number, message.sender) == (house.second, "+12025550202")
    assert message.connection == house.second.connection
    assert [each["subject"] for each in message.quota] == [house.second.pk]
    facts = {
        "route": "France by Callr",
        "replaced": "+12025550101",
        "sender": "+12025550202",
        "name": "Second",
    }
    assert step(message) == ["route", "passed", "route.taken", facts]
    assert step(message, "not_sender")[3]["sender"] == "+12025550202"


@pytest.mark.parametrize(
    ("sender", "country", "taken"),
    [
        ("first", "FR", "one to one"),
        ("first", "DE", "one to any"),
        ("second", "FR", "any to one"),
        ("second", "DE", "any to any"),
    ],
)
def test_the_most_particular_route_is_taken_whatever_its_position(
    house: House, sender: str, country: str, taken: str
) -> None:
    """A sender weighs more than a country, and the position decides between equals."""
    third = house.third
    make_route(third, note="any to any", position=1)
    make_route(third, country="FR", note="any to one", position=3)
    make_route(third, country="FR", note="any to one, later", position=4)
    make_route(third, sender=house.first, note="one to any", position=5)
    make_route(third, sender=house.first, country="FR", note="one to one", position=6)
    make_route(third, sender=house.first, country="FR", note="off", position=0, enabled=False)
    phone = {"FR": FRENCH, "DE": "+4915112345678"}[country]
    assert step(sent(getattr(house, sender), phone))[3]["route"] == taken


def test_one_route_is_taken_and_no_other_after_it(house: House) -> None:
    make_route(house.second, sender=house.first)
    make_route(house.first, sender=house.second)
    assert sent(house.first).number == house.second
    assert sent(house.second).number == house.first


def test_a_route_to_the_sender_itself_changes_nothing_and_ends_the_search(house: House) -> None:
    make_route(house.first, country="FR")
    make_route(house.second)
    message = sent(house.first)
    assert (message.number, step(message)[2]) == (house.first, "route.kept")


@pytest.mark.parametrize(
    ("fact", "code"),
    [
        ({"sms_capable": False}, "NUMBER_NOT_SMS_CAPABLE"),
        ({"connected": None}, "NUMBER_NOT_IN_INTEGRATION"),
        ({"proxy_mode": True}, "NUMBER_IN_PROXY_MODE"),
        ({"gone_at": NOW}, "NUMBER_NOT_IN_INTEGRATION"),
    ],
)
def test_a_route_to_a_number_that_cannot_text_refuses_and_says_which_route(
    house: House, fact: dict[str, Any], code: str
) -> None:
    via = make_number(house.workspace, "+12025550404", **fact)
    make_route(via, note="Cheap one")
    message = sent(house.first)
    assert (message.status, message.error_code) == ("rejected", code)
    assert message.error_facts == {"sender": "+12025550404", "route": "Cheap one"}
    assert message.error
    sentence = message.error.sentence(message.error_facts).format(**message.error_facts)
    assert sentence.startswith("The route “Cheap one” leads to +12025550404, which")


def test_the_sender_that_is_replaced_must_be_sound_itself(house: House) -> None:
    make_route(house.second)
    bad = make_number(house.workspace, sms_capable=False)
    assert sent(bad).error_code == "NUMBER_NOT_SMS_CAPABLE"


def test_the_user_goes_along_only_where_they_are_on_the_new_number(house: House) -> None:
    beside = make_number(house.workspace, "+12025550505")
    mia, leo = (house.first.agents.get(email=f"{name}@example.com") for name in ("mia", "leo"))
    put_on(beside, mia)
    make_route(beside, note="Beside")
    kept, dropped = (sent(house.first, send_as_kind="user", send_as_user_id=each.pk) for each in (mia, leo))
    assert (kept.agent, kept.send_as, step(kept)[1:3]) == (mia, "mia@example.com", ["passed", "route.taken"])
    assert (dropped.agent, dropped.send_as) == (None, "")
    assert step(dropped)[1:3] == ["warning", "route.without_user"]
    assert step(dropped)[3]["email"] == "leo@example.com"


def test_a_country_rule_of_the_new_sender_holds(house: House) -> None:
    callr = make_connection(house.workspace, "callr")
    make_route(make_sender_name(callr, "ACME").number, country="US")
    make_route(make_pool(callr), country="FR")
    assert sent(house.first, "+13125550123").error_code == "SENDER_ID_NOT_APPROVED"
    assert sent(house.first).status == "queued"


@pytest.mark.parametrize(
    "over",
    [
        {"trigger": VERIFICATION},
        {"trigger": INBOX, "by_person": True, "via": "any"},
        {"trigger": OPT_OUT, "via": "any"},
        {"trigger": "messaging-api", "by_person": True, "via": "any"},
        {"trigger": "test", "test_recipient": "+33612345679"},
        {"trigger": "hubspot", "test_recipient": "+33612345679"},
        {"trigger": "callflow", "sender_kind": "given", "sender_given": "+12025550101"},
        {"trigger": "resend", "by_person": True, "via": "any"},
        {"trigger": "resend", "sender_kind": "given", "sender_given": "+12025550101"},
        {"trigger": "whatever comes next"},
    ],
    ids=lambda over: over["trigger"],
)
def test_what_names_its_sender_for_a_reason_is_left_alone(house: House, over: dict[str, Any]) -> None:
    make_route(house.second, note="All")
    message = sent(house.first, **over)
    assert (message.number, message.sender) == (house.first, "+12025550101")
    assert step(message) == ["route", "passed", "route.not_asked", {"route": "All"}]


@pytest.mark.parametrize("trigger", ["hubspot", "hubspot-classic", "agent", "api", "resend", "preview"])
def test_what_the_program_sends_by_itself_is_routed(house: House, trigger: str) -> None:
    make_route(house.second)
    rehearsal = rehearse(
        ask(house.first, trigger=trigger, record=Record("contact", "1", {"phone": FRENCH})), NOW
    )
    assert rehearsal.draft.number == house.second
    assert sent(house.first, trigger=trigger).number == house.second


def test_routes_cost_a_message_nothing(house: House, django_assert_num_queries: Any) -> None:
    sent(house.first)
    make_route(house.second, country="DE")
    sent(house.first)  # reads the book
    with django_assert_num_queries(4):
        sent(house.first)
