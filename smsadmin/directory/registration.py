"""Whether a North American number is registered with the carriers, as far as anybody says.

Aircall developer docs have GET /v1/numbers/:id/registration_status and do not list its words: the likely ones
are below. A word that is missing here is kept as it came, and means that nobody knows."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from smsadmin.core import numbers


class Registration(models.TextChoices):
    UNKNOWN = "", _("not known")
    REGISTERED = "registered", _("registered")
    PENDING = "pending", _("pending")
    UNREGISTERED = "unregistered", _("not registered")


_WORDS = {
    Registration.REGISTERED: ("registered", "verified", "approved", "active", "completed"),
    Registration.PENDING: ("pending", "in_progress", "in_review", "under_review", "submitted", "processing"),
    Registration.UNREGISTERED: (
        "unregistered",
        "not_registered",
        "unverified",
        "not_verified",
        "rejected",
        "failed",
    ),
}
_MEANS = {word: state for state, words in _WORDS.items() for word in words}


def meaning(word: str) -> str:
    """What Aircall's word for the registration of a number means; UNKNOWN for one that nobody documents."""
    return _MEANS.get(word.strip().casefold().replace(" ", "_").replace("-", "_"), Registration.UNKNOWN)


def is_north_american(country: str, e164: str) -> bool:
    """Whether carriers ask for a registration: the country is Aircall's word, or else what the number says."""
    return (country or _country(e164)) in ("US", "CA")


def is_toll_free(e164: str) -> bool:
    return e164.startswith("+1") and numbers.kind_of(e164) == "toll_free"


def _country(e164: str) -> str:
    try:
        return numbers.read(e164).country
    except numbers.NumberError:
        return ""
