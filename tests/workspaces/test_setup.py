"""A workspace begins with its owner and the documented limits, or not at all."""

import pytest

from smsadmin.quotas.models import Rule
from smsadmin.workspaces import setup
from smsadmin.workspaces.models import Member, Workspace
from smsadmin.workspaces.setup import new_workspace
from tests.factories import make_user

#: Aircall help, "advanced Send SMS action", limits; segments: "SMS limits".
DOCUMENTED = {
    *[(scope, "minute", "messages", 200) for scope in ("number", "user")],
    *[(scope, "hour", "messages", 1_000) for scope in ("number", "user")],
    *[(scope, "day", "messages", 5_000) for scope in ("number", "user")],
    *[(scope, "month", "messages", 10_000) for scope in ("number", "user")],
    ("user", "month", "segments", 13_000),
}


def test_a_new_workspace_has_its_owner_and_the_documented_limits(db):
    owner = make_user()
    workspace = new_workspace("Example Ltd", owner, language="de")
    assert [(member.user, member.role) for member in workspace.member_set.all()] == [(owner, "owner")]
    assert set(workspace.quota_rules.values_list("scope", "window", "unit", "limit")) == DOCUMENTED
    assert (workspace.name, workspace.language) == ("Example Ltd", "de")


@pytest.mark.django_db(transaction=True)
def test_one_that_fails_half_way_leaves_nothing(monkeypatch):
    monkeypatch.setattr(setup, "ship_rules", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        new_workspace("Example Ltd", make_user())
    assert not Workspace.objects.exists()
    assert not Member.objects.exists()
    assert not Rule.objects.exists()
