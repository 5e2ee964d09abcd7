"""Who sends, as whom, to whom, and what: each step finds one of them or raises the error that says why not.

The same steps serve the preview, the dry run and the real send; they read, and change nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.utils import timezone

from smsadmin.classic import gate
from smsadmin.core import errors, numbers, segments, sender_names, tokens
from smsadmin.core.message import MOST_CHARACTERS, Record, SendRequest
from smsadmin.core.trace import Step, Verdict, passed, warned
from smsadmin.directory.book import Book
from smsadmin.directory.facts import first_failing
from smsadmin.directory.models import Agent, Number, SenderKind
from smsadmin.directory.naming import said
from smsadmin.routing import matching, scope
from smsadmin.routing.models import Route

INPUTS = "inputs"  # a workflow step's own fields, beside the record's properties


@dataclass(slots=True)
class Draft:
    """A message in the making: what was found so far, and the trace of how."""

    ask: SendRequest
    book: Book
    number: Number | None = None
    agent: Agent | None = None
    recipient: numbers.Number | None = None
    recipient_given: str = ""
    body: str = ""
    measure: segments.Measure | None = None
    trace: list[Step] = field(default_factory=list)

    @property
    def is_classic(self) -> bool:
        """Asked for by the earlier action, with its fallbacks."""
        return self.ask.generation == "classic"

    def value(self, path: str) -> str:
        """The property's value, "" when it has none or does not exist."""
        first, dot, rest = path.partition(".")
        object_name, name = (first, rest) if dot else (tokens.ENROLLED, path)
        try:
            return (lookup(self.ask.record, object_name, name) or "").strip()
        except LookupError:
            return ""


DraftStep = Callable[[Draft], Step]


def run(draft: Draft, steps: Iterable[tuple[str, DraftStep]]) -> None:
    """Takes the steps in order, keeping the trace; the first refusal ends it and is raised."""
    for name, step in steps:
        try:
            draft.trace.append(step(draft))
        except errors.SendError as error:
            draft.trace.append(Step(name, Verdict.REFUSED, error.code, error.facts))
            raise


def lookup(record: Record, object_name: str, name: str) -> str | None:
    """A property of the record or of a related one, names compared as tokens compare them.

    Raises LookupError where there is no such object or property.
    """
    wanted = tokens.key(object_name)
    own = tokens.key(record.object_type)
    if wanted in (tokens.key(tokens.ENROLLED), own):
        wanted, properties = own, record.properties
    else:
        properties = {tokens.key(kind): found for kind, found in record.related.items()}[wanted]
    if name in properties:
        return properties[name]
    return record.by_key[wanted][tokens.key(name)]


def source(path: str) -> str:
    """How a property is named in a sentence."""
    return path.removeprefix(f"{INPUTS}.")


def action(draft: Draft) -> Step:
    ask = draft.ask
    if draft.is_classic:
        return _classic_action(draft)
    if not ask.action_enabled:
        raise errors.ActionDisabled(action=ask.action_name)
    if flow := ask.origin.get("flow_name"):
        version, step = ask.origin.get("version"), ask.origin.get("step")
        return passed("action", "action.flow", flow=flow, version=version, step=step)
    if agent := ask.origin.get("agent_name"):
        facts = {"action": ask.action_name, "version": ask.version_number, "tool": ask.origin.get("tool")}
        if ask.origin.get("when") == "after":
            return passed("action", "action.after", agent=agent, **facts)
        return passed("action", "action.agent", agent=agent, **facts)
    if not ask.action_name and "key" in ask.origin:
        return passed("action", "action.program", key=ask.origin.get("key_name"))
    if not ask.action_name:
        return passed("action", "action.inline")
    if not ask.version_number:
        return passed("action", "action.form", action=ask.action_name)
    return passed("action", "action.saved", action=ask.action_name, version=ask.version_number)


def _classic_action(draft: Draft) -> Step:
    """Aircall help, earlier Send SMS action: in private beta, and to be sunset with advance notice."""
    if refusal := gate.refusal(draft.ask.workspace_id, timezone.now()):
        raise refusal
    return passed("action", "action.classic")


def sender(draft: Draft) -> Step:
    """Aircall help, advanced Send SMS action: a number of the list, or E.164 in a property. No fallback, but for the
    earlier action. A step of a call flow names its sender itself."""
    config = draft.ask.config
    if config.sender_kind == "number":
        return _chosen_sender(draft)
    if config.sender_kind == "given":
        return _given_sender(draft)
    value = draft.value(config.sender_property)
    if not value:
        raise errors.SenderRequired(source=source(config.sender_property))
    try:
        e164 = numbers.e164_strict(value)
    except numbers.NumberError as error:
        raise errors.NumberNotE164(value=value[:60]) from error
    draft.number = draft.book.by_e164.get(e164)
    if draft.number is None:
        raise errors.NumberNotInIntegration(sender=e164)
    return passed(
        "sender",
        "sender.property",
        source=source(config.sender_property),
        value=value,
        sender=e164,
        name=draft.number.name,
    )


def _chosen_sender(draft: Draft) -> Step:
    config = draft.ask.config
    if config.sender_number_id is None:
        raise errors.SenderRequired(source="sender_number")
    draft.number = draft.book.numbers.get(config.sender_number_id)
    if draft.is_classic and (draft.number is None or draft.number.gone_at):
        return _fallback_sender(draft)
    if draft.number is None:
        raise errors.NumberNotInIntegration(sender=config.sender_given or f"№ {config.sender_number_id}")
    return passed("sender", "sender.chosen", sender=said(draft.number), name=draft.number.name)


def _given_sender(draft: Draft) -> Step:
    """Callr help, sms@v1 `from`: a phone number, a sender name, or nothing, and then the account picks one."""
    given = draft.ask.config.sender_given.strip()
    if not given:
        return _sender_for_none(draft)
    if numbers.E164.fullmatch(given):
        draft.number = draft.book.phone(draft.ask.config.sender_connection_id, given)
        if draft.number is None:
            raise errors.NumberNotInIntegration(sender=given)
        by_program = _is_a_programs(draft)
        return passed(
            "sender",
            "sender.asked" if by_program else "sender.given",
            sender=given,
            name=draft.number.name,
        )
    return _named_sender(draft, given)


def _named_sender(draft: Draft, given: str) -> Step:
    """A name of the account that sends; one that only looks like a number lacks its country code."""
    fault = sender_names.fault(given)
    if given.startswith("+") or fault == "no_letter":
        raise errors.NumberNotE164(value=given[:60])
    if fault:
        raise errors.SenderIdInvalid(value=given[:60], why=fault)
    draft.number = draft.book.named(draft.ask.config.sender_connection_id, given)
    if draft.number is None:
        raise errors.SenderIdNotApproved(value=given, country="")
    by_program = _is_a_programs(draft)
    return passed("sender", "sender.asked_name" if by_program else "sender.name", sender=draft.number.e164)


def _is_a_programs(draft: Draft) -> bool:
    """Whether a program with an API key names the sender, and not a step of a call flow."""
    return "key" in draft.ask.origin


def _sender_for_none(draft: Draft) -> Step:
    """What an account picks by destination; where it picks none the number that is set for that."""
    config = draft.ask.config
    if config.sender_called:
        return _called_sender(draft)
    if pool := draft.book.pools.get(config.sender_connection_id or 0):
        draft.number = pool
        return passed("sender", "sender.pool", name=pool.name)
    draft.number = draft.book.numbers.get(config.sender_number_id or 0)
    if draft.number is None:
        raise errors.SenderRequired(source="flow")
    return passed("sender", "sender.default", sender=draft.number.e164, name=draft.number.name)


def _called_sender(draft: Draft) -> Step:
    """The number that was called or texted. Where it cannot text, what the only account that picks senders picks."""
    called = draft.book.numbers.get(draft.ask.config.sender_number_id or 0)
    pool = draft.book.only_pool
    if called and (pool is None or first_failing(called) is None):
        draft.number = called
        return passed("sender", "sender.called", sender=called.e164, name=called.name)
    if pool is None:
        raise errors.SenderRequired(source="called")
    draft.number = pool
    if called:
        return warned("sender", "sender.called_mute", sender=called.e164, name=pool.name)
    return warned("sender", "sender.called_elsewhere", name=pool.name)


def _fallback_sender(draft: Draft) -> Step:
    """The number that the workspace set for classic steps whose own is gone. Without one the message is refused."""
    config, gone = draft.ask.config, draft.number
    asked = gone.e164 if gone else config.sender_given
    draft.number = draft.book.numbers.get(gate.of(draft.ask.workspace_id).fallback_number_id or 0)
    if draft.number is None or draft.number.gone_at:
        draft.number = gone
        raise errors.NumberNotInIntegration(sender=asked)
    asked = numbers.pretty(asked) if gone else asked
    return warned("sender", "sender.fallback", asked=asked, sender=draft.number.e164, name=draft.number.name)


def eligible(draft: Draft) -> Step:
    """Aircall help, "Why your number may not appear": connected, SMS-capable, no third party, no Messaging API."""
    number = _found(draft.number)
    if draft.is_classic and number.connected is not True:
        return _eligible_outside(number)
    by_proxy = number.proxy_mode and draft.ask.via == "any"
    if error := first_failing(number, but_for=("proxy_mode",) if by_proxy else ()):
        raise error(sender=said(number))
    if draft.ask.media and not by_proxy:
        raise errors.MediaNotSupported(sender=said(number))
    if number.kind == SenderKind.NAME:
        return passed("eligible", "eligible.name")
    if number.kind == SenderKind.POOL:
        return passed("eligible", "eligible.pool")
    return passed("eligible", "eligible.proxy" if by_proxy else "eligible.yes")


def _eligible_outside(number: Number) -> Step:
    """Aircall help, "Send As User errors": the earlier action fell back on SMS-enabled numbers outside the
    integration. It must be able to text all the same."""
    if error := first_failing(number, but_for=("connected",)):
        raise error(sender=number.e164)
    return warned("eligible", "eligible.outside", sender=number.e164)


def send_as(draft: Draft) -> Step:
    """Aircall help, advanced Send SMS action: the user must be one of the chosen number's, or nothing is sent. The
    earlier action then sent without one."""
    if draft.ask.config.send_as_kind == "none":
        return passed("send_as", "send_as.none")
    try:
        return _as_user(draft)
    except (errors.UserNotFound, errors.UserNotOnNumber) as error:
        if not draft.is_classic:
            raise
        sender = _found(draft.number).e164
        return warned("send_as", "send_as.fallback", asked=error.facts["email"], sender=sender)


def _as_user(draft: Draft) -> Step:
    config, number = draft.ask.config, _found(draft.number)
    agent = _chosen_agent(draft) if config.send_as_kind == "user" else _agent_by_email(draft)
    if agent.pk not in draft.book.on_number.get(number.pk, ()):
        raise errors.UserNotOnNumber(email=agent.email, sender=said(number))
    draft.agent = agent
    users = len(draft.book.agents_of(number))
    return passed("send_as", "send_as.user", email=agent.email, users=users, sender=number.e164)


def _chosen_agent(draft: Draft) -> Agent:
    chosen = draft.ask.config.send_as_user_id
    if chosen is None:
        raise errors.UserRequired(source="send_as_user")
    agent = draft.book.agents.get(chosen)
    if agent is None or agent.gone_at:
        given = draft.ask.config.send_as_given or f"№ {chosen}"
        raise errors.UserNotFound(email=agent.email if agent else given)
    return agent


def _agent_by_email(draft: Draft) -> Agent:
    path = draft.ask.config.send_as_property
    email = draft.value(path)
    if not email:
        raise errors.UserRequired(source=source(path))
    agent = draft.book.user(email, _found(draft.number))
    if agent is None:
        raise errors.UserNotFound(email=email[:254])
    return agent


_UNREADABLE: dict[str, type[errors.SendError]] = {
    "no_country_code": errors.RecipientNoCountryCode,
    "too_short": errors.RecipientImpossible,
    "too_long": errors.RecipientImpossible,
    "impossible": errors.RecipientImpossible,
}


def recipient(draft: Draft) -> Step:
    """Aircall help, "Phone number formatting": the country code is required; nothing is guessed."""
    config = draft.ask.config
    path = config.recipient_property
    value = draft.value(path)
    draft.recipient_given = value[:60]
    if not value:
        raise errors.RecipientMissing(source=source(path))
    try:
        draft.recipient = found = numbers.read(value, config.default_region or None)
    except numbers.NumberError as error:
        refusal = _UNREADABLE.get(error.reason, errors.RecipientNotE164)
        raise refusal(value=draft.recipient_given) from error
    if draft.ask.test_recipient:
        return _to_a_test_number(draft, found)
    facts = {"source": source(path), "value": draft.recipient_given, "recipient": found.e164}
    if not found.valid:
        return warned("recipient", "recipient.unusual", **facts)
    if config.default_region and not value.startswith("+"):
        return passed("recipient", "recipient.region", region=config.default_region, **facts)
    return passed("recipient", "recipient.read", **facts)


def _to_a_test_number(draft: Draft, found: numbers.Number) -> Step:
    """A test goes elsewhere, but only where the record's own number would have been read."""
    draft.recipient = numbers.read(draft.ask.test_recipient)
    facts = {"source": source(draft.ask.config.recipient_property), "value": draft.recipient_given}
    return passed("recipient", "recipient.test", read=found.e164, recipient=draft.recipient.e164, **facts)


def route(draft: Draft) -> Step:
    """The sender that the workspace's routes put in place of the one found. It must be able to text like any other:
    where it cannot, nothing falls back on what it replaced."""
    number, recipient = _found(draft.number), draft.recipient
    assert recipient
    found = (
        matching.always(draft.book.routes, number.pk, numbers.home_of(recipient))
        if draft.book.routes
        else None
    )
    if found is None:
        return passed("route", "route.none")
    if not scope.concerns(draft.ask):
        return passed("route", "route.not_asked", route=found.called)
    if found.via_id == number.pk:
        return passed("route", "route.kept", route=found.called, sender=said(number))
    return _rerouted(draft, number, found)


def _rerouted(draft: Draft, replaced: Number, route: Route) -> Step:
    """The user goes along where they are on the new number too."""
    draft.number = draft.book.numbers.get(route.via_id)
    if draft.number is None:
        raise errors.NumberNotInIntegration(sender=f"№ {route.via_id}", route=route.called)
    agent, draft.agent = draft.agent, None
    if error := first_failing(draft.number):
        raise error(sender=said(draft.number), route=route.called)
    facts = {"route": route.called, "replaced": said(replaced)}
    facts |= {"sender": said(draft.number), "name": draft.number.name}
    if agent and agent.pk not in draft.book.on_number.get(draft.number.pk, ()):
        return warned("route", "route.without_user", email=agent.email, **facts)
    draft.agent = agent
    return passed("route", "route.taken", **facts)


def message(draft: Draft) -> Step:
    """Fills the tokens in: a token without value and without fallback refuses the message."""
    template = draft.ask.config.message
    try:
        rendered = tokens.render(template, lambda kind, name: lookup(draft.ask.record, kind, name))
    except tokens.TemplateError as error:
        raise errors.TokenUnknown(token=error.piece) from error
    except tokens.TooLong as error:
        raise errors.MessageTooLong(characters=error.characters, limit=MOST_CHARACTERS) from error
    if rendered.unknown:
        raise errors.TokenUnknown(token=rendered.unknown[0].raw)
    if rendered.missing and draft.ask.config.sender_kind == "given":
        raise errors.MessageEmpty()  # the text of a call flow's step is one value, read by one token
    if rendered.missing:
        raise errors.TokenUnresolved(token=rendered.missing[0].raw)
    draft.body = segments.normalise(rendered.text)
    if not draft.body.strip():
        raise errors.MessageEmpty()
    draft.measure = segments.measure(draft.body)
    if not rendered.used:
        return passed("message", "message.plain")
    if draft.ask.config.hide_values:
        names = dict.fromkeys(_written(used.token) for used in rendered.used)
        return passed("message", "message.tokens_hidden", tokens=", ".join(names)[:500])
    values = [f"{_written(used.token)} = “{used.value}”" for used in rendered.used]
    return passed("message", "message.tokens", tokens=", ".join(values)[:500])


def _written(token: tokens.Token) -> str:
    """A property as people write it: one of the record itself without an object."""
    return f"{token.object}.{token.property}".removeprefix(f"{tokens.ENROLLED}.")


_MOST_SHOWN = 10  # characters that a sentence names


def encoding(draft: Draft) -> Step:
    """The alphabet of the filled-in text: what it needs, GSM-7 with look-alikes, or Unicode throughout."""
    wanted = draft.ask.config.encoding
    if wanted == "gsm":
        return _as_gsm(draft)
    if wanted == "unicode":
        draft.measure = segments.measure(draft.body, unicode=True)
        return passed("encoding", "encoding.always")
    assert draft.measure
    if not draft.measure.forcing:
        return passed("encoding", "encoding.gsm")
    return passed("encoding", "encoding.unicode", characters=named(each for _, each in draft.measure.forcing))


def _as_gsm(draft: Draft) -> Step:
    """Puts look-alikes into the text; a character without one refuses the message, whose text then stays as it was."""
    replaced = segments.to_gsm(draft.body)
    if replaced.left:
        raise errors.EncodingNotSupported(encoding="GSM-7", characters=named(replaced.left))
    if not replaced.changes:
        return passed("encoding", "encoding.gsm")
    body = segments.normalise(replaced.text)
    if not body:  # it was nothing but invisible characters
        raise errors.MessageEmpty()
    draft.body, draft.measure = body, segments.measure(body)
    changes = dict.fromkeys(f"{_name(before)} → “{after}”" for _, before, after in replaced.changes)
    return passed("encoding", "encoding.replaced", changes=_some(list(changes)))


def named(characters: Iterable[str]) -> str:
    """Characters as a sentence lists them, each once."""
    return _some([_name(each) for each in dict.fromkeys(characters)])


def _name(character: str) -> str:
    """A character with its code point; one that would not be seen by its code point alone."""
    code = segments.describe(character)
    return f"“{character}” ({code})" if character.isprintable() else code


def _some(names: list[str]) -> str:
    return ", ".join(names[:_MOST_SHOWN]) + (", …" if len(names) > _MOST_SHOWN else "")


def _found(number: Number | None) -> Number:
    if number is None:
        raise errors.SenderRequired(source="sender_number")
    return number


#: The steps that make the text; they need nothing but the record, and the editor takes them to measure it.
TEXT: tuple[tuple[str, DraftStep], ...] = (
    ("message", message),
    ("encoding", encoding),
)

RESOLVE: tuple[tuple[str, DraftStep], ...] = (
    ("action", action),
    ("sender", sender),
    ("eligible", eligible),
    ("send_as", send_as),
    ("recipient", recipient),
    ("route", route),
    *TEXT,
)
