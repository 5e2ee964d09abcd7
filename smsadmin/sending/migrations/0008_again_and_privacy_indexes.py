from django.db import migrations, models


class Migration(migrations.Migration):
    """Apart from the columns: with them, nobody could even read the log while these are built."""

    dependencies = [("sending", "0007_again_and_privacy")]

    operations = [
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('object_id', ''), _negated=True), fields=['workspace', 'object_id', '-id'], name='log_by_record'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(condition=models.Q(('original__isnull', False)), fields=('original',), name='sent_again_once'),
        ),
    ]
