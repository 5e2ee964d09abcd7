"""What the recipient texted back."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from smsadmin.incoming.models import InboundMessage, OutsideMessage
from smsadmin.incoming.replies import replies_to
from smsadmin.privacy.masking import masked_text
from smsadmin.sending.models import Message


@dataclass(frozen=True, slots=True)
class Answer:
    """One text of the recipient; `note` tells of what cannot be shown."""

    at: datetime
    body: str
    note: str


def answers(message: Message) -> list[Answer]:
    """The texts that probably answer the message, oldest first, masked where the message is."""
    return [
        Answer(each.at, masked_text(each.body) if message.is_masked else each.body, note(each))
        for each in replies_to(message)
    ]


def note(said: InboundMessage | OutsideMessage) -> str:
    """What of a text cannot be shown; "" for one that is all there."""
    if said.values_gone_at:
        return _("The text was deleted by age.")
    if not said.media:
        return ""
    return ngettext(
        "%(n)d picture or file, which is not kept here",
        "%(n)d pictures or files, which are not kept here",
        said.media,
    ) % {"n": said.media}
