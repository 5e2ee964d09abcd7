"""What a text to one of our numbers changes: in the transaction that keeps it, so it is heard once or not at all."""

from datetime import datetime

from smsadmin.consent import answering, opting, words
from smsadmin.consent.models import OptOut, Policy, Review, Source
from smsadmin.consent.opting import Statement
from smsadmin.consent.policies import stored
from smsadmin.consent.words import Guess, Kind, Match
from smsadmin.core import errors, numbers
from smsadmin.incoming.models import InboundMessage
from smsadmin.workspaces.models import Connection


def hear(inbound: InboundMessage, now: datetime, *, asks: str = "", answered: bool = False) -> None:
    """Acts on a text that is one of the words, and has a person look at one that may have been meant so.

    `asks` is what the provider took the text for ("stop", "start" or "help"), which prevails; where it has `answered`
    it itself, we do not. Nothing follows from texts of short codes and names, which nobody texts, nor where the
    workspace keeps no list. By another channel people opt out alone: who writes there has not asked for texts, and
    gets none.
    """
    policy = stored(inbound.workspace_id)
    if not policy.keeps_list or not numbers.E164.fullmatch(inbound.sender):
        return
    vocabulary = policy.vocabulary
    meant = _understood(inbound.body, vocabulary, asks) or words.near_miss(inbound.body, vocabulary)
    if meant is None or (inbound.channel and meant.kind != Kind.STOP):
        return
    if isinstance(meant, Match):
        _act(inbound, meant, policy, now, answered=answered or bool(inbound.channel))
    else:
        _review(inbound, meant)


def _understood(body: str, vocabulary: words.Vocabulary, asks: str) -> Match | None:
    """The word that a text is, or that its provider took it for. The latter may be an ordinary answer too, such as a
    plain yes, by which only those come back who are out."""
    found = words.match(body, vocabulary)
    if asks and (found is None or found.kind != asks):
        return Match(Kind(asks), is_doubtful=True)
    return found


def heard_from_provider(
    connection: Connection, number: str, refusal: errors.RecipientOptedOut, now: datetime
) -> None:
    """A provider refused a text because this number (E.164) opted out there: by a text of theirs to one of our numbers,
    which may never have reached us. Nothing follows where the workspace keeps no list."""
    if stored(connection.workspace_id).keeps_list and numbers.E164.fullmatch(number):
        said = f"{refusal.facts.get('provider', '')} {refusal.facts.get('answer', '')}".strip()
        opting.opt_out(connection.workspace_id, number, Statement(Source.PROVIDER, now, words=said))


def _act(
    inbound: InboundMessage, found: Match, policy: Policy, now: datetime, *, answered: bool = False
) -> None:
    """An answer goes out once for each change, and for each question for help, unless that was done already."""
    said = Statement(Source.TEXT, min(inbound.at, now), inbound=inbound, words=inbound.body.strip())
    match found.kind:
        case Kind.STOP:
            is_news = opting.opt_out(inbound.workspace_id, inbound.sender, said)
        case Kind.START if found.is_doubtful and not _is_out(inbound):
            return  # a plain yes, to something else
        case Kind.START:
            is_news = opting.opt_in(inbound.workspace_id, inbound.sender, said)
        case Kind.HELP:
            is_news = True
    if is_news and not answered:
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
