"""What resends forget by age."""

from datetime import datetime

from smsadmin.core.ids import first_uuid7
from smsadmin.resends.models import UNFINISHED, Resend
from smsadmin.workspaces.models import Workspace

#: Filters that may name a recipient.
_NAMING = ["recipient", "q"]


def forget(workspace: Workspace, before: datetime) -> int:
    """Takes the filters that may name a recipient from finished resends that were asked for before that moment; how
    many had one. A filter goes as a whole, for without that part it would say that more was chosen."""
    old = Resend.objects.filter(workspace=workspace, pk__lt=first_uuid7(before)).exclude(state__in=UNFINISHED)
    return old.filter(filters__has_any_keys=_NAMING).update(filters={})
