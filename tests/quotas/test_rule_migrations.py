"""Rules as they were before this release become the documented ones that they are."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from smsadmin.quotas.models import Rule
from tests.factories import make_workspace

BEFORE, AFTER = ("quotas", "0003_rules_for_whom_and_recounts"), ("quotas", "0004_documented_rules")


def migrated_to(target: tuple[str, str]) -> Any:
    """The models as they are there."""
    executor = MigrationExecutor(connection)
    executor.migrate([target])
    return executor.loader.project_state([target]).apps


@pytest.fixture
def newest_again(transactional_db: None) -> Iterator[None]:
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_rules_of_old_are_documented_and_national_ones_are_offered(newest_again: None) -> None:
    workspace = make_workspace()
    Rule.objects.all().delete()
    Old = migrated_to(BEFORE).get_model("quotas", "Rule")
    columns = {"workspace_id": workspace.pk, "unit": "messages"}
    Old.objects.create(scope="number", window="minute", limit=150, **columns)
    Old.objects.create(scope="user", window="minute", limit=900, **columns)
    Old.objects.create(workspace_id=workspace.pk, scope="user", window="month", unit="segments", limit=13_000)

    New = migrated_to(AFTER).get_model("quotas", "Rule")

    stricter, laxer, segments = (
        New.objects.get(preset=key)
        for key in ("action-number-minute", "action-user-minute", "segments-user-month")
    )
    assert (stricter.limit, stricter.documented, stricter.reason) == (150, 200, "")
    assert (laxer.limit, laxer.documented, laxer.reason) == (900, 200, "Set before reasons were asked for.")
    assert (segments.documented, segments.reason) == (13_000, "")
    assert all(one.binding for one in (stricter, laxer, segments))
    national = New.objects.filter(workspace_id=workspace.pk).exclude(
        pk__in=[stricter.pk, laxer.pk, segments.pk]
    )
    assert {(one.enabled, one.binding, one.limit == one.documented) for one in national} == {
        (False, False, True)
    }
    assert national.count() == 13


def test_what_the_migration_offers_is_what_new_workspaces_are_shipped(db: None) -> None:
    """A migration is frozen; this says when it and the presets of today part, which needs another migration."""
    frozen = import_module("smsadmin.quotas.migrations.0004_documented_rules")
    shipped = make_workspace().quota_rules.filter(binding=False)

    assert {
        (key, window): figure for key, figures, *_ in frozen.NATIONAL for window, figure in figures.items()
    } == {(one.preset.removesuffix(f"-{one.window}"), one.window): one.limit for one in shipped}
    assert {(key, *rest) for key, _figures, *rest in frozen.NATIONAL} == {
        (one.preset.removesuffix(f"-{one.window}"), one.country, one.line, one.source, one.note)
        for one in shipped
    }
