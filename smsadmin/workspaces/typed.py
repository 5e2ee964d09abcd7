"""What somebody typed into a long form and sent while signed out, kept until the same person is back.

It waits in the session that is not signed in, which signing in keeps, and is given only to whom the form was made
for: the form carries a signed mark of its reader. Without a genuine one nothing is kept, or anybody could fill the
table of sessions.
"""

from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, QueryDict

FIELD = "typed_by"
MOST = 64_000  # characters of one form
#: The customer a form was tried with is nobody's to keep, and the next form has a token of its own.
LEFT_OUT = ("record", "record_q", "payload", "csrfmiddlewaretoken")
_KEY, _SALT = "typed", "smsadmin.typed"


def mark(request: HttpRequest) -> str:
    """The value of a form's hidden field FIELD: who reads it."""
    return signing.dumps(request.user.pk, salt=_SALT)


def keep(request: HttpRequest) -> bool:
    """Keeps a marked form that was posted by somebody who is not signed in; whether there was one."""
    typed = request.POST.copy()
    for name in LEFT_OUT:
        typed.pop(name, None)
    body = typed.urlencode()
    if len(body) > MOST or _reader(typed) is None:
        return False
    request.session[_KEY] = {"path": request.path, "body": body}
    return True


def taken(request: HttpRequest) -> QueryDict | None:
    """What was kept of this page for this reader, once."""
    kept: dict[str, Any] = request.session.get(_KEY) or {}
    if kept.get("path") != request.path:
        return None
    del request.session[_KEY]
    typed = QueryDict(kept["body"])
    return typed if _reader(typed) == request.user.pk else None


def _reader(typed: QueryDict) -> Any:
    """For whom a form was made; None where its mark is missing, not ours, or older than a session lives."""
    try:
        return signing.loads(typed.get(FIELD, ""), salt=_SALT, max_age=settings.SESSION_COOKIE_AGE)
    except signing.BadSignature:
        return None
