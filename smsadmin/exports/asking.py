"""Asking for an export of what a filter of the log finds at this moment."""

from datetime import UTC, datetime
from functools import partial

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from smsadmin.exports import bell
from smsadmin.exports.models import KEPT, UNFINISHED, Export
from smsadmin.sending.asked import found_then, held
from smsadmin.sending.filters import MessageFilter
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import User, Workspace

#: How many exports a person may have that are not finished.
MOST_UNFINISHED = 3


class NotAsked(Exception):
    """The export was not asked for; its text says why, in the reader's language."""


def ask(
    workspace: Workspace, asked_by: User, found: MessageFilter, form: str, with_text: bool = False
) -> Export:
    """An export, in a form of Export.Format, of what the filter finds now; a worker begins it after the commit.

    Raises NotAsked where it finds nothing, or where this person has MOST_UNFINISHED exports under way.
    """
    now = timezone.now()
    newest = found.qs.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        raise NotAsked(_("No message matches any more, so there is nothing to export."))
    with transaction.atomic():
        User.objects.select_for_update().get(pk=asked_by.pk)  # asked twice at once, they are counted in turn
        if asked_by.exports.filter(state__in=UNFINISHED).count() >= MOST_UNFINISHED:
            raise NotAsked(
                _("You have %(count)s exports that are not finished: wait for one of them, or cancel one.")
                % {"count": MOST_UNFINISHED}
            )
        export = Export.objects.create(
            workspace=workspace,
            asked_by=asked_by,
            asked_at=now,
            filters=held(found),
            newest=newest,
            reach=found.reach,
            format=form,
            with_text=with_text,
            language=get_language() or "en",
            time_zone=timezone.get_current_timezone_name(),
            file_name=_file_name(workspace, now, form),
            expires_at=now + KEPT,
        )
        transaction.on_commit(partial(bell.ring, export.pk))
    return export


def messages(export: Export) -> QuerySet[Message]:
    """What the filter found when it was asked for, as far as its messages still match. Raises Unreadable."""
    return found_then(export.workspace, export.filters, export.newest, export.reach)


def _file_name(workspace: Workspace, now: datetime, form: str) -> str:
    """Of letters, digits, hyphens and one dot: safe on every system."""
    owner = slugify(workspace.name)[:80] or "smsadmin"
    return f"{owner}-messages-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.{form}"
