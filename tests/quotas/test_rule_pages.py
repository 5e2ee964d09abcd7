"""The pages of rules: who may change what, what needs a reason, and what a rule says of itself."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from auditlog.models import LogEntry
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsadmin.quotas import rule_views, rulebook
from smsadmin.quotas.models import PriorityShare, Rule, Scope
from smsadmin.quotas.rulebook import Subject
from smsadmin.workspaces.models import Workspace
from tests.factories import make_agent, make_member, make_number, make_user, make_workspace

ADDRESSES = ["quota-rule-new", "quota-rule", "quota-rule-replace"]
WHY = "Aircall raised it in writing in May."
OWN = {
    "scope": "number", "number": "", "country": "", "line": "", "agent": "", "route": "", "limit": "300",
    "unit": "messages", "window": "day", "zone": "UTC", "effective_from": "", "source": "", "note": "",
    "enabled": "on",
}  # fmt: skip


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def client(workspace: Workspace) -> Client:
    return signed_in(workspace, "editor")


def signed_in(workspace: Workspace, role: str, **person: Any) -> Client:
    browser = Client()
    browser.force_login(make_member(workspace, role, make_user(**person)).user)
    return browser


def words(response: Any) -> str:
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


def preset(workspace: Workspace, key: str = "action-number-minute") -> Rule:
    return workspace.quota_rules.get(preset=key)


def add(client: Client, **over: Any) -> Any:
    """Sends the form of a new rule."""
    return client.post(reverse("quota-rule-new"), {**OWN, **over}, follow=True)


def own(workspace: Workspace) -> Rule:
    return workspace.quota_rules.get(preset="")


def change(client: Client, rule: Rule, **over: Any) -> Any:
    """Sends the form of a documented rule as the page has it, with these differences; None leaves a field out."""
    form = {
        "limit": rule.limit,
        "zone": rule.zone,
        "enabled": "on" if rule.enabled else None,
        "reason": rule.reason,
    }
    form |= over
    sent = {name: value for name, value in form.items() if value is not None}
    return client.post(reverse("quota-rule", args=[rule.pk]), sent, follow=True)


def plan(client: Client, rule: Rule, **over: Any) -> Any:
    form = {"limit": rule.limit, "effective_from": "2099-12-01T00:00", "enabled": "on", "reason": "", **over}
    sent = {name: value for name, value in form.items() if value is not None}
    return client.post(reverse("quota-rule-replace", args=[rule.pk]), sent, follow=True)


def listed(client: Client) -> Any:
    return client.get(reverse("quota-rules")).context["listing"]


# --- Who may ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_others_read_the_rules_and_change_none(workspace, role):
    client, rule = signed_in(workspace, role), preset(workspace)

    text = words(client.get(reverse("quota-rules")))

    assert "200 messages per minute" in text
    assert "Owners and editors change rules." in text
    assert "Switch off" not in text
    assert "Save the share" not in text
    for name in ADDRESSES:
        address = reverse(name, args=[rule.pk] if name != "quota-rule-new" else [])
        assert client.get(address).status_code == 403
        assert client.post(address, OWN).status_code == 403
    for name in ("quota-rule-switch", "quota-rule-delete"):
        assert client.post(reverse(name, args=[rule.pk])).status_code == 403
    assert client.post(reverse("quota-share"), {"percent": "0"}).status_code == 403


def test_rules_of_another_workspace_are_not_found(client):
    theirs = make_workspace()
    rule = Rule.objects.create(workspace=theirs, scope="user", window="hour", limit=7)

    for name in ("quota-rule", "quota-rule-replace"):
        assert client.get(reverse(name, args=[rule.pk])).status_code == 404
    for name in ("quota-rule", "quota-rule-replace", "quota-rule-switch", "quota-rule-delete"):
        assert client.post(reverse(name, args=[rule.pk])).status_code == 404
    assert "7 messages per hour" not in words(client.get(reverse("quota-rules")))
    assert Rule.objects.filter(pk=rule.pk, enabled=True).exists()


def test_a_rule_is_not_for_somebody_elses_number_or_user(client, workspace):
    theirs = make_workspace()

    assert add(client, number=make_number(theirs).pk).status_code == 422
    assert add(client, scope="user", agent=make_agent(theirs).pk).status_code == 422
    assert not workspace.quota_rules.filter(preset="").exists()


# --- The list -----------------------------------------------------------------------------------------


def test_rules_stand_by_what_becomes_of_them(client, workspace):
    now = timezone.now()
    workspace.quota_rules.filter(preset="action-user-minute").update(enabled=False, reason=WHY)
    columns: dict[str, Any] = {"scope": "number", "window": "day", "country": "DE"}
    workspace.quota_rules.create(limit=1, **columns)
    workspace.quota_rules.create(limit=2, effective_from=now - timedelta(days=1), **columns)
    workspace.quota_rules.create(limit=3, effective_from=now + timedelta(days=1), **columns)

    found = listed(client)

    parts = {
        name: [row.rule.limit for row in getattr(found, name)] for name in ("to_come", "off", "replaced")
    }
    assert parts == {"to_come": [3], "off": [200], "replaced": [1]}
    assert [row.rule.limit for row in found.numbers] == [200, 1_000, 5_000, 10_000, 2]
    assert [row.rule.limit for row in found.users] == [1_000, 5_000, 10_000, 13_000]
    assert len(found.offered) == 13
    assert [row.is_replaced_later for row in found.numbers] == [False] * 4 + [True]


def test_documented_limits_say_for_how_many_of_your_numbers_they_are(client, workspace):
    for last in range(3):
        make_number(workspace, f"+3361234567{last}", country="FR")
    make_number(workspace, "+33612345679", country="FR", gone_at=timezone.now())
    make_number(workspace, "+33123456789", country="FR")  # a fixed line

    found = listed(client)
    text = words(client.get(reverse("quota-rules")))

    assert [row.holders for row in found.offered if row.rule.country == "FR"] == ["for 3 of your numbers"] * 3
    assert {row.holders for row in found.offered if row.rule.country == "US"} == {"for none of your numbers"}
    assert "3 documented limits are switched off though you have numbers that they may be for." in text
    assert text.count("Read the note, and switch these on if they are true of them.") == 1
    assert [row.rule.country for row in found.offered][:3] == ["FR"] * 3  # first what you have


def test_sources_and_notes_of_documented_limits_are_said_in_the_readers_language(
    client, workspace, monkeypatch
):
    workspace.quota_rules.create(scope="user", window="day", limit=5, note="Over it", source="")
    monkeypatch.setattr("smsadmin.quotas.documented._", lambda text: f"«{text}»")

    text = words(client.get(reverse("quota-rules")))

    assert "«Aircall help: advanced Send SMS action»" in text
    assert "«Over it the carrier suspends the number" in text
    assert "«Over it»" not in text
    assert "«»" not in text


def test_the_list_costs_the_same_queries_for_many_numbers_and_rules(
    client, workspace, django_assert_max_num_queries
):
    person = make_user()
    for _ in range(12):
        number, agent = make_number(workspace), make_agent(workspace)
        workspace.quota_rules.create(scope="number", window="day", limit=5, number=number, reason_by=person)
        workspace.quota_rules.create(scope="user", window="day", limit=5, agent=agent)

    with django_assert_max_num_queries(16):
        client.get(reverse("quota-rules"))


# --- Own rules ----------------------------------------------------------------------------------------


def test_a_new_rule_binds_at_once_and_says_whom(client, workspace):
    numbers = [make_number(workspace) for _ in range(3)]
    workspace.quota_rules.create(scope="number", window="day", limit=100, number=numbers[0])

    text = words(add(client, country="US"))

    assert "“300 messages per day, numbers, US +1” is saved. It applies to 3 of your numbers." in text
    assert "For 2 of them it is the tightest of its window; for the others another" in text
    limits = rulebook.limits(Subject.of(numbers[1]), timezone.now())
    assert [limit.limit for limit in limits if limit.window == "day"] == [300]


def test_a_rule_for_one_user_keeps_nothing_of_what_numbers_are_asked(client, workspace):
    number, agent = make_number(workspace), make_agent(workspace)

    add(client, scope="user", agent=agent.pk, number=number.pk, country="FR", line="mobile", route="aircall")

    rule = own(workspace)
    assert (rule.scope, rule.agent, rule.number) == (Scope.USER, agent, None)
    assert (rule.country, rule.line, rule.route) == ("", "", "")


def test_what_numbers_are_asked_does_not_disturb_a_rule_for_users(client, workspace):
    add(client, scope="user", country="not a country", number="x", route="aircall")

    assert (own(workspace).country, own(workspace).route) == ("", "aircall")


def test_a_rule_for_one_number_needs_no_country(client, workspace):
    number = make_number(workspace)

    add(client, number=number.pk, country="FR", line="mobile", route="aircall")

    assert (own(workspace).number, own(workspace).country, own(workspace).line, own(workspace).route) == (
        number, "", "", "",
    )  # fmt: skip


def test_countries_of_your_numbers_come_first(client, workspace):
    make_number(workspace, country="FR")
    make_number(make_workspace(), country="DE")

    page = client.get(reverse("quota-rule-new")).content.decode()

    assert re.search(
        r'<optgroup label="Of your numbers">\s*<option value="FR">FR \+33</option>\s*</optgroup>', page
    )
    assert page.count('value="FR"') == 1


@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        ({"limit": "0"}, "1 is the least: less would stop every message."),
        ({"limit": "-3"}, "1 is the least: less would stop every message."),
        ({"source": "x" * 201}, "Write at most 200 characters; these are 201."),
        ({"limit": ""}, "Say how many are the most."),
        ({"limit": "9" * 12}, "No provider carries that many"),
        ({"limit": "many"}, "Write a whole number."),
        ({"scope": ""}, "Choose whether it is for each number or for each user."),
        ({"window": ""}, "Choose the window."),
        ({"zone": "Europe/Nowhere"}, "Europe/Nowhere"),
        ({"country": "XX"}, "XX"),
        ({"route": "hubspot"}, "hubspot"),
        ({"effective_from": "tomorrow"}, "Write a date and a time"),
        ({"effective_from": "9999-12-31T23:59"}, "Write a year from 2000 to 2099."),
        ({"effective_from": "0001-01-01T00:00"}, "Write a year from 2000 to 2099."),
        ({"effective_from": "2020-01-01T00:00"}, "That is past. Leave it empty"),
    ],
)
def test_what_is_refused_is_said_at_its_field_and_stays_as_typed(client, workspace, over, sentence):
    response = add(client, **{"note": "Of our contract", **over})

    assert response.status_code == 422
    assert sentence in words(response)
    assert "1 thing to correct" in words(response)
    assert 'value="Of our contract"' in response.content.decode()
    assert not workspace.quota_rules.filter(preset="").exists()


def test_a_rule_begins_in_the_zone_of_who_writes_it(workspace):
    add(
        signed_in(workspace, "owner", time_zone="Europe/Berlin"),
        effective_from="2099-07-01T00:00",
        country="US",
    )

    assert own(workspace).effective_from == datetime(2099, 6, 30, 22, tzinfo=UTC)


def test_there_is_one_rule_for_the_same(client, workspace):
    """Also from a later moment on: or it would replace a documented limit without a reason."""
    text = "There is a rule for this already: “5,000 messages per day, every number”."

    for start in ("", "2099-01-01T00:00"):
        response = add(client, limit="9000", effective_from=start)
        assert response.status_code == 422
        assert text in words(response)

    assert add(client, limit="9000", zone="Europe/Berlin").status_code == 200


def test_an_own_rule_changes_but_not_into_another(client, workspace):
    add(client, country="US")
    rule = own(workspace)
    address = reverse("quota-rule", args=[rule.pk])

    assert client.post(address, {**OWN, "country": ""}).status_code == 422
    assert client.post(address, {**OWN, "country": "DE", "limit": "7"}).status_code == 302
    rule.refresh_from_db()
    assert (rule.country, rule.limit) == ("DE", 7)


def test_an_own_rule_is_deleted_and_a_documented_one_is_not(client, workspace):
    add(client, country="US")

    client.post(reverse("quota-rule-delete", args=[own(workspace).pk]))
    response = client.post(reverse("quota-rule-delete", args=[preset(workspace).pk]), follow=True)

    assert not workspace.quota_rules.filter(preset="").exists()
    assert preset(workspace)
    assert "cannot be deleted, only switched off" in words(response)


# --- Documented limits --------------------------------------------------------------------------------


def test_a_documented_limit_is_tightened_without_a_reason(client, workspace):
    response = change(client, preset(workspace), limit=150)

    rule = preset(workspace)
    assert response.status_code == 200
    assert (rule.limit, rule.documented, rule.reason, rule.reason_by) == (150, 200, "", None)
    assert "documented: 200" in words(response)


@pytest.mark.parametrize("departure", [{"limit": 201}, {"enabled": None}, {"zone": "Europe/Paris"}])
def test_departing_from_a_documented_limit_needs_a_reason(client, workspace, departure):
    for reason in ("", "because", "1234567890 !"):
        response = change(client, preset(workspace), reason=reason, **departure)
        assert response.status_code == 422
        assert "This departs from what the provider documents." in words(response)
    unchanged = preset(workspace)
    assert (unchanged.limit, unchanged.enabled, unchanged.zone) == (200, True, "UTC")

    response = change(client, preset(workspace), reason=WHY, **departure)

    rule = preset(workspace)
    assert rule.reason == WHY
    assert rule.reason_by is not None
    assert rule.reason_at is not None
    assert f"because: {WHY} ({rule.reason_by}, just now )" in words(response)


def test_a_reason_goes_with_what_it_was_for(client, workspace):
    change(client, preset(workspace), limit=300, reason=WHY)

    change(client, preset(workspace), limit=200)

    assert (preset(workspace).reason, preset(workspace).reason_by, preset(workspace).reason_at) == (
        "",
        None,
        None,
    )


def test_a_chosen_limit_is_switched_off_again_without_a_reason(client, workspace):
    rule = preset(workspace, "france-mobile-hour")

    for enabled in ("1", "0"):
        client.post(reverse("quota-rule-switch", args=[rule.pk]), {"enabled": enabled})
        rule.refresh_from_db()
        assert rule.enabled is (enabled == "1")


def test_the_switch_of_a_binding_limit_leads_to_its_reason(client, workspace):
    rule = preset(workspace)

    response = client.post(reverse("quota-rule-switch", args=[rule.pk]), {"enabled": "0"}, follow=True)

    assert preset(workspace).enabled
    assert response.request["PATH_INFO"] == reverse("quota-rule", args=[rule.pk])
    assert "Nothing has changed yet" in words(response)
    assert "Switch off: 200 messages per minute, every number" in words(response)
    assert list(response.context["form"].fields) == ["reason"]


def test_the_page_that_switches_off_asks_for_its_reason_alone(client, workspace):
    change(client, preset(workspace), limit=300, reason=WHY)
    address = reverse("quota-rule", args=[preset(workspace).pk]) + "?off=1"

    page = client.get(address)
    refused = client.post(address, {"reason": "", "limit": "7"})

    assert WHY not in page.context["form"].as_p()
    assert f'action="{address}"' in page.content.decode()
    assert refused.status_code == 422
    assert preset(workspace).enabled
    assert client.post(address, {"reason": "Nobody sends from there."}).status_code == 302
    rule = preset(workspace)
    assert (rule.enabled, rule.limit, rule.reason) == (False, 300, "Nobody sends from there.")


def test_an_own_rule_has_no_page_that_switches_it_off(client, workspace):
    add(client, country="US")
    page = client.get(reverse("quota-rule", args=[own(workspace).pk]) + "?off=1")
    assert "limit" in page.context["form"].fields


def test_a_reason_stays_with_who_gave_it(client, workspace):
    change(client, preset(workspace), limit=500, reason=WHY)
    given = preset(workspace)
    assert given.reason_by

    change(signed_in(workspace, "owner"), preset(workspace), limit=400)

    rule = preset(workspace)
    assert (rule.limit, rule.reason_by, rule.reason_at) == (400, given.reason_by, given.reason_at)
    change(
        signed_in(workspace, "owner"), preset(workspace), limit=400, reason="It was lowered again in June."
    )
    assert preset(workspace).reason_by != given.reason_by


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/New_York"])
def test_no_start_breaks_the_list_for_others(client, workspace, zone):
    add(client, country="US", effective_from="2099-12-31T23:59")
    add(client, country="DE", effective_from="2000-01-01T00:00")
    assert own(workspace).country == "US"
    assert signed_in(workspace, "viewer", time_zone=zone).get(reverse("quota-rules")).status_code == 200


def test_a_start_that_has_come_stays_as_it_is(client, workspace):
    add(client, country="US", effective_from="2099-01-01T00:00")
    started = datetime(2026, 1, 1, tzinfo=UTC)
    workspace.quota_rules.filter(preset="").update(effective_from=started)
    address = reverse("quota-rule", args=[own(workspace).pk])

    sent = {**OWN, "country": "US", "limit": "7"}
    assert client.post(address, {**sent, "effective_from": "2026-01-01T00:00"}).status_code == 302
    assert client.post(address, {**sent, "effective_from": "2025-01-01T00:00"}).status_code == 422
    assert (own(workspace).limit, own(workspace).effective_from) == (7, started)


# --- At once ------------------------------------------------------------------------------------------


@pytest.fixture
def meanwhile(monkeypatch):
    """Does something while a request waits for its turn."""

    def arrange(does):
        waits = rule_views._one_at_a_time

        def waiting(request):
            does()
            waits(request)

        monkeypatch.setattr(rule_views, "_one_at_a_time", waiting)

    return arrange


@pytest.mark.parametrize(
    "name", ["quota-rule-switch", "quota-rule", "quota-rule-replace", "quota-rule-delete"]
)
def test_a_rule_that_somebody_deletes_meanwhile_is_not_there_any_more(client, workspace, meanwhile, name):
    add(client, country="US")
    rule = own(workspace)
    meanwhile(lambda: Rule.objects.filter(pk=rule.pk).delete())
    sent = {**OWN, "country": "US", "effective_from": "2099-12-01T00:00"}

    assert client.post(reverse(name, args=[rule.pk]), sent).status_code == 404


def test_what_somebody_changes_meanwhile_is_not_overwritten_by_a_switch(client, workspace, meanwhile):
    add(client, country="US")
    rule = own(workspace)
    meanwhile(lambda: Rule.objects.filter(pk=rule.pk).update(limit=7))

    client.post(reverse("quota-rule-switch", args=[rule.pk]), {"enabled": "0"})

    assert (own(workspace).enabled, own(workspace).limit) == (False, 7)


def test_switching_a_limit_on_again_drops_the_reason_it_was_off_for(client, workspace):
    change(client, preset(workspace), enabled=None, reason=WHY)

    client.post(reverse("quota-rule-switch", args=[preset(workspace).pk]), {"enabled": "1"})

    assert (preset(workspace).enabled, preset(workspace).reason) == (True, "")


def test_what_a_documented_limit_is_for_cannot_be_changed(client, workspace):
    change(client, preset(workspace), scope="user", window="month", unit="segments", country="FR", preset="x")

    rule = preset(workspace)
    assert (rule.scope, rule.window, rule.unit, rule.country) == ("number", "minute", "messages", "")


@pytest.mark.parametrize(
    ("key", "columns"),
    [
        ("action-number-minute", {"limit": 201}),
        ("action-number-minute", {"enabled": False}),
        ("action-number-minute", {"zone": "Europe/Paris"}),
        ("france-mobile-hour", {"limit": 101}),
        ("france-mobile-hour", {"zone": "Europe/Paris"}),
    ],
)
def test_the_database_too_keeps_no_departure_without_a_reason(workspace, key, columns):
    found = workspace.quota_rules.filter(preset=key)

    with pytest.raises(IntegrityError), transaction.atomic():
        found.update(**columns)

    assert found.update(reason=WHY, **columns) == 1


def test_the_database_keeps_no_rule_for_users_of_a_country(workspace):
    with pytest.raises(IntegrityError), transaction.atomic():
        workspace.quota_rules.create(scope="user", window="day", limit=1, country="FR")


# --- Replacements -------------------------------------------------------------------------------------


def test_a_replacement_is_the_same_rule_from_a_later_moment_on(client, workspace):
    make_number(workspace)

    text = words(plan(client, preset(workspace), limit=100))

    following = own(workspace)
    assert rulebook.identity(following) == rulebook.identity(preset(workspace))
    assert (following.limit, following.documented, following.binding) == (100, 200, True)
    assert following.effective_from == datetime(2099, 12, 1, tzinfo=UTC)
    assert "is saved. It begins on 1 Dec 2099, 00:00:00 UTC. It applies to 1 of your numbers." in text
    assert "as tight or tighter" not in text
    assert "A replacement is planned" in text
    assert [row.rule for row in listed(client).to_come] == [following]


@pytest.mark.parametrize("departure", [{"limit": 300}, {"enabled": None}])
def test_a_replacement_departs_only_with_a_reason_of_its_own(client, workspace, departure):
    change(client, preset(workspace), limit=250, reason=WHY)

    assert plan(client, preset(workspace), **departure).status_code == 422
    assert (
        plan(client, preset(workspace), reason="It was raised again in June.", **departure).status_code == 200
    )
    assert own(workspace).reason == "It was raised again in June."


@pytest.mark.parametrize(("window", "edge"), [("month", (2026, 11, 30, 23)), ("minute", (2026, 11, 21, 23))])
@time_machine.travel("2026-11-21T10:07:18Z", tick=False)
def test_an_edge_of_the_rules_own_calendar_is_suggested_for_its_replacement(client, workspace, window, edge):
    rule = workspace.quota_rules.create(scope="user", window=window, limit=5, zone="Europe/Paris")

    page = client.get(reverse("quota-rule-replace", args=[rule.pk]))

    assert page.context["form"].initial["effective_from"] == datetime(*edge, tzinfo=UTC)


def test_zones_of_the_workspace_and_its_numbers_come_first(client, workspace):
    Workspace.objects.filter(pk=workspace.pk).update(time_zone="Europe/Berlin")
    make_number(workspace, "+33612345678", country="FR")

    [(_, near), (_, others)] = client.get(reverse("quota-rule-new")).context["form"].fields["zone"].choices

    assert [name for name, _ in near] == ["UTC", "Europe/Berlin", "Europe/Paris"]
    assert "Europe/Rome" in dict(others)
    assert not {"UTC", "Europe/Berlin"} & {name for name, _ in others}


def test_a_replacement_begins_in_the_future_and_not_with_another(client, workspace):
    past = words(plan(client, preset(workspace), limit=100, effective_from="2020-01-01T00:00"))
    plan(client, preset(workspace), limit=100)
    twice = words(plan(client, preset(workspace), limit=90))

    assert "That is past." in past
    assert "From then on there is a rule for this already: “100 messages per minute, every number”." in twice
    assert own(workspace).limit == 100


def test_what_replaces_each_other_stays_the_same(client, workspace):
    plan(client, preset(workspace), limit=100)

    response = change(client, preset(workspace), zone="Europe/Paris", reason=WHY)

    assert response.status_code == 422
    assert "what they are for stays the same" in words(response)


def test_a_replacement_of_a_documented_limit_is_guarded_as_that_is(client, workspace):
    plan(client, preset(workspace), limit=100)
    address = reverse("quota-rule", args=[own(workspace).pk])
    form = {"limit": "500", "effective_from": "2099-12-01T00:00", "enabled": "on", "reason": ""}

    assert client.post(address, form).status_code == 422
    assert client.post(address, {**form, "reason": WHY}).status_code == 302
    client.post(reverse("quota-rule-delete", args=[own(workspace).pk]))
    assert not workspace.quota_rules.filter(preset="").exists()


def test_an_own_rule_is_replaced_without_a_reason(client, workspace):
    add(client, country="US")

    assert plan(client, own(workspace), limit=900).status_code == 200

    assert sorted(workspace.quota_rules.filter(country="US", preset="").values_list("limit", flat=True)) == [
        300,
        900,
    ]


# --- The priority share -------------------------------------------------------------------------------


def test_the_priority_share_is_said_in_figures(client, workspace):
    text = words(client.get(reverse("quota-rules")))

    assert "10 % of every limit stay for replies" in text
    assert "20 of 200 messages per minute · 100 of 1,000 messages per hour" in text


def test_the_priority_share_is_changed_and_holds_at_once(client, workspace):
    number = make_number(workspace)
    rulebook.limits(Subject.of(number), timezone.now())

    client.post(reverse("quota-share"), {"percent": "25"})
    client.post(reverse("quota-share"), {"percent": "50"})

    assert PriorityShare.objects.get(workspace=workspace).percent == 50
    assert rulebook.limits(Subject.of(number), timezone.now())[0].room(priority=False) == 100


@pytest.mark.parametrize("percent", ["51", "-1", "", "half"])
def test_another_share_is_refused_as_typed(client, workspace, percent):
    response = client.post(reverse("quota-share"), {"percent": percent})

    assert response.status_code == 422
    assert "Ensure this value" not in words(response)
    assert f'value="{percent}"' in response.content.decode() or not percent
    assert not PriorityShare.objects.exists()


# --- Who did it ---------------------------------------------------------------------------------------


def test_the_audit_log_knows_who_changed_rules_and_share(client, workspace):
    change(client, preset(workspace), limit=300, reason=WHY)
    client.post(reverse("quota-share"), {"percent": "25"})

    entry = LogEntry.objects.get_for_object(preset(workspace)).first()
    assert entry is not None
    assert entry.changes_dict["limit"] == ["200", "300"]
    assert entry.changes_dict["reason"] == ["", WHY]
    assert entry.actor is not None
    assert LogEntry.objects.get_for_object(PriorityShare.objects.get()).exists()
