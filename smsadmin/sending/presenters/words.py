"""What became of a message and whose it is to mend, in words."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from smsadmin.core import errors, numbers
from smsadmin.core.status import Status
from smsadmin.core.trace import Step, Verdict
from smsadmin.sending import explain
from smsadmin.sending.expected import Expected
from smsadmin.sending.explain import was_decided_not_sent
from smsadmin.sending.models import Message

WHOSE = {
    errors.Whose.CONFIGURATION: gettext_lazy("Configuration"),
    errors.Whose.RECORD: gettext_lazy("The record's data"),
    errors.Whose.QUOTA: gettext_lazy("Quota"),
    errors.Whose.CONSENT: gettext_lazy("Consent"),
    errors.Whose.PROVIDER: gettext_lazy("The provider"),
    errors.Whose.CARRIER: gettext_lazy("The carrier"),
    errors.Whose.US: gettext_lazy("smsadmin"),
}

RETRY = {
    errors.Retry.NEVER: gettext_lazy("Not to be sent again as it is."),
    errors.Retry.AFTER_FIX: gettext_lazy(
        "It may be sent again once that is done; smsadmin does not do so by itself."
    ),
    errors.Retry.SAFE: gettext_lazy("It never left, so sending it again cannot send it twice."),
}

REFUSALS = {
    "portal": gettext_lazy("The HubSpot portal is not connected here"),
    "signature missing": gettext_lazy("The call was not signed"),
    "signature stale": gettext_lazy("The signature was too old"),
    "signature mismatch": gettext_lazy("The signature does not match the client secret"),
    "malformed": gettext_lazy("The call could not be read"),
    "address": gettext_lazy("No account that is connected here was given this address"),
    "token": gettext_lazy("The token is not the one of the webhook"),
    "secret": gettext_lazy("The secret that signs the provider's calls was not entered here"),
    "unsigned": gettext_lazy("The call was not signed"),
    "forged": gettext_lazy("The signature does not match the secret of the webhook"),
    "no token": gettext_lazy("It showed no token"),
    "unknown token": gettext_lazy("Its token belongs to no agent"),
    "unknown agent": gettext_lazy("Its address names no agent"),
    "forged agent": gettext_lazy("The signature does not match the secret of the agent"),
}


def refusal(reason: str) -> str:
    """Why a call was turned away, in words."""
    return str(REFUSALS.get(reason, reason))


def headline(message: Message, expected: Expected | None = None) -> str:
    """What became of it, in one sentence; `expected` is when a held one leaves."""
    why = explain.sentence(message, expected)
    words = {
        Status.RECEIVED: _("Received, to be sent to %(recipient)s"),
        Status.HELD: "%(why)s",
        Status.QUEUED: _("Waiting to be sent to %(recipient)s"),
        Status.SENDING: _("Being sent to %(recipient)s"),
        Status.SENT: _("Sent to %(recipient)s"),
        Status.DELIVERED: _("Delivered to %(recipient)s"),
        Status.REJECTED: _("Not sent: %(why)s"),
        Status.FAILED: _("Not sent: %(why)s"),
        Status.EXPIRED: _("Not sent: %(why)s"),
        Status.UNDELIVERED: _("Sent, but not delivered: %(why)s"),
        Status.UNKNOWN: _("Nobody knows whether this was sent: %(why)s"),
        Status.CANCELLED: _("Not sent: %(why)s") if why else _("Not sent: taken out of the queue"),
    }[Status(message.status)]
    if message.status == Status.QUEUED and message.claimed_at:
        words = _("Waiting to be tried again for %(recipient)s")
    return words % {
        "recipient": numbers.pretty(message.recipient) or _("a number that was deleted"),
        "why": why or _("no reason was recorded."),
    }


def fix(message: Message) -> str:
    """What to do about it; for an action that is still off also why it is. A held message waits by itself."""
    if message.status == Status.HELD:
        return ""
    if was_decided_not_sent(message):
        return _("It did not arrive, so whoever was to get it still waits for it.")
    return fix_of_cause(message)


def fix_of_cause(message: Message) -> str:
    """What mends the cause that stopped it, for all messages that it stops."""
    words, action = explain.fix(message), message.action
    if message.error is errors.ActionDisabled and action and not action.enabled:
        reason = _("The reason given for switching it off: “%(reason)s”.") % {"reason": action.why_off}
        return f"{words} {reason}"
    return words


def retry(message: Message) -> str:
    """Whether its error lets it be sent again, "" where nothing went wrong or a person settled it."""
    return str(RETRY[message.error.retry]) if message.error and not was_decided_not_sent(message) else ""


def without_user(message: Message) -> bool:
    """Whether it was decided that no user sends it; a message may also have been stopped before that."""
    steps = map(Step.from_json, message.trace)
    return any(step.name == "send_as" and step.verdict == Verdict.PASSED for step in steps)


def measure(message: Message) -> str:
    """How long the text is, as it goes under the phone; "" where none was written."""
    if not message.segments:
        return ""
    characters = ngettext("%(n)d character", "%(n)d characters", message.characters) % {
        "n": message.characters
    }
    segments = ngettext("%(n)d segment", "%(n)d segments", message.segments) % {"n": message.segments}
    if message.provider_segments:
        told = _("the provider counted %(n)d") % {"n": message.provider_segments}
        segments = f"{segments} ({told})"
    return f"{characters} · {message.encoding} · {segments}"
