"""Which adapter carries for which connection, and what else each kind of account can do."""

from collections.abc import Callable, Mapping

from smsadmin.connections import error_codes
from smsadmin.core.errors import SendError
from smsadmin.incoming import addresses
from smsadmin.pacing.turns import Page
from smsadmin.providers.aircall.client import Aircall
from smsadmin.providers.aircall.send import AircallSender
from smsadmin.providers.base import Provider
from smsadmin.providers.callr.client import Callr
from smsadmin.providers.callr.history import CallrHistory
from smsadmin.providers.callr.options import Options
from smsadmin.providers.callr.send import CallrSender
from smsadmin.providers.history import History, Listing
from smsadmin.providers.told import ProviderReport
from smsadmin.providers.twilio.client import Twilio
from smsadmin.providers.twilio.codes import Refusal
from smsadmin.providers.twilio.history import TwilioHistory
from smsadmin.providers.twilio.options import Options as TwilioOptions
from smsadmin.providers.twilio.send import TwilioSender
from smsadmin.workspaces.models import Connection


def aircall(connection: Connection) -> Aircall:
    """The API client of an Aircall connection, for what somebody waits for; the mirror gives it a turn of its own."""
    client = _client(connection)
    if connection.pk:  # one that was just deleted has no pace left
        client.turn = Page(connection)
    return client


def provider(connection: Connection) -> Provider:
    """The sender of a connection that carries messages. Who calls it has taken a slot for each of them."""
    return _SENDERS[connection.kind](connection)


def callr(connection: Connection) -> Callr:
    """The API client of a Callr connection, for what somebody waits for; the mirror gives it a turn of its own."""
    client = _callr_client(connection)
    if connection.pk:
        client.turn = Page(connection)
    return client


def twilio(connection: Connection) -> Twilio:
    """The API client of a Twilio connection, for what somebody waits for; the mirror gives it a turn of its own."""
    client = _twilio_client(connection)
    if connection.pk:
        client.turn = Page(connection)
    return client


def _twilio_sender(connection: Connection) -> TwilioSender:
    callback = addresses.for_twilio(connection).callback
    return TwilioSender(_twilio_client(connection), callback, error_codes.table(connection.workspace_id))


_SENDERS: Mapping[str, Callable[[Connection], Provider]] = {
    Connection.Kind.AIRCALL: lambda connection: AircallSender(_client(connection)),
    Connection.Kind.CALLR: lambda connection: CallrSender(_callr_client(connection)),
    Connection.Kind.TWILIO: _twilio_sender,
}
#: The kinds of connections that carry messages: they have a directory, a pace and a queue.
CARRIERS = frozenset(_SENDERS)


_LISTINGS: Mapping[str, Callable[[Connection], Listing]] = {
    Connection.Kind.TWILIO: lambda connection: TwilioHistory(twilio(connection)),
}
_HISTORIES: Mapping[str, Callable[[Connection], History]] = {
    Connection.Kind.CALLR: lambda connection: CallrHistory(callr(connection)),
    **_LISTINGS,
}
#: The kinds that can be asked about a message by its id, and those whose list of messages, with prices, can be read.
ASKED, LISTED = frozenset(_HISTORIES), frozenset(_LISTINGS)


def history(connection: Connection) -> History:
    """The messages of an account of a kind that is ASKED."""
    return _HISTORIES[connection.kind](connection)


def listing(connection: Connection) -> Listing:
    """The messages of an account of a kind that is LISTED."""
    return _LISTINGS[connection.kind](connection)


def error_of(
    connection: Connection, said: ProviderReport, *, sender: str, recipient: str, characters: int
) -> SendError | None:
    """What the provider's code means in the workspace for a message that did not arrive; None where it has no codes."""
    if connection.kind != Connection.Kind.TWILIO:
        return None
    codes = error_codes.table(connection.workspace_id)
    return codes.error(Refusal(said.code), sender=sender, recipient=recipient, characters=characters)


def answers_keywords(connection: Connection) -> bool:
    """Whether the provider acts on STOP, START and HELP itself, and answers: a second answer would be one too many, and
    one to STOP is refused."""
    is_twilio = connection.kind == Connection.Kind.TWILIO
    return is_twilio and TwilioOptions.read(connection.options).answers_keywords


def _callr_client(connection: Connection) -> Callr:
    secrets = connection.secrets
    return Callr(
        sid=connection.external_id,
        api_key=secrets.get("api_key", ""),
        login=secrets.get("login", ""),
        password=secrets.get("password", ""),
        options=Options.read(connection.options),
    )


def _twilio_client(connection: Connection) -> Twilio:
    secrets = connection.secrets
    return Twilio(
        sid=connection.external_id,
        auth_token=secrets.get("auth_token", ""),
        key_sid=secrets.get("key_sid", ""),
        key_secret=secrets.get("key_secret", ""),
        options=TwilioOptions.read(connection.options),
    )


def _client(connection: Connection) -> Aircall:
    secrets = connection.secrets
    return Aircall(
        api_id=secrets.get("api_id", ""),
        api_token=secrets.get("api_token", ""),
        access_token=secrets.get("access_token", ""),
    )
