"""What is texted back to STOP, START and HELP, where the workspace has a text for it: a message like any other."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from smsadmin.consent.models import Policy
from smsadmin.consent.words import Kind
from smsadmin.core.ids import first_uuid7
from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.incoming.models import InboundMessage
from smsadmin.sending.accept import accept
from smsadmin.sending.filters import OPT_OUT
from smsadmin.sending.models import Message

logger = structlog.get_logger(__name__)

#: Two machines that answer each other with HELP come to an end.
BETWEEN_HELPS = timedelta(hours=1)


def answer(inbound: InboundMessage, kind: Kind, policy: Policy, now: datetime) -> None:
    """Texts back from the number that was texted. What goes wrong here takes back nothing of what was said: the message
    that could not be made is in the log, or in ours."""
    if inbound.number is None or not policy.answer_to(kind) or (kind == Kind.HELP and _helped(inbound, now)):
        return
    try:
        with transaction.atomic():
            accept(_ask(inbound, kind, policy), now)
    except Exception:
        logger.exception("consent.unanswered", inbound=inbound.pk, kind=kind.value)


def _helped(inbound: InboundMessage, now: datetime) -> bool:
    """Whether an answer to HELP went to the same number a moment ago."""
    lately = Message.objects.filter(
        workspace=inbound.workspace_id, recipient=inbound.sender, pk__gte=first_uuid7(now - BETWEEN_HELPS)
    )
    return lately.filter(trigger=OPT_OUT, origin__confirms=Kind.HELP.value).exists()


def _ask(inbound: InboundMessage, kind: Kind, policy: Policy) -> SendRequest:
    assert inbound.number
    with translation.override(inbound.workspace.language):
        name = _("Answer to %(word)s") % {"word": kind.upper()}
    return SendRequest(
        workspace_id=inbound.workspace_id,
        trigger=OPT_OUT,
        key=str(inbound.pk),
        config=ActionConfig(
            sender_kind="number",
            sender_number_id=inbound.number.pk,
            sender_given=inbound.number.e164,
            recipient_property="phone",
            message=policy.answer_to(kind),
        ),
        record=Record("contact", properties={"phone": inbound.sender}),
        action_name=name,
        origin={"confirms": kind.value, "inbound": inbound.pk},
        via="any",
    )
