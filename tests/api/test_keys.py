"""Keys: only a hash is stored, and only a key that is in force opens its own workspace."""

import hashlib
import re
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.apps import apps
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smsadmin.api import keys
from smsadmin.api.models import Key
from smsadmin.directory.models import Number
from smsadmin.workspaces.models import Member
from tests.api.conftest import Program, make_program, told
from tests.factories import make_member, make_number, make_workspace


def test_of_a_token_only_its_hash_and_its_prefix_are_stored(program: Program) -> None:
    stored = str(Key.objects.filter(pk=program.key.pk).values().get())
    assert re.fullmatch(r"smsadmin_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}", program.token)
    assert hashlib.sha256(program.token.encode()).hexdigest() in stored
    assert program.token.rpartition("_")[2] not in stored
    assert program.key.prefix == program.token.split("_")[1]


def test_every_token_is_another_one(owner: Member) -> None:
    now = timezone.now()
    made = {keys.make(owner.workspace, f"Key {nth}", owner.user, now, None)[1] for nth in range(20)}
    assert len(made) == 20


def test_a_key_that_the_version_before_makes_while_it_is_replaced_is_for_quotas(owner: Member) -> None:
    """It knows no scopes, and names the columns that it knows."""
    columns = {
        "workspace_id": owner.workspace_id,
        "name": "Made by the version before",
        "prefix": "12345678",
        "token_hash": "",
        "created_at": timezone.now(),
    }
    names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO api_key ({names}) VALUES ({places})", list(columns.values()))

    assert Key.objects.get().scopes == ["quotas"]


def test_keys_that_could_run_actions_and_send_any_text_still_can(program: Program) -> None:
    migration = import_module("smsadmin.api.migrations.0004_scopes_of_actions_and_texts")
    after = []
    for scopes in (["send", "quotas"], ["quotas"]):
        Key.objects.update(scopes=scopes)
        migration.give(apps, None)
        after.append(Key.objects.get().scopes)
        migration.take(apps, None)
        assert Key.objects.get().scopes == scopes
    assert after == [["actions", "send", "quotas"], ["quotas"]]


def test_what_is_done_to_a_key_is_on_record_without_its_hash(program: Program) -> None:
    keys.revoke(program.key, timezone.now())
    entries = LogEntry.objects.get_for_object(program.key)
    assert {field for entry in entries for field in entry.changes} >= {"name", "prefix", "revoked_at"}
    assert program.key.token_hash not in str([entry.changes for entry in entries])


def test_a_key_opens_its_workspace(program: Program, number: Number) -> None:
    response = program.get("quotas/")
    assert response.status_code == 200
    assert [each["number"] for each in response.json()["results"] if each["scope"] == "number"] == [
        "+12025550101"
    ]


def test_a_key_opens_no_other_workspace(program: Program, number: Number) -> None:
    other = make_program(make_member(make_workspace()))
    assert other.get("quotas/").json() == {"results": [], "next": None}
    told(other.get(f"quotas/numbers/{number.e164}"), 404, "NOT_FOUND")
    told(other.get(f"quotas/numbers/{number.pk}"), 404, "NOT_FOUND")
    told(other.get("quotas/users/mia@example.com"), 404, "NOT_FOUND")
    told(other.get(f"quotas/users/{number.agents.get().pk}"), 404, "NOT_FOUND")
    told(other.get("quotas/fit", number=number.e164), 400, "BAD_PARAMETER")
    own = make_number(other.key.workspace)
    told(other.get("quotas/fit", number=own.e164, user="mia@example.com"), 400, "BAD_PARAMETER")


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"revoked_at": timezone.now()}, "KEY_REVOKED"),
        ({"expires_at": timezone.now()}, "KEY_EXPIRED"),
        ({"token_hash": "0" * 64}, "KEY_UNKNOWN"),
        ({"prefix": "another1"}, "KEY_UNKNOWN"),
    ],
)
def test_a_key_that_is_not_in_force_is_refused(owner: Member, columns: dict[str, Any], code: str) -> None:
    response = make_program(owner, **columns).get("quotas/")
    told(response, 401, code)
    assert response["WWW-Authenticate"] == 'Bearer realm="smsadmin", error="invalid_token"'


def test_a_key_is_in_force_until_it_expires(owner: Member) -> None:
    assert (
        make_program(owner, expires_at=timezone.now() + timedelta(hours=1)).get("quotas/").status_code == 200
    )


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "smsadmin_x"])
def test_without_a_key_the_answer_says_how_to_send_one(program: Program, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    response = program.client.get("/api/v1/quotas/", headers=headers)
    assert "Authorization: Bearer" in told(response, 401, "KEY_MISSING")["detail"]
    assert response["WWW-Authenticate"] == 'Bearer realm="smsadmin"'


@pytest.mark.parametrize(
    "change", [str.upper, lambda token: token + "x", lambda token: token[:-1], lambda token: "é"]
)
def test_a_token_counts_in_full(program: Program, change: Any) -> None:
    program.token = change(program.token)
    told(program.get("quotas/"), 401, "KEY_UNKNOWN")


def test_a_browser_that_is_signed_in_is_no_key(program: Program, owner: Member) -> None:
    program.client.force_login(owner.user)
    program.token = ""
    told(program.get("quotas/"), 401, "KEY_MISSING")


def test_when_a_key_was_used_is_written_once_a_minute(program: Program) -> None:
    program.get("quotas/")
    first = Key.objects.get().last_used_at
    assert first
    with CaptureQueriesContext(connection) as queries:
        program.get("quotas/")
    assert not [each for each in queries if "UPDATE" in each["sql"]]
    Key.objects.update(last_used_at=first - timedelta(minutes=2))
    program.get("quotas/")
    assert Key.objects.get().last_used_at > first  # type: ignore[operator]


def test_a_refused_key_was_not_used(owner: Member) -> None:
    make_program(owner, revoked_at=timezone.now()).get("quotas/")
    assert Key.objects.get().last_used_at is None


def test_revoking_twice_keeps_the_first_time(program: Program) -> None:
    now = timezone.now()
    keys.revoke(program.key, now)
    keys.revoke(program.key, now + timedelta(hours=1))
    assert Key.objects.get().revoked_at == now


def test_two_keys_in_force_have_two_names(program: Program, owner: Member, transactional_db: None) -> None:
    with pytest.raises(IntegrityError):
        make_program(owner)
