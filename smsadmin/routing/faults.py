"""Which ends of an attempt let a message go on from another sender: those after which it surely did not leave, and for
which neither its recipient nor its text is to blame. Everything that is not named here ends the message."""

from dataclasses import dataclass

from smsadmin.core import errors
from smsadmin.core.errors import SendError
from smsadmin.providers.base import Result


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message did not leave: the error, and whether it would meet every sender of the account."""

    error: SendError
    of_account: bool = False


#: Whom an error of a provider is about. That the recipient's country is not allowed is said of the whole account.
OF_SENDER: frozenset[type[SendError]] = frozenset(
    {
        errors.SenderRefused,
        errors.SenderIdInvalid,
        errors.SenderIdNotApproved,
        errors.NumberNotInIntegration,
        errors.NumberNotSmsCapable,
        errors.NumberThirdPartyMessaging,
        errors.NumberInProxyMode,
        errors.NumberNotForAutomation,
        errors.NumberNotRegistered,
        errors.TollFreeNotVerified,
    }
)
OF_ACCOUNT: frozenset[type[SendError]] = frozenset({errors.CredentialRejected, errors.CountryNotAllowed})
#: The server stopped waiting, or put it off (RFC 9110, RFC 8470): what it did by then it does not say.
_UNCLEAR = (408, 425)


def of_refusal(result: Result, error: SendError) -> Fault | None:
    """That of an attempt which was answered and ended with the error; None where the message ends with it.

    A refusal counts where it is the provider's clear answer to the request itself: whatever an error is called, an
    answer that took the message moves nothing. An account in a build mode of its own is no fault: whoever put it there
    wants nobody texted.
    """
    cause = _cause(result, error) if _refused_outright(result) else ""
    return Fault(error, of_account=cause == "account") if cause else None


def _cause(result: Result, error: SendError) -> str:
    """Who is: "sender", "account", or "" for whoever is none of these."""
    kind = type(error)
    if kind in OF_ACCOUNT:
        return result.about or "account"
    if kind in OF_SENDER:
        return result.about or "sender"
    if kind is not errors.ProviderRejected:
        return ""
    if result.about or result.plan_refused:  # its words say little: what the adapter found out counts
        return result.about or "account"
    return "sender" if result.learnt else ""


def of_waiting(result: Result, error: SendError) -> Fault | None:
    """That of a message which surely did not leave and was to be tried again, once it is not, or waits for its account:
    nothing was asked, or the provider put it off in a clear answer. It is the account's, but for a sender's full queue.
    """
    if result.exchange.http_status is not None and not _refused_outright(result):
        return None
    return Fault(error, of_account=result.about != "sender")


def without_credentials(provider: str) -> Fault:
    """That of a message whose account is refused as a whole."""
    return Fault(errors.CredentialRejected(provider=provider), of_account=True)


def _refused_outright(result: Result) -> bool:
    status = result.exchange.http_status
    return not result.accepted and status is not None and 400 <= status < 500 and status not in _UNCLEAR
