"""Sender, send-as, recipient, message and checks: every refusal, where the trace ends, and what is seen on the way."""

from datetime import UTC, datetime
from typing import Any

import pytest

from smsadmin.consent import checks
from smsadmin.consent.models import Policy
from smsadmin.core import errors, segments
from smsadmin.core.message import Record
from smsadmin.core.trace import STEPS, Step, Verdict
from smsadmin.directory.book import Book
from smsadmin.directory.models import Agent, Number
from smsadmin.senders import rules
from smsadmin.sending.check import CHECKS
from smsadmin.sending.resolve import RESOLVE, Draft, run
from smsadmin.trials import checks as build_mode
from smsadmin.workspaces.models import Connection
from tests.factories import ask


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workspace that leaves opt-outs to others, knows of no country and is live: nothing here needs a database."""
    monkeypatch.setattr(checks.policies, "policy_of", lambda workspace_id: Policy(workspace_id=workspace_id))
    monkeypatch.setattr(rules, "of", lambda workspace_id: rules.Standing())
    monkeypatch.setattr(build_mode, "of", lambda workspace_id: build_mode.Standing(False, frozenset()))


GONE = datetime(2026, 11, 20, tzinfo=UTC)
SALES, SUPPORT, VANISHED = "+12025550123", "+442079460018", "+12025550199"
MIA, LEO, EVE = "mia@example.com", "leo@example.com", "eve@example.com"


def number(pk: int, e164: str, **facts: Any) -> Number:
    return Number(
        pk=pk,
        workspace_id=1,
        connection=Connection(kind=Connection.Kind.AIRCALL),
        e164=e164,
        name=f"Line {pk}",
        **{"connected": True, "sms_capable": True} | facts,
    )


def agent(pk: int, email: str, **facts: Any) -> Agent:
    return Agent(pk=pk, email=email, name=email.partition("@")[0], **facts)


def a_book(**sales: Any) -> Book:
    """Mia is on Sales, Leo is not; Eve has left; one number has vanished. `sales` changes the Sales number."""
    numbers = {1: number(1, SALES, **sales), 2: number(2, SUPPORT), 3: number(3, VANISHED, gone_at=GONE)}
    agents = {1: agent(1, MIA), 2: agent(2, LEO), 3: agent(3, EVE, gone_at=GONE)}
    return Book(
        numbers=numbers,
        by_e164={each.e164: each for each in numbers.values() if not each.gone_at},
        by_provider_id={},
        agents=agents,
        by_email={each.email: each for each in agents.values() if not each.gone_at},
        agent_by_provider_id={},
        on_number={1: frozenset({1, 3}), 2: frozenset({2})},
    )


def draft(book: Book | None = None, **over: Any) -> Draft:
    book = book or a_book()
    return Draft(ask(book.numbers[1], **over), book)


def refusal(draft: Draft) -> errors.SendError:
    with pytest.raises(errors.SendError) as caught:
        run(draft, (*RESOLVE, *CHECKS))
    return caught.value


def taken(draft: Draft) -> list[str]:
    return [step.name for step in draft.trace]


def step(draft: Draft, name: str) -> Step:
    return next(each for each in draft.trace if each.name == name)


BY_PROPERTY = {"sender_kind": "property", "sender_number_id": None, "sender_property": "Contact.line"}
AS_PROPERTY = {"send_as_kind": "property", "send_as_property": "Contact.owner"}
LOCAL = {"phone": "0612345678"}

REFUSALS = [
    # what the request asks · the code · the step that refuses · the facts its sentence names
    ({"action_enabled": False, "action_name": "Hi"}, "ACTION_DISABLED", "action", {"action": "Hi"}),
    ({"sender_number_id": None}, "SENDER_REQUIRED", "sender", {"source": "sender_number"}),
    ({"sender_number_id": 0, "sender_given": "777"}, "NUMBER_NOT_IN_INTEGRATION", "sender", {"sender": "777"}),
    ({"sender_number_id": 3}, "NUMBER_NOT_IN_INTEGRATION", "eligible", {"sender": VANISHED}),
    (BY_PROPERTY, "SENDER_REQUIRED", "sender", {"source": "Contact.line"}),
    (BY_PROPERTY | {"properties": {"line": "  "}}, "SENDER_REQUIRED", "sender", {"source": "Contact.line"}),
    (BY_PROPERTY | {"properties": {"line": "202 555 0123"}}, "NUMBER_NOT_E164", "sender", {"value": "202 555 0123"}),
    (BY_PROPERTY | {"properties": {"line": "+1 202 555 0123"}}, "NUMBER_NOT_E164", "sender", {}),
    (BY_PROPERTY | {"properties": {"line": "+12025550100"}}, "NUMBER_NOT_IN_INTEGRATION", "sender", {}),
    (BY_PROPERTY | {"properties": {"line": VANISHED}}, "NUMBER_NOT_IN_INTEGRATION", "sender", {"sender": VANISHED}),
    ({"send_as_kind": "user"}, "USER_REQUIRED", "send_as", {"source": "send_as_user"}),
    ({"send_as_kind": "user", "send_as_user_id": 9}, "USER_NOT_FOUND", "send_as", {"email": "№ 9"}),
    ({"send_as_kind": "user", "send_as_user_id": 3}, "USER_NOT_FOUND", "send_as", {"email": EVE}),
    ({"send_as_kind": "user", "send_as_user_id": 2}, "USER_NOT_ON_NUMBER", "send_as", {"email": LEO, "sender": SALES}),
    (AS_PROPERTY, "USER_REQUIRED", "send_as", {"source": "Contact.owner"}),
    (AS_PROPERTY | {"properties": {"owner": EVE}}, "USER_NOT_FOUND", "send_as", {"email": EVE}),
    (AS_PROPERTY | {"properties": {"owner": LEO}}, "USER_NOT_ON_NUMBER", "send_as", {"email": LEO}),
    ({"recipient_property": "Contact.mobile"}, "RECIPIENT_MISSING", "recipient", {"source": "Contact.mobile"}),
    ({"recipient_property": "inputs.recipient"}, "RECIPIENT_MISSING", "recipient", {"source": "recipient"}),
    ({"phone": " "}, "RECIPIENT_MISSING", "recipient", {}),
    (LOCAL, "RECIPIENT_NO_COUNTRY_CODE", "recipient", {"value": "0612345678"}),
    ({"phone": "555-0199"}, "RECIPIENT_NO_COUNTRY_CODE", "recipient", {}),
    ({"phone": "ask reception"}, "RECIPIENT_NOT_E164", "recipient", {"value": "ask reception"}),
    ({"phone": "+1 202 555 0123 ext. 4"}, "RECIPIENT_NOT_E164", "recipient", {}),
    ({"phone": "+3361234"}, "RECIPIENT_IMPOSSIBLE", "recipient", {"value": "+3361234"}),
    ({"phone": "+336123456789012"}, "RECIPIENT_IMPOSSIBLE", "recipient", {}),
    ({"message": "Hi {{Contact.Nickname}}"}, "TOKEN_UNKNOWN", "message", {"token": "{{Contact.Nickname}}"}),
    ({"message": "Hi {{Deal.Name}}"}, "TOKEN_UNKNOWN", "message", {"token": "{{Deal.Name}}"}),
    ({"message": 'Hi {{Contact.Nickname | default("you")}}'}, "TOKEN_UNKNOWN", "message", {}),
    ({"message": "Hi {{Contact.FirstName"}, "TOKEN_UNKNOWN", "message", {}),
    (
        {"message": "Hi {{Contact.FirstName}}", "properties": {"firstname": None}},
        "TOKEN_UNRESOLVED",
        "message",
        {"token": "{{Contact.FirstName}}"},
    ),
    ({"message": "{{firstname}}", "properties": {"firstname": " "}}, "TOKEN_UNRESOLVED", "message", {}),
    ({"message": ""}, "MESSAGE_EMPTY", "message", {}),
    ({"message": '{{phone2 | default("")}} ', "properties": {"phone2": ""}}, "MESSAGE_EMPTY", "message", {}),
    (
        {"message": "\u0436\u2019\u0436 \u200d\u2764", "encoding": "gsm"},
        "ENCODING_NOT_SUPPORTED",
        "encoding",
        {"encoding": "GSM-7", "characters": "“\u0436” (U+0436), “\u2764” (U+2764)"},
    ),
    ({"message": "\u200b", "encoding": "gsm"}, "MESSAGE_EMPTY", "encoding", {}),
    ({"message": "x" * 1_598 + "\u2026", "encoding": "gsm"}, "MESSAGE_TOO_LONG", "length", {"characters": 1_601}),
    ({"message": "x" * 1_601}, "MESSAGE_TOO_LONG", "length", {"characters": 1_601, "limit": 1_600}),
    ({"message": "é" * 1_601}, "MESSAGE_TOO_LONG", "length", {"characters": 1_601}),
    ({"phone": SALES}, "RECIPIENT_IS_SENDER", "not_sender", {"sender": SALES}),
    ({"phone": "+1 (202) 555-0123"}, "RECIPIENT_IS_SENDER", "not_sender", {}),
    ({"phone": "+33142345678", "mobile_only": True}, "RECIPIENT_NOT_MOBILE", "line_type", {"kind": "fixed_line"}),
]  # fmt: skip


@pytest.mark.parametrize(("over", "code", "at", "facts"), REFUSALS)
def test_a_refusal_has_its_code_and_ends_the_trace(
    over: dict[str, Any], code: str, at: str, facts: dict[str, Any]
) -> None:
    made = draft(**over)

    error = refusal(made)

    assert error.code == code
    assert error.facts.items() >= facts.items()
    assert "…" not in str(error)
    assert taken(made) == list(STEPS)[: list(STEPS).index(at) + 1]
    assert made.trace[-1] == Step(at, Verdict.REFUSED, code, error.facts)
    assert Verdict.REFUSED not in {each.verdict for each in made.trace[:-1]}


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"connected": None}, "NUMBER_NOT_IN_INTEGRATION"),
        ({"connected": False}, "NUMBER_NOT_IN_INTEGRATION"),
        ({"sms_capable": None}, "NUMBER_NOT_SMS_CAPABLE"),
        ({"sms_capable": False}, "NUMBER_NOT_SMS_CAPABLE"),
        ({"third_party": True}, "NUMBER_THIRD_PARTY_MESSAGING"),
        ({"proxy_mode": True}, "NUMBER_IN_PROXY_MODE"),
        ({"connected": False, "sms_capable": False, "proxy_mode": True}, "NUMBER_NOT_IN_INTEGRATION"),
        ({"gone_at": GONE}, "NUMBER_NOT_IN_INTEGRATION"),
    ],
)
def test_a_number_texts_only_when_all_four_facts_allow_it(facts: dict[str, Any], code: str) -> None:
    made = draft(a_book(**facts))
    assert refusal(made).code == code
    assert taken(made) == ["action", "sender", "eligible"]
    assert not made.book.numbers[1].is_eligible


def test_an_ineligible_number_is_never_replaced_by_another() -> None:
    made = draft(a_book(sms_capable=False))
    refusal(made)
    assert made.number == made.book.numbers[1]


def resolved(**over: Any) -> Draft:
    made = draft(**over)
    run(made, (*RESOLVE, *CHECKS))
    return made


def test_a_message_that_passes_takes_every_step_but_the_quota() -> None:
    made = resolved()
    assert taken(made) == list(STEPS)[:-1]
    assert (made.number, made.agent, made.body) == (made.book.numbers[1], None, "Hello")


def test_a_property_may_name_the_sender() -> None:
    assert resolved(**BY_PROPERTY, properties={"line": f" {SUPPORT} "}).number.pk == 2


@pytest.mark.parametrize("email", [MIA, "Mia@Example.COM", " mia@example.com "])
def test_emails_are_compared_without_case(email: str) -> None:
    made = resolved(**AS_PROPERTY, properties={"owner": email})
    assert made.agent
    assert made.agent.email == MIA
    assert step(made, "send_as").facts["users"] == 1  # one who has left does not count


def test_of_a_user_of_two_accounts_the_one_of_the_number_is_meant() -> None:
    book = a_book()
    book.agents[9] = book.by_email[MIA] = agent(9, MIA, connection_id=8)
    made = resolved(book=book, **AS_PROPERTY, properties={"owner": MIA})
    assert made.agent
    assert made.agent.pk == 1


def test_a_user_of_another_number_may_send_from_that_one() -> None:
    made = resolved(sender_number_id=2, send_as_kind="user", send_as_user_id=2)
    assert made.agent
    assert made.agent.email == LEO


@pytest.mark.parametrize(
    ("spelling", "region", "e164", "verdict", "say"),
    [
        ("+33 6 12 34 56 78", "", "+33612345678", "passed", "recipient.read"),
        ("tel:+33612345678", "", "+33612345678", "passed", "recipient.read"),
        ("0612345678", "FR", "+33612345678", "passed", "recipient.region"),
        ("+13125550123", "FR", "+13125550123", "passed", "recipient.read"),
        ("+15550199", "", "+15550199", "warning", "recipient.unusual"),
    ],
)
def test_a_recipient_may_be_spelt_in_many_ways(
    spelling: str, region: str, e164: str, verdict: str, say: str
) -> None:
    made = resolved(phone=spelling, default_region=region)
    assert made.recipient
    assert made.recipient.e164 == e164
    assert (step(made, "recipient").verdict, step(made, "recipient").say) == (verdict, say)
    assert made.recipient_given == spelling


@pytest.mark.parametrize(
    ("phone", "say"), [("+33612345678", "mobile"), ("+13125550123", "either"), ("+15550199", "mobile")]
)
def test_mobile_only_refuses_what_is_surely_not_mobile(phone: str, say: str) -> None:
    """North America's plan does not tell; the trace says that it is texted all the same."""
    assert step(resolved(phone=phone, mobile_only=True), "line_type").say == f"line_type.{say}"


@pytest.mark.parametrize(
    ("message", "body"),
    [
        ("Hi {{Contact.FirstName}}", "Hi Ada"),
        ("Hi {{contact.first_name}}", "Hi Ada"),
        ("Hi {{ firstname }}", "Hi Ada"),
        ("Hi {{enrolled_object.firstname}}", "Hi Ada"),
        ('Hi {{lastname | default("there")}}', "Hi there"),
        ('Hi{{lastname | default("")}}!', "Hi!"),
        ('Hi {{firstname | default("there")}}', "Hi Ada"),
        ("Code {{odd}}", "Code {{Contact.FirstName}}"),
        ("{{Company.Name}} says hi", "Example Ltd. says hi"),
    ],
)
def test_tokens_are_filled_in_once(message: str, body: str) -> None:
    properties = {
        "phone": "+33612345678",
        "firstname": "Ada",
        "lastname": None,
        "odd": "{{Contact.FirstName}}",
    }
    record = Record("contact", "501", properties, {"company": {"name": "Example Ltd."}})
    assert resolved(message=message, record=record).body == body


@pytest.mark.parametrize(
    ("wanted", "text", "body", "say"),
    [
        ("auto", "Gr\u00fc\u00dfe", "Gr\u00fc\u00dfe", "encoding.gsm"),
        ("auto", "It\u2019s", "It\u2019s", "encoding.unicode"),
        ("gsm", "Gr\u00fc\u00dfe", "Gr\u00fc\u00dfe", "encoding.gsm"),
        ("gsm", "It\u2019s 10\u00a0000", "It's 10 000", "encoding.replaced"),
        ("gsm", "Hello \u200b", "Hello", "encoding.replaced"),
        ("gsm", "{{firstname}}\u2026", "O'Neill...", "encoding.replaced"),
        ("unicode", "Hello", "Hello", "encoding.always"),
        ("unicode", "It\u2019s", "It\u2019s", "encoding.always"),
    ],
)
def test_the_encoding_is_what_the_action_says(wanted: str, text: str, body: str, say: str) -> None:
    made = resolved(message=text, encoding=wanted, properties={"firstname": "O\u2019Neill"})
    assert (made.body, step(made, "encoding").say) == (body, say)
    assert made.measure == segments.measure(body, unicode=wanted == "unicode")


def test_the_characters_that_force_unicode_are_named_once_each() -> None:
    facts = step(resolved(message="It\u2019s Ada\u2019s\u00a0\u0436"), "encoding").facts
    assert facts == {"characters": "“\u2019” (U+2019), U+00A0, “\u0436” (U+0436)"}


def test_what_was_replaced_is_told_once_each() -> None:
    facts = step(resolved(message="It\u2019s Ada\u2019s\u00a01\u200b", encoding="gsm"), "encoding").facts
    assert facts == {"changes": "“\u2019” (U+2019) → “'”, U+00A0 → “ ”, U+200B → “”"}


@pytest.mark.parametrize(
    ("wanted", "fact", "some"),
    [("auto", "characters", "абвгдежзийк"), ("gsm", "changes", "‘’‚‛“”„‟–—…")],
)
def test_at_most_ten_characters_are_told(wanted: str, fact: str, some: str) -> None:
    told = step(resolved(message=some[:10], encoding=wanted), "encoding").facts[fact]
    assert told.count("(U+") == 10
    assert step(resolved(message=some, encoding=wanted), "encoding").facts[fact] == f"{told}, …"


def test_a_refused_text_stays_as_it_was_filled_in() -> None:
    made = draft(message="It\u2019s {{name}}", properties={"name": "\u0436"}, encoding="gsm")
    refusal(made)
    assert made.body == "It\u2019s \u0436"
    assert made.measure == segments.measure(made.body)


@pytest.mark.parametrize("text", ["x" * 1_600, "é" * 1_600, "😀" * 1_600, "x" * 1_600 + "\n "])
def test_1600_characters_fit(text: str) -> None:
    assert step(resolved(message=text), "length").facts["characters"] == 1_600


def test_the_length_is_that_of_the_filled_in_text() -> None:
    error = refusal(draft(message="{{firstname}}", properties={"firstname": "x" * 1_601}))
    assert error.code == "MESSAGE_TOO_LONG"


def test_the_preview_may_take_the_same_steps_without_a_database() -> None:
    """This whole file does: a rule that reads the database by itself fails here."""
    assert resolved(send_as_kind="user", send_as_user_id=1).agent
