"""No rule departs from a documented limit without a reason, and none is for holders that its scope does not have."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("quotas", "0007_who_gave_the_reason")]
    operations = [
        migrations.AddConstraint(
            model_name="rule",
            constraint=models.CheckConstraint(
                condition=Q(documented=None)
                | (Q(zone="UTC") & (Q(binding=False) | Q(enabled=True)))
                | ~Q(reason=""),
                name="departed_from_with_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="rule",
            constraint=models.CheckConstraint(
                condition=Q(scope="number", agent=None) | Q(scope="user", number=None, country="", line=""),
                name="for_whom_the_scope_says",
            ),
        ),
    ]
