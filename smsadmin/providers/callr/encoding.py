"""Whether Callr is told how a text is to be encoded. Left out, it looks at the characters itself."""

from smsadmin.core.message import Sms
from smsadmin.core.segments import measure
from smsadmin.providers.callr.options import ALWAYS, NEVER

_NAMES = {"GSM-7": "gsm", "UCS-2": "unicode"}


def told_encoding(sms: Sms, when: str) -> str:
    """Callr's name of the text's encoding where it is told, else "" (`when`: Options.encoding).

    Forced GSM rewrites what it does not carry, "€" too, so that is only said where an admin wants it always said.
    """
    if when == NEVER:
        return ""
    is_forced = sms.encoding == "UCS-2" and measure(sms.body).encoding == "GSM-7"
    return _NAMES.get(sms.encoding, "") if is_forced or when == ALWAYS else ""
