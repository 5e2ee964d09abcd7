"""Making a workspace: with its owner, the documented limits and somebody who tells of them, or not at all."""

from django.db import transaction

from smsadmin.notices.shipped import ship_rule
from smsadmin.quotas.documented import ship_rules
from smsadmin.workspaces.models import Member, Role, User, Workspace


@transaction.atomic
def new_workspace(name: str, owner: User, **columns: str) -> Workspace:
    """A workspace that `owner` owns, with the limits every workspace starts with."""
    workspace = Workspace.objects.create(name=name, **columns)
    Member.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    ship_rules(workspace.pk)
    ship_rule(workspace)
    return workspace
