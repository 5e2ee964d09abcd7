"""What speaks against deciding that a message did not arrive: its provider is asked before the decision holds."""

from datetime import datetime

from django.utils.translation import gettext as _

from smsadmin import phrases
from smsadmin.incoming.asking import ask, may_be_asked
from smsadmin.incoming.lookups import is_early, listed_for
from smsadmin.providers.base import AccountError
from smsadmin.sending.models import Message
from smsadmin.sending.presenters import links
from smsadmin.sending.presenters.happenings import looked_up


def doubt(message: Message, now: datetime) -> str:
    """Asks the message's provider, where it can be asked, which may settle the message; else why its answer leaves open
    that the message arrived. "" where nothing speaks for that."""
    if not may_be_asked(message):
        return ""
    provider = links.provider(message)
    try:
        if ask(message):
            return ""
    except AccountError as error:
        told = {"provider": provider, "why": phrases.translated(str(error))}
        return _("%(provider)s could not be asked for it: %(why)s") % told
    if is_early(message, now):
        return _("%(provider)s may not list it yet: wait half a minute, then decide.") % {
            "provider": provider
        }
    return _alike(message, provider)


def _alike(message: Message, provider: str) -> str:
    """That the last look has found some that may be it."""
    last = listed_for(message)[-1:]
    found = [each.data for each in last if any(item["same_text"] for item in each.data["listed"])]
    return "".join(": ".join(looked_up(data, provider)) for data in found)
