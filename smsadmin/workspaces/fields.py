"""Secrets at rest: JSON, encrypted with FIELD_ENCRYPTION_KEYS (the first encrypts, all of them decrypt)."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


class Secrets(dict[str, str]):
    """Decrypted secrets. Their values never show in a repr, so not in an error report either."""

    def __repr__(self) -> str:
        return f"<Secrets {', '.join(sorted(self))}>"


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def box() -> MultiFernet:
    """The keys in force: MultiFernet.rotate() re-encrypts with the newest."""
    return _box(tuple(settings.FIELD_ENCRYPTION_KEYS))


if TYPE_CHECKING:  # Django's fields take type arguments in their stubs only
    Text = models.TextField[Mapping[str, str], Secrets]
else:
    Text = models.TextField


class EncryptedJSONField(Text):
    """A dict of strings in Python, a Fernet token in the database. It cannot be searched."""

    def get_prep_value(self, value: Mapping[str, str] | None) -> str:
        return box().encrypt(json.dumps(value or {}).encode()).decode()

    def from_db_value(self, value: str | None, *_: Any) -> Secrets:
        if not value:
            return Secrets()
        try:
            return Secrets(json.loads(box().decrypt(value.encode())))
        except InvalidToken as error:
            raise ImproperlyConfigured(
                "A stored secret cannot be decrypted: FIELD_ENCRYPTION_KEYS lacks the key it was written with."
            ) from error

    def to_python(self, value: Any) -> Secrets:
        """A string is the encrypted form, as dumps hold it."""
        return self.from_db_value(value) if isinstance(value, str) else Secrets(value or {})

    def value_to_string(self, obj: models.Model) -> str:
        """Dumps hold the encrypted form, never the secret."""
        return self.get_prep_value(self.value_from_object(obj))
