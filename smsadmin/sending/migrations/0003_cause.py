from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sending', '0002_expiry_and_indexes_of_held_messages'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='cause',
            field=models.CharField(blank=True, default='', max_length=60),
            preserve_default=False,
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('status__in', ['expired', 'failed', 'rejected', 'undelivered', 'unknown'])), fields=['workspace', 'cause', '-id'], name='log_by_cause'),
        ),
    ]
