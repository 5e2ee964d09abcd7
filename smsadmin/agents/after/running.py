"""After a call: its end is confirmed where it can be, every attachment for then is judged, and those whose rule holds
are sent.

The rows are the queue. Whoever takes one holds it for a while, asks the platform outside of any transaction, and sends
through agents.running.use, which knows each use by call and attachment: a worker that takes over what another one left
repeats nothing.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import F
from django.utils import timezone

from smsadmin.agents import bell, running, tools
from smsadmin.agents.after import rules
from smsadmin.agents.after.filling import arguments
from smsadmin.agents.after.keeping import Proof, bare, write
from smsadmin.agents.after.rules import RuleError, UnwrittenError
from smsadmin.agents.after.story import FACTS, Story
from smsadmin.agents.after.told import synthflow_record
from smsadmin.agents.models import AgentCall, AIAgent, Attachment
from smsadmin.agents.running import CallFacts
from smsadmin.providers.synthflow import client as synthflow
from smsadmin.stopping import stopping
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

After = AgentCall.After

MOST_AT_ONCE = 50
#: Seconds after which whoever was rung looks again, for calls that ended while bells were quiet.
LINGER = bell.QUIET * 3
#: Longer than it takes to ask a platform once and to hand over what is attached.
LEASE = timedelta(minutes=2)
#: After these pauses a platform is asked again that did not answer, and what we failed at is tried again.
PAUSES = [timedelta(seconds=seconds) for seconds in (10, 30, 120, 600, 1800)]
#: So long after its end a call waits for the account to be usable again, and so often that is looked at.
WAITS, WAITS_BETWEEN = timedelta(days=1), timedelta(minutes=5)
#: By this id a use is known as the one of a call's end, whoever makes it and however late.
USE = "after"
#: Of AIAgent.options: whether texts go out also where nothing proves what was told of a call.
TRUSTS = "acts_unconfirmed"


class NotConfirmed(Exception):
    """What was told of a call could not be confirmed; says why. `passing`: asked again later, it may be; `refused`: it
    may be once the account is usable."""

    def __init__(self, words: str, *, passing: bool = False, refused: bool = False) -> None:
        self.passing, self.refused = passing, refused
        super().__init__(words)


# --- The queue ----------------------------------------------------------------------------------------


def run(*, linger: bool = False, sleep: Callable[[float], None] = time.sleep) -> int:
    """Works on every call that is due; returns how many. With `linger`, those too that end a moment later."""
    done = _run_due()
    if linger:
        sleep(LINGER)
        done += _run_due()
    return done


def _run_due() -> int:
    done = 0
    due = AgentCall.objects.filter(after=After.WAITING)
    while ids := list(
        due.filter(next_look_at__lte=timezone.now())
        .order_by("next_look_at")
        .values_list("pk", flat=True)[:MOST_AT_ONCE]
    ):
        taken = 0
        for pk in ids:
            if stopping.is_set():
                return done
            taken += _through(pk, timezone.now())
        done += taken
        if not taken:  # others are at the same calls
            break
    return done


def _through(pk: int, now: datetime) -> bool:
    """Works on one call, unless another worker does."""
    free = AgentCall.objects.filter(pk=pk, after=After.WAITING, next_look_at__lte=now)
    if not free.update(next_look_at=now + LEASE, looks=F("looks") + 1):
        return False
    call = AgentCall.objects.select_related("agent__workspace", "agent__connection").get(pk=pk)
    try:
        _worked(call, now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as unforeseen:
        logger.exception("agents.after_failed", call=pk)
        _put_off(call, f"smsadmin itself failed: {type(unforeseen).__name__}", now)
    return True


def _worked(call: AgentCall, now: datetime) -> None:
    try:
        confirm(call, now)
    except NotConfirmed as why:
        if why.refused:
            _wait(call, str(why), now)
        elif why.passing:
            _put_off(call, str(why), now)
        else:
            _end(call, After.FAILED, problem=str(why))
        return
    attached = _attached(call.agent)
    if not attached:
        _end(call, After.NONE, decided=[])
    elif why_not := unproven(call):
        _end(call, After.FAILED, problem=why_not)
    else:
        _end(call, After.DONE, decided=[_decided(call, each, now) for each in attached])


def _put_off(call: AgentCall, why: str, now: datetime) -> None:
    """To be looked at again, or given up where that was done often enough."""
    if call.looks > len(PAUSES):
        _end(call, After.FAILED, problem=why)
    else:
        waits = {"problem": why[:300], "next_look_at": now + PAUSES[call.looks - 1]}
        AgentCall.objects.filter(pk=call.pk, after=After.WAITING).update(**waits)


def _wait(call: AgentCall, why: str, now: datetime) -> None:
    """To be looked at until the account is usable: that is nothing that was tried too often. For a day at most."""
    if now > (call.ended_at or now) + WAITS:
        _end(call, After.FAILED, problem=why)
    else:
        waits = {"problem": why[:300], "looks": 0, "next_look_at": now + WAITS_BETWEEN}
        AgentCall.objects.filter(pk=call.pk, after=After.WAITING).update(**waits)


def _end(
    call: AgentCall, after: str, *, problem: str = "", decided: list[dict[str, Any]] | None = None
) -> None:
    """Nothing is left to look at. What was decided takes the values along that an action of the agent's hides."""
    call.after, call.problem, call.next_look_at = after, problem[:300], None
    if decided is not None:
        call.told = {**call.told, "decided": decided}
        if _hides(call.agent):
            call.told, call.values_gone_at = bare(call.told), timezone.now()
    call.save(update_fields=["after", "problem", "next_look_at", "told", "values_gone_at"])


def _hides(agent: AIAgent) -> bool:
    """Whether an action that keeps no values is attached to the agent: what it is filled from is told of each call."""
    return agent.attachments.filter(action__current__hide_values=True).exists()


def look_again(call: AgentCall, now: datetime) -> bool:
    """Has a call looked at anew that could not be dealt with; False where there is none to look at by now."""
    failed = AgentCall.objects.filter(
        pk=call.pk, after=After.FAILED, values_gone_at=None, number_gone_at=None
    )
    if not failed.update(after=After.WAITING, looks=0, problem="", next_look_at=now):
        return False
    bell.ring()
    return True


# --- Confirmed ----------------------------------------------------------------------------------------


def confirm(call: AgentCall, now: datetime) -> None:
    """Asks the platform what it knows of the call, where its account is known; from then on that alone counts. Raises
    NotConfirmed."""
    connection = call.agent.connection
    if call.confirmed_at or connection is None or connection.kind != Connection.Kind.SYNTHFLOW:
        return
    if not call.agent.external_id:
        raise NotConfirmed(
            "The agent's settings lack its id at Synthflow, so nobody can tell whether this is its call: "
            "enter it there, then look again."
        )
    if connection.lost_at:
        raise NotConfirmed("Synthflow refuses the API key of the account.", refused=True)
    try:
        story = synthflow_record(synthflow.of(connection, tries=1).call(call.call_id))
    except synthflow.SynthflowError as error:
        if error.refused:
            connection.mark(Connection.State.REJECTED, str(error))
        passing = error.passing or error.missing  # nobody says how soon the record is there
        raise NotConfirmed(str(error), passing=passing, refused=error.refused) from error
    if not story.is_over:
        raise NotConfirmed(f"Synthflow says that the call is not over: {story.status}.", passing=True)
    if story.agent_id not in ("", call.agent.external_id):
        raise NotConfirmed("Synthflow says that this is the call of another agent.")
    write(call, story.after(Story.proven(call)), Proof.API)
    call.confirmed_at = now
    call.save(update_fields=["told", "confirmed_at", *FACTS])


def unproven(call: AgentCall) -> str:
    """Why nothing is sent by what was told of a call; "" where it may be."""
    if call.told.get("proof") != Proof.ID or call.agent.options.get(TRUSTS) is True:
        return ""
    return "Only the id of the call is proven, so nothing was sent after it."


# --- Judged and sent ----------------------------------------------------------------------------------


def _attached(agent: AIAgent) -> list[Attachment]:
    """What is to be judged when a call of the agent has ended; of an agent that is off each use is refused."""
    found = agent.attachments.filter(
        enabled=True, when=Attachment.When.AFTER, action__enabled=True, action__current__isnull=False
    )
    attached = list(found.select_related("action__current").order_by("tool_name"))
    for each in attached:
        each.agent = agent
    return attached


def _decided(call: AgentCall, attachment: Attachment, now: datetime) -> dict[str, Any]:
    """What came of one attachment, as AgentCall.told["decided"] keeps it."""
    story = Story.of(call)
    kept: dict[str, Any] = {"attachment": attachment.pk, "tool": attachment.tool_name}
    try:
        verdict = rules.judge(attachment.rule, story)
    except UnwrittenError:
        return {**kept, "holds": False, "seen": [], "code": "rule_unwritten"}
    except RuleError:
        return {**kept, "holds": False, "seen": [], "code": "rule_unreadable"}
    kept |= {"holds": verdict.holds, "seen": verdict.as_json(), "any": attachment.rule.get("match") == "any"}
    return {**kept, **_sent(call, attachment, story, now)} if verdict.holds else kept


def _sent(call: AgentCall, attachment: Attachment, story: Story, now: datetime) -> dict[str, Any]:
    """Has the text sent, once for this call whatever is repeated."""
    facts = CallFacts(call.call_id, story.party, story.number, story.direction)
    given = arguments(attachment, tools.of(attachment), call, story)
    answer = running.use(call.agent, attachment, given, facts, dialect="after", external_id=USE, now=now)
    return {"outcome": answer.status, "code": answer.code}
