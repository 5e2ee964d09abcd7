"""Opt-outs in words, as their reader may see them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from smsadmin import phrases
from smsadmin.consent.models import Change, OptOut, PropertyWrite, Review, Source
from smsadmin.consent.words import Why
from smsadmin.core import numbers
from smsadmin.dashboard.templatetags.ui import Badge
from smsadmin.privacy import reading
from smsadmin.privacy.masking import masked_number, masked_text
from smsadmin.workspaces.models import Member

OUT = Badge(gettext_lazy("Opted out"), "ban", "bad")
BACK = Badge(gettext_lazy("Back in"), "check", "good")

WHYS = {
    Why.DOUBTFUL: gettext_lazy("The word is an ordinary answer too."),
    Why.TYPO: gettext_lazy("One letter away from a word that counts."),
    Why.PHRASE: gettext_lazy("It asks for no more texts in other words."),
    Why.WITHIN: gettext_lazy("A word that counts, with others around it."),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A number of the list: masked for who may not see it, with its state and how it came about."""

    pk: int
    number: str
    look: Badge
    since: datetime
    how: str
    words: str
    told: Sequence["Told"]


@dataclass(frozen=True, slots=True)
class Told:
    """What one portal was told, and how that went."""

    portal: str
    look: Badge
    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a number's history; `message` is the message of ours that the text answered."""

    look: Badge
    at: datetime
    how: str
    words: str
    message: UUID | None


@dataclass(frozen=True, slots=True)
class Doubt:
    """A text that a person should look at; `is_lost` where its number was deleted by age."""

    pk: int
    number: str
    at: datetime
    body: str
    why: str
    to: str
    is_stop: bool
    is_lost: bool
    message: UUID | None
    decided: str


def rows(found: Iterable[OptOut], member: Member) -> list[Row]:
    sees = reading.sees_everything(member)
    return [_row(each, sees) for each in found]


def row(found: OptOut, member: Member) -> Row:
    return _row(found, reading.sees_everything(member))


def _row(found: OptOut, sees: bool) -> Row:
    assert found.since
    newest = max(found.changes.all(), key=lambda each: each.pk, default=None)
    return Row(
        found.pk,
        found.number if sees else masked_number(found.number),
        OUT if found.is_out else BACK,
        found.since,
        how(newest) if newest else "",
        words(newest, sees) if newest else "",
        [told(each) for each in found.writes.all()],
    )


def how(change: Change) -> str:
    """By whom it came about."""
    match change.source:
        case Source.TEXT:
            return _("By a text")
        case Source.IMPORT:
            return _("Imported by %(who)s") % {"who": change.by or _("somebody")}
        case Source.API:
            return _("By a program")
        case Source.PROVIDER:
            return _("Told by the provider")
    return str(change.by or _("somebody"))


def words(change: Change, sees: bool) -> str:
    """What was texted, or the reason that was given. A reason may say anything, so it is masked for some."""
    said = (
        change.words if sees or change.source in {Source.TEXT, Source.PROVIDER} else masked_text(change.words)
    )
    return f"“{said}”" if said else ""


def history(changes: Iterable[Change], member: Member) -> list[Step]:
    sees = reading.sees_everything(member)
    return [
        Step(
            OUT if each.is_out else BACK,
            each.at,
            how(each),
            words(each, sees),
            each.inbound.answers if each.inbound else None,
        )
        for each in changes
    ]


def told(write: PropertyWrite) -> Told:
    """How telling a portal went, in words."""
    at = write.ended_at or write.asked_at
    portal = write.connection.name
    match write.state:
        case PropertyWrite.State.DONE:
            done = ngettext("set for %(n)d contact", "set for %(n)d contacts", write.contacts)
            if not write.is_out:
                done = ngettext("unset for %(n)d contact", "unset for %(n)d contacts", write.contacts)
            return Told(portal, Badge(_("HubSpot knows"), "check", "good"), done % {"n": write.contacts}, at)
        case PropertyWrite.State.NOBODY:
            return Told(portal, Badge(_("No such contact"), "circle-dashed", "neutral"), "", at)
        case PropertyWrite.State.FAILED:
            failed = Badge(_("HubSpot was not told"), "x", "bad")
            return Told(portal, failed, phrases.translated(write.error), at)
    waiting = Badge(_("HubSpot is told soon"), "clock", "waiting")
    return Told(portal, waiting, phrases.translated(write.error), at)


def doubts(reviews: Iterable[Review], member: Member) -> list[Doubt]:
    sees = reading.sees_everything(member)
    return [_doubt(each, sees) for each in reviews]


def _doubt(review: Review, sees: bool) -> Doubt:
    inbound = review.inbound
    return Doubt(
        pk=review.pk,
        number=inbound.sender if sees else masked_number(inbound.sender) if inbound.sender else "",
        at=inbound.at,
        body=inbound.body if sees else masked_text(inbound.body),
        why=str(WHYS[Why(review.why)]),
        to=numbers.pretty(inbound.number.e164) if inbound.number else "",
        is_stop=review.guess == "stop",
        is_lost=not inbound.sender,
        message=inbound.answers,
        decided=_decided(review),
    )


def _decided(review: Review) -> str:
    if review.state == Review.State.OPEN:
        return ""
    names: dict[str, Any] = {"who": review.decided_by or _("somebody")}
    if review.state == Review.State.DISMISSED:
        return _("Dismissed by %(who)s") % names
    return (_("Opted out by %(who)s") if review.guess == "stop" else _("Opted in by %(who)s")) % names
