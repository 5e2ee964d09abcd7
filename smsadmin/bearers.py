"""Rows that a token lets in (core.secret_tokens): found by it, and when it was shown last."""

from datetime import datetime, timedelta
from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.views.decorators.debug import sensitive_variables

from smsadmin.core import secret_tokens

Bearer = TypeVar("Bearer", bound=Model)

#: How exact it is known when a token was shown last: each request would be one more write else.
_WITHIN = timedelta(minutes=1)


@sensitive_variables()
def of_token(
    kind: secret_tokens.Kind, token: str, rows: QuerySet[Bearer], prefix_column: str = "prefix"
) -> Bearer | None:
    """The one of these rows that a token belongs to, by its `token_hash`; None for a token that none has."""
    if not (prefix := kind.prefix(token)):
        return None
    row = rows.filter(**{prefix_column: prefix}).first()
    return row if row and secret_tokens.matches(token, row.token_hash) else None  # type: ignore[attr-defined]


def seen(row: Model, column: str, now: datetime) -> None:
    """Notes in this column that its token was shown, at most once a minute."""
    last: datetime | None = getattr(row, column)
    if last and now - last < _WITHIN:
        return
    before = Q(**{column: None}) | Q(**{f"{column}__lte": now - _WITHIN})
    type(row)._default_manager.filter(before, pk=row.pk).update(**{column: now})
