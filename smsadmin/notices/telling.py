"""Making a notice of something: what is told goes on one row, and each address it has to reach on one of its own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from smsadmin.notices import bell
from smsadmin.notices.models import Delivery, Endpoint, Notice, NoticeRule
from smsadmin.workspaces.models import Workspace


def tell(rule: NoticeRule, kind: Notice.Kind, key: str, facts: Mapping[str, Any], now: datetime) -> Notice:
    """Writes a notice for whom the rule names; a worker delivers it after the commit.

    `facts` are what notices.wording needs, without any recipient's number. Raises IntegrityError where the workspace
    has a notice with this key.
    """
    notice = Notice.objects.create(
        workspace_id=rule.workspace_id,
        rule=rule,
        kind=kind,
        key=key,
        at=now,
        facts={**facts, "rule": rule.name},
    )
    Delivery.objects.bulk_create(_deliveries(notice, rule.emails, rule.endpoint, now))
    transaction.on_commit(bell.ring)
    return notice


def _deliveries(
    notice: Notice, emails: list[str], endpoint: Endpoint | None, now: datetime
) -> list[Delivery]:
    """One for each mail address, so that nobody reads who else is told and each is tried again by itself."""
    found = [
        Delivery(notice=notice, channel=Delivery.Channel.EMAIL, address=email, next_attempt_at=now)
        for email in emails
    ]
    if endpoint:
        channel, host = Delivery.Channel.WEBHOOK, str(endpoint)[:254]
        found.append(
            Delivery(notice=notice, channel=channel, address=host, endpoint=endpoint, next_attempt_at=now)
        )
    return found


def open_notices(workspace: Workspace) -> int:
    """How many notices nobody has dismissed."""
    return Notice.objects.filter(workspace=workspace, dismissed_at=None).count()
