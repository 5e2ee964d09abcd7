"""A rehearsal says what a real send would do, for any configuration and any record, and leaves nothing behind."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from smsadmin import cache
from smsadmin.core.errors import CATALOGUE
from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.core.status import Status
from smsadmin.core.trace import Step, Verdict
from smsadmin.core.windows import Moment, Window
from smsadmin.directory.models import Agent, Number
from smsadmin.quotas.models import Counter, Rule
from smsadmin.routing.models import Route
from smsadmin.sending import log
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.sending.rehearse import rehearse
from smsadmin.workspaces.models import Workspace
from tests.factories import ask, make_agent, make_number, make_route, make_workspace, put_on

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 10, 0, 30, tzinfo=UTC)
_keys = itertools.count(1)


@dataclass(frozen=True)
class World:
    """A directory with every kind of number and user."""

    workspace: Workspace
    numbers: list[Number]
    agents: list[Agent]


@pytest.fixture
def world() -> World:
    workspace = make_workspace()
    mia, leo, gone = (
        make_agent(workspace, f"{name}@example.com", **more)
        for name, more in (("mia", {}), ("leo", {}), ("gone", {"gone_at": NOW}))
    )
    facts: list[dict[str, Any]] = [
        {},
        {"country": "FR"},
        {"connected": None},
        {"sms_capable": False},
        {"third_party": True},
        {"proxy_mode": True},
        {"gone_at": NOW},
    ]
    numbers = [make_number(workspace, f"+120255501{place:02}", **more) for place, more in enumerate(facts)]
    for number in numbers[:3]:
        put_on(number, mia, gone)
    put_on(numbers[1], leo)
    return World(workspace, numbers, [mia, leo, gone])


PHONES = [
    *("+12025550100", "+12025550199", "+33612345678", "+33199001234", "+15550199", "+18005551212"),
    *("0612345678", "555 0199", "", "n/a", "+1", "+44 20 7946 0018 ext. 9", "＋３３６１２３４５６７８", None),
]
EMAILS = [
    "mia@example.com",
    "MIA@example.com",
    "leo@example.com",
    "gone@example.com",
    "who@example.com",
    "",
    None,
]
WORDS = st.text("aé€’…\N{NO-BREAK SPACE}\t\n👍ж\u200b ", max_size=40) | st.sampled_from(
    ["x" * 1600, "x" * 1601]
)
TOKENS = st.sampled_from(
    [
        *(
            "{{Contact.FirstName}}",
            '{{Contact.FirstName | default("there")}}',
            "{{Contact.city}}",
            "{{phone}}",
        ),
        *('{{Contact.city | default("")}}', "{{Contact.nothing}}", "{{Deal.amount}}", "{{Contact.", "{{}}"),
    ]
)


SOUND = {
    "enabled": True,
    "sender": 0,
    "send_as": "none",
    "line": "+12025550100",
    "owner": "mia@example.com",
    "phone": "+33612345678",
    "first": "Ada",
    "city": None,
    "message": "Hi {{Contact.FirstName}}",
    "mobile_only": False,
    "default_region": "",
    "encoding": "auto",
    "hold": 0,
    "hide_values": False,
    "number_used": 0,
    "user_segments": 0,
    "test": "",
    "routes": [],
}
#: What else each of them may be. Senders and users are places in the world's lists, so that an example can be read.
ELSE: dict[str, st.SearchStrategy[Any]] = {
    "enabled": st.just(False),
    "sender": st.sampled_from([1, 2, 3, 4, 5, 6, "unknown", "none", "property"]),
    "send_as": st.sampled_from([0, 1, 2, "unknown", "missing", "property"]),
    "line": st.sampled_from(["+12025550101", "+12025550102", "+12025550199", "202 555 0100", "", None]),
    "owner": st.sampled_from(EMAILS),
    "phone": st.sampled_from(PHONES),
    "first": st.sampled_from(["Zoë", "", None, "{{phone}}", "👍" * 30]),
    "city": st.just("Oslo"),
    "message": st.lists(WORDS | TOKENS | st.just("Hello "), max_size=4).map("".join),
    "mobile_only": st.just(True),
    "default_region": st.sampled_from(["FR", "US"]),
    "encoding": st.sampled_from(["gsm", "unicode"]),
    "hold": st.sampled_from([1, 60, 1440, 60_000]),
    "hide_values": st.just(True),
    "number_used": st.sampled_from([199, 200]),
    "user_segments": st.sampled_from([12_990, 12_999, 13_000]),
    "test": st.sampled_from(["+12025550177", "+12025550100"]),
    "routes": st.lists(  # from which sender (None: any) to which country, via which
        st.tuples(
            st.sampled_from([None, 0, 1]),
            st.sampled_from(["", "FR", "US"]),
            st.sampled_from([0, 1, 2, 3, 5, 6]),
        ),
        min_size=1,
        max_size=3,
    ),
}


@st.composite
def wishes(draw: st.DrawFn) -> dict[str, Any]:
    """A sound action and record, with a few things otherwise: the first fault hides those behind it."""
    odd = draw(st.lists(st.sampled_from(list(ELSE)), max_size=5, unique=True))
    return SOUND | {name: draw(ELSE[name]) for name in odd}


def request_of(wish: dict[str, Any], world: World) -> SendRequest:
    sender, send_as = wish["sender"], wish["send_as"]
    number_id = {"unknown": 0}.get(sender) if isinstance(sender, str) else world.numbers[sender].pk
    user_id = {"unknown": 0}.get(send_as) if isinstance(send_as, str) else world.agents[send_as].pk
    config = ActionConfig(
        sender_kind="property" if sender == "property" else "number",
        sender_number_id=number_id,
        sender_property="Contact.line",
        send_as_kind=send_as if send_as in ("none", "property") else "user",
        send_as_user_id=user_id,
        send_as_property="owner",
        recipient_property="Contact.phone",
        message=wish["message"],
        mobile_only=wish["mobile_only"],
        default_region=wish["default_region"],
        encoding=wish["encoding"],
        at_quota="hold" if wish["hold"] else "refuse",
        hold_minutes=wish["hold"],
        hide_values=wish["hide_values"],
    )
    properties = {name: wish[name] for name in ("line", "owner", "phone", "city")}
    return SendRequest(
        workspace_id=world.workspace.pk,
        trigger="hubspot",
        key=f"rehearsed-{next(_keys)}",
        config=config,
        record=Record("contact", "501", {**properties, "firstname": wish["first"]}),
        action_name="Welcome",
        version_number=3,
        action_enabled=wish["enabled"],
        test_recipient=wish["test"],
    )


def lay(wish: dict[str, Any], world: World) -> None:
    """The routes of the wish, in the order in which they stand there."""
    Route.objects.filter(workspace=world.workspace).delete()
    numbers = world.numbers
    for position, (sender, country, via) in enumerate(wish["routes"]):
        if sender != via:
            own = None if sender is None else numbers[sender]
            make_route(numbers[via], sender=own, country=country, position=position)
    cache.forget()


def use_up(wish: dict[str, Any], world: World) -> None:
    """Counters as if this much had been used in the present windows."""
    moment = Moment.of(NOW)
    windows = {f"{window}_at": moment.in_window(window) for window in Window}
    Counter.objects.filter(workspace=world.workspace).delete()
    rows = [(1, "number", each.pk, {"minute_messages": wish["number_used"]}) for each in world.numbers]
    rows += [(1, "user", each.pk, {"month_segments": wish["user_segments"]}) for each in world.agents]
    Counter.objects.bulk_create(
        Counter(workspace=world.workspace, scope=scope, subject_id=pk, **windows, **used)
        for _, scope, pk, used in rows
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wish=wishes())
def test_the_verdict_of_a_rehearsal_is_the_real_sends(world: World, wish: dict[str, Any]) -> None:
    request = request_of(wish, world)
    lay(wish, world)
    use_up(wish, world)
    counted = list(Counter.objects.order_by("pk").values())

    rehearsal = rehearse(request, NOW)
    assert list(Counter.objects.order_by("pk").values()) == counted
    assert not log_has(request)
    message = accept(request, NOW)

    event(f"{message.status} {message.error_code}")
    assert (rehearsal.error is not None) == (message.status == Status.REJECTED)
    if rehearsal.error:
        assert rehearsal.error.code == message.error_code
        if wish["hide_values"]:
            assert (message.body, message.inputs, message.values_gone_at) == ("", {}, NOW)
            assert verdicts(rehearsal.trace)[: len(message.trace)] == verdicts(message.trace)
            return
        assert message.error_facts == as_stored(rehearsal.error.facts)
        assert taken(rehearsal.trace)[: len(message.trace)] == as_stored(message.trace)
        return
    assert message.status == (Status.HELD if rehearsal.held_until else Status.QUEUED)
    if rehearsal.held_until:
        assert message.next_attempt_at == rehearsal.held_until
    draft = rehearsal.draft
    assert draft.number
    assert draft.recipient
    assert draft.measure
    assert (message.sender, message.recipient) == (draft.number.e164, draft.recipient.e164)
    assert (message.agent, message.body) == (draft.agent, draft.body)
    assert (message.encoding, message.segments) == (draft.measure.encoding, draft.measure.segments)
    assert taken(rehearsal.trace)[:-1] == as_stored(message.trace)[:-1]


def log_has(request: SendRequest) -> bool:
    return log.found(request) is not None


def taken(trace: list[Step]) -> list[Any]:
    """The steps as a row would keep them."""
    return as_stored([step.as_json() for step in trace])


def verdicts(trace: list[Any]) -> list[tuple[str, str]]:
    """The steps without what they saw, of a rehearsal or of a row."""
    stored = [step.as_json() if isinstance(step, Step) else step for step in trace]
    return [(name, verdict) for name, verdict, *_seen in stored]


def as_stored(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def test_every_fault_is_shown_at_once_and_the_first_is_the_verdict(world: World) -> None:
    request = ask(world.numbers[3], phone="0612345678", message="Hi {{Contact.nobody}}", mobile_only=True)

    rehearsal = rehearse(request, NOW)

    refused = [step.name for step in rehearsal.trace if step.verdict == Verdict.REFUSED]
    assert refused == ["eligible", "recipient", "message"]
    assert rehearsal.error
    assert rehearsal.error.code == "NUMBER_NOT_SMS_CAPABLE"
    unreached = [step.name for step in rehearsal.trace if step.verdict == Verdict.NOT_REACHED]
    of_recipient = ["not_sender", "line_type", "opt_out", "country", "sender_id", "alphabet", "test_numbers"]
    assert unreached == ["route", "encoding", "length", *of_recipient, "quota"]


def test_a_rehearsal_tells_of_a_full_quota_without_counting(world: World) -> None:
    Rule.objects.filter(workspace=world.workspace, scope="number", window="minute").update(limit=1)
    accept(ask(world.numbers[0]), NOW)
    before = list(Counter.objects.values())

    refused = rehearse(ask(world.numbers[0]), NOW)
    held = rehearse(ask(world.numbers[0], at_quota="hold", hold_minutes=60), NOW)

    assert refused.error
    assert refused.error.code == "NUMBER_QUOTA_EXCEEDED"
    assert held.would_send
    assert held.held_until == NOW.replace(second=0) + timedelta(minutes=1)
    assert list(Counter.objects.values()) == before


def test_what_nobody_foresaw_ends_a_rehearsal_as_it_would_end_the_send(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("smsadmin.core.numbers.read", broken)

    rehearsal = rehearse(ask(world.numbers[0]), NOW)

    assert rehearsal.error
    assert rehearsal.error.code == "INTERNAL_ERROR"
    assert accept(ask(world.numbers[0]), NOW).error_code == "INTERNAL_ERROR"
    assert not Message.objects.exclude(error_code__in=CATALOGUE).exists()
