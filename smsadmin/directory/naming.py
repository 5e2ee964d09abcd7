"""What a sender is called, whether it is a number, a name, or what the provider picks."""

from django.utils.translation import gettext as _

from smsadmin.core.numbers import pretty
from smsadmin.directory.models import Number, SenderKind


def said(number: Number) -> str:
    """What sentences call it: its number (E.164) or its name; what the provider picks as the directory calls it."""
    return number.e164 or number.name


def beside(number: Number) -> str:
    """What stands beside its name: the number as people read it, or what else it is."""
    if number.kind == SenderKind.PHONE:
        return pretty(number.e164)
    return _("sender name") if number.kind == SenderKind.NAME else _("by destination")


def label(number: Number) -> str:
    """Its name, and what stands beside it, in one line."""
    return f"{number.name} ({beside(number)})"
