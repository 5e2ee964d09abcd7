"""What was told of a call, kept on its row. It may be told again, in any order, and by whom less is known than before:
nothing that was decided is decided anew, and what is proven gives way to nothing that is not.

The columns hold proven facts alone, for later uses of tools go by them. Those that are not proven stay apart, in
AgentCall.told["facts"], until they are.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction

from smsadmin.agents.after.story import FACTS, Story
from smsadmin.agents.after.told import Told
from smsadmin.agents.models import AgentCall, AIAgent
from smsadmin.sending.log import storable

After = AgentCall.After

#: So long the rest is waited for, where a platform tells of an end in two parts.
REST = timedelta(minutes=2)
_MOST = {"status": 40, "end_reason": 80, "direction": 8, "party": 20, "number": 20}


class Proof(StrEnum):
    """What proves that something told is true, as AgentCall.told["proof"] has it."""

    ID = "call_id"  # the signature covers the call's id alone: the rest may be anybody's
    BODY = "body"  # the whole body is signed, or came with the agent's token
    API = "api"  # the platform's API said so when it was asked


def keep(agent: AIAgent, told: Told, proof: Proof, now: datetime) -> AgentCall | None:
    """The row of the call with what was told; None where it says too little to be kept. A call that is over is due to
    be looked at, unless it was already. Raises DatabaseError."""
    if proof == Proof.ID and not told.story.is_over:
        return None
    call_id = storable(told.call_id)
    first = {"workspace_id": agent.workspace_id, "first_at": now, "last_at": now}
    with transaction.atomic():
        AgentCall.objects.get_or_create(agent=agent, call_id=call_id, defaults=first)
        call = AgentCall.objects.select_for_update().get(agent=agent, call_id=call_id)
        if call.values_gone_at or call.number_gone_at or not _is_news(call, proof):
            return call
        write(call, _joined(call, told.story, proof), proof)
        call.last_at = max(call.last_at, now)
        if told.story.is_over and "decided" not in call.told:
            call.ended_at = call.ended_at or now
            call.after, call.looks, call.problem = After.WAITING, 0, ""
            call.next_look_at = now if call.told["whole"] else now + REST
        call.save()
    return call


def _is_news(call: AgentCall, proof: Proof) -> bool:
    """Whether it may change what is known: nothing prevails over the API, and no unproven word over a proven one."""
    known = call.told.get("proof", "")
    return known != Proof.API and not (known == Proof.BODY and proof == Proof.ID)


def _joined(call: AgentCall, story: Story, proof: Proof) -> Story:
    """The facts of both. What is unproven fills gaps, and gives way as a whole once something is proven."""
    if proof == Proof.ID:
        return Story.of(call).after(story)
    return story.after(Story.proven(call) if call.told.get("proof") == Proof.ID else Story.of(call))


def write(call: AgentCall, story: Story, proof: Proof) -> None:
    """Puts the facts where their proof allows, and the rest into `told`; who calls it saves the row."""
    facts = {name: _fitting(name, getattr(story, name)) for name in FACTS}
    told = {**storable(story.as_json()), "proof": proof}
    if proof == Proof.ID:
        told["facts"] = facts
    else:
        for name, value in facts.items():
            setattr(call, name, value)
    decided = {name: call.told[name] for name in ("decided",) if name in call.told}
    call.told = {**told, **decided}


def _fitting(name: str, value: Any) -> Any:
    return storable(value)[: _MOST[name]] if isinstance(value, str) else value


def bare(told: Mapping[str, Any]) -> dict[str, Any]:
    """What AgentCall.told keeps once its values are to go: what was decided, without what it was decided by."""
    decided = [each for each in told.get("decided", []) if isinstance(each, dict)]
    return {"proof": told.get("proof", ""), "decided": [{**each, "seen": _unseen(each)} for each in decided]}


def _unseen(decided: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**each, "seen": None} for each in decided.get("seen", []) if isinstance(each, dict)]
