"""What speaks against deciding that a message did not arrive: its provider is asked before the decision holds."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _

from smsadmin import phrases
from smsadmin.incoming.asking import ask, may_be_asked
from smsadmin.incoming.lookups import is_early, listed_for
from smsadmin.providers.base import AccountError
from smsadmin.sending.models import Message
from smsadmin.sending.presenters import links
from smsadmin.sending.presenters.happenings import looked_up


class Kind(StrEnum):
    """What leaves it open that a message arrived."""

    UNANSWERED = "unanswered"
    EARLY = "early"
    ALIKE = "alike"


@dataclass(frozen=True, slots=True)
class Doubt:
    """What speaks against the decision, in the reader's language."""

    kind: Kind
    why: str


def doubt(message: Message, now: datetime) -> Doubt | None:
    """Asks the message's provider, where it can be asked, which may settle the message; else what of its answer leaves
    open that the message arrived. None where nothing speaks for that."""
    if not may_be_asked(message):
        return None
    provider = links.provider(message)
    try:
        if ask(message):
            return None
    except AccountError as error:
        told = {"provider": provider, "why": phrases.translated(str(error))}
        return Doubt(Kind.UNANSWERED, _("%(provider)s could not be asked for it: %(why)s") % told)
    if is_early(message, now):
        wait = _("%(provider)s may not list it yet: wait half a minute, then decide.")
        return Doubt(Kind.EARLY, wait % {"provider": provider})
    return _alike(message, provider)


def _alike(message: Message, provider: str) -> Doubt | None:
    """That the last look has found some that may be it."""
    for last in listed_for(message)[-1:]:
        if any(item["same_text"] for item in last.data["listed"]):
            return Doubt(Kind.ALIKE, ": ".join(looked_up(last.data, provider)))
    return None
