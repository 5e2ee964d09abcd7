"""The pages of webhooks: for whom they are, what they show once and never, and that they work without JavaScript."""

import html
import re
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from smsadmin import cache, keyset
from smsadmin.core.status import Status
from smsadmin.hooks import delivering, telling
from smsadmin.hooks.models import Hook, HookDelivery, HookEvent, Watch
from smsadmin.notices import webhook
from smsadmin.notices.models import Endpoint
from smsadmin.notices.outcome import Outcome
from smsadmin.sending import log
from smsadmin.workspaces.models import Role, Workspace
from tests.factories import make_message, make_workspace
from tests.hooks.conftest import Travel, after, make_hook
from tests.notices.conftest import SECRET, make_endpoint, signed_in
from tests.sending.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _now(travel: Travel) -> None:
    travel(NOW)


@pytest.fixture
def client(workspace: Workspace) -> Client:
    return signed_in(workspace)


def words(response: Any) -> str:
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


def page(client: Client, hook: Hook, **query: Any) -> Any:
    response = client.get(reverse("hook", args=[hook.pk]), query)
    assert response.status_code == 200
    return response


FORM: dict[str, Any] = {
    "name": "Warehouse",
    "endpoint": "new",
    "url": "http://hooks.example/in?key=abc123",
    "events": ["message.delivered", "message.*", "quota.reached"],
    "tells_tests": "on",
    "enabled": "on",
}


def tried(hook: Hook, answer: str, state: str = "given_up") -> HookDelivery:
    """An event that was tried once, with this answer."""
    event = HookEvent.objects.create(workspace=hook.workspace, type="message.sent", at=NOW)
    said = [{"at": NOW.isoformat(), "ms": 87, "answer": answer}]
    return HookDelivery.objects.create(
        event=event, hook=hook, state=state, attempts=1, answered_at=NOW, answer=answer, tried=said
    )


# --- Adding and changing ------------------------------------------------------------------------------


def test_a_hook_is_added_with_a_secret_that_is_shown_once(client: Client, workspace: Workspace) -> None:
    answer = client.post(reverse("hook-new"), FORM)

    hook = Hook.objects.select_related("endpoint").get()
    secret = hook.endpoint.secrets["secret"]
    assert (answer.status_code, answer["Cache-Control"]) == (
        200,
        "max-age=0, no-cache, no-store, must-revalidate, private",
    )
    assert secret in words(answer)
    assert secret not in words(page(client, hook)) + words(client.get(reverse("hooks")))
    assert (hook.name, hook.events, hook.tells_contents) == (
        "Warehouse",
        ["message.*", "quota.reached"],
        False,
    )
    assert hook.tells_tests
    assert "Told too, marked as tests" in words(page(client, hook))
    assert hook.created_by is not None
    for shown in (
        page(client, hook),
        client.get(reverse("hooks")),
        client.get(reverse("hook-edit", args=[hook.pk])),
    ):
        assert "abc123" not in shown.content.decode()
    assert LogEntry.objects.get_for_object(hook).exists()


def test_an_address_may_be_shared_with_notices(client: Client, workspace: Workspace) -> None:
    endpoint = make_endpoint(workspace)

    answer = client.post(reverse("hook-new"), {**FORM, "endpoint": endpoint.pk, "url": ""}, follow=True)

    assert "“Warehouse” is saved." in words(answer)
    assert Hook.objects.get().endpoint == endpoint == Endpoint.objects.get()
    refusal = client.post(reverse("notice-endpoint-delete", args=[endpoint.pk]), follow=True)
    assert "Rules or webhooks still use this address" in words(refusal)
    assert "Warehouse" in words(refusal)


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"name": ""}, "Give the webhook a name."),
        ({"events": []}, "Choose at least one event."),
        ({"url": ""}, "give that of the program that is told"),
        ({"url": "ftp://hooks.example"}, "beginning with https://"),
        ({"name": "Taken"}, "Another webhook has this name."),
    ],
)
def test_what_is_wrong_is_said_in_its_place(
    client: Client, workspace: Workspace, over: dict[str, Any], said: str
) -> None:
    make_hook(workspace, name="Taken")

    answer = client.post(reverse("hook-new"), {**FORM, **over})

    assert answer.status_code == 422
    assert said in words(answer)
    assert Hook.objects.count() == 1


def test_an_address_of_another_workspace_cannot_be_chosen(client: Client) -> None:
    foreign = make_endpoint(make_workspace())

    answer = client.post(reverse("hook-new"), {**FORM, "endpoint": foreign.pk, "url": ""})

    assert answer.status_code == 422
    assert not Hook.objects.exists()


def test_a_change_is_heeded_at_once_and_what_goes_on_is_no_news(client: Client, workspace: Workspace) -> None:
    hook = make_hook(workspace)
    make_message(workspace, status=Status.FAILED, error_code="RATE_LIMITED")
    over = {"endpoint": hook.endpoint_id, "url": "", "events": ["failure_group.*"]}

    client.post(reverse("hook-edit", args=[hook.pk]), {**FORM, **over})

    assert telling.wanted(workspace.pk, "failure_group.muted")
    assert not telling.wanted(workspace.pk, "message.sent")
    assert len(Watch.objects.get().causes) == 1
    client.post(reverse("hook-switch", args=[hook.pk]), {"enabled": "0"})
    assert not telling.wanted(workspace.pk, "failure_group.muted")
    client.post(reverse("hook-delete", args=[hook.pk]))
    assert (Hook.objects.count(), Endpoint.objects.count()) == (0, 1)


# --- What is shown ------------------------------------------------------------------------------------


def test_a_delivery_shows_each_answer_and_is_sent_again(
    client: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([Outcome(False, "HTTP 503: later"), Outcome(True, "HTTP 204")])
    monkeypatch.setattr(webhook, "post", lambda *_: next(answers))
    hook, message = make_hook(workspace), make_message(workspace)
    log.move(message.pk, Status.DELIVERED, NOW)
    delivering.sweep()
    assert "Failing" in words(page(client, hook))
    [delivery] = HookDelivery.objects.all()

    answer = client.post(reverse("hook-again", args=[delivery.pk]), follow=True)
    delivering.sweep()

    assert "It is sent again now, under the id it had." in words(answer)
    shown = words(page(client, hook))
    assert "HTTP 503: later" in shown
    assert "HTTP 204 2 attempts" in shown
    assert reverse("message", args=[message.pk]) in page(client, hook).content.decode()


def test_viewers_see_statuses_of_answers_and_change_nothing(workspace: Workspace) -> None:
    hook = make_hook(workspace)
    delivery = tried(hook, "HTTP 400: +33612345678 said “Hi Ada”")
    viewer, operator = signed_in(workspace, Role.VIEWER), signed_in(workspace, Role.OPERATOR)

    shown = page(viewer, hook).content.decode()

    assert "HTTP 400" in shown
    assert "612345678" not in shown
    assert SECRET not in shown
    assert "612345678" in page(operator, hook).content.decode()
    assert "csrfmiddlewaretoken" not in re.sub(r"<header.*?</header>", "", shown, flags=re.DOTALL)
    for name, pk in (("hook-again", delivery.pk), ("hook-sample", hook.pk), ("hook-resume", hook.pk)):
        assert viewer.post(reverse(name, args=[pk])).status_code == 403
        assert operator.post(reverse(name, args=[pk])).status_code == 302
    for name in ("hook-switch", "hook-delete", "hook-edit"):
        assert operator.post(reverse(name, args=[hook.pk])).status_code == 403


def test_the_log_is_turned_and_filtered(
    client: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "PER_PAGE", 2)
    hook = make_hook(workspace)
    made = [tried(hook, f"answer {nth}") for nth in range(5)]

    def seen(**query: Any) -> list[str]:
        return sorted(set(re.findall(r"answer \d", words(page(client, hook, **query)))))

    assert seen() == seen(before="5" * 5_000) == ["answer 3", "answer 4"]
    assert seen(before=made[3].pk) == ["answer 1", "answer 2"]
    assert seen(after=made[0].pk) == ["answer 1", "answer 2"]
    assert seen(after=made[2].pk) == ["answer 3", "answer 4"]
    assert seen(state="delivered") == seen(event="message.failed") == []
    assert seen(event="message.sent") == seen(state="given_up") == ["answer 3", "answer 4"]


def test_the_list_needs_as_many_queries_for_many_hooks_as_for_one(
    client: Client, workspace: Workspace, django_assert_num_queries: Any
) -> None:
    tried(make_hook(workspace), "HTTP 500")
    client.get(reverse("hooks"))
    cache.forget()
    with CaptureQueriesContext(connection) as one:
        client.get(reverse("hooks"))
    for _ in range(4):
        tried(make_hook(workspace), "HTTP 500")

    with django_assert_num_queries(len(one)):
        client.get(reverse("hooks"))


@pytest.mark.parametrize("name", ["hook", "hook-edit", "hook-replay"])
def test_hooks_of_other_workspaces_are_not_found(client: Client, name: str) -> None:
    foreign = make_hook(make_workspace(), name="Foreign")

    assert client.get(reverse(name, args=[foreign.pk])).status_code == 404
    assert "Foreign" not in words(client.get(reverse("hooks")))
    assert client.post(reverse("hook-again", args=[tried(foreign, "no").pk])).status_code == 404


# --- What people do -----------------------------------------------------------------------------------


def test_a_paused_hook_says_so_and_is_resumed(client: Client, workspace: Workspace, rung: list[str]) -> None:
    hook = make_hook(workspace, paused_at=NOW, failing_since=after(days=-3))
    tried(hook, "HTTP 500", "waiting")

    assert "Nothing has arrived there for 3 days, so it was paused." in words(page(client, hook))
    answer = client.post(reverse("hook-resume", args=[hook.pk]), follow=True)

    assert "1 delivery that waited is tried now" in words(answer)
    assert (Hook.objects.get().paused_at, rung) == (None, ["ring"])


@pytest.mark.parametrize(
    ("columns", "said"), [({"paused_at": NOW}, "resume it first"), ({"enabled": False}, "switch it on first")]
)
def test_nothing_is_sent_again_by_a_hook_that_is_paused_or_off(
    client: Client, workspace: Workspace, columns: dict[str, Any], said: str
) -> None:
    hook = make_hook(workspace, **columns)
    delivery = tried(hook, "HTTP 500", "given_up")
    asked = {"since": "2026-11-21T10:00", "until": "2026-11-21T11:00", "which": "given_up"}
    again, replay = reverse("hook-again", args=[delivery.pk]), reverse("hook-replay", args=[hook.pk])

    shown = page(client, hook).content.decode()
    assert again not in shown
    assert replay not in shown
    for answer in (client.post(again, follow=True), client.post(replay, asked, follow=True)):
        assert said in words(answer)
    assert HookDelivery.objects.get().state == "given_up"


def test_a_sample_is_sent_once_at_a_time(client: Client, workspace: Workspace) -> None:
    hook = make_hook(workspace)

    first, second = (client.post(reverse("hook-sample", args=[hook.pk]), follow=True) for _ in range(2))

    assert "The sample is on its way" in words(first)
    assert "A sample is on its way already." in words(second)
    assert HookDelivery.objects.get().is_sample


def test_a_replay_says_how_many_it_sends_before_it_does(client: Client, workspace: Workspace) -> None:
    hook = make_hook(workspace)
    for state in ("given_up", "given_up", "delivered"):
        tried(hook, "HTTP 500", state)
    address = reverse("hook-replay", args=[hook.pk])
    asked = {"since": "2026-11-21T10:00", "until": "2026-11-21T11:00", "which": "given_up"}

    assert "Send 2 events again" in words(client.get(address, asked))
    assert HookDelivery.objects.filter(state="waiting").count() == 0
    answer = client.post(address, asked, follow=True)

    assert "2 events are sent again." in words(answer)
    assert HookDelivery.objects.filter(state="waiting", attempts=0).count() == 2
    entry = LogEntry.objects.get_for_object(hook).latest("pk")
    assert entry.changes["replayed"] == ["", "2"]
    backwards = client.get(address, {**asked, "until": "2026-11-21T09:00"})
    assert backwards.status_code == 422
    assert "This is not after the beginning" in words(backwards)
