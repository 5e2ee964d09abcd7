"""Asking for an export: what a filter of the log finds at this moment, held so that a worker finds the same later."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import cast

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from smsadmin.exports import bell
from smsadmin.exports.models import KEPT, UNFINISHED, Export
from smsadmin.sending import search
from smsadmin.sending.filters import MessageFilter
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import User, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

#: How many exports a person may have that are not finished.
MOST_UNFINISHED = 3


class NotAsked(Exception):
    """The export was not asked for; its text says why, in the reader's language."""


class Unreadable(Exception):
    """A stored filter means nothing any more: something that it names was deleted."""


@dataclass(frozen=True, slots=True)
class _Request:
    """All that the log's filter reads of a request."""

    workspace: Workspace


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


def held(found: MessageFilter) -> dict[str, str]:
    """The filters with the moments that times such as "2h" mean now."""
    return {name: _held(value, found.form.cleaned_data.get(name)) for name, value in found.data.items()}


def _held(value: str, cleaned: object) -> str:
    if isinstance(cleaned, datetime) and search.is_relative(value):
        return search.read_time(cleaned.isoformat(timespec="seconds"), UTC)
    return value


def messages(export: Export) -> QuerySet[Message]:
    """What the filter found when it was asked for, as far as its messages still match. Raises Unreadable."""
    found = filter_of(export.workspace, export.filters)
    if not found.form.is_valid():
        raise Unreadable
    found.reach = export.reach
    return found.qs.filter(pk__lte=export.newest)


def filter_of(workspace: Workspace, filters: Mapping[str, str]) -> MessageFilter:
    """The log's filter where there is no request."""
    return MessageFilter(filters, cast(WorkspaceRequest, _Request(workspace)))


def _file_name(workspace: Workspace, now: datetime, form: str) -> str:
    """Of letters, digits, hyphens and one dot: safe on every system."""
    owner = slugify(workspace.name)[:80] or "smsadmin"
    return f"{owner}-messages-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.{form}"
