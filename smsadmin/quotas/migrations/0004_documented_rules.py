"""Every workspace knows which of its rules are documented ones, and gets the national ones, switched off."""

from django.db import migrations

ACTION = {"minute": 200, "hour": 1_000, "day": 5_000, "month": 10_000}
#: Key, windows with their figures, country, kind of line, source, note.
NATIONAL = [
    (
        "france-mobile", {"hour": 100, "day": 1_000, "month": 10_000}, "FR", "mobile",
        "Aircall help: SMS limits; French messaging limitations",
        "Over it the carrier suspends the number for three months, the next time for good.",
    ),
    *(
        (
            f"api-{country.lower()}", {"hour": 1_000, "day": 10_000, "month": 100_000}, country, "",
            "Aircall help: SMS limits",
            "By API, third-party messaging or HubSpot. That 100,000 is a month's figure is read from the context.",
        )
        for country in ("US", "CA")
    ),
    *(
        (
            f"toll-free-{country.lower()}", {"day": 2_000, "month": 10_000}, country, "toll_free",
            "Aircall help: toll-free messaging compliance",
            "While its verification is pending, to the United States. 6,000 a week are a limit too, which is not "
            "counted here; to Canada nothing is sent.",
        )
        for country in ("US", "CA")
    ),
]  # fmt: skip


def forwards(apps, schema_editor):
    Rule = apps.get_model("quotas", "Rule")
    for scope in ("number", "user"):
        for window, figure in ACTION.items():
            _document(Rule.objects.filter(unit="messages"), f"action-{scope}-{window}", scope, window, figure)
    _document(Rule.objects.filter(unit="segments"), "segments-user-month", "user", "month", 13_000)
    for workspace in apps.get_model("workspaces", "Workspace").objects.all():
        Rule.objects.bulk_create(_national(Rule, workspace))


def _document(rules, key, scope, window, figure):
    rules = rules.filter(scope=scope, window=window)
    rules.update(preset=key, documented=figure, binding=True)
    rules.filter(limit__gt=figure).update(reason="Set before reasons were asked for.")


def _national(Rule, workspace):
    return [
        Rule(
            workspace=workspace, scope="number", window=window, unit="segments", limit=figure, documented=figure,
            country=country, line=line, route="aircall", enabled=False, preset=f"{key}-{window}",
            source=source, note=note,
        )
        for key, figures, country, line, source, note in NATIONAL
        for window, figure in figures.items()
    ]  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("quotas", "0003_rules_for_whom_and_recounts"), ("workspaces", "0001_initial")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
