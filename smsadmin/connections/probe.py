"""Does a connection work? One question to the outside, its answer in a sentence that is kept on the connection."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from smsadmin.connections import hubspot_portal
from smsadmin.core import errors
from smsadmin.providers.aircall import client as aircall_client
from smsadmin.providers.callr import client as callr_client
from smsadmin.providers.hubspot import client as hubspot
from smsadmin.providers.hubspot import oauth, scopes
from smsadmin.providers.registry import aircall, callr, twilio
from smsadmin.providers.synthflow import client as synthflow
from smsadmin.providers.twilio import client as twilio_client
from smsadmin.sending import bell
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
    result = _TESTS[connection.kind](connection)
    connection.mark(result.state, result.sentence)
    if result.works:
        connection.proven_at = timezone.now()
        connection.save(update_fields=["proven_at"])
        bell.ring(connection.pk)  # what waited for good credentials
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


def _test_callr(connection: Connection) -> Result:
    """Callr docs: GET /ping proves the credentials. Nothing there tells the account's name."""
    answer = callr(connection).ping()
    if answer.status == 200:
        return Result(State.WORKING, "Callr accepts the credentials.")
    refused = answer.status in (401, 403)
    return Result(State.REJECTED if refused else State.UNREACHABLE, callr_client.words(answer))


def _test_hubspot(connection: Connection) -> Result:
    """HubSpot docs: account information tells which portal a token belongs to; it must be the one given."""
    if hubspot_portal.gave_way(connection):
        return Result(State.MISCONFIGURED, connection.state_detail)
    is_lost = connection.state == State.DISCONNECTED
    if not connection.secrets.get("access_token"):
        words = "There is no access token to test. Executions are accepted without one."
        return Result(State.DISCONNECTED if is_lost else State.UNTESTED, words)
    try:
        facts = hubspot.account(connection)
    except hubspot.Unavailable as error:
        if connection.state == State.MISCONFIGURED:
            return Result(State.MISCONFIGURED, connection.state_detail)
        return Result(State.UNREACHABLE, f"HubSpot did not answer usably: {error}.")
    except errors.CredentialRejected:
        if (
            connection.state == State.DISCONNECTED
        ):  # asked for a new token, HubSpot has just said so, or long ago
            return Result(State.DISCONNECTED, connection.state_detail)
        return Result(State.REJECTED, hubspot.refused_words(connection))
    except errors.SendError as error:
        return Result(State.MISCONFIGURED, str(error))
    portal = str(facts.get("portalId", ""))
    if portal != connection.external_id:
        return Result(
            State.REJECTED, f"The token belongs to portal {portal}, not to {connection.external_id}."
        )
    _keep_facts(connection, facts)
    return Result(State.WORKING, f"HubSpot accepts the token: it belongs to portal {portal}.")


def _keep_facts(connection: Connection, facts: dict[str, Any]) -> None:
    """What a portal's page and pace go by: its time zone and, as far as HubSpot tells it, what its token may."""
    connection.time_zone = str(facts.get("timeZone") or "")[:64]
    connection.save(update_fields=["time_zone"])
    named = connection.scopes
    if connection.auth == Connection.Auth.OAUTH:
        with suppress(oauth.OAuthError):
            named = oauth.introspect(connection.secrets["access_token"]).scopes
    scopes.granted(connection, named)


def _test_synthflow(connection: Connection) -> Result:
    """Synthflow docs: GET /actions lists what the key's workspace has. Nothing there tells the workspace's id."""
    try:
        synthflow.of(connection, tries=1).test()
    except synthflow.SynthflowError as error:
        return Result(State.REJECTED if error.refused else State.UNREACHABLE, str(error))
    return Result(State.WORKING, "Synthflow accepts the key.")


def _test_twilio(connection: Connection) -> Result:
    """Twilio docs: the account itself, by its Auth Token. Where an API key sends, that one decides."""
    client = twilio(connection)
    if client.key_sid:
        by_key = client.ping()
        if by_key.status == 401:
            return Result(State.REJECTED, "Twilio refused the API key (HTTP 401).")
        if by_key.status not in (200, 403):  # some keys may send, and read no numbers
            return Result(State.UNREACHABLE, twilio_client.words(by_key))
    answer = client.account()
    if answer.status == 200:
        return _of_account(answer.body if isinstance(answer.body, dict) else {})
    refused = answer.status in (401, 403)
    if refused and client.key_sid:  # texts go on: the state is of what sends
        return Result(
            State.WORKING,
            f"Twilio accepts the API key, and refused the Auth Token (HTTP {answer.status}): signatures cannot be "
            "checked, so nothing that Twilio tells is believed. Enter the token that the Twilio Console shows.",
        )
    return Result(State.REJECTED if refused else State.UNREACHABLE, twilio_client.words(answer))


def _of_account(account: dict[str, Any]) -> Result:
    """What Twilio says of an account that it let us read."""
    status, name = (str(account.get(key) or "") for key in ("status", "friendly_name"))
    if status not in ("", "active"):
        return Result(
            State.MISCONFIGURED, f"Twilio accepts the credentials, and says that the account is {status}."
        )
    if account.get("type") == "Trial":
        return Result(
            State.WORKING,
            f"Twilio accepts the credentials of {name}, on trial: it texts verified numbers alone.",
        )
    return Result(
        State.WORKING,
        f"Twilio accepts the credentials of {name}." if name else "Twilio accepts the credentials.",
    )


_TESTS: Mapping[str, Callable[[Connection], Result]] = {
    Connection.Kind.AIRCALL: _test_aircall,
    Connection.Kind.CALLR: _test_callr,
    Connection.Kind.HUBSPOT: _test_hubspot,
    Connection.Kind.SYNTHFLOW: _test_synthflow,
    Connection.Kind.TWILIO: _test_twilio,
}
