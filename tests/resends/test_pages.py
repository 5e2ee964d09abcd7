"""The pages of sending again: what somebody reads before, while and after, who may act, and unknown messages."""

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache
from smsadmin.actions.models import Action
from smsadmin.core.status import Status
from smsadmin.privacy.models import Policy
from smsadmin.resends import presenters, running, views
from smsadmin.resends.models import Resend, ResendItem
from smsadmin.sending import again, log
from smsadmin.sending.models import Event, Message
from smsadmin.workspaces.models import Member, Role, Workspace
from tests.factories import make_action, make_member, make_message, make_workspace
from tests.resends.conftest import limit, made_with, worked

Ask = Callable[..., Resend]


@pytest.fixture
def client(operator: Member) -> Client:
    return signed_in(operator)


def signed_in(member: Member) -> Client:
    browser = Client()
    browser.force_login(member.user)
    return browser


def words(response: Any) -> str:
    text = response.content.decode()
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


def source(response: Any) -> str:
    return html.unescape(response.content.decode())


def form_of(response: Any, address: str) -> dict[str, str]:
    """The hidden fields of the form that posts to an address beginning so."""
    [form] = re.findall(
        rf'<form[^>]*method="post" action="{re.escape(address)}[^>]*>(.*?)</form>',
        source(response),
        re.DOTALL,
    )
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))


def unknown(action: Action, **columns: Any) -> Message:
    facts = {"provider": "Aircall", "reason": "HTTP 500"}
    error = {"status": "unknown", "error_code": "PROVIDER_UNKNOWN", "error_facts": facts}
    return made_with(action, **{**error, **columns})


# --- Choosing in the log ------------------------------------------------------------------------------


def test_the_log_offers_to_choose_and_keeps_its_filter(client: Client, action: Action) -> None:
    made_with(action)

    text = source(client.get("/log/?status=rejected"))

    assert 'href="/log/?status=rejected&choose=1"' in text
    assert 'form="choose"' not in text


def test_rows_that_may_be_sent_again_can_be_ticked_and_the_others_say_why_not(
    client: Client, action: Action
) -> None:
    may, sent, lost = made_with(action), made_with(action, status="sent", error_code=""), unknown(action)

    response = client.get("/log/?choose=1")

    boxes = re.findall(r'<input type="checkbox"[^>]*value="([0-9a-f-]{36})"([^>]*)>', source(response))
    disabled = {pk: "disabled" in rest for pk, rest in boxes}
    assert disabled == {str(may.pk): False, str(sent.pk): True, str(lost.pk): True}
    assert "Not again: The provider has it, so the recipient would get it twice." in words(response)
    assert "Not again: It may have arrived: decide on its page what became of it." in words(response)
    assert f'id="m-{sent.pk}-why"' in source(response)  # what describes the disabled box
    assert 'href="/log/">' in source(response)  # the way out of choosing


def test_a_page_without_a_row_to_tick_has_no_button_for_them(client: Client, action: Action) -> None:
    made_with(action, status="sent", error_code="")

    response = client.get("/log/?choose=1")

    assert "choose-send" not in source(response)
    assert "No message of this page may be sent again" in words(response)


def test_choosing_goes_on_on_the_next_page(client: Client, action: Action) -> None:
    for _ in range(51):
        made_with(action)

    [older] = re.findall(r'rel="next" href="([^"]+)"', source(client.get("/log/?status=rejected&choose=1")))

    assert older.endswith("&choose=1")
    assert source(client.get(older)).count('name="id"') == 1


def test_choosing_costs_no_query_for_each_row(
    client: Client, action: Action, django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        made_with(action)
    client.get("/log/")

    with django_assert_max_num_queries(20):
        assert source(client.get("/log/?choose=1")).count('name="id"') == 12


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_viewers_choose_nothing(workspace: Workspace, action: Action, role: str) -> None:
    made_with(action)
    browser = signed_in(make_member(workspace, role))

    may = role == Role.OPERATOR
    assert ("choose=1" in source(browser.get("/log/"))) == may
    assert ('form="choose"' in source(browser.get("/log/?choose=1"))) == may
    assert browser.get("/resends/new/").status_code == (200 if may else 403)
    assert browser.post("/resends/new/").status_code == (302 if may else 403)


# --- What would be sent -------------------------------------------------------------------------------


def test_the_plan_says_how_many_what_is_left_out_and_why(client: Client, action: Action) -> None:
    for _ in range(3):
        made_with(action)
    made_with(action, status="sent", error_code="")
    unknown(action)

    response = client.get("/resends/new/")

    assert "3 of 5 messages may be sent again" in words(response)
    assert "3 messages, 3 segments from" in words(response)
    assert "1 message : It may have arrived: decide on its page what became of it." in words(response)
    assert 'href="/log/?status=unknown"' in source(response)
    assert "Resend 3 messages" in words(response)


def test_the_effect_on_the_quotas_is_shown_first(
    client: Client, workspace: Workspace, action: Action
) -> None:
    limit(workspace, "number", 2)
    for _ in range(5):
        made_with(action)

    text = words(client.get("/resends/new/"))

    assert re.search(
        r"5 messages, 5 segments from \+1 .*? 3 will wait for room in a quota, the last until", text
    )
    assert "2 have room in the quotas at once" in text
    assert text.index("will wait") < text.index("Resend 5 messages")


def test_rows_that_were_picked_are_what_is_sent(client: Client, action: Action) -> None:
    picked, other = made_with(action), made_with(action)
    address = f"/resends/new/?picked=1&id={picked.pk}"

    response = client.post(address, form_of(client.get(address), "/resends/new/"))

    made = Resend.objects.get()
    assert response.url == reverse("resend", args=[made.pk])
    assert [item.original for item in made.items.all()] == [picked.pk]
    assert other.pk != picked.pk


def test_what_a_filter_finds_is_what_is_sent(client: Client, workspace: Workspace, action: Action) -> None:
    message = made_with(action)
    made_with(make_action(workspace))
    address = f"/resends/new/?action={action.pk}"

    client.post(address, form_of(client.get(address), "/resends/new/"))

    made = Resend.objects.get()
    assert made.filters == {"action": str(action.pk)}
    assert [item.original for item in made.items.all()] == [message.pk]


def test_what_came_in_after_the_page_was_shown_is_not_sent(client: Client, action: Action) -> None:
    shown = made_with(action)
    form = form_of(client.get("/resends/new/?status=rejected"), "/resends/new/")
    made_with(action, at=timezone.now() + timedelta(seconds=5))

    client.post("/resends/new/?status=rejected", form)

    assert [item.original for item in ResendItem.objects.all()] == [shown.pk]


def test_what_would_be_stopped_again_is_said_before_the_button(client: Client, action: Action) -> None:
    number = action.current.sender_number  # type: ignore[union-attr]
    assert "would be stopped again" not in words(client.get(f"/resends/new/?id={made_with(action).pk}"))
    type(number).objects.filter(pk=number.pk).update(proxy_mode=True)
    cache.forget()
    made_with(action)

    text = words(client.get("/resends/new/"))

    assert re.search(r"2 would be stopped again as things are: \+1 .*?\(proxy mode\).*? \(2\)", text)
    assert text.index("would be stopped again") < text.index("Resend 2 messages")


def test_a_plan_names_the_first_causes_and_counts_the_others(
    client: Client, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presenters, "MOST_STOPS", 1)
    for values in ({"phone": "+33612345678"}, {"phone": "12"}, {"phone": "13"}, {"phone": "14"}):
        made_with(action, inputs={"values": {"enrolled_object": {"firstname": "Ada", **values}}})
    made_with(action, inputs={"values": {"enrolled_object": {"phone": "+33699999999", "firstname": ""}}})

    text = words(client.get("/resends/new/"))

    assert "4 would be stopped again as things are: Recipient without country code (3) and 1 other" in text


def test_recipients_of_several_texts_are_counted(client: Client, action: Action) -> None:
    for recipient in ("+33612345671", "+33612345671", "+33612345671", "+33612345672"):
        made_with(action, recipient=recipient)
    assert "1 recipient would get more than one text: 3 messages." in words(client.get("/resends/new/"))
    made_with(action, recipient="+33612345672")
    assert "2 recipients would get more than one text: 5 messages together." in words(
        client.get("/resends/new/")
    )


def test_a_filter_by_cause_reads_as_its_name(client: Client, action: Action) -> None:
    message = made_with(action)
    address = f"/resends/new/?cause={message.cause}"

    client.post(address, form_of(client.get(address), "/resends/new/"))

    [made] = Resend.objects.all()
    for text in (words(client.get(address)), words(client.get("/resends/")), words(page(client, made))):
        assert "Sender cannot text" in text
        assert message.cause not in text


def test_the_configuration_is_chosen_by_a_link_and_sent_with_the_form(client: Client, action: Action) -> None:
    made_with(action)
    assert form_of(client.get("/resends/new/?which=x"), "/resends/new/")["which"] == "present"

    response = client.get("/resends/new/?which=original")
    client.post("/resends/new/", form_of(response, "/resends/new/"))

    assert Resend.objects.get().which == Resend.Which.ORIGINAL


def test_a_second_click_sends_nothing_and_leads_to_the_first(client: Client, action: Action) -> None:
    made_with(action)
    form = form_of(client.get("/resends/new/"), "/resends/new/")
    client.post("/resends/new/", form)

    response = client.post("/resends/new/", form)

    made = Resend.objects.get()
    assert response.status_code == 422
    assert "Nothing was sent again" in words(response)
    assert "This message was already asked to be sent again." in words(response)
    assert f'href="/resends/{made.pk}/">See that resend' in source(response)
    assert "Resend 1 message" not in words(response)  # no dead button


def test_where_none_may_be_sent_again_there_is_no_button(client: Client, action: Action) -> None:
    unknown(action)

    response = client.get("/resends/new/")

    assert response.status_code == 200
    assert "The message may not be sent again" in words(response)
    assert 'method="post" action="/resends/new/' not in source(response)
    assert client.post("/resends/new/").status_code == 422
    assert not Resend.objects.exists()


@pytest.mark.parametrize(
    "query", ["picked=1", "picked=1&id=nonsense", "id=01a20125-53b3-761b-b9e6-65f893de308d"]
)
def test_nothing_chosen_is_said_and_is_not_the_whole_log(client: Client, action: Action, query: str) -> None:
    made_with(action)

    for response in (client.get(f"/resends/new/?{query}"), client.post(f"/resends/new/?{query}")):
        assert response.status_code == 422
        assert "No message is chosen" in words(response)
    assert not Resend.objects.exists()


@pytest.mark.parametrize("query", ["since=nonsense", "number=4711", "q=statsu:failed"])
def test_a_filter_that_cannot_be_read_chooses_nothing(client: Client, action: Action, query: str) -> None:
    made_with(action)

    for response in (client.get(f"/resends/new/?{query}"), client.post(f"/resends/new/?{query}")):
        assert response.status_code == 422
        assert "The filter cannot be read" in words(response)
    assert not Resend.objects.exists()


def test_messages_of_another_workspace_cannot_be_picked(client: Client) -> None:
    theirs = made_with(make_action(make_workspace()))

    assert client.get(f"/resends/new/?id={theirs.pk}").status_code == 422
    assert client.post(f"/resends/new/?id={theirs.pk}").status_code == 422
    assert not Resend.objects.exists()


def test_the_rows_of_a_plan_come_page_by_page(
    client: Client, action: Action, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(views, "ROWS_PER_PAGE", 10)
    for _ in range(15):
        made_with(action)

    with django_assert_max_num_queries(37):
        first = client.get("/resends/new/?status=rejected&which=original")
    [further] = re.findall(r'rel="next" href="([^"]+)"', source(first))

    assert source(first).count('class="row-link"') == 10
    assert "which=original" in further
    assert source(client.get(further)).count('class="row-link"') == 5


def test_turning_pages_judges_the_rows_shown_and_rehearses_nothing(
    client: Client, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "ROWS_PER_PAGE", 2)
    for _ in range(5):
        made_with(action)
    first = client.get("/resends/new/?status=rejected")
    [further] = re.findall(r'rel="next" href="([^"]+)"', source(first))
    judged: list[int] = []
    verdicts = again.verdicts

    def judging(workspace: Workspace, rows: Any, **within: Any) -> Any:
        judged.append(len(rows))
        return verdicts(workspace, rows, **within)

    monkeypatch.setattr(again, "verdicts", judging)
    monkeypatch.setattr(views.plan, "plan", lambda *given: pytest.fail("rehearsed"))

    page, part = client.get(further), client.get(further, headers={"HX-Request": "true"})
    client.get(further.replace("page=2", "page=1"), headers={"HX-Request": "true"})  # back again

    assert judged == [2, 2, 2]
    assert "Resend 5 messages" not in words(page)
    assert "are on the first page" in words(page)  # whole pages, without JavaScript
    assert 'href="/resends/new/?status=rejected&which=present&newest=' in source(page)
    assert source(part).lstrip().startswith("<section")
    assert source(part).count('class="row-link"') == 2
    assert f'hx-get="{further}" hx-target="#rows"' in source(first)


def test_pages_show_what_the_first_one_promised(
    client: Client, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "ROWS_PER_PAGE", 2)
    rows = [made_with(action) for _ in range(3)]
    [further] = re.findall(r'rel="next" href="([^"]+)"', source(client.get("/resends/new/?status=rejected")))
    made_with(action, at=timezone.now() + timedelta(seconds=5))

    assert re.findall(r'class="row-link" href="/log/([^/]+)/', source(client.get(further))) == [
        str(rows[0].pk)
    ]


# --- Causes -------------------------------------------------------------------------------------------


def test_a_cause_says_how_many_may_be_sent_again_and_leads_there(client: Client, action: Action) -> None:
    first, second = made_with(action), made_with(action)
    make_message(action.workspace, original=first.pk)

    text = source(client.get("/failures/"))
    [link] = re.findall(r'<a class="btn btn-sm again" href="([^"]+)">', text)

    assert "Send 1 again" in words(client.get("/failures/"))
    assert f"cause={second.cause}" in link
    assert "1 of 2 messages may be sent again" in words(client.get(link))


def test_a_cause_none_of_which_may_be_sent_again_says_so(client: Client, action: Action) -> None:
    unknown(action)

    assert "It may not be sent again: why" in words(client.get("/failures/"))


def test_causes_with_too_many_messages_are_not_judged_one_by_one(
    client: Client, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presenters, "MOST_JUDGED", 1)
    made_with(action), made_with(action)
    unknown(action)

    text = words(client.get("/failures/"))

    assert "Send them again, as far as they may be" in text
    assert "It may not be sent again: why" in text


def test_viewers_see_causes_without_sending_again(workspace: Workspace, action: Action) -> None:
    made_with(action)

    assert "/resends/new/" not in source(signed_in(make_member(workspace, Role.VIEWER)).get("/failures/"))


# --- One message --------------------------------------------------------------------------------------


def test_the_page_of_a_message_offers_to_send_it_again(client: Client, action: Action) -> None:
    message = made_with(action)

    assert f'href="/resends/new/?id={message.pk}"' in source(client.get(f"/log/{message.pk}/"))


def test_original_and_successor_lead_to_each_other(client: Client, action: Action, ask: Ask) -> None:
    message = made_with(action)
    resend = worked(ask(message))
    successor = Message.objects.get(original=message.pk)

    first, second = source(client.get(f"/log/{message.pk}/")), source(client.get(f"/log/{successor.pk}/"))

    assert f'href="/log/{successor.pk}/"' in first
    assert "/resends/new/?id=" not in first
    assert f'href="/log/{message.pk}/"' in second
    assert f'href="/resends/{resend.pk}/"' in second


def test_a_message_in_an_unfinished_resend_leads_to_it(client: Client, action: Action, ask: Ask) -> None:
    message = made_with(action)
    resend = ask(message)

    text = client.get(f"/log/{message.pk}/")

    assert "It waits in a resend that is not finished." in words(text)
    assert f'href="/resends/{resend.pk}/"' in source(text)


def test_an_attempt_that_was_stopped_stands_on_the_page_of_its_message(
    client: Client, workspace: Workspace, action: Action, ask: Ask
) -> None:
    bad = {"inputs": {"values": {"enrolled_object": {"phone": "0123456789", "firstname": "Ada"}}}}
    message = made_with(action, recipient_given="0123456789", **bad)
    address = f"/log/{message.pk}/"
    assert "Tried again" not in words(client.get(address))
    resend = worked(ask(message))

    assert "Tried again just now , and stopped: The recipient “0123456789”" in words(client.get(address))
    assert f'href="/resends/{resend.pk}/"' in source(client.get(address))

    Policy.objects.update_or_create(workspace=workspace, defaults={"viewers": Policy.Viewers.MASKED})
    seen = words(signed_in(make_member(workspace, Role.VIEWER)).get(address))
    assert "and stopped:" in seen
    assert "0123456789" not in seen


def test_a_successor_outlives_its_original(client: Client, action: Action, ask: Ask) -> None:
    message = made_with(action)
    worked(ask(message))
    successor = Message.objects.get(original=message.pk)
    message.delete()

    assert "The earlier one was deleted by age." in words(client.get(f"/log/{successor.pk}/"))


@pytest.mark.parametrize(
    ("columns", "is_said"),
    [({"status": "delivered", "error_code": ""}, False), ({"error_code": "RECIPIENT_OPTED_OUT"}, True)],
)
def test_why_not_is_said_of_what_failed_only(
    client: Client, action: Action, columns: dict[str, Any], is_said: bool
) -> None:
    message = made_with(action, **columns)

    assert ("It cannot be sent again." in words(client.get(f"/log/{message.pk}/"))) == is_said


# --- What was asked for -------------------------------------------------------------------------------


def page(client: Client, resend: Resend, **query: Any) -> Any:
    return client.get(reverse("resend", args=[resend.pk]), query)


def test_a_resend_shows_every_message_with_its_result(client: Client, action: Action, ask: Ask) -> None:
    good = made_with(action)
    bad = made_with(action, inputs={"values": {"enrolled_object": {"phone": "12", "firstname": "Ada"}}})
    resend = worked(ask(good, bad))
    successor = Message.objects.get(original=good.pk)

    response = page(client, resend)

    assert "1 of 2 messages sent again · 1 not" in words(response)
    assert "Every message has its result." in words(response)
    assert "Done, 1 was not sent" in words(response)
    assert f'href="/log/{successor.pk}/"' in source(response)
    assert f'href="/log/{bad.pk}/"' in source(response)
    assert re.search(r"Not sent again The recipient “12” ", words(response))
    assert "hx-trigger" not in source(
        client.get(reverse("resend", args=[resend.pk]), headers={"HX-Request": "true"})
    )


def test_a_resend_that_sent_nothing_does_not_look_like_success(
    client: Client, action: Action, ask: Ask
) -> None:
    bad = {"inputs": {"values": {"enrolled_object": {"phone": "12", "firstname": "Ada"}}}}
    resend = worked(ask(made_with(action, **bad)))

    for response in (page(client, resend), client.get("/resends/")):
        assert "Done, none was sent" in words(response)
        assert 'value="0" max="1"' in source(response)


def test_items_are_narrowed_by_result_and_paged(
    client: Client,
    action: Action,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: Any,
) -> None:
    monkeypatch.setattr(views, "ROWS_PER_PAGE", 5)
    resend = ask(*[made_with(action) for _ in range(12)])
    resend.items.filter(pk=resend.items.first().pk).update(state="refused", reason="sent")  # type: ignore[union-attr]

    with django_assert_max_num_queries(14):
        first = page(client, resend, state="pending")
    [further] = re.findall(r'rel="next" href="([^"]+)"', source(first))

    assert source(first).count('class="row-link"') == 5
    assert further == f"/resends/{resend.pk}/?state=pending&page=2"
    assert "Not sent again 1" in html.unescape(re.sub("<[^>]+>", "", source(first)))
    assert source(page(client, resend, state="refused")).count('class="row-link"') == 1


def test_the_page_asks_for_news_while_there_may_be_some(client: Client, action: Action, ask: Ask) -> None:
    resend = ask(made_with(action))
    fragment = {"HX-Request": "true"}

    assert 'hx-trigger="every 2s"' in source(page(client, resend))
    assert client.get(f"/resends/{resend.pk}/", headers=fragment).content.startswith(b'<div id="resend"')
    running.pause(resend)
    assert "hx-trigger" not in source(client.get(f"/resends/{resend.pk}/", headers=fragment))


def test_what_waits_for_a_quota_says_until_when(
    client: Client, workspace: Workspace, action: Action, ask: Ask
) -> None:
    limit(workspace, "number", 2)
    resend = worked(ask(*[made_with(action) for _ in range(5)]))

    text = words(page(client, resend))

    assert "2 of 5 messages sent again · 3 to go" in text
    assert re.search(
        r"3 wait until \d\d:\d\d ?, because their number or user has used up a quota until then", text
    )


def test_somebody_pauses_goes_on_and_cancels(client: Client, action: Action, ask: Ask) -> None:
    resend = ask(made_with(action))

    def pressed(name: str) -> str:
        response = client.post(reverse(name, args=[resend.pk]), follow=True)
        resend.refresh_from_db()
        return words(response)

    assert "No further message is queued until somebody goes on" in words(page(client, resend))
    assert "The resend is paused." in pressed("resend-pause")
    assert resend.state == Resend.State.PAUSED
    assert "It was already paused, so nothing was changed." in pressed("resend-pause")
    assert "The resend goes on." in pressed("resend-resume")
    assert resend.state == Resend.State.WAITING
    assert "The rest of the resend is cancelled." in pressed("resend-cancel")
    assert resend.state == Resend.State.CANCELLED
    assert "1 left as it was" in words(page(client, resend))
    assert source(page(client, resend)).count("Left as it was") == 2  # its row, and the share
    assert "To be sent again" not in source(page(client, resend))
    assert "It had already ended, so nothing was changed." in pressed("resend-resume")


def test_the_list_says_who_when_what_and_how_far(client: Client, action: Action, ask: Ask) -> None:
    assert "Nothing was sent again yet" in words(client.get("/resends/"))
    resend = ask(made_with(action), made_with(action))

    text = words(client.get("/resends/"))

    assert f"Resend of 2 messages Waiting asked for just now by {resend.asked_by}" in text
    assert "0 of 2 messages sent again · 2 to go" in text
    worked(resend)
    assert "Resend of 2 messages Done" in words(client.get("/resends/"))


def test_the_list_costs_no_query_for_each_resend(
    client: Client, action: Action, ask: Ask, django_assert_max_num_queries: Any
) -> None:
    for _ in range(6):
        worked(ask(made_with(action)))

    with django_assert_max_num_queries(9):
        assert words(client.get("/resends/")).count("Resend of 1 message ") == 6


@pytest.mark.parametrize("name", ["resend-pause", "resend-resume", "resend-cancel"])
def test_viewers_read_and_do_not_act(workspace: Workspace, action: Action, ask: Ask, name: str) -> None:
    resend = ask(made_with(action))
    viewer = signed_in(make_member(workspace, Role.VIEWER))

    assert page(viewer, resend).status_code == 200
    assert 'action="/resends/' not in source(page(viewer, resend))
    assert viewer.post(reverse(name, args=[resend.pk])).status_code == 403
    assert Resend.objects.get().state == Resend.State.WAITING


def test_viewers_do_not_read_numbers_where_they_are_masked(
    workspace: Workspace, action: Action, ask: Ask
) -> None:
    Policy.objects.update_or_create(workspace=workspace, defaults={"viewers": Policy.Viewers.MASKED})
    given = {"inputs": {"values": {"enrolled_object": {"phone": "0123456789", "firstname": "Ada"}}}}
    resend = worked(ask(made_with(action, recipient="+33699887766", recipient_given="0123456789", **given)))
    Resend.objects.update(filters={"recipient": "+33699887766"})
    viewer = signed_in(make_member(workspace, Role.VIEWER))

    for address in (f"/resends/{resend.pk}/", "/resends/"):
        text = source(viewer.get(address)).replace(" ", "")
        assert "699887766" not in text
        assert "0123456789" not in text


def test_another_workspaces_resend_is_not_there(client: Client) -> None:
    action = make_action(make_workspace())
    member = make_member(action.workspace)
    theirs = Resend.objects.create(workspace=action.workspace, asked_by=member.user, chosen=1)

    assert page(client, theirs).status_code == 404
    for name in ("resend-pause", "resend-resume", "resend-cancel"):
        assert client.post(reverse(name, args=[theirs.pk])).status_code == 404
    assert "Nothing was sent again yet" in words(client.get("/resends/"))


# --- Unknown messages ---------------------------------------------------------------------------------


def decide(client: Client, message: Message, became: str, note: str = "") -> Any:
    address = reverse("message-unknown", args=[message.pk])
    return client.post(address, {"became": became, "note": note}, follow=True)


def test_an_unknown_message_leads_to_its_decision_and_both_consequences(
    client: Client, action: Action
) -> None:
    message = unknown(action)
    address = f"/log/{message.pk}/unknown/"

    assert f'href="{address}"' in source(client.get(f"/log/{message.pk}/"))
    response = client.get(address)

    assert "The recipient never gets this text" in words(response)
    assert "The recipient gets the text twice" in words(response)
    assert " checked" not in source(response)  # nobody decides by pressing Enter


def test_the_text_to_look_for_is_shown_and_no_code(client: Client, action: Action) -> None:
    message = unknown(action, body="Hi Ada, your van comes at 9")
    code = unknown(action, body="4711 is your code", trigger="verification")

    text = words(client.get(f"/log/{message.pk}/unknown/"))

    assert "Hi Ada, your van comes at 9" in text
    assert "4711" not in words(client.get(f"/log/{code.pk}/unknown/"))


@pytest.mark.parametrize(("became", "status"), [("arrived", "sent"), ("lost", "failed"), ("again", "failed")])
def test_a_decision_settles_it_and_sends_nothing(
    client: Client, action: Action, became: str, status: str
) -> None:
    message = unknown(action)

    response = decide(client, message, became, "Asked the customer")

    message.refresh_from_db()
    assert message.status == status
    assert Event.objects.get(kind="decision").data["note"] == "Asked the customer"
    assert not Resend.objects.exists()
    leads_to = f"/resends/new/?id={message.pk}" if became == "again" else f"/log/{message.pk}/"
    assert response.redirect_chain == [(leads_to, 302)]
    assert ("Resend 1 message" in words(response)) == (became == "again")


@pytest.mark.parametrize("became", ["", "perhaps"])
def test_no_choice_decides_nothing(client: Client, action: Action, became: str) -> None:
    message = unknown(action)

    response = decide(client, message, became, "Asked the customer")

    assert response.status_code == 422
    assert "error-summary" in source(response)
    assert 'value="Asked the customer"' in source(response)
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN


def test_what_could_not_be_sent_again_anyway_is_not_offered_so(client: Client, action: Action) -> None:
    message = unknown(action, trigger="test")
    address = reverse("message-unknown", args=[message.pk])

    assert "It was a test: test the action once more instead." in words(client.get(address))
    assert decide(client, message, "again").status_code == 422


def test_a_receipt_that_came_first_wins_and_is_said(
    client: Client, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = unknown(action)
    verdicts = again.verdicts

    def receipt_first(*args: Any, **kwargs: Any) -> Any:
        log.move(message.pk, Status.DELIVERED, timezone.now())
        return verdicts(*args, **kwargs)

    monkeypatch.setattr(again, "verdicts", receipt_first)
    response = decide(client, message, "lost")

    assert "Meanwhile the message was settled by a receipt or by somebody else: Delivered." in words(response)
    assert Message.objects.get().status == Status.DELIVERED
    assert not Event.objects.filter(kind="decision").exists()


def test_a_settled_message_has_nothing_to_decide(client: Client, action: Action) -> None:
    message = made_with(action)

    assert "there is nothing to decide" in words(client.get(reverse("message-unknown", args=[message.pk])))
    assert "Nothing was changed." in words(decide(client, message, "arrived"))


def test_viewers_and_other_workspaces_decide_nothing(workspace: Workspace, action: Action) -> None:
    message = unknown(action)
    viewer, stranger = (
        signed_in(make_member(workspace, Role.VIEWER)),
        signed_in(make_member(make_workspace())),
    )

    assert decide(viewer, message, "arrived").status_code == 403
    assert decide(stranger, message, "arrived").status_code == 404
    assert "/unknown/" not in source(viewer.get(f"/log/{message.pk}/"))
    message.refresh_from_db()
    assert message.status == Status.UNKNOWN


# --- What failed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "said"),
    [("waiting", "It failed just now"), ("paused", "It is paused: it failed again and again.")],
)
def test_a_resend_that_failed_says_so_and_blames_no_quota(
    client: Client, action: Action, ask: Ask, state: str, said: str
) -> None:
    made = ask(made_with(action))
    soon = timezone.now() + timedelta(minutes=1)
    Resend.objects.update(state=state, error="smsadmin itself failed: KeyError", waits_until=soon)

    text = words(client.get(f"/resends/{made.pk}/"))

    assert said in text
    assert "smsadmin itself failed: KeyError" in text
    assert "quota until then" not in text
