"""Which messages routes are for: those that the program sends by itself, from a sender that an action or a workflow's
step names. It is decided once, when a message is accepted, and stands on its row (Message.routed)."""

from smsadmin.core.message import SendRequest
from smsadmin.sending.filters import AGENT, API, CLASSIC, HUBSPOT, RESEND

#: The form of an action that is tried before it is saved (actions.trying); no message has it.
PREVIEW = "preview"
#: Answers that people write, those to STOP, codes and tests leave from the sender that they name.
ROUTED = frozenset({HUBSPOT, CLASSIC, AGENT, API, RESEND, PREVIEW})
#: What a request's origin has where it is an answer in a thread, or belongs to a call flow: also when it is sent again.
_OF_OTHERS = ("thread", "flow")


def concerns(ask: SendRequest) -> bool:
    """Whether routes are for such a request. A step of a call flow, and a text that a program sends without an action,
    name their senders themselves."""
    if ask.trigger not in ROUTED or ask.by_person or ask.via != "native" or ask.test_recipient:
        return False
    if ask.config.sender_kind == "given":
        return False
    return not any(name in ask.origin for name in _OF_OTHERS)
