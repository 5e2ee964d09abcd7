"""The page of one number or user: how a window was used, of what, and that every figure opens the rows it counts."""

import html
import random
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from smsadmin import cache
from smsadmin.core.status import Status
from smsadmin.core.windows import Moment, Window, resets_at, started_at
from smsadmin.quotas import charts, counting, positions, use
from smsadmin.quotas.documented import translated
from smsadmin.quotas.models import Kept, MonthUse, Recount, Rule, Scope, Unit
from smsadmin.quotas.recount import Used
from smsadmin.quotas.rulebook import Subject
from smsadmin.quotas.use import Chosen
from smsadmin.sending.asked import asked, filter_of
from smsadmin.sending.filters import log_url
from tests.factories import make_action, make_agent, make_member, make_message, make_number, make_workspace

NOON = datetime(2026, 11, 22, 12, 30, 30, tzinfo=UTC)
#: A Sunday in the middle of each: New York's clocks went back that morning, Paris's went forward.
AUTUMN, SPRING = datetime(2026, 11, 1, 18, 20, 5, tzinfo=UTC), datetime(2026, 3, 29, 18, 20, 5, tzinfo=UTC)


@pytest.fixture
def workspace(db):
    return make_workspace(time_zone="Europe/Berlin")


@pytest.fixture
def number(workspace):
    return make_number(workspace, "+12025550101", name="Sales US")


@pytest.fixture
def client(workspace):
    return signed_in(workspace)


def signed_in(workspace, role="viewer"):
    browser = Client()
    browser.force_login(make_member(workspace, role).user)
    return browser


def words(response):
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


def found_by(workspace, url):
    """The messages that a link into the log finds."""
    given = dict(parse_qsl(urlsplit(url).query))
    found = filter_of(workspace, asked(given, workspace).filters)
    assert found.form.is_valid(), found.form.errors
    return found.qs


def limit(workspace, amount, **columns):
    defaults = {"scope": Scope.NUMBER, "window": Window.DAY, "unit": Unit.MESSAGES}
    Rule.objects.create(workspace=workspace, limit=amount, **{**defaults, **columns})
    cache.forget()


def position_of(holder, now, *zones):
    """Where it stands by counters that are made from the log now."""
    for zone in zones or ("UTC",):
        counting.make_counter(Subject.of(holder), zone, now)
    return positions.one(holder, now)


def random_history(workspace, number, agent, now, seed):
    """Messages around the edges of every window: some held before they were counted, given back, corrected by the
    provider, refused, of others; and figures of deleted ones."""
    dice = random.Random(seed)
    edges = [started_at(window, now, zone) for window in Window for zone in ("UTC", "America/New_York")]
    for _ in range(40):
        if dice.random() < 0.5:
            at = now - timedelta(seconds=dice.expovariate(1 / 40_000))
        else:
            at = min(dice.choice(edges) + timedelta(seconds=dice.choice([-1, 0, 0.4, 1])), now)
        columns = {"accepted_at": at, "segments": dice.randint(1, 4)}
        fate = dice.randrange(6)
        if fate == 0:
            columns |= {"at": at - timedelta(hours=dice.randint(1, 7 * 24 - 1)), "expires_at": at}
        elif fate == 1:
            columns |= {"status": Status.FAILED, "refunded_at": now}
        elif fate == 2:
            columns |= {"provider_segments": dice.randint(1, 6)}
        elif fate == 3:
            columns |= {"status": Status.REJECTED, "accepted_at": None}
        make_message(
            workspace,
            **{"at": at, **columns},
            number=dice.choice([number, number, make_number(workspace)]),
            agent=dice.choice([agent, agent, None]),
        )
    for _ in range(3):
        quarter = int((now - timedelta(days=1 + 3 * dice.random())).timestamp()) // 900
        for scope, holder in ((Scope.NUMBER, number), (Scope.USER, agent)):
            row = {"scope": scope, "subject_id": holder.pk, "quarter": quarter}
            used = {"messages": 2, "segments": 3}
            Kept.objects.get_or_create(workspace=workspace, **row, defaults=used)


# --- Picture, table, counter and log say the same ------------------------------------------------------


@pytest.mark.services
@pytest.mark.parametrize(
    ("now", "seed", "zone"),
    [
        (NOON, 1, "UTC"),
        (AUTUMN, 2, "America/New_York"),
        (SPRING, 3, "Australia/Lord_Howe"),
        (NOON, 4, "Asia/Kathmandu"),
    ],
)
def test_the_picture_its_table_the_counter_and_the_log_agree(workspace, number, now, seed, zone):
    agent = make_agent(workspace, "mia@example.com")
    for window in Window:
        limit(workspace, 500, window=window, zone=zone)
        limit(workspace, 900, window=window, zone=zone, unit=Unit.SEGMENTS, scope=Scope.USER)
    random_history(workspace, number, agent, now, seed)

    for holder, unit in ((number, Unit.MESSAGES), (agent, Unit.SEGMENTS)):
        position = position_of(holder, now, "UTC", *({zone} - {"UTC"}))
        for window in Window:
            course = use.course(position, Chosen(window, unit, zone, now))

            assert course.used == position.by_key[window, unit, zone].used
            assert sum((step.used for step in course.steps), Used()) == course.total
            of_log = found_by(workspace, course.url)
            assert of_log.count() + course.kept.messages == course.total.messages
            assert sum(m.provider_segments or m.segments for m in of_log) + course.kept.segments == (
                course.total.segments
            )
            in_steps = sum(found_by(workspace, step.url).count() for step in course.steps)
            assert in_steps == of_log.count()
            assert heights(course.picture, 500 if unit == Unit.MESSAGES else 900)[-1] == course.used


def heights(curve, limit):
    """What the points of the curve stand for, by the line of the limit."""
    floor = charts.HEIGHT
    return [
        round((floor - float(point.partition(",")[2])) / (floor - curve.limit) * limit)
        for point in curve.line.split()
    ]


def test_the_curve_rises_from_nothing_and_ends_now(workspace, number):
    for minutes in (600, 400, 400, 30):
        make_message(workspace, number=number, at=NOON - timedelta(minutes=minutes))

    course = use.course(position_of(number, NOON), Chosen(Window.DAY, Unit.MESSAGES, "UTC", NOON))

    seen = heights(course.picture, 5_000)
    assert seen == sorted(seen)
    assert sorted({*seen}) == [0, 1, 3, 4]
    assert course.picture.now == pytest.approx(charts.WIDTH * 12.508 / 24, abs=0.1)
    assert len(course.steps) == 13
    assert [step.used.messages for step in course.steps if step.used.messages] == [1, 2, 1]


def test_a_day_with_a_repeated_hour_has_25_rows(workspace, number):
    late = datetime(2026, 11, 2, 4, 59, tzinfo=UTC)

    course = use.course(
        position_of(number, late), Chosen(Window.DAY, Unit.MESSAGES, "America/New_York", late)
    )

    assert len(course.steps) == 25


def test_a_month_has_its_days_in_its_zone(workspace, number):
    course = use.course(
        position_of(number, AUTUMN), Chosen(Window.MONTH, Unit.MESSAGES, "Asia/Tokyo", AUTUMN)
    )

    assert [step.since.hour for step in course.steps] == [
        15,
        15,
    ]  # midnight in Tokyo; there it is the 2nd already
    assert course.chosen.ends == datetime(2026, 11, 30, 15, tzinfo=UTC)


# --- Figures -------------------------------------------------------------------------------------------


def test_what_is_refused_or_given_back_opens_its_rows(workspace, number):
    action = make_action(workspace)
    common = {"number": number, "at": NOON - timedelta(hours=1), "action": action}
    make_message(workspace, **common)
    back = make_message(workspace, **common, status=Status.FAILED, error_code="PROVIDER_REJECTED")
    no = make_message(workspace, **common, status=Status.REJECTED, error_code="NUMBER_QUOTA_EXCEEDED")
    make_message(workspace, **common, status=Status.REJECTED, error_code="USER_QUOTA_EXCEEDED")
    make_message(workspace, **{**common, "at": NOON - timedelta(days=2)}, status=Status.FAILED)
    position, day = position_of(number, NOON), Chosen(Window.DAY, Unit.MESSAGES, "UTC", NOON)

    given_back, refused = use.given_back(position, day), use.refused(position, day)

    assert (given_back.count, refused.count) == (1, 1)
    assert [*found_by(workspace, given_back.url)] == [back]
    assert [*found_by(workspace, refused.url)] == [no]


def test_the_actions_and_workflows_that_took_most_open_their_rows(workspace, number):
    busy, calm = make_action(workspace, name="Busy"), make_action(workspace, name="Calm")
    for action, workflow, segments in ((busy, "17", 1), (busy, "17", 1), (calm, "42", 5), (None, None, 1)):
        make_message(
            workspace,
            number=number,
            at=NOON - timedelta(hours=1),
            action=action,
            origin={"workflow": workflow} if workflow else {},
            segments=segments,
        )
    make_message(workspace, number=number, action=busy, at=NOON - timedelta(days=3))
    position = position_of(number, NOON)

    for unit, order in ((Unit.MESSAGES, ["Busy", "Calm"]), (Unit.SEGMENTS, ["Calm", "Busy"])):
        day = Chosen(Window.DAY, unit, "UTC", NOON)
        for shares in (use.actions(position, day), use.workflows(position, day)):
            assert [found_by(workspace, share.url).count() for share in shares] == [
                share.used.messages for share in shares
            ]
            assert {share.used for share in shares} == {Used(2, 2), Used(1, 5)}
        assert [share.name for share in use.actions(position, day)] == order


def test_held_messages_are_counted_with_the_next_release(workspace, number):
    limit(workspace, 1, window=Window.HOUR)
    make_message(workspace, number=number, at=NOON - timedelta(minutes=5))
    past, soon = NOON - timedelta(minutes=1), NOON.replace(hour=13, minute=0, second=0)
    for expires_at in (past, NOON + timedelta(days=1), NOON + timedelta(days=1)):
        columns = {"agent": None, "next_attempt_at": past, "expires_at": expires_at}
        make_message(workspace, number=number, status=Status.HELD, at=NOON - timedelta(hours=1), **columns)

    held = use.held(position_of(number, NOON))

    assert (held.count, held.next_at) == (2, soon)
    assert held.url == f"{reverse('quota-held')}?number={number.pk}"


def test_a_user_is_refused_for_want_of_messages_or_of_segments(workspace, number):
    agent = make_agent(workspace)
    for code in ("USER_OUT_OF_SEGMENTS", "USER_QUOTA_EXCEEDED", "NUMBER_QUOTA_EXCEEDED"):
        make_message(workspace, number=number, agent=agent, at=NOON, status=Status.REJECTED, error_code=code)

    refused = use.refused(position_of(agent, NOON), Chosen(Window.DAY, Unit.MESSAGES, "UTC", NOON))

    assert refused.count == found_by(workspace, refused.url).count() == 2
    assert asked({"q": "error:user_no_room"}, workspace).filters == {"error": "USER_NO_ROOM"}


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_every_rule_of_a_limit_may_be_opened(workspace, number, role):
    make_message(workspace, number=number)
    reader = signed_in(workspace, role)

    page = reader.get(reverse("quota-number", args=[number.pk])).content.decode()

    found = re.findall(r'href="([^"]*/rules/[^"]*)#(rule-\d+)"', page)
    assert found
    for address, place in found:
        assert f'id="{place}"' in reader.get(address).content.decode()


def test_a_documented_source_is_in_the_readers_language(workspace, number):
    limits = use.limits(position_of(number, NOON))
    with translation.override("de"):
        assert {each.source for each in limits} == {translated(each.rule.source) for each in limits}
        assert {each.source for each in limits} != {each.rule.source for each in limits}


def test_every_half_minute_asks_for_what_changes_alone(client, workspace, number):
    address = reverse("quota-number", args=[number.pk])
    make_message(workspace, number=number, action=make_action(workspace, name="Busy"))

    fresh = client.get(address, headers={"HX-Request": "true"}).content.decode()

    assert fresh.count('id="quotas"') == client.get(address).content.decode().count('id="quotas"') == 1
    assert "Busy" not in fresh
    assert "Busy" in words(client.get(address))


def test_a_limit_that_is_used_up_is_said_first_and_shown(client, workspace, number, monkeypatch):
    limit(workspace, 1, zone="Europe/Paris")
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    make_message(workspace, number=number, at=NOON)
    position_of(number, NOON, "UTC", "Europe/Paris")

    page = words(client.get(reverse("quota-number", args=[number.pk]), {"window": "day"}))

    assert "This day in Europe/Paris: 1 of 1 used. Nothing can be sent before 23 Nov, 00:00 ." in page
    assert "Used up. It resets at 23 Nov, 00:00 ." in page


def test_every_limit_names_its_rule_and_opens_what_it_counts(workspace, number):
    limit(workspace, 70, zone="Europe/Paris", number=number, source="Our contract")
    make_message(workspace, number=number, at=NOON)

    limits = use.limits(position_of(number, NOON, "UTC", "Europe/Paris"))

    assert [each.words for each in limits] == [
        "This minute",
        "This hour",
        "This day",
        "This day in Europe/Paris",
        "This month",
    ]
    assert limits[3].rule.source == "Our contract"
    assert all(found_by(workspace, each.url).count() == each.usage.used == 1 for each in limits)


def test_the_months_are_those_that_were_counted_and_this_one_as_it_is(workspace, number):
    month = Moment.of(NOON).month
    for back, messages in ((1, 40), (11, 7), (12, 99)):
        MonthUse.objects.create(
            workspace=workspace, scope=Scope.NUMBER, subject_id=number.pk, month=month - back,
            messages=messages, segments=2 * messages,
        )  # fmt: skip
    Recount.objects.create(workspace=workspace, at=NOON, finished_at=NOON)
    make_message(workspace, number=number, at=NOON, segments=3)

    history = use.history(position_of(number, NOON), Unit.SEGMENTS)

    assert [each.used for each in history.months] == [Used(7, 14), *[None] * 9, Used(40, 80), Used(1, 3)]
    assert [each.amount for each in history.months][-2:] == [80, 3]
    assert history.months[0].words == "December 2025"
    assert history.counted_at == NOON
    this = history.months[-1]
    assert (this.began, this.ends) == (started_at(Window.MONTH, NOON), resets_at(Window.MONTH, NOON))
    assert found_by(workspace, this.url).count() == 1
    assert max(each.bar.height for each in history.months) == charts.HEIGHT


# --- Which window ---------------------------------------------------------------------------------------


def test_without_a_wish_the_limit_that_runs_out_first_is_shown(workspace, number):
    for minutes in range(200):
        make_message(workspace, number=number, at=NOON - timedelta(seconds=minutes / 10))

    position = position_of(number, NOON)

    assert use.chosen(position, "", "", "").window == Window.MINUTE
    assert use.chosen(position, "month", "", "").window == Window.MONTH
    assert use.chosen(position, "century", "grams", "Mars").window == Window.MINUTE


def test_a_zone_is_one_that_a_limit_goes_by(workspace, number):
    limit(workspace, 70, zone="Europe/Paris")
    position = position_of(number, NOON, "UTC", "Europe/Paris")

    assert use.chosen(position, "day", "messages", "Europe/Paris").zone == "Europe/Paris"
    assert use.chosen(position, "day", "messages", "Asia/Tokyo").zone == "UTC"
    assert use.chosen(position, "day", "messages", "").zones == ["UTC", "Europe/Paris"]
    assert use.chosen(position, "hour", "segments", "Europe/Paris").zone == "UTC"


# --- The page -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "Too little of it is used to say whether it lasts."),
        (1, "At this pace it lasts until it resets"),
        (3, "At this pace it is used up at"),
        (4, "Used up. It resets"),
    ],
)
def test_the_page_says_what_comes_of_the_pace(workspace, number, count, said, monkeypatch, client):
    limit(workspace, 4)
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    for _ in range(count):
        make_message(workspace, number=number, at=NOON - timedelta(hours=6))
    position_of(number, NOON)

    response = client.get(reverse("quota-number", args=[number.pk]), {"window": "day", "unit": "messages"})

    assert said in words(response)
    assert ('class="chart-ahead" points' in response.content.decode()) is (count == 3)


def test_too_early_in_a_window_nothing_is_forecast(workspace, number):
    early = datetime(2026, 11, 22, 0, 10, tzinfo=UTC)
    for _ in range(2):
        make_message(workspace, number=number, at=early)
    limit(workspace, 100)

    course = use.course(position_of(number, early), Chosen(Window.DAY, Unit.MESSAGES, "UTC", early))

    assert (course.runs_out_at, course.outlook) == (None, "TOO_EARLY")


def test_the_picture_has_words_and_needs_no_script_or_style(client, workspace, number):
    make_message(workspace, number=number)

    text = client.get(reverse("quota-number", args=[number.pk])).content.decode()

    assert text.count('role="img" aria-labelledby') == 2
    assert "<title" in text
    assert "The limit is 5,000." in text or "The limit is" in text
    assert not re.search(r"<[^>]+ (style|onclick)=", text)
    assert "The picture as a table" in text


def test_a_window_without_a_limit_says_so_and_shows_what_was_used(client, workspace, number):
    make_message(workspace, number=number, segments=3)

    text = words(client.get(reverse("quota-number", args=[number.pk]), {"window": "day", "unit": "segments"}))

    assert "1 message · 3 segments No limit holds for this window and unit." in text


def test_deleted_messages_still_count_and_the_page_says_so(workspace, number):
    quarter = int((NOON - timedelta(days=2)).timestamp()) // 900
    Kept.objects.create(
        workspace=workspace, scope=Scope.NUMBER, subject_id=number.pk, quarter=quarter, messages=2, segments=2
    )

    course = use.course(position_of(number, NOON), Chosen(Window.MONTH, Unit.MESSAGES, "UTC", NOON))

    assert (course.used, course.kept) == (2, Used(2, 2))


def test_a_users_page_lists_its_numbers_with_the_cap_that_binds_first(client, workspace, number):
    agent = make_agent(workspace, "mia@example.com")
    make_message(workspace, number=number, agent=agent)
    position_of(number, timezone.now())
    position_of(agent, timezone.now())

    text = words(client.get(reverse("quota-user", args=[agent.pk])))

    assert "Numbers of this user 1 of 1 shown" in text
    assert "no longer on this number in Aircall" in text
    assert "both stop at once" in text


def test_what_is_gone_is_marked(client, workspace):
    old = make_number(workspace, gone_at=timezone.now() - timedelta(days=2))

    assert "Aircall has not listed it since" in words(client.get(reverse("quota-number", args=[old.pk])))


def test_a_page_of_nothing_says_why(client, workspace):
    agent = make_agent(workspace)

    text = words(client.get(reverse("quota-user", args=[agent.pk])))

    assert "Nothing was counted in these months." in text
    assert "No action has a message counted in this window." in text
    assert "nothing waits" in text


def test_another_workspaces_number_is_not_found(client, db):
    other = make_number(make_workspace())

    assert client.get(reverse("quota-number", args=[other.pk])).status_code == 404
    assert client.get(reverse("quota-user", args=[make_agent(other.workspace).pk])).status_code == 404


@pytest.mark.parametrize("role", ["viewer", "operator", "editor", "owner"])
def test_every_member_may_read(workspace, number, role):
    assert signed_in(workspace, role).get(reverse("quota-number", args=[number.pk])).status_code == 200


def test_queries_do_not_grow_with_messages(client, workspace, number, django_assert_max_num_queries):
    for _ in range(30):
        agent = make_agent(workspace)
        make_message(
            workspace, number=number, agent=agent, action=make_action(workspace, sender_number=number)
        )

    with django_assert_max_num_queries(29):
        client.get(reverse("quota-number", args=[number.pk]))


# --- The log's filter by when a message was counted ------------------------------------------------------


def test_the_log_lists_what_was_counted_in_a_stretch_of_time(workspace, number):
    ten, eleven = NOON.replace(hour=10, minute=0, second=0), NOON.replace(hour=11, minute=0, second=0)
    first = make_message(workspace, number=number, at=ten)
    held = make_message(workspace, number=number, at=ten - timedelta(days=6), accepted_at=ten)
    make_message(workspace, number=number, at=eleven)
    make_message(workspace, number=number, at=ten - timedelta(seconds=1))
    back = make_message(workspace, number=number, at=ten, refunded_at=NOON)
    make_message(workspace, number=number, at=ten, status=Status.REJECTED)

    found = found_by(workspace, log_url(counted_from=ten, counted_until=eleven))
    given_back = found_by(workspace, log_url(counted_from=ten, counted_until=eleven, given_back="only"))

    assert {*found} == {first, held}
    assert [*given_back] == [back]


def test_an_id_made_a_moment_after_it_was_counted_is_found(workspace, number):
    eleven = NOON.replace(hour=11, minute=0, second=0)
    late = make_message(
        workspace, number=number, at=eleven + timedelta(seconds=2), accepted_at=eleven - timedelta(seconds=1)
    )

    assert [*found_by(workspace, log_url(counted_until=eleven))] == [late]


@pytest.mark.parametrize("time", ["5xyz", "999999999999999d", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
@pytest.mark.parametrize("name", ["since", "counted_from", "counted_until"])
def test_a_time_that_cannot_be_read_is_refused(client, workspace, name, time):
    assert client.get(reverse("log"), {name: time}, follow=True).status_code in (200, 422)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"counted_from": "2025-11-22T10:00:00Z", "counted_until": "2025-11-22T11:00:00Z"},
         "Counted 22 Nov 2025, 11:00–12:00"),
        ({"counted_from": "2025-11-22T10:00:00Z"}, "Counted from 22 Nov 2025, 11:00 on"),
        ({"counted_until": "2025-11-22T11:00:30Z"}, "Counted before 22 Nov 2025, 12:00:30"),
        ({"counted_from": "2025-11-22T22:00:00Z", "counted_until": "2025-11-23T23:00:00Z", "given_back": "only"},
         "Counted 22 Nov 2025, 23:00 – 24 Nov 2025, 00:00 and given back"),
    ],
)  # fmt: skip
def test_the_log_says_so_and_offers_the_way_back(client, workspace, number, query, said):
    response = client.get(log_url(**query, number=number.pk), follow=True)

    assert f"{said} · show at any time" in words(response)
    assert f'href="{log_url(number=number.pk)}"' in response.content.decode()
