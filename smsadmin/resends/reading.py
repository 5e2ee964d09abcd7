"""The records of messages that are sent again, read anew from HubSpot where that is possible."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from uuid import UUID

from smsadmin.consent.policies import property_read
from smsadmin.core import errors
from smsadmin.core.message import ActionConfig, Record
from smsadmin.crm import records
from smsadmin.crm.named import Name, lacking, named
from smsadmin.providers.hubspot import client
from smsadmin.resends import making
from smsadmin.sending.again import Portals, Reason, portal_of
from smsadmin.sending.models import Message
from smsadmin.sending.resolve import INPUTS
from smsadmin.workspaces.models import Connection

#: Calls a second. HubSpot allows a portal's apps 100 in ten seconds: new messages, which read records too, come first.
PER_SECOND = 3
#: How long HubSpot is left alone when it asks to slow down, before it counts as unavailable.
PAUSES = (1.0, 5.0, 10.0)

#: A record, or why there is none: what prevented the reading, or that nothing is left to read or to use.
Read = Record | errors.SendError | Reason


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message and the configuration that will ask its record for values."""

    message: Message
    config: ActionConfig

    @property
    def kept(self) -> Record:
        return making.kept(self.message)

    @property
    def names(self) -> frozenset[Name]:
        opt_out = property_read(self.message.workspace_id)
        return frozenset(named(self.config, self.message.object_type, opt_out))

    def portal(self, portals: Portals) -> Connection | None:
        """Where the record is read anew; None where it stays as it was kept."""
        message = self.message
        portal = portal_of(portals, message.origin, message.object_type, message.object_id)
        return portal if self.names else None

    @property
    def lacks(self) -> bool:
        """Whether the configuration names what was not kept of the record."""
        return bool(lacking(self.kept, self.config))

    def kept_or(self, otherwise: errors.SendError | Reason) -> Read:
        """The record as it was kept, if that has all that the configuration names."""
        return otherwise if self.lacks else self.kept


@dataclass(slots=True)
class Reader:
    """Reads records of a workspace's portals at an even pace; `before_each` is called before every call."""

    portals: Portals
    before_each: Callable[[], None]
    sleep: Callable[[float], None] = time.sleep
    _next: float = 0.0
    _closed: dict[int, errors.SendError] = field(default_factory=dict)

    def read(self, wanted: Iterable[Wanted]) -> dict[UUID, Read]:
        """The records of up to 100 messages, by message: as they are now where their portal can be read, else as they
        were kept. The workflow step's own fields always are as they were kept."""
        groups: dict[tuple[Connection, str, frozenset[Name]], list[Wanted]] = defaultdict(list)
        found: dict[UUID, Read] = {}
        for each in wanted:
            message = each.message
            if portal := each.portal(self.portals):
                groups[portal, message.object_type, each.names].append(each)
            else:
                found[message.pk] = each.kept_or(Reason.GONE)
        for (portal, object_type, names), group in groups.items():
            found |= self._of_group(portal, object_type, names, group)
        return found

    def _of_group(
        self, portal: Connection, object_type: str, names: frozenset[Name], group: list[Wanted]
    ) -> dict[UUID, Read]:
        ids = {each.message.object_id for each in group}
        try:
            read = self._many(portal, object_type, ids, names)
        except errors.SendError as error:
            return {each.message.pk: each.kept_or(error) for each in group}
        except client.Unavailable as silence:
            failure = errors.ProviderUnavailable(provider="HubSpot", reason=str(silence), attempts=1)
            return {each.message.pk: each.kept_or(failure) for each in group}
        return {each.message.pk: _renewed(each, read.get(each.message.object_id)) for each in group}

    def _many(
        self, portal: Connection, object_type: str, ids: set[str], names: frozenset[Name]
    ) -> dict[str, Record]:
        """Raises SendError, for every further reading too, and client.Unavailable."""
        if error := self._closed.get(portal.pk):
            raise error
        try:
            return self._patiently(portal, object_type, ids, names)
        except errors.SendError as error:
            if isinstance(error, errors.CredentialRejected | errors.ScopeMissing):
                self._closed[portal.pk] = error
            raise

    def _patiently(
        self, portal: Connection, object_type: str, ids: set[str], names: frozenset[Name]
    ) -> dict[str, Record]:
        for pause in PAUSES:
            try:
                return records.many(portal, object_type, ids, names, self._pace)
            except client.RateLimited:
                self.sleep(pause)
        return records.many(portal, object_type, ids, names, self._pace)

    def _pace(self) -> None:
        self.before_each()
        now = time.monotonic()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / PER_SECOND


def _renewed(wanted: Wanted, found: Record | None) -> Read:
    """The record as it is now; one that HubSpot no longer has stays as it was kept."""
    if found is None:
        return wanted.kept_or(Reason.RECORD)
    step = {kind: values for kind, values in wanted.kept.related.items() if kind == INPUTS}
    return replace(found, related={**found.related, **step})
