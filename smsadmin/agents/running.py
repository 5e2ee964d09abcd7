"""An agent uses a tool: one text at most, and an answer at once that the agent can say aloud.

What makes it safe to ask twice: every use is a row before anything is sent, written under a lock of its call, and the
row's id is the key of the message in the log. So the same text within ten minutes finds the first row, whichever tool
asks for it, and so does a worker that takes over what another one left. A row whose text surely left nobody stands in
nobody's way.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac
from jsonschema import Draft202012Validator

from smsadmin.actions.calls import CALL_ID
from smsadmin.actions.models import ActionVersion, ObjectType
from smsadmin.agents import parties, speaking, tools, variables
from smsadmin.agents.models import AgentCall, AIAgent, Attachment, Invocation
from smsadmin.agents.tools import MOST_VALUE, TO, Tool
from smsadmin.core import errors, tokens
from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.core.status import Status
from smsadmin.sending import again
from smsadmin.sending.accept import accept
from smsadmin.sending.filters import AGENT
from smsadmin.sending.log import DECIDED_LOST, storable
from smsadmin.sending.models import Message
from smsadmin.sending.rehearse import Rehearsal
from smsadmin.sending.rehearse import rehearse as rehearsed

#: So long the same text to the same recipient in the same call is the same wish.
SAME_WITHIN = timedelta(minutes=10)
#: Where no call is known, so long what one recipient gets counts as one call's.
CALL_OF_NONE = timedelta(hours=1)
#: Under inputs, whatever an action calls its recipient.
RECIPIENT = variables.RECIPIENT
#: Texts that surely left nobody are not counted, but a call has so many times its texts as tries at most.
TRIES = 3
UNSENT = (Status.REJECTED, Status.FAILED, Status.EXPIRED, Status.CANCELLED)
#: Dialects whose external ids never name two uses of a call: Vapi's tool calls (Vapi docs: custom tools), and our own
#: uses after a call. Others may count from one in every completion of a model.
AFTER = "after"
UNIQUE_IDS = frozenset({AIAgent.Platform.VAPI.value, AFTER})
#: Of arguments that cannot be used so many are kept, to be looked at.
_MOST_KEPT = 20

Outcome = Invocation.Outcome
#: By the names that the agent was told; None for what could not be read.
Arguments = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What came with a use about the call it is in; "" for what nobody said. `party` is whom the agent talks with,
    `number` is ours, `direction` "inbound" or "outbound"."""

    call_id: str = ""
    party: str = ""
    number: str = ""
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a use. `status` is "queued", "held" or "rejected"; `code`, in small letters, says why it is held or
    rejected; `say` is the sentence for the agent. `repeated`: it is the answer to an earlier use. `message` is the one
    that this use made, `message_id` names it for repeats too, and "" stands for none."""

    status: str
    say: str
    code: str = ""
    message: Message | None = None
    invocation: Invocation | None = None
    repeated: bool = False

    @property
    def ok(self) -> bool:
        return self.status != "rejected"

    @property
    def message_id(self) -> str:
        kept = self.invocation.message if self.invocation else None
        return str(self.message.pk if self.message else kept or "")


class Refused(Exception):
    """A use that cannot become a message: its code, and the sentence for the agent."""

    def __init__(self, code: str, say: str, outcome: str = Outcome.REFUSED) -> None:
        super().__init__(say)
        self.code, self.say, self.outcome = code, say, outcome

    @property
    def answer(self) -> Answer:
        return Answer("rejected", self.say, self.code)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be sent: to whom, with which value for each path, and what of it the agent itself gave."""

    version: ActionVersion
    recipient: str
    values: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)


def use(
    agent: AIAgent,
    attachment: Attachment,
    arguments: Arguments,
    call: CallFacts,
    *,
    dialect: str,
    external_id: str = "",
    now: datetime | None = None,
) -> Answer:
    """Has the attachment's action send its text, once for the same wish; answers without waiting for anybody.

    `dialect` says who asked in which form, `external_id` is the platform's own id of this use. Raises DatabaseError
    where nothing could be written: then nothing was sent, and the same use may be made again.
    """
    began, now, call = time.monotonic(), now or timezone.now(), _storable(call)
    # A use after the call teaches nothing: its row has what is proven of the call, and the rest may be anybody's.
    row = call_of(agent, CallFacts(call.call_id) if dialect == AFTER else call, now)
    plan = _planned(agent, attachment, arguments, call, row)
    use = Invocation(
        workspace_id=agent.workspace_id,
        agent=agent,
        attachment=attachment,
        call=row,
        tool_name=attachment.tool_name,
        at=now,
        dialect=dialect,
        external_id=storable(external_id)[:120],
        digest=_digest(attachment, row, plan, arguments),
        arguments=storable(_noted(attachment, plan, arguments)),
    )
    first = _entered(use, plan, agent, attachment)
    if first.outcome:
        answer = _told(first, agent)
    elif isinstance(plan, Refused):  # it is the first's to be answered, and says something else
        answer = plan.answer
    else:
        answer = _sent(first, _request(first, plan, agent, attachment, call), agent, began, now)
    return answer if first is use else _repeated(use, answer, began)


def rehearse(
    agent: AIAgent, attachment: Attachment, arguments: Arguments, call: CallFacts
) -> tuple[Answer, Rehearsal | None]:
    """What a first use in a call would be answered, without sending, counting or writing anything; and the steps of
    its message, None where it would not come to one."""
    call = _storable(call)
    plan = _planned(agent, attachment, arguments, call, None)
    if isinstance(plan, Refused):
        return plan.answer, None
    found = rehearsed(_request(Invocation(), plan, agent, attachment, call))
    code = found.error.code.lower() if found.error else ""
    status = "rejected" if found.error else "held" if found.held_until else "queued"
    say = speaking.sentence(code if found.error else status, agent.language)
    return Answer(status, say, code), found


def call_of(agent: AIAgent, call: CallFacts, now: datetime) -> AgentCall | None:
    """The row of the call that this is about, made where it is new, with what is now known of it; None for no id.
    What was known stays, but for what is no number, or one without its country code, where that is told; and once the
    numbers were deleted, by age, none is learnt anew."""
    if not (call_id := call.call_id.strip()[:120]):
        return None
    told = {
        "direction": call.direction[:8],
        "party": parties.kept(call.party),
        "number": parties.kept(call.number),
    }
    first = {**told, "workspace_id": agent.workspace_id, "first_at": now, "last_at": now}
    row, is_new = AgentCall.objects.get_or_create(agent=agent, call_id=call_id, defaults=first)
    if is_new:
        return row
    try:
        _learn(row, told, now)
    except AgentCall.DoesNotExist:  # it was deleted, by age, in this very moment
        row, _ = AgentCall.objects.get_or_create(agent=agent, call_id=call_id, defaults=first)
    return row


def _learn(row: AgentCall, told: Mapping[str, str], now: datetime) -> None:
    """Raises AgentCall.DoesNotExist."""
    with transaction.atomic():
        # Who would learn another party at the same moment goes by the one that was learnt first.
        row.refresh_from_db(from_queryset=AgentCall.objects.select_for_update())
        news = {} if row.number_gone_at else told
        learnt = {name: value for name, value in news.items() if parties.gives_way(getattr(row, name), value)}
        for name, value in {**learnt, "last_at": max(row.last_at, now)}.items():
            setattr(row, name, value)
        row.save(update_fields=[*learnt, "last_at"])


def config_of(version: ActionVersion) -> ActionConfig:
    """What the version asks for, to whomever the agent talks with or names."""
    return replace(version.config(), recipient_property=variables.TOLD_RECIPIENT)


def record_of(version: ActionVersion, call_id: str, recipient: str, values: Mapping[str, str]) -> Record:
    """The values by path as the record that the version is about; of a call it has the call's id. What the action calls
    its recipient is the recipient here too. That is written last: nothing that an agent says stands in its place."""
    is_call = version.object_type == ObjectType.CALL
    own: dict[str, str | None] = {CALL_ID: call_id or None} if is_call else {}
    related: dict[str, dict[str, str | None]] = {}
    recipients = dict.fromkeys(
        filter(None, (version.recipient_property, variables.TOLD_RECIPIENT)), recipient
    )
    for path, value in {**values, **recipients}.items():
        first, rest = variables.parts(path, version.object_type)
        properties = related.setdefault(tokens.key(first), {}) if first else own
        properties[rest] = value or None
    return Record(version.object_type, call_id[:40] if is_call else "", own, related)


# --- What is asked for --------------------------------------------------------------------------------


def _planned(
    agent: AIAgent,
    attachment: Attachment,
    arguments: Arguments,
    call: CallFacts,
    row: AgentCall | None,
) -> Plan | Refused:
    """What the use asks for, or why it cannot be had."""
    try:
        return _plan(agent, attachment, arguments, call.party, row.party if row else "")
    except Refused as refusal:
        return refusal


def _plan(agent: AIAgent, attachment: Attachment, arguments: Arguments, party: str, known_party: str) -> Plan:
    version = attachment.action.current
    if not agent.enabled or agent.archived_at:
        raise _refusal(agent, "agent_off")
    if not attachment.enabled or version is None:
        raise _refusal(agent, "tool_off")
    if arguments is None:
        raise _refusal(agent, "arguments_unreadable", outcome=Outcome.UNUSABLE)
    given = _read(agent, tools.of(attachment), arguments)
    if attachment.recipient == Attachment.Recipient.ARGUMENT:
        recipient = parties.spelt(given.pop(TO), version.default_region)
    else:
        recipient = _party(agent, party, known_party, version.default_region)
    said = tools.said(attachment, version).items()
    values = {
        need.path: setting.value if setting.source == "fixed" else given.get(setting.name, "")
        for need, setting in said
        if setting.source != "nobody"
    }
    return Plan(version, recipient, values, {**given, TO: recipient})


def _party(agent: AIAgent, told: str, known: str, region: str) -> str:
    try:
        return parties.recipient(told, known, region)
    except parties.OtherParty:
        raise _refusal(agent, "other_party") from None


def _read(agent: AIAgent, tool: Tool, arguments: Mapping[str, Any]) -> dict[str, str]:
    """The arguments as texts, held to the schema that the agent was shown. An empty one is none. Whether `to` is a
    number is for the checks of every message to say."""
    given = {name: _text(value) for name, value in arguments.items() if value is not None and value != ""}
    wrong: dict[str, list[str]] = {}
    for error in Draft202012Validator(tool.schema).iter_errors(given):
        if error.validator == "required":
            wrong["arguments_missing"] = [name for name in tool.required if name not in given]
        elif error.validator == "additionalProperties":
            wrong["arguments_unknown"] = [name for name in given if name not in tool.properties]
        elif error.validator == "type":
            wrong.setdefault("arguments_no_text", []).append(str(error.path[0]))
        elif error.validator == "maxLength":
            wrong.setdefault("arguments_too_long", []).append(str(error.path[0]))
    for code, names in sorted(wrong.items()):
        raise _refusal(agent, code, outcome=Outcome.UNUSABLE, names=_listed(names))
    return given


def _text(value: Any) -> Any:
    """Numbers and truth values as text; what has none, such as a list, as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return storable(value.strip()) if isinstance(value, str) else value


def _listed(names: list[str]) -> str:
    """As a sentence names them: few, short, and on one line."""
    return ", ".join(" ".join(storable(name).split())[:40] for name in names[:5]) + (
        ", …" if len(names) > 5 else ""
    )


def _refusal(agent: AIAgent, code: str, outcome: str = Outcome.REFUSED, **names: str) -> Refused:
    return Refused(code, speaking.sentence(code, agent.language, **names), outcome)


def _storable(call: CallFacts) -> CallFacts:
    return CallFacts(*map(storable, astuple(call)))


def _noted(attachment: Attachment, plan: Plan | Refused, arguments: Arguments) -> dict[str, str]:
    """What is kept of the arguments: of an action that keeps no values only the number, by which uses are counted."""
    version = attachment.action.current
    if version and version.hide_values:
        return {TO: plan.recipient} if isinstance(plan, Plan) else {}
    return dict(plan.given) if isinstance(plan, Plan) else _kept(arguments)


def _kept(arguments: Arguments) -> dict[str, str]:
    """What came instead of arguments, for people to see; cut, for it may be anything."""
    return {
        str(name)[:64]: (value if isinstance(value, str) else json.dumps(value, default=str))[:MOST_VALUE]
        for name, value in list((arguments or {}).items())[:_MOST_KEPT]
    }


def _digest(
    attachment: Attachment, row: AgentCall | None, plan: Plan | Refused, arguments: Arguments
) -> UUID:
    """The same for the same text of an action to the same recipient in the same call, whichever of its attachments asks
    for it. Keyed: it is kept for longer than numbers and texts, and must not betray
    them to whoever tries all that there are."""
    said: list[Any]
    if isinstance(plan, Refused):
        said = [plan.code, arguments]
    else:
        said = [plan.version.pk, attachment.action.enabled, plan.recipient, plan.values]
    wish = json.dumps([attachment.action_id, row.pk if row else None, *said], sort_keys=True, default=str)
    return UUID(bytes=salted_hmac("smsadmin.agents.running", wish, algorithm="sha256").digest()[:16])


# --- Once ---------------------------------------------------------------------------------------------


def _entered(use: Invocation, plan: Plan | Refused, agent: AIAgent, attachment: Attachment) -> Invocation:
    """The first use with the same wish. That may be this one: then it is written now, and answered where it is refused.
    Uses of one call come here one after the other."""
    with transaction.atomic():
        _lock(use)
        if first := _earlier(use):
            return first
        if isinstance(plan, Refused):
            _close(use, plan.answer, plan.outcome)
        elif why_not := _too_many(use, plan, attachment.most_per_call):
            _close(use, _refusal(agent, why_not).answer, Outcome.TOO_MANY)
        use.save()
    return use


def _lock(use: Invocation) -> None:
    """Holds up other uses of the call, or of the agent where no call is known. On SQLite the transaction does that."""
    rows: QuerySet[Any] = AIAgent.objects.filter(pk=use.agent_id)
    if use.call_id:
        rows = AgentCall.objects.filter(pk=use.call_id)
    rows.select_for_update().values_list("pk", flat=True).get()


def _earlier(use: Invocation) -> Invocation | None:
    """The first use with the same wish: of a tool under the same id of the platform's, or lately for the same text.
    The latter only where a text may have left: else there is nothing that another one would repeat."""
    if found := _named(use):
        return found
    lately = _uses_like(use).filter(Q(outcome="") | Q(message__isnull=False), at__gt=use.at - SAME_WITHIN)
    found_lately = list(lately)
    unsent = _unsent(each.message for each in found_lately)
    return next((each for each in found_lately if not each.outcome or each.message not in unsent), None)


def _named(use: Invocation) -> Invocation | None:
    """The first use under the same id: in its call however late, outside of calls lately. Ids that are never given
    twice mean the same use whatever it says, others with the same text alone."""
    if not use.external_id:
        return None
    named: dict[str, Any] = {
        "attachment": use.attachment_id,
        "call": use.call_id,
        "external_id": use.external_id,
    }
    if use.dialect not in UNIQUE_IDS:
        named["digest"] = use.digest
    if not use.call_id:
        named["at__gt"] = use.at - SAME_WITHIN
    found = Invocation.objects.filter(agent=use.agent_id, **named).order_by("pk").first()
    if found is None or found.outcome != Outcome.REPEATED:
        return found
    return _uses_like(found).filter(message=found.message).first()  # it repeated a use under another id


def _uses_like(use: Invocation) -> QuerySet[Invocation]:
    """Those with the same text to the same recipient in the same call that were no repeats, the first first."""
    same = Invocation.objects.filter(agent=use.agent_id, digest=use.digest)
    return same.exclude(outcome=Outcome.REPEATED).order_by("pk")


def _unsent(messages: Iterable[UUID | None]) -> set[UUID]:
    """Which of these messages surely left nobody, which no person's guess makes sure, and are not sent again either, by
    now or soon."""
    failed = Message.objects.filter(pk__in=[each for each in messages if each], status__in=UNSENT)
    unsent = set(failed.exclude(DECIDED_LOST).values_list("pk", flat=True))
    return unsent.difference(again.successors(unsent), again.queued(list(unsent)))


def _too_many(use: Invocation, plan: Plan, most: int) -> str:
    """Why the call may not have another text of this attachment; "" where it may. Those under way count, and those that
    surely left nobody do only as tries."""
    asked = Invocation.objects.filter(Q(outcome="") | Q(message__isnull=False), attachment=use.attachment_id)
    uses = asked.exclude(outcome=Outcome.REPEATED)
    if use.call_id:
        uses = uses.filter(call=use.call_id)
    else:
        lately = uses.filter(agent=use.agent_id, call=None, at__gt=use.at - CALL_OF_NONE)
        uses = lately.filter(**{f"arguments__{TO}": plan.recipient})
    made = list(uses.values_list("message", flat=True)[: most * TRIES])
    if len(made) < most:
        return ""
    if len(made) - len(_unsent(made)) >= most:
        return "too_many_texts"
    return "too_many_tries" if len(made) >= most * TRIES else ""


def _close(use: Invocation, answer: Answer, outcome: str) -> None:
    use.outcome, use.code, use.said = outcome, answer.code[:40], answer.say[:300]


def _told(first: Invocation, agent: AIAgent) -> Answer:
    """The answer that a use was given, or what has become of its text since."""
    made = first.message if first.outcome == Outcome.ACCEPTED else None
    if made and (message := Message.objects.filter(pk=made).first()):
        return _of_message(message, first, agent)
    held = "held" if first.code else "queued"
    status = held if first.outcome == Outcome.ACCEPTED else "rejected"
    return Answer(status, first.said, first.code, invocation=first)


def _repeated(use: Invocation, answer: Answer, began: float) -> Answer:
    """The same answer to another use, which is kept as what it is."""
    _close(use, answer, Outcome.REPEATED)
    use.message = answer.invocation.message if answer.invocation else None
    use.ms = _since(began)
    use.save()
    return replace(answer, invocation=use, message=None, repeated=True)


# --- The text -----------------------------------------------------------------------------------------


def _sent(first: Invocation, ask: SendRequest, agent: AIAgent, began: float, now: datetime) -> Answer:
    """The answer to a use that has none yet. Whoever else works on it finds the same message."""
    message = accept(ask, now)
    answer = _of_message(message, first, agent)
    _close(first, answer, Outcome.ACCEPTED if answer.ok else Outcome.REFUSED)
    first.message, first.ms = message.pk, _since(began)
    told = {name: getattr(first, name) for name in ("outcome", "code", "said", "message", "ms")}
    Invocation.objects.filter(pk=first.pk, outcome="").update(**told)
    return answer


def _request(
    first: Invocation, plan: Plan, agent: AIAgent, attachment: Attachment, call: CallFacts
) -> SendRequest:
    action, version = attachment.action, plan.version
    return SendRequest(
        workspace_id=agent.workspace_id,
        trigger=AGENT,
        key=f"{first.pk}",
        config=config_of(version),
        record=record_of(version, call.call_id, plan.recipient, plan.values),
        action_id=action.pk,
        version_id=version.pk,
        action_name=action.name,
        version_number=version.number,
        action_enabled=action.enabled,
        origin={
            "agent": agent.pk,
            "agent_name": agent.name,
            "platform": agent.platform,
            "tool": attachment.tool_name,
            "when": attachment.when,
            "call": call.call_id,
            "call_pk": first.call_id,
        },
        build_mode=agent.build_mode,
    )


def _of_message(message: Message, first: Invocation, agent: AIAgent) -> Answer:
    """What the log has of it, as an answer: it may have gone on its way meanwhile, or have failed."""
    now = Status(message.status)
    status = (
        "held" if now == Status.HELD else "rejected" if now in (*UNSENT, Status.UNDELIVERED) else "queued"
    )
    code = "" if status == "queued" else message.error_code.lower() or message.status
    word = errors.ProviderUnknown.code if now == Status.UNKNOWN else code if status == "rejected" else status
    return Answer(status, speaking.sentence(word, agent.language), code, message, first)


def _since(began: float) -> int:
    """Milliseconds."""
    return round((time.monotonic() - began) * 1_000)
