"""What counts against quotas is asked for by when it was counted, no more as a status: saved views ask without it."""

from urllib.parse import parse_qsl, urlencode

from django.db import migrations


def forwards(apps, schema_editor):
    for view in apps.get_model("sending", "SavedView").objects.filter(query__contains="status=counted"):
        pairs = [pair for pair in parse_qsl(view.query) if pair != ("status", "counted")]
        view.query = urlencode(pairs)
        view.save(update_fields=["query"])


class Migration(migrations.Migration):
    dependencies = [("sending", "0009_traffic_refunds_and_provider_segments")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
