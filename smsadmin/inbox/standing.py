"""Which parties have opted out, by the workspace's own list: what an answer to them would be refused for."""

from collections.abc import Iterable

from smsadmin.consent.checks import refusal
from smsadmin.consent.models import OptOut
from smsadmin.consent.policies import policy_of
from smsadmin.core.errors import RecipientOptedOut


def opted_out(workspace_id: int, parties: Iterable[str]) -> dict[str, RecipientOptedOut]:
    """Those of these numbers (E.164) that are out; nobody where the workspace keeps no list. One query at most."""
    if not policy_of(workspace_id).keeps_list:
        return {}
    found = OptOut.objects.filter(workspace=workspace_id, number__in=set(parties), is_out=True)
    return {each.number: refusal(each) for each in found}
