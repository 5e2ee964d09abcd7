"""Asking for a resend: what of a choice may be sent again becomes its items, once."""

from collections import Counter
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from smsadmin.resends import bell
from smsadmin.resends.choice import BATCH, Choice, judged
from smsadmin.resends.models import UNFINISHED, Resend, ResendItem
from smsadmin.sending import again
from smsadmin.sending.again import WORDS, Reason
from smsadmin.workspaces.models import User, Workspace

#: How many resends a person may have in a workspace that are not finished.
MOST_UNFINISHED = 3


class NotAsked(Exception):
    """The resend was not asked for; its text says why, in the reader's language."""


def ask(choice: Choice, which: str, by: User) -> Resend:
    """A resend of what of the choice may be sent again now, with the configuration that `which` (Resend.Which) names;
    a worker begins it after the commit.

    Raises NotAsked where nothing may be sent again, or where this person has MOST_UNFINISHED resends under way, and
    asked.Unreadable.
    """
    eligible, left_out = _sorted(choice)
    with transaction.atomic():
        # Asked for twice at once, the second finds what the first has taken.
        Workspace.objects.select_for_update(no_key=True).get(pk=choice.workspace.pk)
        _not_too_many(choice.workspace, by)
        eligible = _still(eligible, left_out)
        if not eligible:
            raise NotAsked(_nothing(left_out))
        resend = Resend.objects.create(
            workspace=choice.workspace,
            asked_by=by,
            asked_at=timezone.now(),
            which=which,
            filters=None if choice.ids else dict(choice.filters),
            chosen=len(eligible) + left_out.total(),
            left_out=dict(left_out),
        )
        items = [ResendItem(resend=resend, original=original) for original in sorted(eligible)]
        ResendItem.objects.bulk_create(items, batch_size=BATCH)
        transaction.on_commit(partial(bell.ring, resend.pk))
    return resend


def _not_too_many(workspace: Workspace, by: User) -> None:
    unfinished = Resend.objects.filter(workspace=workspace, asked_by=by, state__in=UNFINISHED)
    if unfinished.count() >= MOST_UNFINISHED:
        raise NotAsked(
            _("You have %(count)s resends that are not finished: wait for one of them, or cancel one.")
            % {"count": MOST_UNFINISHED}
        )


def _sorted(choice: Choice) -> tuple[list[UUID], Counter[Reason]]:
    """What may be sent again, and how many may not, by reason."""
    eligible, left_out = [], Counter[Reason]()
    for message, verdict in judged(
        choice.workspace, choice.messages().only("trigger", "status", "error_code")
    ):
        if verdict.reason:
            left_out[verdict.reason] += 1
        else:
            eligible.append(message.pk)
    return eligible, left_out


def _still(eligible: list[UUID], left_out: Counter[Reason]) -> list[UUID]:
    """What nobody has taken since it was judged; `left_out` then counts the rest too."""
    free = []
    for start in range(0, len(eligible), BATCH):
        ids = eligible[start : start + BATCH]
        taken = dict.fromkeys(again.queued(ids), Reason.QUEUED)
        taken |= dict.fromkeys(again.successors(ids), Reason.AGAIN)
        left_out.update(taken.values())
        free += [pk for pk in ids if pk not in taken]
    return free


#: What messages that somebody asked for before are left out for.
_ASKED_BEFORE = {Reason.QUEUED, Reason.AGAIN}


def before(choice: Choice) -> Resend | None:
    """The last resend that sent any of these messages again, or still is to. Raises asked.Unreadable."""
    has_them = Q(items__state=ResendItem.State.SENT) | Q(
        items__state=ResendItem.State.PENDING, state__in=UNFINISHED
    )
    theirs = Resend.objects.filter(
        has_them, workspace=choice.workspace, items__original__in=choice.messages().values("pk")
    )
    return theirs.order_by("-pk").first()


def _nothing(left_out: Counter[Reason]) -> str:
    """Why there is nothing to send: the reason that most of the messages have."""
    if not left_out:
        return _("No message matches any more, so there is nothing to send again.")
    if left_out.keys() <= _ASKED_BEFORE:
        return ngettext(
            "This message was already asked to be sent again.",
            "These messages were already asked to be sent again.",
            left_out.total(),
        )
    [(reason, _count)] = left_out.most_common(1)
    why = str(WORDS[reason])
    if left_out.total() == 1:
        return _("The message may not be sent again. %(why)s") % {"why": why}
    if len(left_out) == 1:
        return _("None of these messages may be sent again. Of each of them: %(why)s") % {"why": why}
    return _("None of these messages may be sent again. Of most of them: %(why)s") % {"why": why}
