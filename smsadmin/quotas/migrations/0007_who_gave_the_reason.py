"""Rules know which of the documented limits hold unasked, and who gave the reason for departing from one."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


def forwards(apps, schema_editor):
    Rule = apps.get_model("quotas", "Rule")
    Rule.objects.filter(Q(preset__startswith="action-") | Q(preset="segments-user-month")).update(
        binding=True
    )


class Migration(migrations.Migration):
    dependencies = [
        ("quotas", "0006_kept_by_the_quarter_and_recounts_in_steps"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField(model_name="rule", name="binding", field=models.BooleanField(default=False)),
        migrations.AddField(
            model_name="rule",
            name="reason_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(model_name="rule", name="reason_at", field=models.DateTimeField(null=True)),
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
