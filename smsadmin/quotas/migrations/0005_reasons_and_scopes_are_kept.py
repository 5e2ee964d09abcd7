"""One rule for each documented limit, none that departs from it without a reason, none for whom its scope does not have."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("quotas", "0004_documented_rules")]

    operations = [
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.UniqueConstraint(condition=models.Q(('preset', ''), _negated=True), fields=('workspace', 'preset'), name='one_rule_per_preset'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('documented', None), ('limit__lte', models.F('documented')), models.Q(('reason', ''), _negated=True), _connector='OR'), name='exceeded_with_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('documented', None), models.Q(('zone', 'UTC'), models.Q(('binding', False), ('enabled', True), _connector='OR')), models.Q(('reason', ''), _negated=True), _connector='OR'), name='departed_from_with_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('agent', None), ('scope', 'number')), models.Q(('country', ''), ('line', ''), ('number', None), ('scope', 'user')), _connector='OR'), name='for_whom_the_scope_says'),
        ),
    ]
