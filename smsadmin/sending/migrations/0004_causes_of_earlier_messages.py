"""Gives the messages that stopped before causes were kept theirs: in batches, each of which is done for good."""

from collections import defaultdict

from django.db import migrations

from smsadmin.core.causes import cause

BATCH = 2_000


def fill(apps, schema_editor):
    Message = apps.get_model('sending', 'Message')
    messages = Message.objects.using(schema_editor.connection.alias)
    workspaces = apps.get_model('workspaces', 'Workspace').objects.using(schema_editor.connection.alias)
    for workspace in workspaces.values_list('pk', flat=True):
        waiting = messages.filter(workspace=workspace).exclude(error_code='').order_by('pk')
        rows = list(waiting[:BATCH].values_list('pk', *COLUMNS))
        while rows:
            fill_in(messages, rows)
            rows = list(waiting.filter(pk__gt=rows[-1][0])[:BATCH].values_list('pk', *COLUMNS))


COLUMNS = ('error_code', 'error_facts', 'action_id', 'origin')


def fill_in(messages, rows):
    found = defaultdict(list)
    for pk, code, facts, action, origin in rows:
        workflow = origin.get('workflow')
        asker = f'action {action}' if action else f'workflow {workflow}' if workflow else ''
        found[code, cause(code, facts, asker)].append(pk)
    for (code, named), ids in found.items():
        # (What stopped a message may have changed since it was read.)
        messages.filter(pk__in=ids, error_code=code, cause='').update(cause=named)


class Migration(migrations.Migration):

    atomic = False  # a log of millions is not locked from its first row to its last

    dependencies = [
        ('sending', '0003_cause'),
        ('workspaces', '0002_business_name'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
