from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("quotas", "0005_one_rule_per_preset")]
    operations = [
        migrations.RemoveConstraint(model_name="kept", name="one_kept_per_hour"),
        migrations.RenameField(model_name="kept", old_name="hour", new_name="quarter"),
        migrations.AddConstraint(
            model_name="kept",
            constraint=models.UniqueConstraint(
                fields=["scope", "subject_id", "quarter"], name="one_kept_per_quarter"
            ),
        ),
        migrations.AddField(
            model_name="recount", name="lease_until", field=models.DateTimeField(null=True)
        ),
        migrations.AddField(
            model_name="recount", name="finished_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddConstraint(
            model_name="recount",
            constraint=models.UniqueConstraint(
                condition=models.Q(finished_at=None), fields=["workspace"], name="one_recount_at_a_time"
            ),
        ),
    ]
