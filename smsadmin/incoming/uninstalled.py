"""The app was removed at Aircall: the access that it was granted is gone, and its webhooks with it."""

from smsadmin import cache
from smsadmin.incoming.models import ProviderCall
from smsadmin.incoming.result import Result
from smsadmin.workspaces.models import Connection

Outcome = ProviderCall.Outcome


def handle(call: ProviderCall) -> Result:
    """Marks the account as disconnected. An account that is connected by a key has no app: another one was removed."""
    connection = call.connection
    company = str(call.body.get("data", {}).get("company_id", ""))
    is_this = connection.auth == Connection.Auth.OAUTH and connection.external_id == f"oauth-{company}"
    if not is_this:
        return Result(Outcome.UNUSED)
    connection.mark(Connection.State.DISCONNECTED, "The app was removed at Aircall.")
    cache.forget()
    return Result(Outcome.ENDED)
