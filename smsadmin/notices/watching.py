"""Holding failures against the rules: each look finds what a rule waits for, and tells of it once for each episode.

An episode of a cause begins with the first message that it stops while it stands "new" (failures.states). It ends
once somebody acknowledges, mutes or resolves the cause, or when the cause pauses for 24 hours. Where messages are
counted it begins when there are too many, and ends once there were not for a whole window. A message counts from when
it failed, which may be long after it came in.

A look moves `looked_at` of its rule on, and begins and ends episodes in the same transaction; a look that finds it
moved on already does nothing. So of several at once one counts, and what it saw is held against the rule once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from smsadmin.core.causes import code_of
from smsadmin.failures.models import State
from smsadmin.failures.states import PAUSE, Standing, standings
from smsadmin.failures.tally import SAMPLE, Tally, tallies
from smsadmin.notices import limits, telling
from smsadmin.notices.lately import MOST_COUNTED, REACH, Lately, lately, received
from smsadmin.notices.looks import MOST_TOLD, OVERLAP, moved_on
from smsadmin.notices.models import Episode, Notice, NoticeRule
from smsadmin.privacy.masking import secrets_of
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Scene:
    """How the causes of a workspace stand at one moment."""

    workspace: Workspace
    now: datetime
    causes: Mapping[str, Standing]

    @classmethod
    def at(cls, now: datetime, workspace: Workspace) -> "Scene":
        found = standings(workspace, tallies(workspace, now - REACH), now)
        return cls(workspace, now, {each.tally.cause: each for each in found})

    def new(self) -> Iterator[Standing]:
        """The causes that nobody has acknowledged, muted or resolved."""
        return (each for each in self.causes.values() if each.state == State.NEW)

    def was_decided(self, cause: str, since: datetime) -> bool:
        """Whether somebody acknowledged, muted or resolved the cause since then."""
        standing = self.causes.get(cause)
        decided = standing.decided if standing else None
        return decided is not None and decided.state != State.NEW and decided.state_at > since


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule waits for goes on: between these moments since the last look, and in figures for the notice."""

    first: datetime
    last: datetime
    facts: dict[str, Any]
    spokesman: Standing  # the cause whose newest message tells what happened


# --- Looking -----------------------------------------------------------------------------------------


def sweep(now: datetime | None = None) -> None:
    """Holds what failed against every rule for failures that is switched on. What goes wrong for one workspace is
    logged."""
    now = now or timezone.now()
    rules = NoticeRule.objects.filter(enabled=True).exclude(when=NoticeRule.When.QUOTA)
    rules = rules.select_related("workspace", "endpoint")
    for workspace, its in groupby(rules.order_by("workspace_id", "pk"), key=attrgetter("workspace")):
        try:
            scene = Scene.at(now, workspace)
            for rule in its:
                look(rule, scene)
        except Exception:
            logger.exception("notices.look_failed", workspace=workspace.pk)


def look(rule: NoticeRule, scene: Scene) -> None:
    """One look at one rule."""
    episodes = {each.cause: each for each in rule.episodes.filter(ended_at=None)}
    after = {cause: episode.last_at + timedelta.resolution for cause, episode in episodes.items()}
    found = _found(rule, scene, rule.looked_at - OVERLAP, after)
    with transaction.atomic():
        if moved_on(rule, scene.now):
            _tell(rule, _follow(rule, scene, found, episodes.values()), scene.now)


def take_stock(rule: NoticeRule, now: datetime | None = None) -> None:
    """What goes on already when a rule is made, changed or switched on is no news: its episodes begin untold."""
    now = now or timezone.now()
    if rule.when == NoticeRule.When.QUOTA:
        limits.take_stock(rule, now)
        return
    scene = Scene.at(now, rule.workspace)
    found = _found(rule, scene, now - PAUSE, {})
    with transaction.atomic():
        NoticeRule.objects.filter(pk=rule.pk).update(looked_at=now, begun_at=now)
        rule.looked_at = rule.begun_at = now
        rule.episodes.filter(ended_at=None).update(ended_at=now)
        for cause, each in found.items():
            _begin(rule, cause, each, now)


# --- Episodes ----------------------------------------------------------------------------------------


def _follow(
    rule: NoticeRule, scene: Scene, found: Mapping[str, Found], episodes: Iterable[Episode]
) -> dict[str, Found]:
    """Ends and continues the open episodes; returns what none of them stands for, so what begins."""
    begins, changed = dict(found), []
    for episode in episodes:
        each = begins.get(episode.cause)
        if scene.was_decided(episode.cause, episode.began_at) or _has_ended(rule, episode, each, scene.now):
            episode.ended_at = scene.now
        elif each:
            episode.last_at = begins.pop(episode.cause).last
        else:
            continue
        changed.append(episode)
    Episode.objects.bulk_update(changed, ["ended_at", "last_at"])
    return begins


def _has_ended(rule: NoticeRule, episode: Episode, found: Found | None, now: datetime) -> bool:
    """Whether what it stands for paused for long enough."""
    if rule.counts:
        return found is None and now - episode.last_at >= rule.window
    return (found.first if found else now) - episode.last_at >= PAUSE


def _begin(rule: NoticeRule, cause: str, found: Found, now: datetime) -> Episode:
    return Episode.objects.create(rule=rule, cause=cause, began_at=now, last_at=found.last)


def _tell(rule: NoticeRule, begun: Mapping[str, Found], now: datetime) -> None:
    """Begins episodes and tells of them: of the MOST_TOLD that stopped most messages one by one, of the others
    together."""
    ranked = sorted(begun.items(), key=lambda item: item[1].facts["count"], reverse=True)
    alone, others = dict(ranked[:MOST_TOLD]), dict(ranked[MOST_TOLD:])
    said = facts_of([each.spokesman.tally for each in alone.values()])
    kind = _KINDS[NoticeRule.When(rule.when)]
    for cause, each in alone.items():
        episode = _begin(rule, cause, each, now)
        facts = {**each.facts, **said[each.spokesman.tally.cause]}
        telling.tell(rule, kind, f"episode {episode.pk}", facts, now)
    if others:
        _tell_together(rule, others, now)


def _tell_together(rule: NoticeRule, begun: Mapping[str, Found], now: datetime) -> None:
    first, *_others = [_begin(rule, cause, each, now) for cause, each in begun.items()]
    facts = {"causes": len(begun), "count": sum(each.facts["count"] for each in begun.values())}
    telling.tell(rule, Notice.Kind.MORE, f"episodes from {first.pk}", facts, now)


def facts_of(found: Sequence[Tally]) -> dict[str, dict[str, Any]]:
    """What the newest message of each cause says of it, without the recipient's number and the record's values."""
    newest = Message.objects.in_bulk([each.newest for each in found])
    return {each.cause: facts_about(each.cause, newest.get(each.newest)) for each in found}


def facts_about(cause: str, message: Message | None) -> dict[str, Any]:
    """What a message says of its cause, as facts_of has it. Without a message, which may have been deleted meanwhile,
    the code alone."""
    if message is None:
        return {"cause": cause, "code": code_of(cause), "error": {}}
    secrets = secrets_of(message, message.inputs, message.body, message.template)
    return {"cause": cause, "code": message.error_code, "error": secrets.out_of(message.error_facts)}


# --- What each kind of rule waits for ----------------------------------------------------------------


def _found(
    rule: NoticeRule, scene: Scene, since: datetime, after: Mapping[str, datetime]
) -> dict[str, Found]:
    """What the rule waits for, by cause. New causes are those that stopped messages since then, or `after` the moment
    that is known of a cause."""
    if rule.when == NoticeRule.When.COUNT:
        return _count(rule, scene)
    if rule.when == NoticeRule.When.RATE:
        return _rate(rule, scene)
    meant = [each for each in scene.new() if _is_meant(rule, each.tally.cause)]
    seen = _lately(
        scene, meant, {each.tally.cause: after.get(each.tally.cause, since) for each in meant}, SAMPLE
    )
    return {
        each.tally.cause: Found(its.first, its.last, {"count": its.count}, each)
        for each in meant
        if (its := seen.get(each.tally.cause))
    }


def _is_meant(rule: NoticeRule, cause: str) -> bool:
    return rule.when == NoticeRule.When.ANY or rule.cause in (cause, code_of(cause))


def _count(rule: NoticeRule, scene: Scene) -> dict[str, Found]:
    """The causes that stopped too many messages. Those that stopped no more in all of REACH need no closer look."""
    most, since = rule.messages or 0, scene.now - rule.window
    meant = [each for each in scene.new() if each.tally.count > most]
    seen = _lately(scene, meant, {each.tally.cause: since for each in meant})
    facts = {"messages": most, "minutes": rule.minutes}
    return {
        each.tally.cause: Found(scene.now, scene.now, {**facts, "count": its.count}, each)
        for each in meant
        if (its := seen.get(each.tally.cause)) and its.count > most
    }


def _rate(rule: NoticeRule, scene: Scene) -> dict[str, Found]:
    """All messages together, if too great a share of those that came in or failed within the window failed then."""
    arrived, since = received(scene.workspace, scene.now - rule.window)
    meant = {each.tally.cause: each for each in scene.new()}
    seen = _lately(scene, meant.values(), dict.fromkeys(meant, since), came=since)
    failed = sum(each.count for each in seen.values())
    of = arrived + sum(each.older for each in seen.values())
    if not failed or of < (rule.at_least or 1) or failed * 100 <= (rule.percent or 0) * of:
        return {}
    facts = {"count": failed, "of": of, "share": failed * 100 // of, "percent": rule.percent}
    worst = max(seen, key=lambda cause: seen[cause].count)
    return {"": Found(scene.now, scene.now, {**facts, "minutes": rule.minutes}, meant[worst])}


def _lately(
    scene: Scene,
    meant: Iterable[Standing],
    since: Mapping[str, datetime],
    most: int = MOST_COUNTED,
    came: datetime | None = None,
) -> dict[str, Lately]:
    """What these causes stopped since then, and since somebody last decided about them."""
    begins = {each.tally.cause: _not_before_decided(each, since[each.tally.cause]) for each in meant}
    return lately(scene.workspace, begins, scene.now, came=came, most=most)


def _not_before_decided(standing: Standing, since: datetime) -> datetime:
    return max(since, standing.decided.state_at) if standing.decided else since


_KINDS = {
    NoticeRule.When.ANY: Notice.Kind.NEW,
    NoticeRule.When.CAUSE: Notice.Kind.NEW,
    NoticeRule.When.COUNT: Notice.Kind.COUNT,
    NoticeRule.When.RATE: Notice.Kind.RATE,
}
