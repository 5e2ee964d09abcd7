"""Why a message is not on a record, or not yet, in words."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin import phrases
from smsadmin.writeback.models import Engagement

Reason = Engagement.Reason

_WORDS: Mapping[str, Promise] = {
    Reason.OFF: gettext_lazy("The portal is set to log no messages: switch that on under Connections."),
    Reason.NO_TOKEN: gettext_lazy("The portal has no access token: add it under Connections."),
    Reason.HIDDEN: gettext_lazy("Its action has the text deleted once the message is settled."),
    Reason.TEXT_GONE: gettext_lazy("Its text was deleted by age before it could be logged."),
    Reason.NOT_SENT: gettext_lazy("It turned out that it never left."),
    Reason.NO_CONTACT: gettext_lazy(
        "HubSpot has no record that it could be logged on, and no contact with this number."
    ),
    Reason.PORTAL_GONE: gettext_lazy("Its portal is no longer connected."),
    Reason.CREDENTIALS: gettext_lazy(
        "HubSpot does not accept the access token of the portal: see Connections."
    ),
    Reason.SCOPE: gettext_lazy("The access token lacks a scope: see Connections."),
    Reason.UNANSWERED: gettext_lazy("HubSpot did not answer usably."),
    Reason.REFUSED: gettext_lazy("HubSpot refused it."),
}


def why(engagement: Engagement) -> str:
    """What kept a message off its record, with what HubSpot said where that was anything; "" where nothing did."""
    if not engagement.reason:
        return ""
    words = str(_WORDS[engagement.reason])
    if engagement.reason == Reason.SCOPE and engagement.detail:
        return _("The access token lacks the scope %(scope)s: see Connections.") % {
            "scope": engagement.detail
        }
    return f"{words} ({phrases.translated(engagement.detail)})" if engagement.detail else words
