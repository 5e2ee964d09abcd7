"""How people get in: by a membership, never by signing up."""

from typing import ClassVar
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class AccountAdapter(DefaultAccountAdapter):
    #: allauth's own sentences that people may see here, in our words.
    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This account is switched off"),
        "email_password_mismatch": _("No account has this email address and this password."),
        "enter_current_password": _("This is not your current password."),
        "incorrect_password": _("This is not your password."),
        "invalid_password_reset": _("This link no longer works"),
        "same_as_current": _("The new password must differ from the current one."),
        "too_many_login_attempts": _("Too many sign-ins failed. Try again in a few minutes."),
        "rate_limited": _("Too many attempts in a short time. Try again in a few minutes."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Owners add members; there is no public sign-up."""
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The mailed link leads to our public address, whatever host and port the request named."""
        address = urlsplit(super().get_reset_password_from_key_url(key))
        return f"{settings.BASE_URL}{address.path}"
