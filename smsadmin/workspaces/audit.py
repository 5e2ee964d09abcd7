"""Who changed what: django-auditlog over everything a person configures, secrets left out."""

from auditlog.registry import auditlog


def register() -> None:
    from smsadmin.actions.models import Action, ActionVersion
    from smsadmin.directory.models import Number
    from smsadmin.exports.models import Export
    from smsadmin.failures.models import Failure
    from smsadmin.quotas.models import Rule
    from smsadmin.trials.models import TestNumber
    from smsadmin.workspaces.models import Connection, Member, Workspace

    auditlog.register(
        Connection, exclude_fields=["secrets", "checked_at", "proven_at", "state", "state_detail"]
    )
    auditlog.register(Number, exclude_fields=["seen_at", "probed_at"])
    auditlog.register(Failure, exclude_fields=["at"])
    auditlog.register(
        Export, exclude_fields=["total", "written", "holder", "lease_until", "attempts", "size"]
    )
    auditlog.register(TestNumber, exclude_fields=["code_hash"])
    for model in (Workspace, Member, Action, ActionVersion, Rule):
        auditlog.register(model)
