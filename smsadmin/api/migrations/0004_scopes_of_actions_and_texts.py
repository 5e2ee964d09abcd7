"""The scope "send" was for saved actions, too: these have a scope of their own now, and keys keep what they had."""

from typing import Any

from django.db import migrations

SEND, ACTIONS = "send", "actions"


def give(apps: Any, schema_editor: Any) -> None:
    for key in _keys(apps):
        if SEND in key.scopes and ACTIONS not in key.scopes:
            key.scopes = [ACTIONS, *key.scopes]
            key.save(update_fields=["scopes"])


def take(apps: Any, schema_editor: Any) -> None:
    """What was for actions alone may do nothing: "send" would allow more."""
    for key in _keys(apps):
        if ACTIONS in key.scopes:
            key.scopes = [each for each in key.scopes if each != ACTIONS]
            key.save(update_fields=["scopes"])


def _keys(apps: Any) -> Any:
    return apps.get_model("api", "Key").objects.only("scopes").order_by("pk")


class Migration(migrations.Migration):
    dependencies = [("api", "0003_test_keys")]

    operations = [migrations.RunPython(give, take)]
