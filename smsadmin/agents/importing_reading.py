"""What a Synthflow workspace says of its actions that text.

It says most of it one by one, while a person waits: so no more is asked than fits into some seconds, what was said is
kept from one step to the next, and what the list says already is not asked again.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from django.core.cache import cache

from smsadmin.core.ids import key16
from smsadmin.providers.synthflow.client import Synthflow, SynthflowError
from smsadmin.providers.told import mapping, text
from smsadmin.workspaces.models import Connection

SEND_SMS, INCALL_SMS = "SEND_SMS", "INCALL_SMS"
KINDS = (SEND_SMS, INCALL_SMS)
#: Under these names an action's text comes back; the first that is there.
TEXTS = ("sms_message_text", "message_body", "content", "message")

#: Seconds for all that is asked in one step, and those that what was said is kept for the next one.
SECONDS, KEPT = 20, 600
#: So many actions are looked through, and so many of those that text are read whole.
MOST_LISTED, MOST_READ = 500, 50


@dataclass(frozen=True, slots=True)
class Account:
    """The actions that text, whole, and what their agents are called, by id. `ignored`: how many actions are of other
    types; `is_cut`: there are more than could be read."""

    actions: Sequence[Mapping[str, Any]]
    names: Mapping[str, str] = field(default_factory=dict)
    ignored: int = 0
    is_cut: bool = False


def read(
    connection: Connection, client: Synthflow, done: Container[str], names: Mapping[str, str]
) -> Account:
    """Reads the account, as far as that is done in time, and keeps what it says. Raises SynthflowError.

    Actions whose ids are `done` come last, so that a long list's rest is reached once its beginning is. `names` are
    those of agents that are known.
    """
    listed = list(islice(client.actions(), MOST_LISTED + 1))
    texting = [each for each in listed if kind_of(each) in KINDS]
    texting.sort(key=lambda each: id_of(each) in done)
    actions: list[Mapping[str, Any]] = []
    found = dict(names)
    is_cut = len(listed) > MOST_LISTED or len(texting) > MOST_READ
    try:
        for each in texting[:MOST_READ]:
            whole = each if _is_whole(each) else {**each, **client.action(id_of(each))}
            _name(whole, found, client)
            actions.append(whole)
    except SynthflowError as error:
        if not (error.passing and actions):
            raise
        is_cut = True
    account = Account(actions, found, len(listed) - len(texting), is_cut)
    _keep(connection, account)
    return account


def kept(connection: Connection) -> Account | None:
    """What the account said some minutes ago at most; None where it was not asked."""
    found: Account | None = cache.get(_place(connection))
    return found


def reread(connection: Connection, client: Synthflow, account: Account, wanted: Container[str]) -> Account:
    """The account with the wanted actions as they are now; without those that are gone. Raises SynthflowError."""
    actions: list[Mapping[str, Any]] = []
    names = dict(account.names)
    for each in account.actions:
        if id_of(each) not in wanted:
            actions.append(each)
        elif now := _now(each, client):
            _name(now, names, client)
            actions.append(now)
    account = replace(account, actions=actions, names=names)
    _keep(connection, account)
    return account


def _now(action: Mapping[str, Any], client: Synthflow) -> Mapping[str, Any] | None:
    try:
        return {**action, **client.action(id_of(action))}
    except SynthflowError as error:
        if error.missing:
            return None
        raise


def _keep(connection: Connection, account: Account) -> None:
    cache.set(_place(connection), account, KEPT)


def _place(connection: Connection) -> str:
    """Under which name it is kept. With another key or region it is another account."""
    return f"synthflow:{key16(connection.pk, connection.secrets.get('api_key'), connection.options)}"


# --- One action ---------------------------------------------------------------------------------------


def id_of(action: Mapping[str, Any]) -> str:
    return text(action.get("action_id"), 80)


def kind_of(action: Mapping[str, Any]) -> str:
    return text(action.get("action_type")).upper()


def fixed_of(action: Mapping[str, Any]) -> dict[str, Any]:
    """What is the same whenever it is used: its text, its condition and its settings."""
    return {**mapping(action.get(kind_of(action))), **mapping(action.get("parameters_hard_coded"))}


def agents_of(action: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The agents that have it by their ids, by whichever of the two lists says so."""
    found: dict[str, dict[str, Any]] = {}
    for listed in (action.get("assistants"), mapping(action.get("input_variables")).get("assistants")):
        for each in listed if isinstance(listed, list) else []:
            facts = each if isinstance(each, dict) else {"model_id": each}
            if model_id := text(facts.get("model_id") or facts.get("id"), 80):
                found.setdefault(model_id, {}).update(facts)
    return found


def first(found: Mapping[str, Any], names: Sequence[str]) -> str:
    """The first of these that says something."""
    return next((value for name in names if (value := text(found.get(name)).strip())), "")


def _is_whole(listed: Mapping[str, Any]) -> bool:
    """Whether the list says its text and how each agent uses it. One without agents may have some all the same."""
    agents = agents_of(listed).values()
    return bool(first(fixed_of(listed), TEXTS) and agents) and all(
        "attachment_type" in each for each in agents
    )


def _name(action: Mapping[str, Any], names: dict[str, str], client: Synthflow) -> None:
    """Learns what the agents of an action are called: what is not known or said there is asked, once."""
    for model_id, facts in agents_of(action).items():
        if not names.get(model_id):
            names[model_id] = (_called(facts) or _asked(model_id, client) or model_id)[:80]


def _asked(model_id: str, client: Synthflow) -> str:
    try:
        return _called(client.assistant(model_id))
    except SynthflowError as error:
        if error.missing:
            return ""
        raise


def _called(agent: Mapping[str, Any]) -> str:
    return first(agent, ("name", "agent_name", "model_name"))
