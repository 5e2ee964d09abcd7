"""Making, finding and ending keys. A token reads smsadmin_<prefix>_<secret> (core.secret_tokens)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from smsadmin import bearers
from smsadmin.api.models import Key, KeyScope
from smsadmin.core import secret_tokens
from smsadmin.workspaces.models import User, Workspace

TOKENS = secret_tokens.Kind("smsadmin")


@sensitive_variables()
def make(
    workspace: Workspace,
    name: str,
    by: User,
    now: datetime,
    expires_at: datetime | None,
    scopes: Sequence[str] = (KeyScope.QUOTAS,),
    *,
    test: bool = False,
) -> tuple[Key, str]:
    """A new key and its token, which nobody can read again. Raises IntegrityError where another one has the name."""
    prefix, token_hash, token = TOKENS.make()
    key = Key.objects.create(
        workspace=workspace,
        name=name,
        prefix=prefix,
        token_hash=token_hash,
        scopes=[str(scope) for scope in scopes],
        test=test,
        created_by=by,
        created_at=now,
        expires_at=expires_at,
    )
    return key, token


@sensitive_variables()
def of_token(token: str) -> Key | None:
    """The key that a token belongs to, expired and revoked ones too; None for a token that we never made."""
    return bearers.of_token(TOKENS, token, Key.objects.select_related("workspace"))


def used(key: Key, now: datetime) -> None:
    """Notes that a key was used, at most once a minute."""
    bearers.seen(key, "last_used_at", now)


def by_maker(workspace: Workspace, now: datetime) -> dict[int, list[Key]]:
    """The keys in force, by the id of who made them: they work on when a person leaves who may know their tokens."""
    found: dict[int, list[Key]] = defaultdict(list)
    in_force = Q(expires_at=None) | Q(expires_at__gt=now)
    keys = Key.objects.filter(in_force, workspace=workspace, revoked_at=None, created_by__isnull=False)
    for key in keys.order_by("name"):
        found[key.created_by_id or 0].append(key)
    return found


def revoke(key: Key, now: datetime) -> None:
    """Ends a key at once and for good; one that has ended stays as it is."""
    if key.revoked_at is None:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
