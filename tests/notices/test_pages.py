"""What was told, the rules and the addresses of webhooks: for whom they are, and that they work without JavaScript."""

import html
import re
from typing import Any
from uuid import uuid4

import pytest
from auditlog.models import LogEntry
from django.core import mail as outbox
from django.test import Client
from django.urls import reverse

from smsadmin.notices import delivering, limits
from smsadmin.notices.models import Delivery, Endpoint, Episode, Notice, NoticeRule
from smsadmin.notices.telling import open_notices
from smsadmin.workspaces.models import Role, Workspace
from tests.factories import make_number, make_workspace
from tests.notices.conftest import (
    SECRET,
    Receiver,
    at,
    crossed,
    decide,
    failed,
    look,
    make_endpoint,
    make_limit_rule,
    make_rule,
    signed_in,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_two_past(travel: Any) -> None:
    travel(at(minutes=2))


def words(response: Any) -> str:
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


def told(workspace: Workspace, **columns: Any) -> Notice:
    """A notice of one failure, by a rule with these columns."""
    make_rule(workspace, **columns)
    failed(workspace, at(minutes=1))
    look(at(minutes=2))
    return Notice.objects.latest("pk")


def page(client: Client, **query: str) -> Any:
    response = client.get(reverse("notices"), query)
    assert response.status_code == 200
    return response


FORM: dict[str, Any] = {
    "name": "Operators", "when": "any", "cause": "", "messages": "", "percent": "", "at_least": "", "minutes": "",
    "emails": "ops@example.com", "endpoint": "", "enabled": "on",
}  # fmt: skip


LIMITS: dict[str, Any] = {
    "thresholds": ["80", "90", "100"], "forecast": "on", "windows": ["day", "month"],
    "units": ["messages", "segments"],
}  # fmt: skip


def save(client: Client, rule: NoticeRule | None = None, **typed: Any) -> Any:
    address = reverse("notice-rule", args=[rule.pk]) if rule else reverse("notice-rule-new")
    return client.post(address, {**FORM, **typed})


# --- What was told ------------------------------------------------------------------------------------


def test_the_list_says_what_was_told_to_whom_and_where_it_leads(client: Client, workspace: Workspace) -> None:
    notice = told(workspace, emails=["a@example.com", "b@example.com"])

    response = page(client)

    text = words(response)
    assert "1 open</a>" in response.content.decode()
    assert "Aircall asked to slow down 5 times" in text
    assert "Rule Operators" in text
    assert "Waiting Email: a@example.com Waiting Email: b@example.com" in text
    assert f'href="/failures/?days=30#cause-{notice.facts["cause"]}"' in response.content.decode()


@pytest.mark.parametrize(
    ("threshold", "label", "tone"),
    [
        (50, "50 %", "active"),
        (80, "80 %", "active"),
        (90, "90 %", "warn"),
        (100, "100 %", "bad"),
        (0, "Forecast", "warn"),
    ],
)
def test_a_notice_of_a_limit_shows_how_far_it_is_while_its_window_lasts(
    client: Client, workspace: Workspace, travel: Any, threshold: int, label: str, tone: str
) -> None:
    make_limit_rule(workspace)
    number = make_number(workspace)
    crossed(number, threshold, at(minutes=1))
    limits.sweep(at(minutes=2))

    def shown() -> str:
        text = page(client).content.decode()
        [(seen, said)] = re.findall(r'badge-tone tone-(\w+)">.*?</svg>([^<]*)<', text)
        assert said == label
        return seen

    assert shown() == tone
    assert f'href="/quotas/numbers/{number.pk}/"' in page(client).content.decode()
    travel(at(hours=16))
    assert shown() == "neutral"
    assert "over since 23 Nov, 00:00" in words(page(client))


def test_a_delivery_says_what_was_last_answered(
    client: Client, workspace: Workspace, receiver: Receiver
) -> None:
    receiver.answers, receiver.said = [503], b"<b>out of order</b>"
    told(workspace, emails=[], endpoint=make_endpoint(workspace, receiver.url))
    delivering.sweep()

    response = page(client)

    assert "HTTP 503: <b>out of order</b> · just now · next attempt at 08:03" in words(response)
    assert "<b>out" not in response.content.decode()


def test_try_again_tries_again(client: Client, workspace: Workspace, rings: list[str]) -> None:
    told(workspace)
    Delivery.objects.update(state="given_up", answer="The address was deleted.", answered_at=at(minutes=1))
    delivery = Delivery.objects.get()
    address = reverse("notice-again", args=[delivery.pk])
    assert address in page(client).content.decode()

    response = client.post(address, follow=True)

    assert "It is tried again now: ops@example.com." in words(response)
    assert rings[-1:] == ["ring"]
    delivering.sweep()
    assert len(outbox.outbox) == 1
    assert address not in page(client).content.decode()


def test_what_is_being_tried_cannot_be_tried_again(client: Client, workspace: Workspace, travel: Any) -> None:
    told(workspace)
    Delivery.objects.update(
        holder=uuid4(), next_attempt_at=at(minutes=4), answered_at=at(minutes=1), answer="no"
    )
    address = reverse("notice-again", args=[Delivery.objects.get().pk])

    shown = page(client)
    assert "being tried just now" in words(shown)
    assert "next attempt" not in words(shown)
    assert address not in shown.content.decode()
    assert "It is being tried just now: ops@example.com." in words(client.post(address, follow=True))

    travel(at(minutes=4))
    assert address in page(client).content.decode()


def test_a_notice_stays_until_it_is_dismissed_and_then_in_the_list_of_all(
    client: Client, workspace: Workspace
) -> None:
    notice = told(workspace)
    assert open_notices(workspace) == 1

    response = client.post(reverse("notice-dismiss", args=[notice.pk]), follow=True)

    assert "No open notice" in words(response)
    assert open_notices(workspace) == 0
    notice.refresh_from_db()
    assert f"dismissed just now by {notice.dismissed_by}" in words(page(client, show="all"))


def test_a_notice_whose_window_is_over_is_in_the_list_of_all(
    client: Client, workspace: Workspace, travel: Any
) -> None:
    make_limit_rule(workspace)
    crossed(make_number(workspace), 80, at(minutes=1))
    limits.sweep(at(minutes=2))
    travel(at(days=2))
    limits.sweep(at(days=2))

    assert "No open notice" in words(page(client))
    listed = words(page(client, show="all"))
    assert "closed by itself 8 h ago" in listed
    assert "dismissed" not in listed


def test_a_rule_for_limits_per_minute_is_advised_against(client: Client) -> None:
    assert "minute after minute" in words(client.get(reverse("notice-rule-new")))


def test_what_came_after_the_page_was_shown_is_not_dismissed_with_it(
    client: Client, workspace: Workspace, travel: Any
) -> None:
    first = told(workspace)
    travel(at(minutes=3))
    failed(workspace, at(minutes=2), "MESSAGE_EMPTY", {})
    look(at(minutes=3))

    client.post(reverse("notices-dismiss"), {"newest": str(first.pk)})

    assert Notice.objects.get(dismissed_at=None).facts["code"] == "MESSAGE_EMPTY"
    assert client.post(reverse("notices-dismiss"), {"newest": "nonsense"}).status_code == 404


def test_an_empty_list_says_why(client: Client, workspace: Workspace) -> None:
    assert "Nobody is told of anything" in words(page(client))
    make_rule(workspace)
    assert "No open notice" in words(page(client))
    assert "Nothing was told yet" in words(page(client, show="all"))


def test_what_a_deleted_rule_told_stays(client: Client, workspace: Workspace) -> None:
    told(workspace)

    client.post(reverse("notice-rule-delete", args=[NoticeRule.objects.get().pk]))

    assert "Aircall asked to slow down" in words(page(client))


def test_neither_notices_nor_rules_cost_a_query(
    client: Client, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    endpoint = make_endpoint(workspace)
    for nth in range(8):
        message = failed(
            workspace, at(minutes=1), "NUMBER_NOT_SMS_CAPABLE", {"sender": f"+120255501{nth:02}"}
        )
        make_rule(workspace, when="cause", cause=message.cause, endpoint=endpoint)
    look(at(minutes=2))

    with django_assert_max_num_queries(11):
        assert words(page(client)).count("is not known to send") >= 8
    with django_assert_max_num_queries(11):
        assert words(client.get(reverse("notice-rules"))).count("As soon as this is new: +1 202") == 8


# --- Rules --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "Any new cause"),
        ({"when": "cause", "cause": "EXPIRED"}, "As soon as this is new: The message waited longer"),
        (
            {"when": "count", "messages": "50", "minutes": "10"},
            "More than 50 messages of one cause within 10 minutes",
        ),
        (
            {"when": "rate", "percent": "20", "at_least": "1000", "minutes": "1"},
            "More than 20 % of all messages fail within 1 minute, where there are at least 1,000",
        ),
        (
            {"when": "quota", **LIMITS},
            "At 80, 90 and 100 % of a limit per day or month, and when it will run out",
        ),
        (
            {"when": "quota", **LIMITS, "thresholds": ["50"], "forecast": "", "units": ["segments"]},
            "At 50 % of a limit of segments per day or month",
        ),
        (
            {"when": "quota", **LIMITS, "thresholds": [], "windows": ["hour"], "units": ["messages"]},
            "When a limit of messages per hour will run out",
        ),
    ],
)
def test_each_kind_of_rule_is_saved_and_said(client: Client, typed: dict[str, str], said: str) -> None:
    response = save(client, **typed)

    rule = NoticeRule.objects.get()
    assert response.url == reverse("notice-rule", args=[rule.pk])
    assert said in words(client.get(reverse("notice-rules")))
    assert client.get(response.url).status_code == 200


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": ""}, "Name: Give the rule a name."),
        ({"when": ""}, "When: Choose when to tell."),
        ({"when": "cause"}, "Cause or code: Choose the cause or code."),
        ({"when": "cause", "cause": "NO_SUCH.0123456789abcdef"}, "Cause or code: Select a valid choice"),
        ({"when": "count"}, "Within minutes: Say within how many minutes."),
        ({"when": "count", "messages": "10000", "minutes": "1"}, "less than or equal to 9999"),
        ({"when": "rate", "percent": "100", "at_least": "1", "minutes": "1"}, "less than or equal to 99"),
        ({"when": "rate", "percent": "5", "minutes": "1441"}, "less than or equal to 1440"),
        ({"emails": ""}, "otherwise nobody is told"),
        ({"emails": "ops@example.com, ops(at)example.com"}, "“ops(at)example.com” is not an email address."),
        ({"emails": " ".join(f"p{nth}@example.com" for nth in range(11))}, "11 addresses; 10 is the most"),
        ({"endpoint": "77"}, "Webhook: Select a valid choice"),
        ({"when": "quota"}, "Limits per: Choose at least one window."),
        ({"when": "quota", **LIMITS, "units": []}, "Limits of: Choose messages, segments or both."),
        (
            {"when": "quota", **LIMITS, "thresholds": [], "forecast": ""},
            "Choose at least one share, or the forecast.",
        ),
        ({"when": "quota", **LIMITS, "thresholds": ["75"]}, "Select a valid choice. 75"),
        (
            {"when": "quota", **LIMITS, "thresholds": [], "windows": ["minute"]},
            "Choose at least one share, or the forecast.",
        ),
    ],
)
def test_what_cannot_be_saved_is_said_and_kept(client: Client, typed: dict[str, str], said: str) -> None:
    response = save(client, **typed)

    assert response.status_code == 422
    assert said in words(response)
    assert not NoticeRule.objects.exists()


def test_what_another_kind_of_rule_needs_is_not_kept(client: Client) -> None:
    save(client, when="any", cause="EXPIRED", messages="no number", percent="5", minutes="9")

    rule = NoticeRule.objects.get()
    assert (rule.cause, rule.messages, rule.percent, rule.minutes) == ("", None, None, None)


def test_a_rule_of_failures_keeps_nothing_of_limits(client: Client) -> None:
    save(client, **LIMITS)
    rule = NoticeRule.objects.get()
    assert (rule.thresholds, rule.forecast, rule.windows, rule.units) == ([], False, [], [])
    begun_at = rule.begun_at

    save(client, rule, **LIMITS, name="Renamed")
    rule.refresh_from_db()
    assert rule.begun_at == begun_at, "what its form shows of limits is no change of it"


def test_a_rule_for_limits_may_tell_in_the_list_only(client: Client, workspace: Workspace) -> None:
    """It needs no address, and says so; there is no way that a sample could show."""
    saved = save(client, when="quota", emails="", **LIMITS)

    shown = words(client.get(saved.url))
    assert "tells in the list of notices and on the overview only" in shown
    assert "Try it" not in shown
    assert "The list of notices and the overview only" in words(client.get(reverse("notice-rules")))
    crossed(make_number(workspace), 80, at(minutes=3))
    limits.sweep(at(minutes=4))
    assert "has come to 80 %" in words(page(client))
    assert "1 notice that nobody has dismissed" in words(client.get(reverse("overview")))
    assert not Delivery.objects.exists()


def test_a_new_rule_offers_the_usual_choice_of_limits(client: Client, workspace: Workspace) -> None:
    other = make_limit_rule(workspace, thresholds=[100], forecast=False, windows=["hour"])

    for address, values in (
        (reverse("notice-rule-new"), {"80", "90", "100", "day", "month", "messages", "segments"}),
        (reverse("notice-rule", args=[other.pk]), {"100", "hour", "messages", "segments"}),
    ):
        text = client.get(address).content.decode()
        boxes = re.findall(
            r'<input type="checkbox" name="(?:thresholds|windows|units)" value="(\w+)"[^>]* checked', text
        )
        assert set(boxes) == values


def test_what_a_limit_has_come_to_when_its_rule_is_changed_is_no_news(
    client: Client, workspace: Workspace, travel: Any
) -> None:
    rule, number = make_limit_rule(workspace), make_number(workspace)
    crossed(number, 80, at(minutes=1))
    save(client, rule, when="quota", **{**LIMITS, "thresholds": ["80", "100"]})
    travel(at(minutes=4))
    crossed(number, 100, at(minutes=3))

    limits.sweep(at(minutes=4))
    assert [notice.facts["threshold"] for notice in Notice.objects.all()] == [100]

    crossed(number, 80, at(minutes=4, seconds=1), began_at=at(hours=16))
    rule.refresh_from_db()
    save(client, rule, when="quota", **{**LIMITS, "thresholds": ["80", "100"]}, emails="b@example.com")
    limits.sweep(at(minutes=5))
    assert Notice.objects.count() == 2, "another address is no other condition"


def test_a_sample_of_a_rule_for_limits(client: Client, workspace: Workspace, receiver: Receiver) -> None:
    rule = make_limit_rule(
        workspace, emails=["a@example.com"], endpoint=make_endpoint(workspace, receiver.url)
    )

    for channel in ("email", "webhook"):
        client.post(reverse("notice-sample", args=[rule.pk, channel]))
    delivering.sweep()

    assert "This is a sample: no limit is near. Notices of the rule “Limits” arrive" in outbox.outbox[0].body
    assert b'"type":"sample"' in receiver.got[0].body


def test_addresses_may_be_written_as_people_do(client: Client) -> None:
    save(client, emails="a@example.com, b@example.com;\r\nc@example.com\r\na@example.com")

    assert NoticeRule.objects.get().emails == ["a@example.com", "b@example.com", "c@example.com"]


def test_a_cause_of_the_failures_page_begins_a_rule(client: Client, workspace: Workspace) -> None:
    facts = {"recipient": "+33612345678", "answer": "no"}
    message = failed(workspace, at(minutes=1), "DELIVERY_FAILED", facts)

    response = client.get(reverse("notice-rule-new"), {"cause": message.cause})

    text = response.content.decode()
    assert (
        f'<option value="{message.cause}" selected>The carrier did not deliver the message to +33 •••' in text
    )
    assert re.search(r'value="cause"[^>]* checked', text)
    assert save(client, when="cause", cause=message.cause).status_code == 302
    assert NoticeRule.objects.get().cause == message.cause


@pytest.mark.parametrize("role", Role)
def test_the_page_of_failures_leads_editors_to_such_a_rule(workspace: Workspace, role: Role) -> None:
    cause = failed(workspace, at(minutes=1)).cause
    address = f"{reverse('notice-rule-new')}?cause={cause}"

    shown = signed_in(workspace, role).get(reverse("failures")).content.decode()

    assert (f'href="{address}"' in shown) == (role in (Role.OWNER, Role.EDITOR))


def test_a_cause_of_another_workspace_cannot_be_chosen(client: Client) -> None:
    theirs = failed(make_workspace(), at(minutes=1), "NUMBER_NOT_SMS_CAPABLE", {"sender": "+12025550101"})

    response = client.get(reverse("notice-rule-new"), {"cause": theirs.cause})

    assert "555-0101" not in words(response)
    assert save(client, when="cause", cause=theirs.cause).status_code == 422


def test_a_rule_keeps_its_cause_when_its_messages_are_gone(client: Client, workspace: Workspace) -> None:
    rule = make_rule(workspace, when="cause", cause="MESSAGE_EMPTY.0123456789abcdef")

    assert save(client, rule, when="cause", cause=rule.cause, name="Renamed").status_code == 302


def test_what_goes_on_when_a_rule_is_made_is_no_news(client: Client, workspace: Workspace) -> None:
    failed(workspace, at(minutes=1))
    save(client)
    failed(workspace, at(minutes=3))
    failed(workspace, at(minutes=3), "MESSAGE_EMPTY", {})

    look(at(minutes=4))

    assert [notice.facts["code"] for notice in Notice.objects.all()] == ["MESSAGE_EMPTY"]


def test_only_a_changed_condition_begins_anew(client: Client, workspace: Workspace) -> None:
    rule = make_rule(workspace)
    failed(workspace, at(minutes=1))

    save(client, rule, emails="b@example.com")
    assert look(at(minutes=3)) == 1, "the failure was not told yet when only the addresses were changed"
    save(client, rule, when="count", messages="5", minutes="5")
    assert Episode.objects.get().ended_at is not None


def test_a_rule_is_switched_off_and_on(client: Client, workspace: Workspace) -> None:
    rule = make_rule(workspace)
    address = reverse("notice-rule-switch", args=[rule.pk])

    assert "is switched off" in words(client.post(address, {"enabled": "0"}, follow=True))
    failed(workspace, at(minutes=1))
    assert look(at(minutes=2)) == 0
    assert "is switched on" in words(client.post(address, {"enabled": "1"}, follow=True))
    assert look(at(minutes=3)) == 0, "it went on when the rule was switched on"
    failed(workspace, at(minutes=3), "MESSAGE_EMPTY", {})
    assert look(at(minutes=4)) == 1


def test_a_sample_goes_through_a_worker_and_the_rule_says_what_came_of_it(
    client: Client, workspace: Workspace, receiver: Receiver
) -> None:
    receiver.answers = [401]
    rule = make_rule(
        workspace,
        emails=["a@example.com", "b@example.com"],
        endpoint=make_endpoint(workspace, receiver.url),
    )
    address = reverse("notice-rule", args=[rule.pk])

    for channel in ("email", "webhook"):
        sent = client.post(reverse("notice-sample", args=[rule.pk, channel]), follow=True)
        assert "The sample is on its way" in words(sent)
    assert (outbox.outbox, receiver.got) == ([], []), "no thread that answers pages waits for them"
    assert "Waiting Email: a@example.com" in words(sent)
    assert "every 2s" in sent.content.decode()

    delivering.sweep()

    assert [mail.to for mail in outbox.outbox] == [["a@example.com"], ["b@example.com"]]
    assert "This is a sample: no message failed." in outbox.outbox[0].subject
    assert b'"type":"sample"' in receiver.got[0].body
    for came in (client.get(address), client.get(address, headers={"HX-Request": "true"})):
        text = words(came)
        assert "Delivered Email: a@example.com The mail server took it." in text
        assert "Given up Webhook: 127.0.0.1" in text
        assert "HTTP 401" in text
        assert "every 2s" not in came.content.decode()
    assert "<form" not in came.content.decode(), "htmx gets the samples alone, and leaves what is typed"


def test_a_sample_is_no_news(client: Client, workspace: Workspace) -> None:
    rule = make_rule(workspace)

    client.post(reverse("notice-sample", args=[rule.pk, "email"]))

    assert open_notices(workspace) == 0
    assert "This is a sample" not in words(page(client))
    listed = words(page(client, show="all"))
    assert "This is a sample" in listed
    assert "dismissed" not in listed
    assert client.get(reverse("notice-rules")).context["rows"][0].last_told is None


def test_one_sample_is_under_way_at_a_time(client: Client, workspace: Workspace) -> None:
    address = reverse("notice-sample", args=[make_rule(workspace).pk, "email"])
    client.post(address)

    assert "on its way already" in words(client.post(address, follow=True))
    assert Notice.objects.count() == 1
    delivering.sweep()
    client.post(address)
    assert Notice.objects.count() == 2


def test_a_rule_without_a_webhook_has_no_sample_of_one(client: Client, workspace: Workspace) -> None:
    rule = make_rule(workspace)

    response = client.post(reverse("notice-sample", args=[rule.pk, "webhook"]), follow=True)

    assert "tells nobody this way" in words(response)


# --- Addresses of webhooks ----------------------------------------------------------------------------


def secrets_in(response: Any) -> list[str]:
    return sorted(set(re.findall(r"whsec_[A-Za-z0-9+/]+=*", html.unescape(response.content.decode()))))


def test_a_secret_is_shown_once(client: Client, workspace: Workspace) -> None:
    made = client.post(reverse("notice-endpoint-new"), {"url": "https://hooks.example/in?key=k"})

    endpoint = Endpoint.objects.get()
    assert secrets_in(made) == [endpoint.secrets["secret"]]
    assert "no-store" in made.headers["Cache-Control"]
    for name, arguments in (("notice-endpoint", [endpoint.pk]), ("notice-rules", []), ("notices", [])):
        assert secrets_in(client.get(reverse(name, args=arguments))) == []
    assert "key=k" not in client.get(reverse("notice-rules")).content.decode()


def test_the_same_form_sent_twice_makes_one_address(client: Client) -> None:
    for status in (200, 422):
        assert (
            client.post(reverse("notice-endpoint-new"), {"url": "https://hooks.example/"}).status_code
            == status
        )
    assert Endpoint.objects.count() == 1


def test_a_secret_is_changed_once_by_one_form(client: Client, workspace: Workspace) -> None:
    endpoint = make_endpoint(workspace)
    shown = client.get(reverse("notice-endpoint", args=[endpoint.pk])).content.decode()
    [made_at] = re.findall(r'name="made_at" value="([^"]+)"', shown)
    address = reverse("notice-endpoint-secret", args=[endpoint.pk])

    first = client.post(address, {"made_at": html.unescape(made_at)})
    second = client.post(address, {"made_at": html.unescape(made_at)}, follow=True)

    endpoint.refresh_from_db()
    assert secrets_in(first) == [endpoint.secrets["secret"]]
    assert endpoint.secrets["previous"] == SECRET
    assert "Until" in words(first)
    assert secrets_in(second) == []
    assert "had been changed already" in words(second)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "Give the address"),
        ("hooks.example/in", "beginning with https://"),
        ("ftp://hooks.example/", "beginning with https://"),
        ("http://hooks.example/", "beginning with https://"),
        ("https://user:pass@hooks.example/", "Leave the user and password out"),
        ("https://[::1/", "cannot be read"),
        ("https://hooks.example:port/", "cannot be read"),
        ("https://", "beginning with https://"),
    ],
)
def test_what_is_no_address_is_said(client: Client, settings: Any, url: str, said: str) -> None:
    settings.NOTICE_PRIVATE_HOSTS = False

    response = client.post(reverse("notice-endpoint-new"), {"url": url})

    assert response.status_code == 422
    assert said in words(response)


def test_an_address_in_use_is_not_deleted(client: Client, workspace: Workspace) -> None:
    endpoint = make_endpoint(workspace)
    rule = make_rule(workspace, endpoint=endpoint)
    address = reverse("notice-endpoint-delete", args=[endpoint.pk])

    assert "Rules or webhooks still use this address" in words(client.post(address, follow=True))
    rule.delete()
    assert "no longer go to 127.0.0.1:9" in words(client.post(address, follow=True))
    assert not Endpoint.objects.exists()


# --- For whom -----------------------------------------------------------------------------------------


def furnished(workspace: Workspace) -> dict[str, list[Any]]:
    """Every address with its arguments, for things of this workspace."""
    notice = told(workspace, endpoint=make_endpoint(workspace))
    rule, endpoint = NoticeRule.objects.get(workspace=workspace), Endpoint.objects.get(workspace=workspace)
    return {
        "notice-dismiss": [notice.pk],
        "notice-again": [notice.deliveries.first().pk],  # type: ignore[union-attr]
        "notice-rule": [rule.pk],
        "notice-rule-switch": [rule.pk],
        "notice-rule-delete": [rule.pk],
        "notice-sample": [rule.pk, "webhook"],
        "notice-endpoint": [endpoint.pk],
        "notice-endpoint-secret": [endpoint.pk],
        "notice-endpoint-delete": [endpoint.pk],
    }


READ = {"notice-rule", "notice-endpoint"}


def test_what_belongs_to_another_workspace_does_not_exist(client: Client) -> None:
    others = make_workspace("Others")
    for name, arguments in furnished(others).items():
        address = reverse(name, args=arguments)
        if name in READ:
            assert client.get(address).status_code == 404, name
        if name != "notice-endpoint":
            assert client.post(address, FORM).status_code == 404, name
    assert "Others" not in words(page(client, show="all"))
    assert Notice.objects.filter(dismissed_at=None).count() == NoticeRule.objects.count() == 1


def test_limits_of_another_workspace_are_not_told_of(client: Client, workspace: Workspace) -> None:
    others = make_workspace("Others")
    for each in (workspace, others):
        make_limit_rule(each)
    crossed(make_number(others, name="Their line"), 80, at(minutes=1))
    limits.sweep(at(minutes=2))

    assert Notice.objects.get().workspace == others
    assert "Their line" not in words(page(client, show="all"))
    assert "Their line" in words(page(signed_in(others, Role.VIEWER)))


@pytest.mark.parametrize("role", Role)
def test_viewers_read_operators_act_and_editors_change(workspace: Workspace, role: Role) -> None:
    addresses, browser = furnished(workspace), signed_in(workspace, role)
    operators = {"notice-dismiss", "notice-again"}

    for name in ("notices", "notice-rules"):
        assert browser.get(reverse(name)).status_code == 200
    for name, arguments in addresses.items():
        needed = {Role.OWNER, Role.EDITOR, *([Role.OPERATOR] if name in operators else [])}
        address = reverse(name, args=arguments)
        status = browser.get(address).status_code if name in READ else browser.post(address).status_code
        assert (status != 403) == (role in needed), name


def test_viewers_see_no_buttons(workspace: Workspace) -> None:
    told(workspace)
    viewer = signed_in(workspace, Role.VIEWER)

    for name in ("notices", "notice-rules"):
        assert 'action="/notices' not in viewer.get(reverse(name)).content.decode()


def test_who_changed_a_rule_is_in_the_audit_log_without_secrets(client: Client) -> None:
    save(client)
    client.post(reverse("notice-endpoint-new"), {"url": "https://hooks.example/in?key=keyinaddress"})

    entries = LogEntry.objects.filter(content_type__app_label="notices")
    assert {entry.content_type.model for entry in entries} == {"noticerule", "endpoint"}
    said = str([entry.changes for entry in entries])
    assert "whsec_" not in said
    assert "keyinaddress" not in said


def test_failures_and_settings_lead_here(client: Client) -> None:
    assert f'href="{reverse("notices")}"' in client.get(reverse("failures")).content.decode()
    assert f'href="{reverse("notice-rules")}"' in client.get(reverse("settings")).content.decode()


def test_a_decision_on_the_page_of_failures_ends_the_telling(client: Client, workspace: Workspace) -> None:
    make_rule(workspace)
    message = failed(workspace, at(minutes=1))
    look(at(minutes=2))
    decide(workspace, message, "acknowledged", at(minutes=3))
    failed(workspace, at(minutes=4))

    assert look(at(minutes=5)) == 1
    assert Episode.objects.get().ended_at == at(minutes=5)
