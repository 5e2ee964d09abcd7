"""Where a Synthflow workspace is: Connection.options.

Synthflow docs, "API": each region has a host of its own, and a workspace lives in one.
"""

from dataclasses import dataclass

from django.conf import settings

from smsadmin.providers.options import AccountOptions

GLOBAL, US, EU = "global", "us", "eu"
_HOSTS = {US: "https://api.us.synthflow.ai", EU: "https://api.eu.synthflow.ai"}


@dataclass(frozen=True, slots=True)
class Options(AccountOptions):
    region: str = GLOBAL

    @property
    def base_url(self) -> str:
        """The address of the region. An unknown one is global; the sandbox is every region at once."""
        return (
            settings.SYNTHFLOW_BASE_URL
            if settings.SANDBOX
            else _HOSTS.get(self.region, settings.SYNTHFLOW_BASE_URL)
        )
