from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sending', '0013_event_moved'),
    ]

    operations = [
        migrations.AddField(
            model_name='drain',
            name='left_until',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='routed',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
