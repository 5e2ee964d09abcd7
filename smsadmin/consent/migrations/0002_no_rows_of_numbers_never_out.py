"""Rows that a START left behind of numbers that never were out."""

from typing import Any

from django.db import migrations


def delete(apps: Any, _schema_editor: Any) -> None:
    apps.get_model("consent", "OptOut").objects.filter(since__isnull=True).delete()


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_opt_outs")]

    operations = [migrations.RunPython(delete, migrations.RunPython.noop)]
