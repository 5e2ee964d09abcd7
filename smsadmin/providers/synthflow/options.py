"""Where a Synthflow workspace is: Connection.options with types and defaults.

Synthflow docs, "API": each region has a host of its own, and a workspace lives in one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.conf import settings

GLOBAL, US, EU = "global", "us", "eu"
_HOSTS = {US: "https://api.us.synthflow.ai", EU: "https://api.eu.synthflow.ai"}


@dataclass(frozen=True, slots=True)
class Options:
    region: str = GLOBAL

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Of what is stored; what is missing there, or unknown, is as installed."""
        region = stored.get("region")
        return cls(region if region in (US, EU) else GLOBAL)

    def as_stored(self) -> dict[str, str]:
        return {"region": self.region}

    @property
    def base_url(self) -> str:
        """The address of the region. The sandbox is every region at once."""
        return (
            settings.SYNTHFLOW_BASE_URL
            if settings.SANDBOX
            else _HOSTS.get(self.region, settings.SYNTHFLOW_BASE_URL)
        )
