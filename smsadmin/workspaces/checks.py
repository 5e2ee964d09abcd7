"""What must not be so when the product starts for real."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
SAMPLE_EMAIL, SAMPLE_PASSWORD = "admin@example.com", "sandbox"


def sample_is_safe() -> bool:
    """Whether the published sign-in opens no door: the sandbox plays the outside world, and only this machine looks."""
    return settings.SANDBOX and urlsplit(settings.BASE_URL).hostname in LOCAL_HOSTS


@register(Tags.database)
def no_sample_sign_in(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The published sample sign-in may exist only where the sandbox plays the outside world, on this machine."""
    from smsadmin.workspaces.models import User

    if sample_is_safe() or not databases:
        return []
    try:
        user = User.objects.filter(email=SAMPLE_EMAIL, is_active=True).first()
    except DatabaseError:  # before the first migration there is nobody
        return []
    if user is None or not user.check_password(SAMPLE_PASSWORD):
        return []
    return [
        Error(
            "The sample sign-in admin@example.com / sandbox exists, and this installation talks to real providers "
            "or is reached from other machines (BASE_URL).",
            hint="Change its password (manage.py changepassword admin@example.com) or delete the user.",
            id="smsadmin.E001",
        )
    ]
