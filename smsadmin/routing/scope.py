"""Which messages routes are for: those that the program sends by itself, from a sender that an action or a workflow's
step names."""

from smsadmin.core.message import SendRequest
from smsadmin.sending.filters import AGENT, API, CLASSIC, HUBSPOT, RESEND
from smsadmin.sending.models import Message

#: The form of an action that is tried before it is saved (actions.trying); no message has it.
PREVIEW = "preview"
#: Answers that people write, those to STOP, codes and tests leave from the sender that they name.
ROUTED = frozenset({HUBSPOT, CLASSIC, AGENT, API, RESEND, PREVIEW})
#: What a message's origin has where it is an answer in a thread, or belongs to a call flow: also when it is sent again.
_OF_OTHERS = ("thread", "flow")


def concerns(ask: SendRequest) -> bool:
    """Whether routes are for such a request. A step of a call flow names its sender itself."""
    if ask.trigger not in ROUTED or ask.by_person or ask.via != "native" or ask.test_recipient:
        return False
    return ask.config.sender_kind != "given"


def concerned(message: Message) -> bool:
    """The same for a message of the log."""
    if message.trigger not in ROUTED or message.proxy or message.media:
        return False
    return not any(name in message.origin for name in _OF_OTHERS)
