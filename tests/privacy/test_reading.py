"""Who sees numbers, texts and values: on every page, and once a message was revealed."""

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from auditlog.models import LogEntry
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache
from smsadmin.core.status import SETTLED, Status
from smsadmin.incoming.models import InboundMessage
from smsadmin.privacy.models import Policy, Reveal
from smsadmin.resends.models import ResendItem
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Role, Workspace
from tests.factories import make_connection, make_message, make_number, make_workspace
from tests.pages import House, furnish, visits
from tests.privacy.conftest import (
    CITY,
    GIVEN,
    MAIL,
    NAME,
    RECIPIENT,
    one_of_each,
    policy,
    signed_in,
    telling,
)

PRETTY = "+49 1511 2345678"
REPLY = "Xochiquetzal answers"
#: The number in any spelling that a page could use: its digits with whatever people put between them.
_ANY_SPELLING = re.compile(r"[\W_]{0,4}".join("15112345678"))


def leaks(response: HttpResponse) -> list[str]:
    """What of the secrets a page says, in its text or in its markup."""
    page = html.unescape(response.content.decode()).casefold()
    found = [secret for secret in (NAME, CITY, MAIL, GIVEN, REPLY) if secret.casefold() in page]
    return found + _ANY_SPELLING.findall(page)


def page_of(client: Client, message: Message) -> HttpResponse:
    response: Any = client.get(reverse("message", args=[message.pk]))
    return response  # type: ignore[no-any-return]


def text_of(response: Any) -> str:
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


@pytest.fixture
def viewer(workspace: Workspace) -> Client:
    return signed_in(workspace)


@pytest.fixture
def operator(workspace: Workspace) -> Client:
    return signed_in(workspace, Role.OPERATOR)


# --- Every page -------------------------------------------------------------------------------------


def replied(house: House, message: Message) -> None:
    InboundMessage.objects.create(
        workspace=house.workspace,
        connection=house.aircall,
        number=house.number,
        sender=RECIPIENT,
        body=REPLY,
        at=timezone.now(),
        provider_id="in-1",
        answers=message.pk,
    )


@pytest.fixture
def house(db: None) -> House:
    """A furnished workspace with messages of every status that tell everything, and nothing else that does."""
    house = furnish()
    messages = one_of_each(house.workspace)
    replied(house, messages[Status.DELIVERED])
    telling(
        house.workspace, action=None, template="Dear " + NAME, status=Status.FAILED
    )  # of a workflow's own fields
    telling(house.workspace, original=messages[Status.FAILED].pk)
    refused = {
        "error_code": "RECIPIENT_NOT_E164",
        "error_facts": {"value": GIVEN},
        "state": ResendItem.State.REFUSED,
    }
    ResendItem.objects.create(resend=house.resend, original=messages[Status.REJECTED].pk, **refused)
    house.messages.update({f"telling {status}": message for status, message in messages.items()})
    return house


def test_no_page_tells_a_viewer_numbers_texts_or_values(house: House) -> None:
    viewer = signed_in(house.workspace)
    mine = [reverse("message", args=[each.pk]) for each in Message.objects.filter(recipient=RECIPIENT)]
    mine += [log_url(status=status) for status in Status] + [reverse("failures") + "?days=30"]

    told = {}
    for url in [*mine, *(visit.url for visit in visits(house))]:
        response: Any = viewer.get(url)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        if found := leaks(HttpResponse(body)):
            told[url] = found

    assert told == {}


def test_htmx_gets_no_more_than_the_page(house: House) -> None:
    viewer = signed_in(house.workspace)
    addresses = [log_url(), log_url(live=1), reverse("requests"), reverse("failures"), reverse("overview")]
    addresses += [reverse("message", args=[message.pk]) for message in house.messages.values()]

    for url in addresses:
        assert leaks(viewer.get(url, headers={"HX-Request": "true"})) == [], url


def test_an_operator_reads_everything(house: House) -> None:
    operator = signed_in(house.workspace, Role.OPERATOR)
    message = house.messages["telling undelivered"]

    page = text_of(page_of(operator, message))
    answered = text_of(page_of(operator, house.messages["telling delivered"]))

    assert all(said in page for said in (PRETTY, GIVEN, NAME, CITY, MAIL))
    assert REPLY in answered
    assert PRETTY in text_of(operator.get(log_url()))
    assert PRETTY in text_of(operator.get(reverse("requests")))
    assert NAME in text_of(operator.get(reverse("failures")))
    assert NAME in text_of(operator.get(reverse("overview")))
    assert GIVEN in text_of(operator.get(reverse("resend", args=[house.resend.pk])))


def test_a_viewer_still_reads_what_became_of_a_message(viewer: Client, workspace: Workspace) -> None:
    message = telling(workspace, status=Status.FAILED)

    page = text_of(page_of(viewer, message))

    assert "Aircall refused the message: Cannot text ••• (•••) at +49 ••• •••78, ••• or •••" in page
    assert all(token in page for token in ("Dear", "{{Contact.firstname}}", "see you in", "{{Contact.city}}"))
    assert "Contact.firstname = •••, Contact.city = ••• filled in" in page
    assert "+49 ••• •••78" in text_of(viewer.get(log_url()))


def test_a_masked_page_has_no_link_that_needs_the_number(viewer: Client, workspace: Workspace) -> None:
    other, message = telling(workspace), telling(workspace)

    page = page_of(viewer, message).content.decode()

    assert "recipient=" not in page
    assert reverse("message", args=[other.pk]) in page


def test_a_viewer_finds_messages_by_a_number_that_they_know(viewer: Client, workspace: Workspace) -> None:
    wanted = telling(workspace)
    make_message(workspace, recipient="+33612345678")

    for query in ({"q": RECIPIENT}, {"recipient": RECIPIENT}, {"q": "+49 1511 2345678"}):
        found = viewer.get(f"{log_url()}?{urlencode(query)}", follow=True).content.decode()
        assert re.findall(r'row-link" href="/log/([0-9a-f-]{36})/', found) == [str(wanted.pk)]
        assert NAME not in found


def test_what_viewers_see_is_the_workspaces_to_decide(viewer: Client, workspace: Workspace) -> None:
    message = telling(workspace)
    policy(workspace, viewers=Policy.Viewers.EVERYTHING)
    policy(make_workspace(), viewers=Policy.Viewers.MASKED)

    assert NAME in text_of(page_of(viewer, message))
    assert "Reveal this message" not in text_of(page_of(viewer, message))


def test_masking_a_list_costs_one_query_however_long_it_is(
    viewer: Client, workspace: Workspace, django_assert_num_queries: Any
) -> None:
    telling(workspace, status=Status.FAILED)
    telling(workspace, status=Status.FAILED)
    cache.forget()
    with CaptureQueriesContext(connection) as one:
        viewer.get(log_url())
    for _ in range(5):
        telling(workspace, status=Status.FAILED)

    cache.forget()
    with django_assert_num_queries(len(one)):
        viewer.get(log_url())


# --- Revealing -----------------------------------------------------------------------------------------


def reveal(client: Client, message: Message, **options: Any) -> Any:
    return client.post(reverse("reveal", args=[message.pk]), **options)


def test_a_revealed_message_is_shown_to_its_viewer_for_ten_minutes(
    viewer: Client, workspace: Workspace
) -> None:
    message, other = telling(workspace), telling(workspace)
    assert "Reveal this message" in text_of(page_of(viewer, message))

    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert reveal(viewer, message).url == reverse("message", args=[message.pk])
        shown = text_of(page_of(viewer, message))
        assert all(said in shown for said in (NAME, PRETTY, "This message is shown to you until"))
        assert leaks(page_of(viewer, other)) == []
        clock.shift(timedelta(minutes=9, seconds=59))
        assert NAME in text_of(page_of(viewer, message))
        clock.shift(timedelta(seconds=1))
        assert leaks(page_of(viewer, message)) == []


def test_nobody_else_sees_what_was_revealed(viewer: Client, workspace: Workspace) -> None:
    message = telling(workspace)
    reveal(viewer, message)

    assert leaks(page_of(signed_in(workspace), message)) == []
    assert leaks(viewer.get(log_url())) == []


def test_that_it_was_revealed_is_recorded_without_the_number(viewer: Client, workspace: Workspace) -> None:
    message = telling(workspace)

    reveal(viewer, message)

    [row] = Reveal.objects.all()
    entry = LogEntry.objects.get_for_object(row).get()
    assert (row.workspace, row.message, row.by) == (workspace, message.pk, entry.actor)
    assert str(message.pk) in str(entry.changes)
    assert RECIPIENT not in f"{entry.object_repr} {entry.changes}"


def test_nothing_is_shown_that_could_not_be_recorded(
    viewer: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = telling(workspace)
    viewer.raise_request_exception = False

    def broken(*_given: Any, **_columns: Any) -> None:
        raise OSError("the audit log is full")

    monkeypatch.setattr(LogEntry.objects, "log_create", broken)
    monkeypatch.setattr("auditlog.models.LogEntryManager.log_create", broken)

    assert reveal(viewer, message).status_code == 500
    assert not Reveal.objects.exists()
    assert leaks(page_of(viewer, message)) == []


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.EDITOR, Role.OWNER])
def test_who_sees_everything_reveals_nothing(workspace: Workspace, role: str) -> None:
    reveal(signed_in(workspace, role), telling(workspace))

    assert not Reveal.objects.exists()


def test_where_viewers_may_not_reveal_they_cannot(viewer: Client, workspace: Workspace) -> None:
    message = telling(workspace)
    reveal(viewer, message)
    policy(workspace, viewers=Policy.Viewers.MASKED)

    assert leaks(page_of(viewer, message)) == []  # also what was revealed before
    assert "Reveal this message" not in text_of(page_of(viewer, message))
    assert reveal(viewer, message).status_code == 403
    assert Reveal.objects.count() == 1


def test_a_message_of_another_workspace_is_not_there_to_be_revealed(viewer: Client) -> None:
    assert reveal(viewer, telling(make_workspace())).status_code == 404
    assert not Reveal.objects.exists()


def test_revealing_takes_a_form_and_a_sign_in(viewer: Client, workspace: Workspace) -> None:
    message = telling(workspace)

    assert viewer.get(reverse("reveal", args=[message.pk])).status_code == 405
    assert reveal(Client(), message).url.startswith(reverse("account_login"))
    assert reveal(Client(enforce_csrf_checks=True), message).status_code == 403


def test_owners_read_who_revealed_what(viewer: Client, workspace: Workspace) -> None:
    kept, gone = telling(workspace), telling(workspace)
    reveal(viewer, kept)
    reveal(viewer, gone)
    Message.objects.filter(pk=gone.pk).delete()
    Reveal.objects.create(workspace=make_workspace(), message=telling(workspace).pk)

    page = signed_in(workspace, Role.OWNER).get(reverse("reveals"))

    assert "2 messages were revealed" in text_of(page)
    assert f'href="/log/{kept.pk}/"' in page.content.decode()
    assert f'href="/log/{gone.pk}/"' not in page.content.decode()
    assert signed_in(workspace, Role.EDITOR).get(reverse("reveals")).status_code == 403


def test_the_list_of_reveals_costs_the_same_for_any_number(
    viewer: Client, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        reveal(viewer, telling(workspace))
    owner = signed_in(workspace, Role.OWNER)

    with django_assert_max_num_queries(10):
        owner.get(reverse("reveals"))


def test_settled_messages_and_those_that_wait_are_masked_alike(viewer: Client, workspace: Workspace) -> None:
    for status in (*SETTLED, Status.QUEUED):
        assert leaks(page_of(viewer, telling(workspace, status=status))) == []


def test_a_workspace_without_messages_has_its_pages(workspace: Workspace) -> None:
    make_connection(workspace)
    make_number(workspace)

    for name in ("privacy", "deleted-counts", "reveals"):
        assert signed_in(workspace, Role.OWNER).get(reverse(name)).status_code == 200
