"""How a Callr account is spoken to, where its documents leave that open: Connection.options.

docs/integrations/callr.md says of each what is known.
"""

from dataclasses import dataclass
from datetime import date

from smsadmin.providers.options import AccountOptions

REST, RPC = "rest", "rpc"
#: The last day of JSON-RPC (README of Callr's SDK for Python).
LAST_DAY_OF_RPC = date(2027, 6, 30)
#: Where the API key goes: into a header of its own, or with the account's SID as Basic credentials.
HEADER, BASIC = "header", "basic"
#: When Callr is told the encoding of a text: never, only where one that fits GSM-7 is to go as Unicode, or always.
NEVER, FORCED, ALWAYS = "never", "forced", "always"


@dataclass(frozen=True, slots=True)
class Options(AccountOptions):
    """What the documents do not say, or leave to choose."""

    protocol: str = REST
    key_in: str = HEADER
    sender_parameter: str = "from"
    encoding_parameter: str = "encoding"
    encoding: str = FORCED
    signature_header: str = "X-CALLR-HmacSignature"
    signed: bool = True  # calls without a signature are refused
