"""Bringing in what a Synthflow workspace texts with: its SEND_SMS and INCALL_SMS actions, and the agents they are
attached to.

It is planned from what the API says, shown, and then done as a whole or not at all. What was brought in once belongs to
the workspace: brought in again, it stays as it is here. Nothing changes at Synthflow.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from smsadmin.actions import saving as actions
from smsadmin.actions.calls import PHONE
from smsadmin.actions.models import Action, ActionVersion, ObjectType
from smsadmin.agents import importing_reading as reading
from smsadmin.agents import saving, tools, variables
from smsadmin.agents.after.rules import UNWRITTEN, Condition, Fact, Rule, Test
from smsadmin.agents.importing_reading import INCALL_SMS, Account
from smsadmin.agents.models import AIAgent, Attachment, ImportedAction
from smsadmin.agents.placeholders import OTHER_SYSTEM, Converted, convert
from smsadmin.core import naming
from smsadmin.directory.models import Number
from smsadmin.providers.synthflow.client import Synthflow
from smsadmin.providers.told import mapping, text
from smsadmin.workspaces.models import Connection, User, Workspace

MOST_CONDITION, MOST_DESCRIPTION, MOST_EXAMPLE = 500, 200, 100
#: Under these names an action's condition comes back; the first that is there.
_CONDITIONS = ("instructions", "trigger_condition", "condition")
#: What else an action of theirs may say that ours do not.
_OTHERS = (
    "wait_for_reply",
    "timeout_seconds",
    "fallback_message",
    "message_before_action",
    "from_phone_number",
)


class Way(StrEnum):
    """What an action of theirs is to become."""

    DURING = "during"  # the agent judges its condition while it talks
    RULE = "rule"  # after the call, off until somebody writes its rule
    COMPLETED = "completed"  # after every call whose status is completed


#: After every call that was completed.
COMPLETED = Rule((Condition(Fact.STATUS, Test.IS, value="completed"),)).as_json()
_RULES: Mapping[Way, Any] = {Way.RULE: UNWRITTEN, Way.COMPLETED: COMPLETED}


class Changed(Exception):
    """What is there is no longer what was shown."""


@dataclass(frozen=True, slots=True)
class Theirs:
    """An agent of theirs that an action is attached to: its id and name, the condition and the variables there."""

    model_id: str
    name: str
    condition: str = ""
    variables: Sequence[Mapping[str, Any]] = ()
    known: AIAgent | None = None
    is_attached: bool = False

    @property
    def here(self) -> tuple[bool, bool, bool]:
        """All that decides about what it would get."""
        return self.is_attached, self.is_archived, self.lacks_account

    @property
    def is_archived(self) -> bool:
        """It was put out of the way here, and gets nothing."""
        return self.known is not None and self.known.archived_at is not None

    @property
    def lacks_account(self) -> bool:
        """It is here, and nobody said yet whose account its calls are asked for at."""
        return self.known is not None and self.known.connection_id is None


@dataclass(frozen=True, slots=True)
class Item:
    """An action of theirs, what it would become, and what of it has no place here."""

    action_id: str
    kind: str
    name: str
    text: str
    converted: Converted
    condition: str
    agents: Sequence[Theirs]
    lost: Sequence[str] = ()
    action: Action | None = None

    @property
    def ways(self) -> list[Way]:
        """What it may become; the first is what it most likely is."""
        return [Way.DURING] if self.kind == INCALL_SMS else [Way.RULE, Way.DURING, Way.COMPLETED]

    @property
    def new_agents(self) -> list[Theirs]:
        """Those that would get it now."""
        return [each for each in self.agents if not (each.is_attached or each.is_archived)]

    @property
    def problem(self) -> str:
        """Why it cannot be brought in; "" where it can."""
        if not self.text:
            return _("Synthflow does not say its text.")
        return self.converted.problem

    @property
    def is_done(self) -> bool:
        """It was brought in, and every agent has it."""
        return self.action is not None and not self.new_agents

    @property
    def is_open(self) -> bool:
        """There is something to bring in."""
        return not self.problem and not self.is_done

    @property
    def differs(self) -> bool:
        """Here it says something else than there."""
        current = self.action.current if self.action else None
        return current is not None and current.message != self.converted.text


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to bring in. `ignored`: how many actions are of other types, and are none of ours; `is_cut`: there
    are more than could be read."""

    items: Sequence[Item]
    ignored: int = 0
    is_cut: bool = False

    @property
    def is_open(self) -> bool:
        """There is something to bring in."""
        return any(each.is_open for each in self.items)

    @property
    def seen(self) -> str:
        """The same for as long as all of it is as it was."""
        facts = [
            (each.action_id, each.text, each.condition, _ids(each), bool(each.action)) for each in self.items
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _ids(item: Item) -> list[list[Any]]:
    return [[each.model_id, each.condition, each.variables, *each.here] for each in item.agents]


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person decided: which of them, each as what, and the number that they are sent from."""

    ways: Mapping[str, Way]
    number: Number
    seen: str


@dataclass(slots=True)
class Done:
    """What was made."""

    actions: list[Action] = field(default_factory=list)
    agents: list[AIAgent] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)


# --- Planned ------------------------------------------------------------------------------------------


def plan(connection: Connection, client: Synthflow) -> Plan:
    """What the account has, as far as it can be read in time, and what is here of it. Raises SynthflowError."""
    ours = _Ours(connection)
    names = {model_id: agent.name for model_id, agent in ours.agents.items()}
    return _planned(reading.read(connection, client, ours.actions, names), ours)


def kept(connection: Connection) -> Plan | None:
    """What the account had some minutes ago, and what is here of it now; None where nobody looked."""
    account = reading.kept(connection)
    return _planned(account, _Ours(connection)) if account else None


def check(connection: Connection, client: Synthflow, choices: "Choices") -> Plan:
    """Reads once more what was chosen: the plan with it, which is the one that was shown unless something changed.
    Raises SynthflowError."""
    account = reading.kept(connection)
    if account is None:
        return plan(connection, client)
    return _planned(reading.reread(connection, client, account, choices.ways), _Ours(connection))


def _planned(account: Account, ours: "_Ours") -> Plan:
    items = [_item(each, account.names, ours) for each in account.actions]
    return Plan(items, account.ignored, account.is_cut)


class _Ours:
    """What was brought in from the account before, and the agents that are known."""

    def __init__(self, connection: Connection) -> None:
        done = ImportedAction.objects.filter(connection=connection).select_related("action__current")
        self.actions = {each.external_id: each.action for each in done}
        known = AIAgent.objects.filter(
            workspace=connection.workspace_id, platform=AIAgent.Platform.SYNTHFLOW
        ).exclude(external_id="")
        # Of several with one id the first one that is not archived.
        last = known.order_by(F("archived_at").desc(nulls_last=True), "-pk")
        self.agents = {each.external_id: each for each in last}
        pairs = Attachment.objects.filter(action__in=self.actions.values()).values_list("agent", "action")
        self.attached = set(pairs)


def _item(whole: Mapping[str, Any], names: Mapping[str, str], ours: _Ours) -> Item:
    action_id, fixed = reading.id_of(whole), reading.fixed_of(whole)
    body = reading.first(fixed, reading.TEXTS)
    condition = reading.first(fixed, _CONDITIONS) or text(whole.get("description"))
    converted, action = convert(body), ours.actions.get(action_id)
    agents = list(_attached(whole, names))
    return Item(
        action_id=action_id,
        kind=reading.kind_of(whole),
        name=text(whole.get("name"), 80).strip() or body[:40].strip() or action_id,
        text=body,
        converted=converted,
        condition=condition[:MOST_CONDITION],
        agents=[_met(each, action, ours) for each in agents],
        lost=list(_lost(fixed, condition, converted, agents)),
        action=action,
    )


def _met(theirs: Theirs, action: Action | None, ours: _Ours) -> Theirs:
    known = ours.agents.get(theirs.model_id)
    attached = bool(known and action and (known.pk, action.pk) in ours.attached)
    return Theirs(theirs.model_id, theirs.name, theirs.condition, theirs.variables, known, attached)


def _attached(whole: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Theirs]:
    for model_id, facts in reading.agents_of(whole).items():
        mapped = facts.get("input_variables_mapping")
        yield Theirs(
            model_id,
            names.get(model_id, model_id),
            text(facts.get("trigger_condition"), MOST_CONDITION),
            [each for each in (mapped if isinstance(mapped, list) else []) if isinstance(each, dict)],
        )


def _lost(
    fixed: Mapping[str, Any], condition: str, converted: Converted, agents: Sequence[Theirs]
) -> Iterator[str]:
    """What of an action has no place here, in words."""
    for name in _OTHERS:
        if (value := fixed.get(name)) not in (None, "", False):
            yield _("%(name)s (%(value)s) has nothing that does the same here.") % {
                "name": name,
                "value": str(value)[:80],
            }
    if len(condition) > MOST_CONDITION:
        yield _("Its condition is cut to %(most)d characters.") % {"most": MOST_CONDITION}
    for theirs, ours in converted.renamed.items():
        yield _("“%(name)s” means something else in texts here, so this one calls it “%(ours)s”.") % {
            "name": theirs,
            "ours": ours,
        }
    for theirs in converted.names:
        if theirs in OTHER_SYSTEM:
            yield _(
                "“%(name)s” is filled in by Synthflow alone: here the agent has to give it, or write it fixed."
            ) % {"name": theirs}
    for agent in agents:
        for each in agent.variables:
            source = text(each.get("source"))
            if source not in ("", "llm", "hardcoded"):
                yield _(
                    "“%(variable)s” of %(agent)s comes from %(source)s there: here the agent gives it."
                ) % {
                    "variable": text(each.get("variable_name")),
                    "agent": agent.name,
                    "source": source,
                }


# --- Done ---------------------------------------------------------------------------------------------


def apply(connection: Connection, found: Plan, choices: Choices, by: User) -> Done:
    """Makes all that was chosen, or nothing. Raises Changed where what is there, or here, is no longer what was
    shown."""
    if found.seen != choices.seen:
        raise Changed
    done = Done()
    try:
        with transaction.atomic():
            for item in found.items:
                if item.is_open and (way := choices.ways.get(item.action_id)) in item.ways:
                    _bring_in(connection, item, Way(way), choices.number, by, done)
    except (IntegrityError, actions.NameTaken, saving.NameTaken) as error:
        raise Changed from error
    return done


def _bring_in(connection: Connection, item: Item, way: Way, number: Number, by: User, done: Done) -> None:
    action = item.action or _made(connection, item, number, by, done)
    for theirs in item.new_agents:
        agent = _agent(connection, theirs, by, done)
        done.attachments.append(_attachment(agent, action, item, theirs, way))


def _made(connection: Connection, item: Item, number: Number, by: User, done: Done) -> Action:
    workspace = connection.workspace
    config = {
        "object_type": ObjectType.CALL,
        "sender_kind": ActionVersion.SenderKind.NUMBER,
        "sender_number_id": number.pk,
        "recipient_property": PHONE,
        "message": item.converted.text,
        "condition": item.condition,
    }
    note = _("Brought in from Synthflow (%(kind)s)") % {"kind": item.kind}
    action = actions.create(workspace, actions.free_name(workspace, item.name), config, note, by)
    ImportedAction.objects.create(
        workspace=workspace,
        connection=connection,
        external_id=item.action_id,
        kind=item.kind,
        action=action,
        at=timezone.now(),
        by=by,
    )
    done.actions.append(action)
    return action


def _agent(connection: Connection, theirs: Theirs, by: User, done: Done) -> AIAgent:
    """The agent here with this id there: known before, made a moment ago for another action, or made now."""
    if theirs.known and theirs.lacks_account:
        theirs.known.connection = connection
        theirs.known.save(update_fields=["connection"])
    made = (each for each in done.agents if each.external_id == theirs.model_id)
    if agent := theirs.known or next(made, None):
        return agent
    workspace = connection.workspace
    columns = {
        "name": _free_agent_name(workspace, theirs.name),
        "platform": AIAgent.Platform.SYNTHFLOW,
        "language": workspace.language,
        "external_id": theirs.model_id,
        "connection": connection,
    }
    agent, _token = saving.create(workspace, columns, by)  # its page makes another one, to be shown once
    done.agents.append(agent)
    return agent


def _free_agent_name(workspace: Workspace, wanted: str) -> str:
    taken = set(AIAgent.objects.filter(workspace=workspace).values_list("name", flat=True))
    return naming.free_name(wanted, taken, 80)


def _attachment(agent: AIAgent, action: Action, item: Item, theirs: Theirs, way: Way) -> Attachment:
    is_during = way == Way.DURING
    own = theirs.condition if theirs.condition != item.condition else ""
    return Attachment.objects.create(
        agent=agent,
        workspace=agent.workspace,
        action=action,
        tool_name=saving.free_tool_name(agent, action),
        when=Attachment.When.DURING if is_during else Attachment.When.AFTER,
        condition=own,
        rule=_RULES.get(way, {}),
        variables=_variables(action, item, theirs),
        enabled=way != Way.RULE,
    )


def _variables(action: Action, item: Item, theirs: Theirs) -> dict[str, Any]:
    """Who says each value, as far as it is said there."""
    assert action.current
    said = {text(each.get("variable_name")): each for each in theirs.variables}
    names = {variables.spelt(ours): name for name, ours in item.converted.names.items()}
    found: dict[str, Any] = {}
    for need in variables.needed(action.current):
        name = names.get(variables.spelt(need.label), "")
        # Another name in the text alone: agents and what they collect go on calling it as they did.
        called = variables.spelt(name) if name in item.converted.renamed else ""
        if (name in said or called) and (each := _variable(said.get(name, {}), called)):
            found[need.path] = each
    return found


def _variable(theirs: Mapping[str, Any], called: str) -> dict[str, Any] | None:
    if text(theirs.get("source")) == "hardcoded":
        value = text(theirs.get("hardcoded_value"), tools.MOST_VALUE)
        return {"source": "fixed", "value": value} if value else None
    told = mapping(theirs.get("llm_config"))
    return {
        "source": "agent",
        "name": called,
        "description": text(told.get("description"), MOST_DESCRIPTION),
        "example": text(told.get("example"), MOST_EXAMPLE),
        "required": told.get("required") is not False,
    }
