"""Does a connection work? One question to the outside, its answer in a sentence that is kept on the connection."""

from dataclasses import dataclass

from django.utils import timezone

from smsadmin.core import errors
from smsadmin.providers.aircall import client as aircall_client
from smsadmin.providers.hubspot import client as hubspot
from smsadmin.providers.registry import aircall
from smsadmin.workspaces.models import Connection

State = Connection.State


@dataclass(frozen=True, slots=True)
class Result:
    state: str
    sentence: str

    @property
    def works(self) -> bool:
        return self.state == State.WORKING


def ask(connection: Connection) -> Result:
    """Asks the provider who we are, and keeps what it said."""
    result = (
        _test_aircall(connection) if connection.kind == Connection.Kind.AIRCALL else _test_hubspot(connection)
    )
    connection.mark(result.state, result.sentence)
    if result.works:
        connection.proven_at = timezone.now()
        connection.save(update_fields=["proven_at"])
    return result


def _test_aircall(connection: Connection) -> Result:
    """Aircall docs: GET /v1/ping proves the credential, GET /v1/company names the account."""
    client = aircall(connection)
    answer = client.ping()
    if answer.status != 200:
        refused = answer.status in (401, 403)
        return Result(State.REJECTED if refused else State.UNREACHABLE, aircall_client.words(answer))
    answer = client.request("GET", "/v1/company", read_timeout=10)
    company = answer.body.get("company") if answer.status == 200 and isinstance(answer.body, dict) else None
    name = company.get("name") if isinstance(company, dict) else None
    return Result(
        State.WORKING,
        f"Aircall accepts the key: it belongs to {name}." if name else "Aircall accepts the key.",
    )


def _test_hubspot(connection: Connection) -> Result:
    """HubSpot docs: account information tells which portal a token belongs to; it must be the one given."""
    if not connection.secrets.get("access_token"):
        return Result(
            State.UNTESTED, "There is no access token to test. Executions are accepted without one."
        )
    try:
        portal = str(hubspot.account(connection).get("portalId", ""))
    except hubspot.Unavailable as error:
        return Result(State.UNREACHABLE, f"HubSpot did not answer usably: {error}.")
    except errors.SendError as error:
        return Result(State.REJECTED, str(error))
    if portal != connection.external_id:
        return Result(
            State.REJECTED, f"The token belongs to portal {portal}, not to {connection.external_id}."
        )
    return Result(State.WORKING, f"HubSpot accepts the token: it belongs to portal {portal}.")
