"""What nobody reads after a month goes; what a page still needs stays."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from smsadmin.dashboard.housekeeping import sweep_out
from smsadmin.directory.models import Refresh
from smsadmin.incoming.models import ProviderCall
from smsadmin.notices.models import Delivery, Episode, Notice, NoticeRule
from smsadmin.quotas.models import Crossing
from smsadmin.sending.models import RefusedCall
from tests.factories import make_connection, make_workspace

NOW = timezone.now()


@pytest.fixture
def account(db):
    return make_connection(make_workspace())


def refreshed(account, days, state="done"):
    at = NOW - timedelta(days=days)
    return Refresh.objects.create(
        workspace=account.workspace, connection=account, state=state, started_at=at, lease_until=at
    )


def test_refused_calls_go_after_a_month(db):
    old, new = (RefusedCall.objects.create(path="/", reason="portal") for _ in range(2))
    RefusedCall.objects.filter(pk=old.pk).update(at=NOW - timedelta(days=31))
    sweep_out(NOW)
    assert list(RefusedCall.objects.all()) == [new]


def test_what_providers_told_goes_after_a_month(account):
    _old, new = (
        ProviderCall.objects.create(
            workspace=account.workspace,
            connection=account,
            at=NOW - timedelta(days=days),
            fingerprint=uuid4(),
        )
        for days in (31, 29)
    )
    sweep_out(NOW)
    assert list(ProviderCall.objects.all()) == [new]


def test_old_refreshes_go_but_never_the_newest_that_worked(account):
    refreshed(account, 40)
    worked = refreshed(account, 35)
    refreshed(account, 33, "failed")
    recent = refreshed(account, 2, "failed")
    sweep_out(NOW)
    assert set(Refresh.objects.all()) == {worked, recent}


def test_each_account_keeps_its_own(account):
    other = make_connection(make_workspace())
    kept = {refreshed(account, 50), refreshed(other, 60)}
    sweep_out(NOW)
    assert set(Refresh.objects.all()) == kept


def test_notices_go_after_three_months_and_episodes_unless_they_go_on(account):
    rule = NoticeRule.objects.create(workspace=account.workspace, name="Operators")
    old, new = NOW - timedelta(days=91), NOW - timedelta(days=89)
    for at in (old, new):
        notice = Notice.objects.create(
            workspace=account.workspace, rule=rule, kind="failure.new", key=at, at=at
        )
        Delivery.objects.create(notice=notice, channel="email", address="ops@example.com", state="given_up")
        Episode.objects.create(rule=rule, cause="EXPIRED", began_at=old, last_at=at, ended_at=at)
    Episode.objects.create(rule=rule, cause="EXPIRED", began_at=old, last_at=old)

    sweep_out(NOW)

    assert Notice.objects.get() == Delivery.objects.get().notice
    assert Notice.objects.get().at == new
    assert set(Episode.objects.values_list("ended_at", flat=True)) == {new, None}


def test_crossings_of_limits_go_with_their_notices(account):
    for days in (91, 89):
        at = NOW - timedelta(days=days)
        Crossing.objects.create(
            workspace=account.workspace, scope="number", subject_id=7, zone="UTC", window="month", unit="messages",
            began_at=at, at=at, threshold=80, used=8, limit=10,
        )  # fmt: skip

    sweep_out(NOW)

    assert Crossing.objects.get().at == NOW - timedelta(days=89)


def test_sessions_go_once_they_have_ended(db):
    for key, hours in (("ended", -1), ("open", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=NOW + timedelta(hours=hours))
    sweep_out(NOW)
    assert list(Session.objects.values_list("session_key", flat=True)) == ["open"]
