"""Making a notice of something: what is told goes on one row, and each address it has to reach on one of its own."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from smsadmin.core.ids import uuid7
from smsadmin.notices import bell
from smsadmin.notices.models import Delivery, Endpoint, Notice, NoticeRule
from smsadmin.workspaces.models import Member, Role, User, Workspace


def tell(
    rule: NoticeRule,
    kind: Notice.Kind,
    key: str,
    facts: Mapping[str, Any],
    now: datetime,
    *,
    pk: UUID | None = None,
    closes_at: datetime | None = None,
) -> Notice:
    """Writes a notice for whom the rule names; a worker delivers it after the commit.

    `facts` are what notices.wording needs, without any recipient's number. `pk`: its place in the list, where several
    are told at once; `closes_at`: when it stops being news by itself. Raises IntegrityError where the workspace has a
    notice with this key.
    """
    notice = Notice.objects.create(
        id=pk or uuid7(),
        workspace_id=rule.workspace_id,
        rule=rule,
        kind=kind,
        key=key,
        at=now,
        facts={**facts, "rule": rule.name},
        closes_at=closes_at,
    )
    Delivery.objects.bulk_create(_deliveries(notice, rule.emails, rule.endpoint, now))
    transaction.on_commit(bell.ring)
    return notice


def tell_owners(
    workspace: Workspace, kind: Notice.Kind, key: str, facts: Mapping[str, Any], now: datetime
) -> Notice:
    """Writes a notice that no rule asks for, as nobody may miss it: its owners get it by mail, and every address for
    webhooks that the workspace has. Raises IntegrityError where the workspace has a notice with this key."""
    notice = Notice.objects.create(workspace=workspace, kind=kind, key=key, at=now, facts=dict(facts))
    owners = Member.objects.filter(workspace=workspace, role=Role.OWNER, user__is_active=True).order_by("pk")
    emails = list(owners.values_list("user__email", flat=True))
    found = _deliveries(notice, emails, None, now)
    for endpoint in _one_per_host(workspace.endpoints.order_by("pk")):
        found += _deliveries(notice, [], endpoint, now)
    Delivery.objects.bulk_create(found)
    transaction.on_commit(bell.ring)
    return notice


def _one_per_host(endpoints: Iterable[Endpoint]) -> Iterable[Endpoint]:
    """A notice goes to a host once, as its deliveries are known by it: to the address that was added first."""
    found: dict[str, Endpoint] = {}
    for endpoint in endpoints:
        found.setdefault(str(endpoint), endpoint)
    return found.values()


def sample(rule: NoticeRule, channel: str, user: User, now: datetime) -> Notice | None:
    """Writes a notice that nothing happened, for whom the rule names through one channel; None where it names nobody.

    It is no news to anybody, so it is dismissed from the beginning.
    """
    emails = rule.emails if channel == Delivery.Channel.EMAIL else []
    endpoint = rule.endpoint if channel == Delivery.Channel.WEBHOOK else None
    if not emails and endpoint is None:
        return None
    with transaction.atomic():
        notice = Notice.objects.create(
            workspace_id=rule.workspace_id,
            rule=rule,
            kind=Notice.Kind.SAMPLE,
            key=f"sample {uuid7()}",
            at=now,
            facts={"rule": rule.name, "when": rule.when},
            dismissed_at=now,
            dismissed_by=user,
        )
        Delivery.objects.bulk_create(_deliveries(notice, emails, endpoint, now))
        transaction.on_commit(bell.ring)
    return notice


def samples_of(rule: NoticeRule) -> list[Delivery]:
    """The deliveries of the newest sample through each channel."""
    sent = Notice.objects.filter(rule=rule, kind=Notice.Kind.SAMPLE).order_by("-pk")
    newest = [sent.filter(deliveries__channel=channel).first() for channel in Delivery.Channel]
    return list(Delivery.objects.filter(notice__in=[notice for notice in newest if notice]))


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


def close(now: datetime) -> None:
    """Dismisses those whose time is over."""
    Notice.objects.filter(dismissed_at=None, closes_at__lte=now).update(dismissed_at=F("closes_at"))


def open_notices(workspace: Workspace) -> int:
    """How many notices nobody has dismissed."""
    return Notice.objects.filter(workspace=workspace, dismissed_at=None).count()
