"""On which host a portal's people work (app.hubspot.com, app-eu1.hubspot.com …): HubSpot tells it, for our links."""

import re

from smsadmin.classic.models import ClassicSettings, ClassicStep
from smsadmin.core import errors
from smsadmin.providers.hubspot import client
from smsadmin.workspaces.models import Connection

#: What we are willing to link to.
_DOMAIN = re.compile(r"app(-[a-z0-9]+)?\.hubspot\.com")


def learn(workspace_id: int) -> None:
    """Asks each portal that has classic steps and whose host is not known yet. One that cannot answer is asked with the
    next sweep."""
    settings = ClassicSettings.objects.get(pk=workspace_id)
    used = ClassicStep.objects.filter(workspace=workspace_id).values_list("portal", flat=True).distinct()
    asked = Connection.objects.filter(
        workspace=workspace_id,
        kind=Connection.Kind.HUBSPOT,
        external_id__in=set(used) - {*settings.ui_domains},
    ).exclude(state__in=Connection.LOST)
    found = {each.external_id: domain for each in asked if (domain := _told(each))}
    if found:
        settings.ui_domains = {**settings.ui_domains, **found}
        settings.save(update_fields=["ui_domains"])


def _told(connection: Connection) -> str:
    if not connection.secrets.get("access_token"):
        return ""
    try:
        domain = str(client.account(connection).get("uiDomain", ""))
    except (errors.SendError, client.Unavailable):
        return ""
    return domain if _DOMAIN.fullmatch(domain) else ""
