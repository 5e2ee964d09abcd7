"""What would stop messages if they were sent again as things are now. Reads nothing from HubSpot and writes nothing."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from smsadmin.core import causes, tokens
from smsadmin.core.errors import SendError
from smsadmin.core.message import ActionConfig, SendRequest
from smsadmin.directory import book
from smsadmin.resends import making
from smsadmin.resends.reading import Wanted
from smsadmin.sending import log
from smsadmin.sending.again import Portals, Reason
from smsadmin.sending.check import CHECKS
from smsadmin.sending.models import Message
from smsadmin.sending.resolve import RESOLVE, TEXT, Draft, run

#: Trying a message costs about as much as accepting one without writing it: a page has time for so many.
MOST = 500


@dataclass(frozen=True, slots=True)
class Stop:
    """So many messages would be stopped by one cause: by an error of the catalogue, with its facts where they are the
    same for all, or because nothing is left to make them of."""

    count: int
    cause: type[SendError] | Reason
    facts: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Rehearsal:
    """Tries the first MOST messages it is given with the values that were kept of them.

    `depending` counts those of which only their record tells, as it is when it is read anew.
    """

    portals: Portals
    tried: int = 0
    depending: int = 0
    _stopped: dict[str, list[SendError | Reason]] = field(default_factory=lambda: defaultdict(list))

    def take(self, message: Message, ask: SendRequest) -> None:
        if self.tried == MOST:
            return
        self.tried += 1
        wanted = Wanted(message, ask.config)
        is_read_anew = wanted.portal(self.portals) is not None
        if not is_read_anew and wanted.lacks:
            self._stopped[Reason.GONE].append(Reason.GONE)
            return
        draft = Draft(replace(ask, action_enabled=making.is_on(message)), book.of(ask.workspace_id))
        try:
            run(draft, (*RESOLVE, *CHECKS))
        except SendError as error:
            if is_read_anew and _hinges_on_record(draft.trace[-1].name, ask.config):
                self.depending += 1
            else:
                cause = causes.cause(error.code, log.storable(error.facts), log.asker(message))
                self._stopped[cause].append(error)

    @property
    def stops(self) -> list[Stop]:
        """By cause, the most frequent first."""
        return sorted(map(_stop, self._stopped.values()), key=lambda stop: -stop.count)


def _stop(found: Sequence[SendError | Reason]) -> Stop:
    first = found[0]
    if isinstance(first, Reason):
        return Stop(len(found), first)
    is_same = all(isinstance(each, SendError) and each.facts == first.facts for each in found)
    return Stop(len(found), type(first), first.facts if is_same else None)


_TEXT = {*(name for name, _step in TEXT), "length"}


def _hinges_on_record(step: str, config: ActionConfig) -> bool:
    """Whether other values of the record might let the message pass this step. What the configuration and the directory
    decide alone is so whatever a record says."""
    by_number = config.sender_kind == "property"
    if step == "action":
        return False
    if step in ("sender", "eligible"):
        return by_number
    if step == "send_as":
        return by_number or config.send_as_kind == "property"
    return step not in _TEXT or _has_tokens(config.message)


def _has_tokens(template: str) -> bool:
    with suppress(tokens.TemplateError):
        return bool(tokens.tokens(template))
    return False
