"""Making a workspace: with its owner and the documented limits, or not at all."""

from django.db import transaction

from smsadmin.quotas.documented import ship_rules
from smsadmin.workspaces.models import Member, Role, User, Workspace


@transaction.atomic
def new_workspace(name: str, owner: User, **columns: str) -> Workspace:
    """A workspace that `owner` owns, with the limits every workspace starts with."""
    workspace = Workspace.objects.create(name=name, **columns)
    Member.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    ship_rules(workspace.pk)
    return workspace
