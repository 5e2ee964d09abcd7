"""How long things are kept, in sentences."""

from collections.abc import Iterable

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from smsadmin.privacy.models import Policy


def kept(policy: Policy) -> str:
    """What retention applies: "Texts are kept for 90 days. Messages are kept for ever." """
    if not any(policy.days.values()):
        return _("Messages are kept for ever, with numbers and texts.")
    return " ".join(_sentences(policy))


def _sentences(policy: Policy) -> Iterable[str]:
    if days := policy.text_days:
        yield ngettext(
            "Texts and values are kept for %(n)d day.", "Texts and values are kept for %(n)d days.", days
        ) % {"n": days}
    if days := policy.number_days:
        yield ngettext(
            "Recipients' numbers are kept for %(n)d day.",
            "Recipients' numbers are kept for %(n)d days.",
            days,
        ) % {"n": days}
    if days := policy.message_days:
        yield ngettext(
            "Messages are kept for %(n)d day, then only counted.",
            "Messages are kept for %(n)d days, then only counted.",
            days,
        ) % {"n": days}
    else:
        yield _("Messages are kept for ever.")
