"""What nobody reads any more: sessions that ended, after a month calls that were turned away, what providers told
(messages and replies keep what came of it), what hooks were told and refreshes of the mirror, and after three months
notices and crossings of limits."""

from datetime import datetime, timedelta

from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from smsadmin.directory.models import Refresh
from smsadmin.hooks import purging as hooks
from smsadmin.incoming.models import ProviderCall
from smsadmin.notices.models import Episode, Notice
from smsadmin.quotas.models import Crossing
from smsadmin.sending.models import RefusedCall

KEPT = timedelta(days=30)
NOTICES_KEPT = timedelta(days=90)


def sweep_out(now: datetime | None = None) -> None:
    """Deletes them. The newest refresh that worked is kept: it says how old the mirror is."""
    SessionStore.clear_expired()
    now = now or timezone.now()
    before = now - KEPT
    RefusedCall.objects.filter(at__lt=before).delete()
    ProviderCall.objects.filter(at__lt=before).delete()
    hooks.sweep_out(before)
    newest = Refresh.objects.filter(state=Refresh.State.DONE).order_by("connection", "-started_at")
    keep = dict(newest.reverse().values_list("connection_id", "pk"))  # the last of each account counts
    Refresh.objects.filter(started_at__lt=before).exclude(pk__in=keep.values()).delete()
    Notice.objects.filter(at__lt=now - NOTICES_KEPT).delete()  # with its deliveries
    Episode.objects.filter(ended_at__lt=now - NOTICES_KEPT).delete()
    Crossing.objects.filter(at__lt=now - NOTICES_KEPT).delete()  # of windows that are long over
