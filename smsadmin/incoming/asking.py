"""Asking a provider what became of a message, where its reports do not come. Callr can be asked, by its own id."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from smsadmin import phrases
from smsadmin.core.status import Status
from smsadmin.providers import registry
from smsadmin.providers.base import AccountError
from smsadmin.providers.callr import webhooks as wire
from smsadmin.providers.callr.lookup import look_up
from smsadmin.sending import log
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from smsadmin.workspaces.access import operator_required
from smsadmin.workspaces.models import Connection
from smsadmin.workspaces.requests import WorkspaceRequest

#: What the timeline calls the event of an answer to such a question.
ASKED = "asked"


def may_be_asked(message: Message) -> bool:
    """Whether its provider knows it by an id that we know, and may know more than we do."""
    is_callrs = message.connection is not None and message.connection.kind == Connection.Kind.CALLR
    return is_callrs and bool(message.provider_id) and message.status in (Status.SENT, Status.UNKNOWN)


def ask(message: Message) -> bool:
    """Asks, and takes the answer for a delivery report; whether that moved the message. Raises AccountError."""
    assert message.connection
    told = {
        "type": "sms.mt.status_update",
        "data": look_up(registry.callr(message.connection), message.provider_id),
    }
    said = wire.said(told)
    receipt = log.Receipt(said.word, said.means, ASKED, said.said_at, said.segments)
    moved = log.receipt(message, receipt, timezone.now())
    if moved:
        settled.send(sender=Message, ids=[message.pk])
    return moved


@require_POST
@operator_required
def ask_for_message(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """Somebody wants to know now."""
    related = Message.objects.select_related("connection")
    message = get_object_or_404(related, pk=pk, workspace=request.workspace)
    if not may_be_asked(message):
        messages.info(request, _("There is nothing to be asked about this message any more."))
        return redirect("message", pk)
    try:
        moved = ask(message)
    except AccountError as error:
        messages.error(request, phrases.translated(str(error)))
        return redirect("message", pk)
    messages.success(
        request,
        _("Callr's answer changed the message.") if moved else _("Callr knows no more than is shown here."),
    )
    return redirect("message", pk)
