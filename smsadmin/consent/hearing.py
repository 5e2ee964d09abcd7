"""What a text to one of our numbers changes: in the transaction that keeps it, so it is heard once or not at all."""

from datetime import datetime

from smsadmin.consent import answering, opting, words
from smsadmin.consent.models import OptOut, Policy, Review, Source
from smsadmin.consent.opting import Said
from smsadmin.consent.policies import stored
from smsadmin.consent.words import Guess, Kind, Match
from smsadmin.core import numbers
from smsadmin.incoming.models import InboundMessage


def hear(inbound: InboundMessage, now: datetime) -> None:
    """Acts on a text that is one of the words, and has a person look at one that may have been meant so.

    Nothing follows from texts of short codes and names, which nobody texts, nor where the workspace keeps no list.
    """
    policy = stored(inbound.workspace_id)
    if not policy.keeps_list or not numbers.E164.fullmatch(inbound.sender):
        return
    vocabulary = policy.vocabulary
    if found := words.match(inbound.body, vocabulary):
        _act(inbound, found, policy, now)
    elif guess := words.near_miss(inbound.body, vocabulary):
        _review(inbound, guess)


def _act(inbound: InboundMessage, found: Match, policy: Policy, now: datetime) -> None:
    """An answer goes out once for each change, and for each question for help."""
    said = Said(Source.TEXT, min(inbound.at, now), inbound=inbound, words=inbound.body.strip())
    match found.kind:
        case Kind.STOP:
            is_news = opting.opt_out(inbound.workspace_id, inbound.sender, said)
        case Kind.START if found.is_doubtful and not _is_out(inbound):
            return  # a plain yes, to something else
        case Kind.START:
            is_news = opting.opt_in(inbound.workspace_id, inbound.sender, said)
        case Kind.HELP:
            is_news = True
    if is_news:
        answering.answer(inbound, found.kind, policy, now)


def _review(inbound: InboundMessage, guess: Guess) -> None:
    """Coming back is only for those who are out."""
    if guess.kind == Kind.STOP or (guess.kind == Kind.START and _is_out(inbound)):
        Review.objects.create(
            workspace_id=inbound.workspace_id, inbound=inbound, guess=guess.kind.value, why=guess.why.value
        )


def _is_out(inbound: InboundMessage) -> bool:
    standing = OptOut.objects.filter(workspace=inbound.workspace_id, number=inbound.sender, is_out=True)
    return standing.exists()
