"""What somebody typed into a long form and sent while signed out, kept until the same person is back.

It waits in the session that is not signed in, which signing in keeps, and is given only to whom the form was made
for: the form carries a signed mark of its reader.
"""

from typing import Any

from django.core import signing
from django.http import HttpRequest, QueryDict

FIELD = "typed_by"
MOST = 64_000  # characters of one form
_KEY, _SALT = "typed", "smsadmin.typed"


def mark(request: HttpRequest) -> str:
    """The value of a form's hidden field FIELD: who reads it."""
    return signing.dumps(request.user.pk, salt=_SALT)


def keep(request: HttpRequest) -> bool:
    """Keeps a marked form that was posted by somebody who is not signed in; whether there was one."""
    body = request.POST.urlencode()
    if not request.POST.get(FIELD) or len(body) > MOST:
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
    try:
        reader = signing.loads(typed.get(FIELD, ""), salt=_SALT)
    except signing.BadSignature:
        return None
    return typed if reader == request.user.pk else None
