"""Asking a provider what became of a message, where its reports do not come: by its own id, or by looking into its list
where the answer that had the id was lost."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from smsadmin import phrases
from smsadmin.core.status import Status
from smsadmin.incoming import charges, lookups, meaning
from smsadmin.providers import registry
from smsadmin.providers.base import AccountError
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from smsadmin.workspaces.access import operator_required
from smsadmin.workspaces.requests import WorkspaceRequest

#: What the timeline calls the event of an answer to such a question.
ASKED = "asked"


def may_be_asked(message: Message) -> bool:
    """Whether its provider can be asked about it, and may know more than we do."""
    if message.connection is None or message.status not in (Status.SENT, Status.UNKNOWN):
        return False
    return _has_id(message) or lookups.may_be_looked_up(message)


def _has_id(message: Message) -> bool:
    assert message.connection
    return message.connection.kind in registry.ASKED and bool(message.provider_id)


def ask(message: Message) -> bool:
    """Asks, and takes the answer for a delivery report; whether that moved the message. Raises AccountError."""
    assert message.connection
    if not _has_id(message):
        return lookups.look_up(message, timezone.now())
    said = registry.history(message.connection).message(message.provider_id)
    now = timezone.now()
    moved = meaning.take(message, said, ASKED, now)
    charges.keep(message, said.price, now)
    if moved:
        settled.send(sender=Message, ids=[message.pk])
    return moved


@require_POST
@operator_required
def ask_for_message(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """Somebody wants to know now."""
    related = Message.objects.select_related("connection")
    message = get_object_or_404(related, pk=pk, workspace=request.workspace)
    if not may_be_asked(message) or message.connection is None:
        messages.info(request, _("There is nothing to be asked about this message any more."))
        return redirect("message", pk)
    try:
        moved = ask(message)
    except AccountError as error:
        messages.error(request, phrases.translated(str(error)))
        return redirect("message", pk)
    told = {"provider": message.connection.get_kind_display()}
    messages.success(
        request,
        _("%(provider)s's answer changed the message.") % told
        if moved
        else _("%(provider)s knows no more than is shown here.") % told,
    )
    return redirect("message", pk)
