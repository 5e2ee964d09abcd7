"""What a workspace does about opt-outs: read at most once a second, since every message asks."""

from smsadmin import cache
from smsadmin.consent.models import Policy


def policy_of(workspace_id: int) -> Policy:
    """The workspace's policy, or what holds without one. Not to be changed: it is shared for a moment."""
    return cache.remembered(("consent", workspace_id), lambda: stored(workspace_id))


def stored(workspace_id: int) -> Policy:
    """The policy as it is in the database; a new one where there is none yet."""
    found = Policy.objects.filter(pk=workspace_id).first()
    return found or Policy(workspace_id=workspace_id)


def property_read(workspace_id: int) -> str:
    """The property of a record, or of its contact, that must be known before it is texted; "" for none."""
    return policy_of(workspace_id).reads
