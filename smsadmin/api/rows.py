"""What the answers have in common: moments, pages that lead to the next one, and messages as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from smsadmin.api.problems import help_url
from smsadmin.core import errors
from smsadmin.core.message import Record
from smsadmin.core.status import Status
from smsadmin.core.trace import Step
from smsadmin.directory.models import Agent, Number
from smsadmin.incoming.models import InboundMessage
from smsadmin.quotas.models import Scope
from smsadmin.quotas.rulebook import Limit
from smsadmin.sending import expected, explain, presenters
from smsadmin.sending.expected import Expected
from smsadmin.sending.filters import is_test
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection

Json = dict[str, Any]


def moment(at: datetime | None, timespec: str = "milliseconds") -> str | None:
    """In UTC."""
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z") if at else None


def page(name: str, asked: Mapping[str, Any], told: Sequence[Json], after: Any) -> HttpResponse:
    """One page of the list at the address of this name, as it was asked for; `after` is where the next one goes on,
    None where there is none."""
    return JsonResponse({"results": list(told), "next": _next(name, asked, after) if after else None})


def _next(name: str, asked: Mapping[str, Any], after: Any) -> str:
    kept = {key: _written(value) for key, value in asked.items() if value and key != "cursor"}
    return f"{address(name)}?{urlencode({**kept, 'cursor': after})}"


def _written(value: Any) -> str:
    return moment(value, "auto") or "" if isinstance(value, datetime) else str(value)


def address(name: str, *args: Any) -> str:
    """The whole address of this name."""
    return settings.BASE_URL + reverse(name, args=args)


# --- Messages ----------------------------------------------------------------------------------------


def messages(rows: Iterable[Message]) -> list[Json]:
    """Each row (with `number`, `agent`, `action`, `version` and `connection` selected) as JSON."""
    rows = list(rows)
    leave = expected.of(rows, timezone.now())
    return [message(row, leave.get(row.pk)) for row in rows]


def message(row: Message, leaves: Expected | None = None) -> Json:
    """A message as JSON; `leaves` is when a held one leaves."""
    return {
        "id": str(row.pk),
        "status": row.status,
        **asked(row),
        "accepted_at": moment(row.accepted_at),
        "finished_at": moment(row.finished_at),
        **held(row, leaves),
        "error": error_of(row),
        "account": account(row.connection) if row.connection else None,
        "provider_id": row.provider_id or None,
        "provider_status": row.provider_status or None,
    }


def asked(row: Message) -> Json:
    """What a message is, whatever became of it: who asked for what, from whom to whom."""
    return {
        "trigger": row.trigger,
        "test": is_test(row),
        "received_at": moment(row.received_at),
        "from": row.sender or None,
        "number": number(row.number),
        "user": user(row.agent),
        "to": row.recipient or row.recipient_given or None,
        "text": row.body or None,
        "encoding": row.encoding or None,
        "characters": row.characters,
        "segments": row.counted_segments,
        "traffic": row.traffic,
        "action": _action(row),
        "record": record(Record(row.object_type, row.object_id)),
        "original": str(row.original) if row.original else None,
    }


def number(found: Number | None) -> Json | None:
    return {"id": found.pk, "number": found.e164 or None, "name": found.name} if found else None


def user(found: Agent | None) -> Json | None:
    return {"id": found.pk, "email": found.email, "name": found.name} if found else None


def holder(found: Number | Agent) -> Json:
    """Whose a limit is."""
    if isinstance(found, Number):
        return {"scope": Scope.NUMBER.value, "id": found.pk, "number": found.e164 or None, "name": found.name}
    return {"scope": Scope.USER.value, "id": found.pk, "email": found.email, "name": found.name}


def limit(found: Limit) -> Json:
    """What is limited, and to how much."""
    return {
        "window": found.window.value,
        "zone": found.zone,
        "unit": str(found.unit),
        "limit": found.limit,
    }


def account(found: Connection) -> Json:
    return {"provider": found.kind, "name": found.name}


def record(about: Record) -> Json | None:
    return {"type": about.object_type, "id": about.object_id} if about.object_id else None


def _action(row: Message) -> Json | None:
    if row.action is None:
        return None
    version = row.version.number if row.version else None
    return {"id": row.action.pk, "name": row.action.name, "version": version}


def held(row: Message, leaves: Expected | None = None) -> Json:
    """Why and until when a message waits for room; nothing of one that does not."""
    if row.status != Status.HELD:
        return dict.fromkeys(("held_until", "expires_at", "why_held"))
    return {
        "held_until": moment(leaves.at if leaves else row.next_attempt_at),
        "expires_at": moment(row.expires_at),
        "why_held": explain.sentence(row, leaves),
    }


def inbound(found: InboundMessage) -> Json:
    """A text to one of our numbers (with `number` selected) as JSON."""
    return {
        "id": found.pk,
        "at": moment(found.at),
        "from": found.sender or None,
        "number": number(found.number),
        "text": found.body or None,
        "media": found.media,
        "answers": str(found.answers) if found.answers else None,
    }


def steps(taken: Iterable[Step]) -> list[Json]:
    """The steps that were taken, with their sentences, then those that were not reached."""
    return [
        {"step": each.step, "name": each.name, "verdict": str(each.verdict), "sentence": each.sentence}
        for each in explain.steps(taken)
    ]


def stored_steps(row: Message) -> list[Json]:
    """The same of a message."""
    return steps(Step.from_json(stored) for stored in row.trace)


# --- What stops a message ----------------------------------------------------------------------------


def error_of(row: Message) -> Json | None:
    """What stopped a message; None for one that nothing did, or that is held."""
    if row.error is None or row.status == Status.HELD:
        return None
    return stopped(row.error, explain.sentence(row), presenters.fix(row))


def error(found: errors.SendError) -> Json:
    """What would stop one."""
    return stopped(
        type(found),
        explain.said(found.sentence(found.facts), found.facts),
        explain.said(found.fix, found.facts),
    )


def stopped(kind: type[errors.SendError], sentence: str | None, fix: str | None) -> Json:
    """A cause, in these words."""
    return {
        "code": kind.code,
        "sentence": sentence,
        "whose": kind.whose.value,
        "fix": fix,
        "retry": kind.retry.value,
        "help": help_url(kind.code),
    }
