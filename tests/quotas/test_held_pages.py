"""The page of held messages: lines, release times, and releasing and cancelling with a confirmation."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from smsadmin import keyset
from smsadmin.core.numbers import pretty
from smsadmin.directory.models import Number
from smsadmin.privacy.models import Policy
from smsadmin.quotas import held_views
from smsadmin.quotas.models import Scope
from smsadmin.sending.accept import accept
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Role, Workspace
from tests.factories import RECIPIENT, ask, make_number, make_workspace
from tests.sending.conftest import NOW, _fresh, number, rings  # noqa: F401  fixtures
from tests.sending.test_accept import as_mia, limit
from tests.sending.test_hold import HOLD, RESET, in_order, status
from tests.sending.test_log_pages import signed_in, words

HELD, DECIDE = "/quotas/held/", "/quotas/held/decide/"


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def full(number: Number) -> Number:  # noqa: F811
    """A number that sends one message a minute, and has sent it."""
    Workspace.objects.update(time_zone="Europe/Berlin")
    limit(number, Scope.NUMBER, 1)
    accept(ask(number))
    return number


@pytest.fixture
def client(full: Number) -> Client:
    return signed_in(full.workspace)


def hold(number: Number, count: int = 1, **over: Any) -> list[Message]:  # noqa: F811
    return in_order(accept(ask(number, **HOLD | over)) for _ in range(count))


def test_it_is_where_the_other_pages_lead() -> None:
    assert (reverse("quota-held"), reverse("quota-held-decide")) == (HELD, DECIDE)


def test_an_empty_page_says_why_and_how_to_have_an_action_hold(client: Client) -> None:
    page = words(client.get(HELD))
    assert "No message is held" in page
    assert "Hold it until there is room" in page


def test_each_line_says_how_many_wait_why_and_when_the_first_and_the_last_leave(
    client: Client, full: Number, clock: Any
) -> None:
    hold(full, 3)
    clock.shift(1)
    accept(as_mia(full, traffic="marketing", **HOLD))

    page = words(client.get(HELD))

    assert "4 messages are held." in page
    assert f"{full.name} {pretty(full.e164)} No user Alerting 3 11:08 Held until 11:08" in page
    assert "has used 1 of 1 messages per minute 11:10 just now" in page
    assert f"{full.name} {pretty(full.e164)} Mia Marketing 1 11:11 " in page


def test_each_message_says_when_it_leaves_and_when_it_is_given_up(client: Client, full: Number) -> None:
    hold(full, 3, hold_minutes=2)

    page = words(client.get(HELD))

    assert "11:09 behind 1 of its line 11:09" in page
    assert "Not in time behind 2 of its line 11:09" in page
    assert "1 of the messages below will be given up before there is room." in page


def test_the_message_page_and_the_log_say_so_too_and_lead_here(client: Client, full: Number) -> None:
    last = hold(full, 3)[-1]

    page = client.get(reverse("message", args=[last.pk]))
    row = client.get(log_url(status="held"))

    assert "Held until 11:10: " in words(page)
    assert "It leaves at 11:10 , if nothing else is sent. 2 messages of its line are before it." in words(
        page
    )
    assert "Held until 11:10: " in words(row)
    for each in (page, row):
        assert f'href="{HELD}?number={full.pk}"' in each.content.decode()


def test_it_is_narrowed_to_a_number_a_user_and_a_kind(client: Client, full: Number) -> None:
    other = make_number(full.workspace)
    accept(ask(other))
    hold(full), hold(other), accept(as_mia(full, **HOLD))
    accept(as_mia(full, traffic="marketing", **HOLD))
    cases: list[tuple[dict[str, Any], int]] = [
        ({"number": full.pk}, 3),
        ({"number": other.pk}, 1),
        ({"user": "none"}, 2),
        ({"kind": "marketing"}, 1),
        ({"number": full.pk, "user": full.agents.get(name="Mia").pk}, 2),
    ]
    for wanted, expected in cases:
        assert client.get(HELD, wanted).context["shown"].total == expected, wanted
    assert "No message is held here" in words(client.get(HELD, {"number": other.pk, "kind": "marketing"}))


def test_pages_go_on_where_the_one_before_ended(
    client: Client, full: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "PER_PAGE", 2)
    line = [each.pk for each in hold(full, 5)]
    seen, address = [], HELD
    while address:
        context = client.get(address).context
        seen.append([row.message.pk for row in context["shown"].rows])
        address = context["newer"]
    assert seen == [line[:2], line[2:4], line[4:]]
    back = client.get(client.get(f"{HELD}?after={line[3]}").context["older"]).context["shown"]
    assert [row.message.pk for row in back.rows] == line[2:4]


def test_more_lines_and_messages_cost_no_more_queries(client: Client, full: Number, settings: Any) -> None:
    settings.CONFIGURATION_TTL = 600
    hold(full)
    client.get(HELD)
    with CaptureQueriesContext(connection) as few:
        client.get(HELD)
    for other in [make_number(full.workspace, users=("ann@example.com",)) for _ in range(3)]:
        accept(ask(other))
        hold(other, 2)
    hold(full, 4)
    client.get(HELD)
    with CaptureQueriesContext(connection) as many:
        client.get(HELD)
    assert len(many) == len(few)


def test_a_viewer_sees_masked_recipients_and_no_buttons(full: Number) -> None:
    Policy.objects.update_or_create(workspace=full.workspace, defaults={"viewers": Policy.Viewers.REVEAL})
    [message] = hold(full)
    viewer = signed_in(full.workspace, Role.VIEWER)

    page = viewer.get(HELD).content.decode()

    assert RECIPIENT not in page
    assert DECIDE not in page
    assert viewer.get(f"{DECIDE}?do=cancel&id={message.pk}").status_code == 403
    assert viewer.post(f"{DECIDE}?do=cancel&id={message.pk}").status_code == 403
    assert status(message) == ["held"]


def test_another_workspaces_messages_are_neither_shown_nor_touched(full: Number) -> None:
    [message] = hold(full)
    stranger = signed_in(make_workspace())

    assert "No message is held" in words(stranger.get(HELD))
    assert stranger.post(f"{DECIDE}?do=cancel&id={message.pk}").status_code == 422
    assert status(message) == ["held"]


def test_a_confirmation_counts_and_changes_nothing(client: Client, full: Number) -> None:
    line = hold(full, 3)

    page = words(client.get(f"{DECIDE}?do=cancel&all=1&number={full.pk}"))

    assert "3 messages will not be sent" in page
    assert "Cancel 3 messages" in page
    assert status(*line) == ["held"] * 3
    assert client.get(f"{DECIDE}?do=tickle&all=1").status_code == 404
    assert client.get(f"{DECIDE}?do=cancel").status_code == 422


def test_chosen_ones_are_cancelled(client: Client, full: Number) -> None:
    first, middle, last = hold(full, 3)

    answer = client.post(f"{DECIDE}?do=cancel&id={first.pk}&id={last.pk}&id=x", follow=True)

    assert answer.redirect_chain == [(HELD, 302)]
    assert "2 messages are cancelled." in words(answer)
    assert status(first, middle, last) == ["cancelled", "held", "cancelled"]


def test_a_whole_line_is_cancelled_as_far_as_it_was_counted(client: Client, full: Number, clock: Any) -> None:
    line, other = hold(full, 2), accept(as_mia(full, **HOLD))
    address = f"{DECIDE}?do=cancel&all=1&number={full.pk}&user=none&kind=alerting"
    newest = client.get(address).context["wanted"].chosen.newest
    clock.shift(1)
    [newcomer] = hold(full)

    answer = client.post(address, {"newest": newest}, follow=True)

    assert answer.redirect_chain == [(f"{HELD}?number={full.pk}&user=none&kind=alerting", 302)]
    assert status(*line, other, newcomer) == ["cancelled", "cancelled", "held", "held"]


def test_so_many_are_taken_at_a_time(client: Client, full: Number, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_views, "MOST", 2)
    line = hold(full, 3)

    assert "2 are taken at a time, the oldest first; 1 more matches." in words(
        client.get(f"{DECIDE}?do=cancel&all=1")
    )
    client.post(f"{DECIDE}?do=cancel&all=1")
    assert status(*line) == ["cancelled", "cancelled", "held"]


def test_what_has_room_is_released_and_the_rest_stays_with_the_reason(
    client: Client, full: Number, clock: Any
) -> None:
    line = hold(full, 3)
    clock.move_to(RESET)

    answer = words(client.post(f"{DECIDE}?do=release&all=1", follow=True))

    assert status(*line) == ["queued", "held", "held"]
    assert "1 message is released." in answer
    assert f"2 messages stay held: {pretty(full.e164)} has used 1 of 1 messages per minute" in answer
    assert "there is room again at 11:09." in answer


def test_from_its_own_page_one_leads_back_there(client: Client, full: Number) -> None:
    [message] = hold(full)
    page = client.get(reverse("message", args=[message.pk])).content.decode()
    assert f"?do=cancel&amp;from=message&amp;id={message.pk}" in page

    answer = client.post(f"{DECIDE}?do=cancel&from=message&id={message.pk}", follow=True)

    assert answer.redirect_chain == [(reverse("message", args=[message.pk]), 302)]
    assert "Not sent: taken out of the queue" in words(answer)


def test_what_left_meanwhile_is_said(client: Client, full: Number) -> None:
    first, last = hold(full, 2)
    Message.objects.filter(pk=first.pk).update(status="queued")

    answer = words(client.post(f"{DECIDE}?do=cancel&id={first.pk}&id={last.pk}", follow=True))

    assert "1 message is cancelled." in answer
    assert client.post(f"{DECIDE}?do=cancel&id={first.pk}").status_code == 422
