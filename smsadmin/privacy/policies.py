"""What holds in a workspace: read at most once a second, since every page of messages asks."""

from smsadmin import cache
from smsadmin.privacy.models import Policy


def policy_of(workspace_id: int) -> Policy:
    """The workspace's policy, or what holds without one. Not to be changed: it is shared for a moment."""
    return cache.remembered(("privacy", workspace_id), lambda: stored(workspace_id))


def stored(workspace_id: int) -> Policy:
    """The policy as it is in the database; a new one where there is none yet."""
    found = Policy.objects.filter(pk=workspace_id).first()
    return found or Policy(workspace_id=workspace_id)
