import django.db.models.deletion
from django.db import migrations, models


def fill(apps, schema_editor):
    alias = schema_editor.connection.alias
    messages = apps.get_model('sending', 'Message').objects.using(alias)
    its_message = messages.filter(pk=models.OuterRef('message')).values('workspace')
    repeats = apps.get_model('sending', 'Event').objects.using(alias).filter(kind='repeat')
    repeats.update(workspace=models.Subquery(its_message))


class Migration(migrations.Migration):

    dependencies = [
        ('sending', '0004_causes_of_earlier_messages'),
        ('workspaces', '0002_business_name'),
    ]

    operations = [
        migrations.AddField(
            model_name='event',
            name='workspace',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace'),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(condition=models.Q(('kind', 'repeat')), fields=['workspace', '-at', '-id'], name='repeats_newest'),
        ),
    ]
