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
#: Asking did not come to an end within its time: whatever was tried, nothing was taken.
GIVEN_UP: frozenset[type[SendError]] = frozenset({errors.ProviderUnavailable, errors.RateLimited})
#: The server stopped waiting, or put it off (RFC 9110, RFC 8470): what it did by then it does not say.
_UNCLEAR = (408, 425)


def fault_of(result: Result, error: SendError) -> Fault | None:
    """That of an attempt which ended with the error; None where the message ends with it.

    A refusal counts where the provider answered the request itself with it. An account in a build mode of its own is
    no fault: whoever put it there wants nobody texted.
    """
    kind = type(error)
    if kind in GIVEN_UP:
        return Fault(error, of_account=True)
    if not _refused_outright(result.exchange.http_status):
        return None
    is_refusal = kind is errors.ProviderRejected  # whose words say little: what the adapter found out counts
    if kind in OF_ACCOUNT or (is_refusal and result.plan_refused):
        return Fault(error, of_account=True)
    if kind in OF_SENDER or (is_refusal and result.learnt):
        return Fault(error)
    return None


def without_credentials(provider: str) -> Fault:
    """That of a message whose account is refused as a whole."""
    return Fault(errors.CredentialRejected(provider=provider), of_account=True)


def _refused_outright(http_status: int | None) -> bool:
    return http_status is not None and 400 <= http_status < 500 and http_status not in _UNCLEAR
