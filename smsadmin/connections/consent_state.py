"""The `state` of an OAuth authorisation: whoever comes back is who set out, in the same workspace, and once."""

import secrets
from datetime import timedelta

from django.core import signing

from smsadmin.workspaces.requests import WorkspaceRequest

#: How long somebody may take to agree.
LIFE = timedelta(minutes=10)
_SALT = "smsadmin.connections.consent_state"


def begin(request: WorkspaceRequest, kind: str) -> str:
    """A state for going to a provider of this kind. It is bound to the session and the workspace, and replaces the one
    before: what was begun twice can be finished once."""
    nonce = secrets.token_urlsafe(16)
    request.session[_key(kind)] = nonce
    return signing.dumps([kind, request.workspace.pk, nonce], salt=_SALT)


def finish(request: WorkspaceRequest, kind: str, state: str) -> bool:
    """Whether this session set out with this state, for this workspace, not long ago. It is used up either way."""
    nonce = request.session.pop(_key(kind), "")
    try:
        begun = signing.loads(state, salt=_SALT, max_age=LIFE)
    except signing.BadSignature:
        return False
    return bool(nonce) and begun == [kind, request.workspace.pk, nonce]


def _key(kind: str) -> str:
    return f"consent_state_{kind}"
