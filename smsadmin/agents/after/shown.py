"""What a call's page says of its end: whether it is confirmed, and why each text was sent after it or not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from smsadmin import phrases
from smsadmin.agents.after import rules
from smsadmin.agents.after.keeping import Proof
from smsadmin.agents.models import AgentCall
from smsadmin.providers.told import mapping, text

After = AgentCall.After


@dataclass(frozen=True, slots=True)
class Checked:
    """A condition in words, whether it held, and the value that was seen."""

    words: str
    holds: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of one attachment: its tool, whether its rule held, why, and what came of the text (a sentence)."""

    tool: str
    attachment: int | None
    holds: bool
    sent: bool
    rule: str
    conditions: list[Checked]
    sentence: str


@dataclass(frozen=True, slots=True)
class Ending:
    """`tone` is that of an alert; `confirmation` and `work` are sentences, "" where there is nothing to say."""

    tone: str
    confirmation: str
    work: str
    decided: list[Decided]


def of(call: AgentCall) -> Ending | None:
    """What is to be said of the end of a call, as its reader may see it (agents.reading); None before it has ended."""
    if not call.ended_at:
        return None
    failed = call.after == After.FAILED
    tone = "warning" if failed or _is_unconfirmed(call) else "info"
    return Ending(tone, _confirmation(call), _work(call), list(_decided(call)))


def _is_unconfirmed(call: AgentCall) -> bool:
    return call.told.get("proof") == Proof.ID


def _confirmation(call: AgentCall) -> str:
    if call.confirmed_at:
        return _("Confirmed: the platform's API says the same.")
    if _is_unconfirmed(call):
        return _(
            "Unconfirmed: the platform signs the id of the call only, so what is told of it here may come from "
            "somebody else. With the platform's account it is asked for."
        )
    return _("What was told is signed, or came with the agent's token.")


def _work(call: AgentCall) -> str:
    problem = phrases.translated(call.problem)
    if call.after == After.WAITING:
        later = _("It will be looked at again.")
        return f"{problem} {later}" if problem else _("It is being looked at.")
    if call.after == After.FAILED:
        return problem
    return "" if call.told.get("decided") else _("Nothing is attached to be sent after a call.")


def _decided(call: AgentCall) -> Iterator[Decided]:
    listed = call.told.get("decided")
    for each in map(mapping, listed if isinstance(listed, list) else []):
        yield Decided(
            tool=text(each.get("tool")),
            attachment=each.get("attachment"),
            holds=each.get("holds") is True,
            sent=each.get("outcome") in ("queued", "held"),
            rule=_rule(each),
            conditions=[_checked(mapping(seen), call) for seen in each.get("seen") or []],
            sentence=_sentence(each, call),
        )


def _rule(decided: Mapping[str, Any]) -> str:
    if not decided.get("seen"):
        unjudged = text(decided.get("code")) in ("rule_unreadable", "rule_unwritten")
        return "" if unjudged else _("After every call that has ended.")
    if len(decided["seen"]) == 1:
        return _("This has to hold:")
    return _("One of these has to hold:") if decided.get("any") else _("All of these have to hold:")


def _checked(seen: Mapping[str, Any], call: AgentCall) -> Checked:
    words = rules.stored_words(seen)
    value = seen.get("seen")
    if value is None:
        shown = _("what was told is not kept") if call.values_gone_at else _("nothing was told")
    elif seen.get("fact") == rules.Fact.ACTION:
        shown = _("it failed: %(error)s") % {"error": value} if value else _("it was executed")
    else:
        shown = str(value)
    return Checked(words, seen.get("holds") is True, shown)


def _sentence(decided: Mapping[str, Any], call: AgentCall) -> str:
    code = text(decided.get("code"))
    if code == "rule_unwritten":
        return _("No rule was written yet, so nothing was sent: write one.")
    if code == "rule_unreadable":
        return _("Its rule cannot be read, so nothing was sent: write it anew.")
    if not decided.get("holds"):
        return _("Its rule does not hold, so nothing was sent.")
    outcome = text(decided.get("outcome"))
    if outcome == "queued":
        return _("The text was accepted.")
    if outcome == "held":
        return _("The text waits for room in a quota.")
    return _("The text was refused (%(code)s): the uses of its tool say why.") % {"code": code.upper()}
