"""What would carry a text, and why: the steps of a real send, without counting, writing or sending anything."""

from dataclasses import dataclass

from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.directory.models import Number
from smsadmin.directory.naming import label
from smsadmin.routing import failover
from smsadmin.routing.failover import Foreseen
from smsadmin.routing.models import Route
from smsadmin.routing.scope import PREVIEW
from smsadmin.sending import explain
from smsadmin.sending.explain import Explained
from smsadmin.sending.models import Message
from smsadmin.sending.rehearse import rehearse

#: What of a send hinges on its sender.
_SHOWN = frozenset({"sender", "eligible", "recipient", "route", "not_sender", "country", "sender_id"})
_TEXT = "Hello"


@dataclass(frozen=True, slots=True)
class Next:
    """Where it would go on: the sender in words, its provider, the route, and what is against it as things are."""

    label: str
    provider: str
    route: Route
    against: str

    @classmethod
    def of(cls, found: Foreseen) -> "Next":
        provider, error = found.to.connection.get_kind_display(), found.error
        return cls(
            label(found.to), provider, found.route, explain.said_by(error.code, error.facts) if error else ""
        )


@dataclass(frozen=True, slots=True)
class Tried:
    """Which sender would carry it, the steps that led there, why it would be refused ("" where it would not), and where
    it would go on."""

    carrier: Number | None
    steps: list[Explained]
    refusal: str
    onward: list[Next]

    @property
    def carried(self) -> str:
        return label(self.carrier) if self.carrier else ""


def tried(number: Number, recipient: str) -> Tried:
    """What becomes of a short text from the number to the recipient (E.164)."""
    config = ActionConfig("number", "phone", _TEXT, sender_number_id=number.pk)
    record = Record("contact", properties={"phone": recipient})
    found = rehearse(SendRequest(number.workspace_id, PREVIEW, "", config, record))
    carrier, error = found.draft.number, found.error
    row = Message(
        workspace_id=number.workspace_id,
        trigger=PREVIEW,
        number=carrier,
        recipient=recipient,
        body=_TEXT,
        encoding="GSM-7",
    )
    onward = [] if error else failover.foreseen(row)
    return Tried(
        carrier,
        explain.only([step for step in found.trace if step.name in _SHOWN]),
        explain.said_by(error.code, error.facts) if error else "",
        [Next.of(each) for each in onward],
    )
