"""A workspace begins with its owner and the documented limits, or not at all."""

import pytest
from django.core.management import CommandError, call_command

from smsadmin.incoming.models import Webhook
from smsadmin.providers import limits
from smsadmin.quotas.documented import PRESETS
from smsadmin.quotas.models import Rule
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import Settings
from smsadmin.workspaces import setup
from smsadmin.workspaces.checks import SAMPLE_EMAIL
from smsadmin.workspaces.models import Member, User, Workspace
from smsadmin.workspaces.setup import new_workspace
from tests.factories import make_connection, make_user, make_workspace

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
    assert (
        set(workspace.quota_rules.filter(enabled=True).values_list("scope", "window", "unit", "limit"))
        == DOCUMENTED
    )
    assert (workspace.name, workspace.language) == ("Example Ltd", "de")


@pytest.mark.django_db(transaction=True)
def test_one_that_fails_half_way_leaves_nothing(monkeypatch):
    monkeypatch.setattr(setup, "ship_rules", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        new_workspace("Example Ltd", make_user())
    assert not Workspace.objects.exists()
    assert not Member.objects.exists()
    assert not Rule.objects.exists()


def test_a_real_installation_begins_with_a_command(db, capsys):
    call_command("new_workspace", "Example Ltd", "Ann@Example.com")
    workspace = Workspace.objects.get(name="Example Ltd")
    member = workspace.member_set.get()
    assert (member.user.email, member.role) == ("ann@example.com", "owner")
    assert workspace.quota_rules.count() == len(PRESETS)
    assert "changepassword ann@example.com" in capsys.readouterr().out


def test_the_owner_may_be_a_user_already(db):
    for name in ("One", "Two"):
        call_command("new_workspace", name, "ann@example.com")
    assert User.objects.get().workspaces.count() == 2


def test_an_owner_needs_an_address(db):
    with pytest.raises(CommandError, match="“ann” is not an email address"):
        call_command("new_workspace", "One", "ann")
    assert not Workspace.objects.exists()


@pytest.mark.parametrize(
    ("sandbox", "base"), [(False, "http://127.0.0.1:8000"), (True, "https://sms.example.com")]
)
def test_the_sample_workspace_is_made_only_where_nobody_else_can_sign_in(db, settings, sandbox, base):
    settings.SANDBOX, settings.BASE_URL = sandbox, base
    with pytest.raises(CommandError, match="published sign-in"):
        call_command("seed_sample")
    assert not User.objects.exists()


def test_at_every_start_the_sandbox_is_asked_to_tell_what_becomes_of_messages(db, settings, capsys):
    """It forgets when it ends; the sample workspace is made only once."""
    settings.BASE_URL = "http://127.0.0.1:8000"
    make_user(SAMPLE_EMAIL)
    connection = make_connection(make_workspace(), external_id="sandbox-id")
    for _ in range(2):
        with running(Settings(aircall_requests_per_minute=0)) as sandbox:
            settings.AIRCALL_BASE_URL = f"{sandbox.url}/aircall"
            call_command("seed_sample")
            call_command("seed_sample")
            [hook] = sandbox.state.webhooks.values()
            assert hook.url.startswith("http://127.0.0.1:8000/aircall/webhooks/")
            kept = Webhook.objects.get(connection=connection)
            assert (hook.id, hook.token) == (kept.provider_id, kept.secrets["token"])


def test_a_sandbox_that_refuses_does_not_stop_the_start(db, settings, capsys, monkeypatch):
    monkeypatch.setattr(limits, "pause", lambda _exchange: 0.0)
    settings.BASE_URL = "http://127.0.0.1:8000"
    make_user(SAMPLE_EMAIL)
    make_connection(make_workspace(), external_id="sandbox-id")

    call_command("seed_sample")

    assert "will not tell what becomes of messages" in capsys.readouterr().err
