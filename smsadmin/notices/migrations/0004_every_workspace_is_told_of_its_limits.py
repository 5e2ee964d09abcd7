"""Every workspace has a rule for its limits, told in the list of notices. It takes stock with its first look."""

from django.db import migrations


def forwards(apps, schema_editor):
    Workspace, NoticeRule = apps.get_model("workspaces", "Workspace"), apps.get_model("notices", "NoticeRule")
    NoticeRule.objects.bulk_create(
        [
            NoticeRule(
                workspace=workspace, name="Limits", when="quota", thresholds=[80, 90, 100], forecast=True,
                windows=["day", "month"], units=["messages", "segments"],
            )
            for workspace in Workspace.objects.all()
        ]
    )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("notices", "0003_rules_for_limits"), ("workspaces", "0001_initial")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
