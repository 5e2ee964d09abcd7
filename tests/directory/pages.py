"""What a page says, and rows that only the tests of the directory's pages need."""

import html
import re
from datetime import timedelta

from django.utils import timezone

from smsadmin.core.windows import Moment, Window
from smsadmin.directory.models import Refresh
from smsadmin.quotas.models import Counter


def text(response):
    """The page's markup in one line."""
    return " ".join(response.content.decode().split())


def words(response):
    """What somebody reads on it."""
    return html.unescape(
        " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", response.content.decode(), flags=re.S).split())
    )


def make_refresh(connection, state="done", age=timedelta(minutes=4), **columns):
    started = timezone.now() - age
    finished = None if state == "running" else started
    return Refresh.objects.create(
        workspace=connection.workspace,
        connection=connection,
        **{
            "state": state,
            "started_at": started,
            "finished_at": finished,
            "lease_until": started + timedelta(minutes=9),
            **columns,
        },
    )


def make_counter(holder, scope="number", **used):
    """What a number or user has used in the windows of now."""
    moment = Moment.of(timezone.now())
    windows = {f"{window}_at": moment.in_window(window) for window in Window}
    return Counter.objects.create(
        workspace_id=holder.workspace_id, scope=scope, subject_id=holder.pk, **windows, **used
    )
