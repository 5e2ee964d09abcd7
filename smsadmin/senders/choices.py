"""Which senders a saved action may choose: offered numbers, what providers pick, and names that are approved."""

from django.utils.translation import gettext as _

from smsadmin.directory import facts
from smsadmin.directory.models import Number, SenderKind
from smsadmin.senders import rules
from smsadmin.senders.models import Approval
from smsadmin.workspaces.models import Connection


def may_be_chosen(number: Number) -> bool:
    """Whether an action may send from it: a number that is offered; of Twilio also a messaging service, and a name that
    is approved in some country. Whether it is in the recipient's is asked at each send. The names of other accounts,
    and what those pick themselves, are for call flows."""
    if number.kind == SenderKind.PHONE:
        return number.is_eligible
    if number.connection.kind != Connection.Kind.TWILIO or facts.first_failing(number):
        return False
    return number.kind == SenderKind.POOL or is_approved(number)


def is_approved(number: Number) -> bool:
    """Whether a name is approved anywhere."""
    approvals = rules.of(number.workspace_id).approvals
    return any(
        pk == number.pk and state == Approval.State.APPROVED for (pk, _code), state in approvals.items()
    )


def why_not(number: Number) -> str:
    """Why an action may not send from it, in sentences; "" where it may."""
    if may_be_chosen(number):
        return ""
    if words := " ".join(filter(None, facts.why_not(number))):
        return words
    if number.kind == SenderKind.NAME and number.connection.kind == Connection.Kind.TWILIO:
        return _(
            "This name is not approved in any country yet: set it to approved under Settings › Sender IDs."
        )
    return _("Only call flows can send from it.")
