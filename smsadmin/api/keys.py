"""Making, finding and ending keys.

A token reads smsadmin_<prefix>_<secret>: scanners of source code know it by its form. The prefix finds its row; the
secret has 256 random bits, so one round of SHA-256 hides it, and nobody guesses it.
"""

import hashlib
import hmac
import re
import secrets
import string
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from smsadmin.api.models import Key, KeyScope
from smsadmin.workspaces.models import User, Workspace

TOKEN = re.compile(r"smsadmin_([0-9A-Za-z]{8})_[0-9A-Za-z]{43}", re.ASCII)
_SIGNS = string.ascii_letters + string.digits
#: How exact it is known when a key was last used: each request would be a write else.
_USED_WITHIN = timedelta(minutes=1)


@sensitive_variables()
def make(
    workspace: Workspace,
    name: str,
    by: User,
    now: datetime,
    expires_at: datetime | None,
    scopes: Sequence[str] = (KeyScope.QUOTAS,),
) -> tuple[Key, str]:
    """A new key and its token, which nobody can read again. Raises IntegrityError where another one has the name."""
    prefix = _random(8)
    token = f"smsadmin_{prefix}_{_random(43)}"  # 43 of 62 signs: more than 256 bits
    key = Key.objects.create(
        workspace=workspace,
        name=name,
        prefix=prefix,
        token_hash=_hash(token),
        scopes=[str(scope) for scope in scopes],
        created_by=by,
        created_at=now,
        expires_at=expires_at,
    )
    return key, token


@sensitive_variables()
def of_token(token: str) -> Key | None:
    """The key that a token belongs to, expired and revoked ones too; None for a token that we never made."""
    if not (read := TOKEN.fullmatch(token)):
        return None
    key = Key.objects.select_related("workspace").filter(prefix=read[1]).first()
    return key if key and hmac.compare_digest(key.token_hash, _hash(token)) else None


def used(key: Key, now: datetime) -> None:
    """Notes that a key was used, at most once a minute."""
    if key.last_used_at and now - key.last_used_at < _USED_WITHIN:
        return
    before = Q(last_used_at=None) | Q(last_used_at__lte=now - _USED_WITHIN)
    Key.objects.filter(before, pk=key.pk).update(last_used_at=now)


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


def _random(signs: int) -> str:
    return "".join(secrets.choice(_SIGNS) for _ in range(signs))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
