"""The mirror of an Aircall account, read from the sandbox over real HTTP."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from smsadmin import cache
from smsadmin.directory import book, changes, mirror
from smsadmin.directory.aircall_reader import PROBES
from smsadmin.directory.models import Agent, Association, Number, Refresh, Source
from smsadmin.pacing import slots
from smsadmin.providers import http
from smsadmin.sandbox.faults import Fault
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import ProxyConfiguration, Settings
from smsadmin.workspaces.models import Connection
from tests.factories import make_connection, make_workspace

#: NULL sorts differently in PostgreSQL and SQLite, and bulk upserts are written differently.
in_both = pytest.mark.services

LISTS = "^/v1/numbers$|^/v2/users$"


@pytest.fixture
def sandbox(settings):
    settings.PROVIDER_READ_TIMEOUT = 1.0
    with running(Settings(aircall_requests_per_minute=0), now=time.time) as server:
        settings.AIRCALL_BASE_URL = f"{server.url}/aircall"
        yield server


@pytest.fixture
def account(db):
    cache.forget()
    yield make_connection(make_workspace())
    cache.forget()


@pytest.fixture
def truth(sandbox):
    """Which of its numbers each of the sandbox's users is on."""
    numbers = sandbox.state.numbers.values()
    return {(str(number.id), str(user_id)) for number in numbers for user_id in number.user_ids}


@dataclass
class Sleep:
    """Takes no time and keeps the waits; the clock, where there is one, goes on."""

    clock: Any = None
    waits: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))
        if self.clock:
            self.clock.shift(seconds)


@pytest.fixture
def sleep(time_machine):
    """Time passes only while the mirror waits."""
    time_machine.move_to(timezone.now(), tick=False)
    return Sleep(time_machine)


def refresh(account, sleep=None):
    run = mirror.refresh(account.pk, sleep or Sleep())
    account.refresh_from_db()
    return run


def pairs():
    return set(Association.objects.values_list("number__provider_id", "agent__provider_id"))


def paths(sandbox):
    return [request["path"].partition("?")[0].removeprefix("/aircall") for request in sandbox.state.requests]


def fault(sandbox, kind, path=LISTS, **rest):
    sandbox.state.faults.append(Fault.parse({"kind": kind, "path": path, **rest}))


def remove(sandbox, number_id):
    return sandbox.state.numbers.pop(number_id)


# What is read


@pytest.mark.parametrize("embedded", [True, False], ids=["users in the list", "users asked for"])
def test_the_mirror_holds_every_number_user_and_pair_of_both(sandbox, account, truth, embedded):
    sandbox.state.settings.aircall_users_in_number_list = embedded
    run = refresh(account)
    assert (run.state, run.error) == ("done", "")
    assert (Number.objects.count(), Agent.objects.count()) == (60, 25)
    assert pairs() == truth
    assert (account.state, account.state_detail) == ("working", "")
    assert run.requests == len([p for p in paths(sandbox) if p.startswith(("/v1/numbers", "/v2/users"))])


def test_pages_are_asked_for_at_fifty_each(sandbox, account):
    refresh(account)
    lists = [r["path"] for r in sandbox.state.requests if r["path"].startswith("/aircall/v1/numbers?")]
    assert lists == ["/aircall/v1/numbers?page=1&per_page=50", "/aircall/v1/numbers?page=2&per_page=50"]


def test_who_is_on_which_number_is_asked_the_cheaper_way(sandbox, account, truth):
    sandbox.state.settings.aircall_users_in_number_list = False
    refresh(account)
    assert len([path for path in paths(sandbox) if path.startswith("/v2/users/")]) == 25
    sandbox.state.requests.clear()
    for number_id in list(sandbox.state.numbers)[10:]:
        remove(sandbox, number_id)
    refresh(account)
    asked = [path for path in paths(sandbox) if re.fullmatch(r"/v1/numbers/\d+", path)]
    assert len(asked) == 10
    assert not [path for path in paths(sandbox) if path.startswith("/v2/users/")]
    left = {str(number_id) for number_id in sandbox.state.numbers}
    assert pairs() == {pair for pair in truth if pair[0] in left}


def test_display_digits_become_e164_and_emails_lose_their_case(sandbox, account):
    user = next(iter(sandbox.state.users.values()))
    user.email = "Mia.Example@Example.COM"
    refresh(account)
    for number in sandbox.state.numbers.values():
        assert Number.objects.get(provider_id=str(number.id)).e164 == number.e164
    assert Agent.objects.get(provider_id=str(user.id)).email == "mia.example@example.com"


def test_a_number_nobody_can_read_is_kept_as_it_came(sandbox, account):
    number = next(iter(sandbox.state.numbers.values()))
    number.digits = "short code 12345 (internal use only)"
    refresh(account)
    assert Number.objects.get(provider_id=str(number.id)).e164 == "short code 12345 (in"


def test_nobody_knows_yet_whether_a_new_number_may_text_so_it_is_not_offered(sandbox, account):
    refresh(account)
    facts = Number.objects.values_list("connected", "sms_capable", "connected_source").distinct()
    assert list(facts) == [(None, None, "assumed")]
    assert not any(number.is_eligible for number in Number.objects.all())


# What changed


@in_both
def test_what_aircall_no_longer_lists_is_gone_but_kept_and_comes_back(sandbox, account):
    refresh(account)
    number = remove(sandbox, next(iter(sandbox.state.numbers)))
    user = sandbox.state.users.pop(next(iter(sandbox.state.users)))
    for other in (number, *sandbox.state.numbers.values()):
        other.user_ids = [each for each in other.user_ids if each != user.id]
    row = Number.objects.get(provider_id=str(number.id))

    run = refresh(account)

    row.refresh_from_db()
    assert row.gone_at
    assert Agent.objects.get(provider_id=str(user.id)).gone_at
    assert (Number.objects.count(), Agent.objects.count()) == (60, 25)
    assert run.changes["gone_numbers"]["items"] == [{"name": number.name, "e164": number.e164}]
    assert run.changes["gone_users"]["items"] == [{"name": user.name, "email": user.email.lower()}]
    assert set(run.changes) == {"gone_numbers", "gone_users"}  # whose pairs are gone with them
    directory = book.of(account.workspace_id)
    assert number.e164 not in directory.by_e164
    assert user.email.lower() not in directory.by_email
    assert row.pk in directory.numbers

    sandbox.state.numbers[number.id] = number
    again = refresh(account)
    row.refresh_from_db()
    assert row.gone_at is None
    assert again.changes == {
        "new_numbers": {"count": 1, "items": [{"name": number.name, "e164": number.e164}]}
    }


def test_a_user_taken_off_a_number_is_off_it_at_once_and_named(sandbox, account):
    refresh(account)
    number = next(number for number in sandbox.state.numbers.values() if number.user_ids)
    user = sandbox.state.users[number.user_ids[0]]
    number.user_ids = number.user_ids[1:]
    run = refresh(account)
    assert (str(number.id), str(user.id)) not in pairs()
    left = {"number": number.name, "count": 1, "users": [user.name]}
    assert run.changes == {"left": {"count": 1, "items": [left]}}


@in_both
def test_when_nothing_changed_nothing_is_told(sandbox, account):
    first = refresh(account).changes
    assert first.keys() == {"new_numbers", "new_users"}  # a new number brings its users along
    assert first["new_numbers"]["count"] == 60
    assert len(first["new_numbers"]["items"]) == 50  # the rest is left to the page
    assert refresh(account).changes == {}


def test_a_new_name_is_taken_over_and_told_as_one(sandbox, account):
    refresh(account)
    number = next(iter(sandbox.state.numbers.values()))
    number.name = "Renamed"
    run = refresh(account)
    assert Number.objects.get(provider_id=str(number.id)).name == "Renamed"
    assert changes.sentences(run.changes) == [
        "Support US 1 (+1 202-555-0101) is now Renamed (+1 202-555-0101)"
    ]


def test_one_workspaces_mirror_is_no_others(sandbox, account):
    theirs = make_connection(make_workspace())
    refresh(account)
    refresh(theirs)
    for gone in list(sandbox.state.numbers)[1:]:
        del sandbox.state.numbers[gone]
    refresh(account)
    assert Number.objects.filter(connection=theirs, gone_at=None).count() == 60
    assert Number.objects.filter(connection=account, gone_at=None).count() == 1
    assert len(book.of(theirs.workspace_id).by_e164) == 60


def test_an_account_that_suddenly_lists_no_number_is_not_believed(sandbox, account):
    refresh(account)
    sandbox.state.numbers.clear()
    run = refresh(account)
    assert (run.cause, run.error) == (
        "empty",
        "Aircall listed no number at all, so the old mirror was kept.",
    )
    assert Number.objects.filter(connection=account, gone_at=None).count() == 60


def test_what_a_send_proved_of_a_number_is_not_asked_again(sandbox, account):
    refresh(account)
    proved = Number.objects.filter(connection=account, proxy_mode=False).first()
    Number.objects.filter(pk=proved.pk).update(proxy_mode=True, proxy_mode_source="send", probed_at=None)
    refresh(account)
    proved.refresh_from_db()
    assert (proved.proxy_mode, proved.proxy_mode_source) == (True, "send")


# When it fails


@pytest.mark.parametrize(
    ("kind", "cause", "state", "words"),
    [
        (
            "edge403",
            "provider",
            "unreachable",
            "refused /v2/users (HTTP 403), and accepts the key",
        ),
        ("401", "provider", "unreachable", "(HTTP 401), and accepts the key"),
        ("500", "provider", "unreachable", "Aircall answered HTTP 500"),
        ("502", "provider", "unreachable", "Aircall answered HTTP 502"),
        ("429", "provider", "unreachable", "slow down"),
        ("reset", "provider", "unreachable", "the connection was reset"),
        ("garbage", "provider", "unreachable", "not HTTP"),
        ("cut", "provider", "unreachable", "broke off"),
        ("invalid_json", "provider", "unreachable", "not in the form it documents"),
        ("400", "provider", "unreachable", "Bad Request"),
    ],
)
def test_a_failed_refresh_keeps_the_old_mirror_and_says_why(sandbox, account, kind, cause, state, words):
    refresh(account)
    before = list(Number.objects.order_by("pk").values()), pairs()
    remove(sandbox, next(iter(sandbox.state.numbers)))
    fault(sandbox, kind, path="^/v2/users$")

    run = refresh(account)

    assert (run.state, run.cause) == ("failed", cause)
    assert words in run.error
    assert (account.state, account.state_detail) == (state, run.error)
    assert (list(Number.objects.order_by("pk").values()), pairs()) == before
    assert mirror.latest(account).pk != run.pk

    sandbox.state.faults.clear()
    assert refresh(account).state == "done"
    assert account.state == "working"


@pytest.mark.parametrize("kind", ["edge403", "401"])
def test_a_refusal_that_a_ping_repeats_is_of_the_key(sandbox, account, kind):
    fault(sandbox, kind, path="^/v2/users$|^/v1/ping$")
    run = refresh(account)
    assert (run.cause, account.state, run.error) == (
        "key",
        "rejected",
        f"Aircall refused the API key (HTTP {kind[-3:]}).",
    )
    assert account.lost_at


@pytest.mark.parametrize("ping", [200, 500], ids=["good", "unclear"])
def test_a_refusal_about_the_integration_alone_stops_nothing(sandbox, account, ping):
    account.auth = Connection.Auth.OAUTH
    account.save()
    fault(sandbox, "edge403", path="^/v1/integrations/me$")
    if ping != 200:
        fault(sandbox, str(ping), path="^/v1/ping$")
    assert refresh(account).state == "done"
    assert (account.state, account.lost_at) == ("working", None)


def test_a_refresh_gives_up_where_aircall_asks_for_a_long_pause(sandbox, account):
    slots.pause(account.pk, timezone.now() + timedelta(minutes=10), "HTTP 429")
    sleep = Sleep()
    run = refresh(account, sleep)
    assert (run.state, run.cause, account.state, sleep.waits) == ("failed", "provider", "unreachable", [])
    assert run.error.startswith("Aircall was not asked: it asked to wait until ")
    assert not sandbox.state.requests


def test_a_failure_of_our_own_is_kept_too_and_frees_the_next_refresh(sandbox, account, monkeypatch):
    monkeypatch.setattr(mirror, "_write", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        mirror.refresh(account.pk, Sleep())
    run = Refresh.objects.get()
    assert (run.state, run.cause) == ("failed", "ours")
    assert run.error == "smsadmin itself failed: ZeroDivisionError"
    monkeypatch.undo()


def test_a_list_that_never_ends_ends(account, monkeypatch):
    def handle(request):
        name = "numbers" if "numbers" in request.url.path else "users"
        return httpx.Response(200, json={name: [], "meta": {"next_page_link": "https://more.example"}})

    client = httpx.Client(transport=httpx.MockTransport(handle))
    monkeypatch.setattr(http, "client", lambda: client)
    assert refresh(account).state == "done"


# Never two at once


@in_both
def test_while_a_refresh_runs_a_second_one_does_nothing(sandbox, account):
    during = []

    def sleep(seconds):
        during.append(mirror.refresh(account.pk, Sleep()))

    sandbox.state.settings.aircall_users_in_number_list = False
    run = refresh(account, sleep)
    assert run.state == "done"
    assert set(during) == {None}
    assert Refresh.objects.count() == 1


def test_a_refresh_whose_worker_died_is_taken_over_after_its_lease(sandbox, account):
    now = timezone.now()
    columns = {"workspace": account.workspace, "connection": account, "started_at": now}
    dead = Refresh.objects.create(lease_until=now + timedelta(minutes=1), **columns)
    assert refresh(account) is None
    Refresh.objects.update(lease_until=now - timedelta(seconds=1))
    assert refresh(account).state == "done"
    dead.refresh_from_db()
    assert (dead.state, dead.cause) == ("failed", "cut_off")
    assert dead.error == "It was cut off: its worker stopped."


def test_a_refresh_that_takes_longer_than_its_lease_keeps_it(sandbox, account, time_machine):
    time_machine.move_to(timezone.now(), tick=False)

    def sleep(seconds):
        time_machine.shift(120)  # at each of some forty reads: far beyond the lease
        assert mirror.refresh(account.pk, Sleep()) is None

    sandbox.state.settings.aircall_users_in_number_list = False
    assert refresh(account, sleep).state == "done"


def test_a_running_refresh_tells_how_many_requests_it_has_made(sandbox, account, sleep):
    told = []
    sandbox.state.settings.aircall_users_in_number_list = False

    def wait(seconds):
        told.append(Refresh.objects.get().requests)
        sleep(seconds)

    run = refresh(account, wait)

    assert told == list(range(2, run.requests + 1))
    assert len(told) > 40


def test_a_running_refresh_tells_how_far_each_part_is(sandbox, account):
    told = []
    sandbox.state.settings.aircall_users_in_number_list = False

    run = refresh(account, lambda _seconds: told.append(Refresh.objects.get().progress))

    parts = {"numbers": [60, 60], "users": [25, 25], "pairs": [25, 25], "modes": [20, 20]}
    assert run.progress == parts
    assert told[0] == {"numbers": [50, 60]}
    assert {"numbers": [60, 60], "users": [25, 25]} in told
    assert [1, 25] in [each.get("pairs") for each in told]
    assert [each["modes"] for each in told if "modes" in each][-1] == [19, 20]


def test_the_pages_of_a_list_are_told_as_they_come(account, monkeypatch):
    told = []

    def handle(request):
        name = "numbers" if "numbers" in request.url.path else "users"
        page = int(request.url.params.get("page", 1))
        items = [{"id": page * 100 + n, "digits": "", "email": "", "users": []} for n in range(50)]
        told.append(Refresh.objects.get().progress)
        return httpx.Response(
            200,
            json={
                name: items,
                "meta": {"total": 130, "next_page_link": "https://more" if page < 3 else None},
            },
        )

    client = httpx.Client(transport=httpx.MockTransport(handle))
    monkeypatch.setattr(http, "client", lambda: client)
    refresh(account)

    assert [each.get("numbers") for each in told[:4]] == [None, [50, 130], [100, 130], [150, 150]]


def test_two_accounts_are_refreshed_side_by_side(sandbox, account):
    other = make_connection(make_workspace())
    now = timezone.now()
    Refresh.objects.create(
        workspace=other.workspace, connection=other, started_at=now, lease_until=now + timedelta(minutes=1)
    )
    assert refresh(account).state == "done"


# The pace


@pytest.mark.parametrize(("own", "general", "seconds"), [(None, 60, 2.0), (None, 120, 1.008), (30, 60, 4.0)])
def test_a_refresh_takes_at_most_half_of_the_accounts_pace(
    sandbox, account, settings, sleep, own, general, seconds
):
    settings.AIRCALL_REQUESTS_PER_MINUTE = general
    account.requests_per_minute = own
    account.save()
    sandbox.state.settings.aircall_users_in_number_list = False
    run = refresh(account, sleep)
    assert set(sleep.waits) == {seconds}
    assert len(sleep.waits) == run.requests - 1


def test_a_rate_limit_is_waited_out_by_everything_that_asks_the_account(sandbox, account, sleep):
    fault(sandbox, "429", count=2)
    assert refresh(account, sleep).state == "done"
    assert (
        len(paths(sandbox)) == len(set(paths(sandbox))) + 3
    )  # the second page of numbers, and both refusals
    pace = slots.of(account.pk)
    assert pace.paused_for.startswith("HTTP 429")
    assert all(wait <= 60 for wait in sleep.waits)


@pytest.mark.parametrize("kind", ["500", "502", "reset", "cut", "garbage"])
def test_a_read_is_repeated_three_times_before_it_fails(sandbox, account, kind):
    fault(sandbox, kind, path="^/v1/numbers$", count=3)
    assert refresh(account).state == "done"


# The facts about a number


def in_proxy_mode(sandbox):
    return {str(number.id) for number in sandbox.state.numbers.values() if number.configuration}


@in_both
def test_proxy_mode_is_asked_for_a_few_numbers_at_a_time_until_all_are_known(sandbox, account):
    for turn in range(1, 4):
        refresh(account)
        assert Number.objects.exclude(probed_at=None).count() == PROBES * turn
    found = Number.objects.filter(proxy_mode=True, proxy_mode_source=Source.PROBE)
    assert set(found.values_list("provider_id", flat=True)) == in_proxy_mode(sandbox)
    assert in_proxy_mode(sandbox)


@pytest.mark.parametrize("fact", [True, False])
def test_what_an_admin_said_is_never_overwritten_by_a_probe(sandbox, account, fact):
    refresh(account)
    said = {"proxy_mode": fact, "proxy_mode_source": Source.ADMIN, "third_party": True, "connected": True}
    Number.objects.update(**said)
    for number in sandbox.state.numbers.values():
        number.configuration = None if fact else ProxyConfiguration("token", None)
    refresh(account)
    assert list(Number.objects.values(*said).distinct()) == [said]


def test_not_even_when_the_admin_says_it_while_the_probe_is_under_way(sandbox, account):
    def sleep(seconds):
        Number.objects.update(proxy_mode=True, proxy_mode_source=Source.ADMIN)

    for number in sandbox.state.numbers.values():
        number.configuration = None
    refresh(account, sleep)
    assert list(Number.objects.values_list("proxy_mode", "proxy_mode_source").distinct()) == [(True, "admin")]


def test_a_number_whose_mode_cannot_be_asked_keeps_its_facts_and_the_refresh_is_done(sandbox, account):
    fault(sandbox, "forbidden", path="/messages/configuration$")
    run = refresh(account)
    assert (run.state, account.state) == ("done", "working")
    assert list(Number.objects.values_list("proxy_mode", "proxy_mode_source").distinct()) == [
        (False, "assumed")
    ]
    assert Number.objects.exclude(probed_at=None).count() == PROBES  # the others have their turn next


def test_a_mode_that_aircall_cannot_tell_now_is_not_asked_for_on_and_on(sandbox, account):
    fault(sandbox, "500", path="/messages/configuration$")
    assert refresh(account).state == "done"
    assert len([path for path in paths(sandbox) if path.endswith("configuration")]) == 4


# Registration


def test_north_american_numbers_are_asked_whether_they_are_registered(sandbox, account):
    for _ in range(3):
        refresh(account)
    said = dict(Number.objects.values_list("provider_id", "registration"))
    for number in sandbox.state.numbers.values():
        expected = {"verified": "registered"}.get(number.registration_status, number.registration_status)
        assert said[str(number.id)] == (expected if number.country in ("US", "CA") else "")
    assert {"registered", "pending", "unregistered"} <= set(said.values())


def test_a_word_that_nobody_documents_is_kept_and_means_nothing(sandbox, account):
    number = next(iter(sandbox.state.numbers.values()))
    number.registration_status = "Carrier Vetting"
    refresh(account)
    row = Number.objects.get(provider_id=str(number.id))
    assert (row.registration, row.registration_said, row.registration_source) == (
        "",
        "Carrier Vetting",
        "probe",
    )


def test_what_an_admin_said_of_a_registration_is_not_asked(sandbox, account):
    refresh(account)
    Number.objects.update(registration="registered", registration_source=Source.ADMIN, probed_at=None)
    for number in sandbox.state.numbers.values():
        number.registration_status = "unregistered"
    refresh(account)
    assert list(Number.objects.values_list("registration", flat=True).distinct()) == ["registered"]


def test_where_the_registration_cannot_be_asked_the_mode_still_is(sandbox, account):
    fault(sandbox, "500", path="/registration_status$")
    assert refresh(account).state == "done"
    assert len([path for path in paths(sandbox) if path.endswith("registration_status")]) == 4
    assert Number.objects.filter(proxy_mode_source=Source.PROBE).count() == PROBES
