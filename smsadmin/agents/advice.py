"""Advice on how a condition is worded: an agent reads it as it stands and judges by nothing else.

Plain rules over words, in English and German; they advise, and refuse nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

#: Attachment.condition and ActionVersion.condition hold as much.
MOST_CHARACTERS = 500
_FEWEST_WORDS = 3

#: How the source document of Synthflow's Send SMS action words conditions (Synthflow help: Send SMS).
EXAMPLES = (
    "When the customer confirms they're interested in the offer",
    "After scheduling an appointment",
    "When the customer requests more information",
    "If the customer agrees to receive promotional messages",
)

_FLAGS = re.IGNORECASE
#: Words that leave it to the agent after all.
_VAGUE = re.compile(
    r"\b(?:(?:when(?:ever)?|if|as|where|wherever)\s+(?:it(?:'s|’s|\s+is|\s+seems)?\s+)?"
    r"(?:needed|necessary|appropriate|relevant|possible|useful|helpful|required|suitable|sensible|applicable|fitting)"
    r"|when\s+it\s+makes\s+sense|if\s+it\s+makes\s+sense|at\s+the\s+right\s+(?:time|moment)|as\s+you\s+see\s+fit"
    r"|(?:wenn|falls|sofern|soweit)\s+(?:es\s+)?(?:nötig|notwendig|sinnvoll|möglich|hilfreich|erforderlich|angebracht"
    r"|passend|passt|relevant|gewünscht)|bei\s+bedarf|gegebenenfalls|ggf\b|nach\s+ermessen"
    r"|zum\s+richtigen\s+zeitpunkt|wenn\s+es\s+passt)",
    _FLAGS,
)
#: What names an event.
_EVENT_WORDS = (
    r"after|when(?:ever)?|if|once|as\s+soon\s+as|upon|before|in\s+case|at\s+the\s+(?:end|start|beginning)"
    r"|nach(?:dem)?|wenn|falls|sobald|sofern|beim?|bevor|vor|am\s+(?:ende|anfang)|zum\s+schluss"
)
_EVENT = re.compile(rf"\b(?:{_EVENT_WORDS})\b", _FLAGS)
#: What keeps an agent from doing it again.
_GUARD = re.compile(
    r"\b(?:(?:only|just|at\s+most|not\s+more\s+than|no\s+more\s+than|exactly)\s+(?:once|one\s+time|one\s+text)"
    r"|once\s+(?:per|in\s+(?:a|the|each|every))\b|one\s+(?:time|text)\s+per|never\s+twice|not\s+twice|unless\s+asked"
    r"|(?:do\s+not|don['’]t|never|without)\s+(?:repeat\w*|send\s+(?:it\s+)?(?:again|twice))"
    r"|not\s+(?:again|(?:been\s+)?(?:sent|texted)\s+(?:before|already|yet))"
    r"|(?:has\s+not|hasn['’]t|have\s+not|if\s+not|not)\s+(?:yet|already)(?:\s+been)?\s+(?:sent|texted|received|done)"
    r"|the\s+first\s+time"
    r"|(?:nur|höchstens|maximal|genau)\s+(?:einmal|ein\s+mal|eine\s+sms)|einmal\s+(?:pro|je|im|in)\b|nicht\s+(?:noch\s+einmal|nochmals?"
    r"|erneut|wiederholen|zweimal|mehr\s+als\s+einmal)|noch\s+nicht\s+(?:gesendet|geschickt|verschickt|erhalten)"
    r"|beim\s+ersten\s+mal)",
    _FLAGS,
)
#: A second condition beside the first.
_SEVERAL = re.compile(
    r"(?:\b(?:or|and|oder|und|as\s+well\s+as|sowie)\b|[;\n])\s*(?:also\s+|auch\s+|[-*•]\s*|\d[.)]\s*)?"
    r"(?:when(?:ever)?|if|after|once|as\s+soon\s+as|in\s+case|wenn|falls|sobald|nachdem|sofern)\b",
    _FLAGS,
)
#: What stands in other systems, or happens outside the call.
_UNKNOWN = re.compile(
    r"\b(?:crm|hubspot|salesforce|database|datenbank|lead\s*score|lifecycle\s+stage|credit\s+score|account\s+balance"
    r"|kontostand|bonität|purchase\s+history|order\s+history|bestellhistorie"
    r"|(?:last|previous|past)\s+(?:order|purchase|invoice|call|week|month|year)"
    r"|(?:letzte[nrs]?|vorige[nrs]?|frühere[nrs]?)\s+(?:bestellung|rechnung|anruf|woche|monat|jahr|kauf)"
    r"|(?:opened|clicked|read)\s+(?:the|our|an?)\s+(?:e-?mail|link|text|message|newsletter)"
    r"|(?:e-?mail|link|newsletter)\s+(?:geöffnet|angeklickt|gelesen)|(?:has|is|was)\s+(?:been\s+)?delivered"
    r"|zugestellt|opted\s+(?:in|out)\s+(?:before|earlier)|abgemeldet|contract\s+(?:ends|expires)|vertrag\s+endet)\b",
    _FLAGS,
)


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing about a condition: what it is, and what to write instead. A hint is no fault of the wording."""

    code: str
    sentence: str
    instead: str
    is_hint: bool = False


def advise(condition: str) -> list[Advice]:
    """What could be better about a condition, worst first; [] for one that says it all."""
    return list(_found(condition.strip()))


def _found(text: str) -> Iterator[Advice]:
    if not text:
        yield _empty()
        return
    if len(text) > MOST_CHARACTERS:
        yield _long(len(text))
    guarded = _GUARD.search(text) is not None
    rest = _GUARD.sub(" ", text)
    if found := _VAGUE.search(rest):
        yield _vague(found[0])
    elif len(text.split()) < _FEWEST_WORDS:
        yield _short()
    elif not _EVENT.search(rest):
        yield _without_event()
    if _SEVERAL.search(rest):
        yield _several()
    if found := _UNKNOWN.search(rest):
        yield _unknown(found[0])
    if not guarded:
        yield _unguarded()


def _empty() -> Advice:
    return Advice(
        "empty",
        _("There is no condition, so the agent decides by itself when to send it."),
        _("Say after which event of the call, as in “After the caller has confirmed an appointment”."),
    )


def _long(count: int) -> Advice:
    words = _("It has %(count)d characters, and %(most)d is the most: platforms cut long descriptions off.")
    return Advice(
        "long",
        words % {"count": count, "most": MOST_CHARACTERS},
        _("Keep the event and leave the reasons out; what the agent should say belongs in its own prompt."),
    )


def _vague(words: str) -> Advice:
    return Advice(
        "vague",
        _("“%(words)s” leaves it to the agent after all.") % {"words": words},
        _("Name what the caller says or does, as in “When the customer requests more information”."),
    )


def _short() -> Advice:
    return Advice(
        "short",
        _("So few words can mean many moments of a call."),
        _(
            "Write a whole sentence: who does what, as in “If the customer agrees to receive the link by text”."
        ),
    )


def _without_event() -> Advice:
    return Advice(
        "no-event",
        _("It names no event, so the agent cannot tell when the moment has come."),
        _("Begin with “After …”, “When …”, “If …” or “As soon as …”, and name what happens in the call."),
    )


def _several() -> Advice:
    return Advice(
        "several",
        _("These are several conditions in one; agents tend to follow the first and to mix up the others."),
        _("Attach the action once for each of them, or find the one event that they have in common."),
    )


def _unknown(words: str) -> Advice:
    return Advice(
        "unknown",
        _("“%(words)s” is nothing that an agent hears in a call, unless its platform tells it.")
        % {"words": words},
        _(
            "Say what the caller says or does. What another system knows is better decided there, in a workflow."
        ),
    )


def _unguarded() -> Advice:
    return Advice(
        "repetition",
        _("Nothing in it keeps the agent from doing it twice, as when the caller says yes again."),
        _(
            "Add “only once in a call”. What the agent reads says so besides, and no more texts leave than its "
            "attachment allows in one call."
        ),
        is_hint=True,
    )
