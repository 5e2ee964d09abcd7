"""The agent of the sample workspace, whose calls the sandbox has (POST /_control/agent-calls)."""

from uuid import UUID

from django.utils import timezone

from smsadmin.actions import saving as actions
from smsadmin.actions.calls import PHONE
from smsadmin.actions.models import Action, ActionVersion, ObjectType
from smsadmin.agents import credentials
from smsadmin.agents.after.rules import Condition, Fact, Rule, Test
from smsadmin.agents.models import AIAgent, Attachment
from smsadmin.directory.models import Number
from smsadmin.workspaces.models import Connection, User, Workspace

#: The sandbox has both too; they open nothing but a workspace of sample data on this machine.
TOKEN = "smsagent_sandbox1_ThisTokenIsOfTheSandboxAndOpensNothingElse2"  # noqa: S105
PUBLIC_ID = UUID("5a3db0c5-0000-4000-8000-000000000001")
SIGNING = "sandbox-synthflow-secret"


def add(workspace: Workspace, owner: User, number: Number) -> AIAgent:
    """A Synthflow account, an agent of it, and an action for during and one for after its calls."""
    account = Connection.objects.create(
        workspace=workspace,
        kind=Connection.Kind.SYNTHFLOW,
        name="Sandbox Synthflow workspace",
        external_id="sandbox-synthflow",
        secrets={"api_key": "sandbox-synthflow-key"},
    )
    prefix, token_hash = credentials.TOKENS.keep(TOKEN)
    agent = AIAgent.objects.create(
        workspace=workspace,
        name="Sales calls",
        platform=AIAgent.Platform.SYNTHFLOW,
        public_id=PUBLIC_ID,
        token_prefix=prefix,
        token_hash=token_hash,
        token_made_at=timezone.now(),
        secrets={"signing": SIGNING},
        connection=account,
        external_id="agent-sales",
        created_by=owner,
    )
    _attach(
        agent,
        _action(
            workspace,
            owner,
            number,
            "Booking link",
            "Example Ltd: choose a time for your {{topic}} here: https://example.com/book",
            "When the caller wants an appointment and agrees to get the link by text.",
        ),
        tool_name="send_booking_link",
        what="Texts the caller the link under which appointments are booked.",
    )
    interested = Condition(Fact.VARIABLE, Test.TRUE, "interested")
    completed = Condition(Fact.STATUS, Test.IS, value="completed")
    _attach(
        agent,
        _action(
            workspace,
            owner,
            number,
            "Thank you after a call",
            'Example Ltd: thank you for your call, {{first_name | default("and see you soon")}}.',
            "",
        ),
        tool_name="send_thanks",
        when=Attachment.When.AFTER,
        rule=Rule((completed, interested)).as_json(),
    )
    return agent


def _action(
    workspace: Workspace, owner: User, number: Number, name: str, message: str, condition: str
) -> Action:
    config = {
        "object_type": ObjectType.CALL,
        "sender_kind": ActionVersion.SenderKind.NUMBER,
        "sender_number_id": number.pk,
        "recipient_property": PHONE,
        "message": message,
        "condition": condition,
    }
    return actions.create(workspace, name, config, "", owner)


def _attach(agent: AIAgent, action: Action, **columns: object) -> None:
    Attachment.objects.create(agent=agent, workspace=agent.workspace, action=action, **columns)
