"""What is left to choose of how an account is spoken to: Connection.options with types and defaults."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class AccountOptions:
    """Of one kind of account; each has a default for every field."""

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Of what is stored; what is missing there, or of another type, is as installed."""
        known: dict[str, type] = {each.name: type(each.default) for each in fields(cls)}
        given: dict[str, Any] = {k: value for k, value in stored.items() if type(value) is known.get(k)}
        return cls(**given)

    def as_stored(self) -> dict[str, Any]:
        return asdict(self)
