"""What an account can be asked of its messages after they were sent, where its provider tells. Each raises AccountError
where it does not."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Protocol

from smsadmin.providers.told import ProviderReport


class History(Protocol):
    """An account that can be asked about one message by the id that the provider gave it."""

    def message(self, provider_id: str) -> ProviderReport: ...


class Listing(History, Protocol):
    """One whose list of messages can be read too."""

    def sent(
        self, recipient: str, sender: str, sender_id: str, first: datetime, last: datetime
    ) -> list[ProviderReport]:
        """What left for this recipient from this sender between these moments, with the texts as they were given. A
        sender without an address has the `sender_id` that it has in the directory alone."""
        ...

    def rewritten(self, text: str) -> str:
        """What becomes of a text on its way into the list."""
        ...

    def days(self, first: date, last: date) -> Iterator[ProviderReport]:
        """What left on these days, as far as the list is read."""
        ...
