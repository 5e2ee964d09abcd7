"""Test sends: what an action would send, as a real text, to a phone of our own people."""

import secrets

from django.utils.translation import gettext as _

from smsadmin.actions.models import Action, ActionVersion
from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.sending.accept import accept
from smsadmin.sending.filters import TEST
from smsadmin.sending.models import Message
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import User, Workspace


class NotVerified(Exception):
    """The number may not receive tests; its text says why, in the reader's language."""


def choices(workspace: Workspace) -> list[TestNumber]:
    """The numbers a test may go to, by label."""
    return list(TestNumber.objects.filter(workspace=workspace, verified_at__isnull=False))


def new_token() -> str:
    """What a form carries so that sending it twice, as a double click does, sends one text."""
    return secrets.token_urlsafe(16)


def send_test(
    workspace: Workspace,
    by: User,
    test_number: TestNumber,
    ask_config: ActionConfig,
    record: Record,
    *,
    token: str,
    action: Action | None = None,
    version: ActionVersion | None = None,
    name: str = "",
) -> Message:
    """Sends to the test number what the configuration makes of the record, and returns the message, sent or not.

    It goes through every step of a real send and counts against the quotas like one. `token` is the form's: the
    same token for the same number is the same test. A saved `version` is tested as it would run now, so an action
    that is off refuses it; without one it is the form as it stands, called `name` until the action has one.
    Raises NotVerified for a number that is another workspace's, or not verified.
    """
    if test_number.workspace_id != workspace.pk:
        raise NotVerified(_("This is not a test number of this workspace."))
    if test_number.verified_at is None:
        raise NotVerified(
            _("“%(label)s” is not verified: a test can go to it once its code was typed in.")
            % {"label": test_number.label}
        )
    ask = SendRequest(
        workspace_id=workspace.pk,
        trigger=TEST,
        key=f"{test_number.pk}:{token}",
        config=ask_config,
        record=record,
        action_id=action.pk if action else None,
        version_id=version.pk if version else None,
        action_name=action.name if action else name,
        version_number=version.number if version else 0,
        action_enabled=version is None or version.action.enabled,
        origin={"by": by.pk, "who": str(by)},
        test_recipient=test_number.e164,
    )
    return accept(ask)
