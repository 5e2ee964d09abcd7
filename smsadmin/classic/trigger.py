"""POST /hubspot/actions/send-sms-classic: the earlier action, beside the present one, as HubSpot calls it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from smsadmin.classic import gate, steps
from smsadmin.directory import book
from smsadmin.sending.filters import CLASSIC
from smsadmin.sending.models import Message
from smsadmin.triggers.hubspot import parse, views
from smsadmin.triggers.hubspot.parse import Execution
from smsadmin.workspaces.models import Connection


@csrf_exempt
@require_POST
def send_sms_classic(request: HttpRequest) -> HttpResponse:
    """An enrolled record reached a step of the earlier action: its own fields are the configuration."""
    return views.executed(request, _take)


def _take(execution: Execution, connection: Connection, reply: Any) -> Message:
    workspace_id = connection.workspace_id
    config = parse.classic_config(execution.inputs, book.of(workspace_id))
    message = views.taken(
        execution,
        connection,
        reply,
        trigger=CLASSIC,
        generation="classic",
        config=config,
        action_enabled=gate.refusal(workspace_id, timezone.now()) is None,  # else no record is read for it
    )
    steps.note(message, number_given=config.sender_given, user_given=config.send_as_given)
    return message
