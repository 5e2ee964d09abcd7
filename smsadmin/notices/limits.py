"""Holding crossings (quotas.crossing) against the rules for limits: each rule tells of each of them once.

A crossing is written once for a window, and the key of its notice has the rule and the crossing in it; those that are
told together are named in that notice. A look moves `looked_at` of its rule on and writes its notices in the same
transaction, so of several at once one counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from smsadmin.core.ids import uuid7
from smsadmin.core.windows import Window, resets_at
from smsadmin.directory.models import Agent, Number
from smsadmin.directory.naming import said
from smsadmin.notices import telling
from smsadmin.notices.looks import MOST_TOLD, OVERLAP, moved_on
from smsadmin.notices.models import Notice, NoticeRule
from smsadmin.quotas import crossing, rulebook
from smsadmin.quotas.models import Crossing, Scope
from smsadmin.quotas.rulebook import Subject

logger = structlog.get_logger(__name__)

#: What is told one by one where there is too much for that.
_URGENT = (100, 90, Crossing.FORECAST, 80, 50)

#: So long a notice stays open once its window is over: what ran out in the night is seen in the morning. That of an
#: hour or minute is no use to anybody by then.
STAYS = {Window.DAY: timedelta(days=1), Window.MONTH: timedelta(days=1)}

Holders = Mapping[tuple[str, int], Number | Agent]


def sweep(now: datetime | None = None) -> None:
    """Holds what was crossed against every rule for limits that is switched on, then closes what is over. What goes
    wrong for one rule is logged."""
    now = now or timezone.now()
    rules = NoticeRule.objects.filter(enabled=True, when=NoticeRule.When.QUOTA)
    for rule in rules.select_related("workspace", "endpoint").order_by("pk"):
        try:
            look(rule, now)
        except Exception:
            logger.exception("notices.look_failed", workspace=rule.workspace_id, rule=rule.pk)
    telling.close(now)


def look(rule: NoticeRule, now: datetime) -> None:
    """One look at one rule."""
    if rule.begun_at is None:
        take_stock(rule, now)
        return
    with transaction.atomic():
        if moved_on(rule, now):
            _tell(rule, _untold(rule, max(rule.looked_at - OVERLAP, rule.begun_at), now), now)


def take_stock(rule: NoticeRule, now: datetime) -> None:
    """What was crossed before a rule is made, changed or switched on is no news, whether or not it was found yet."""
    crossing.look(rule.workspace_id, now)
    NoticeRule.objects.filter(pk=rule.pk).update(looked_at=now, begun_at=now)
    rule.looked_at = rule.begun_at = now


def _untold(rule: NoticeRule, since: datetime, now: datetime) -> list[Crossing]:
    """What the rule waits for and has not told: crossed after that moment."""
    meant = [*rule.thresholds, *([Crossing.FORECAST] if rule.forecast else [])]
    found = Crossing.objects.filter(
        workspace_id=rule.workspace_id,
        at__gt=since,
        at__lte=now,
        threshold__in=meant,
        window__in=rule.windows,
        unit__in=rule.units,
    )
    crossings = list(found.order_by("at", "pk"))
    if not crossings:
        return []
    told = Notice.objects.filter(rule=rule, at__gt=since).values_list("facts__crossings", flat=True)
    known = {pk for its in told for pk in its or ()}
    return [each for each in crossings if each.pk not in known]


# --- Telling ------------------------------------------------------------------------------------------


def _tell(rule: NoticeRule, crossings: Sequence[Crossing], now: datetime) -> None:
    """The most urgent ones one by one, the others together; the mildest is sent first, so listed last."""
    holders = holders_of(rule.workspace_id, crossings)
    known = [each for each in crossings if (each.scope, each.subject_id) in holders]  # the others are deleted
    ranked = sorted(known, key=_urgency)
    alone, others = ranked[:MOST_TOLD], ranked[MOST_TOLD:]
    pks = sorted(uuid7() for _ in range(len(alone) + 1))  # those of one millisecond come in any order
    if others:
        facts = {"limits": len(others), "crossings": [each.pk for each in others]}
        key, closes_at = f"quota {rule.pk} from {others[0].pk}", max(_closes_at(each) for each in others)
        telling.tell(rule, Notice.Kind.QUOTA_MORE, key, facts, now, pk=pks[0], closes_at=closes_at)
    for pk, each in zip(pks[1:], reversed(alone), strict=True):
        kind = Notice.Kind.QUOTA_FORECAST if each.threshold == Crossing.FORECAST else Notice.Kind.QUOTA
        facts = facts_of(each, holders[each.scope, each.subject_id], now)
        key = f"quota {rule.pk} {each.pk}"
        telling.tell(rule, kind, key, facts, now, pk=pk, closes_at=_closes_at(each))


def _ends_at(each: Crossing) -> datetime:
    """When its window is over."""
    return resets_at(Window(each.window), each.began_at, each.zone)


def _closes_at(each: Crossing) -> datetime:
    return _ends_at(each) + STAYS.get(Window(each.window), timedelta(0))


def _urgency(each: Crossing) -> tuple[int, float, int]:
    return _URGENT.index(each.threshold), -each.used / max(each.limit, 1), each.pk


def holders_of(workspace_id: int, crossings: Iterable[Crossing]) -> Holders:
    """Whose limits they are. Two queries, however many there are."""
    found: dict[tuple[str, int], Number | Agent] = {}
    for scope, model in ((Scope.NUMBER, Number), (Scope.USER, Agent)):
        ids = {each.subject_id for each in crossings if each.scope == scope}
        if ids:
            rows: Iterable[Number | Agent] = model.objects.filter(workspace_id=workspace_id, pk__in=ids)
            found |= {(scope.value, each.pk): each for each in rows}
    return found


def facts_of(each: Crossing, holder: Number | Agent, now: datetime) -> dict[str, Any]:
    """What notices.limit_words needs; the moments as texts."""
    return {
        "crossings": [each.pk],
        "scope": each.scope,
        "subject_id": each.subject_id,
        "subject": holder.email if isinstance(holder, Agent) else said(holder),
        "name": holder.name,
        "window": each.window,
        "unit": each.unit,
        "zone": each.zone,
        "threshold": each.threshold or None,
        "used": each.used,
        "limit": each.limit,
        "kept": _kept(each, holder, now),
        "resets_at": _ends_at(each).isoformat(),
        "runs_out_at": each.runs_out_at.isoformat() if each.runs_out_at else None,
    }


def _kept(each: Crossing, holder: Number | Agent, now: datetime) -> int:
    """How much of the limit is for replies and alerting traffic alone."""
    same = (each.window, each.zone, each.unit, each.limit)
    limits = rulebook.limits(Subject.of(holder), now)
    return next((its.kept for its in limits if (its.window, its.zone, its.unit, its.limit) == same), 0)
