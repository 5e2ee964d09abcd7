"""Build mode: while it is on, nobody is texted but phones that proved to be ours.

Asked when a message is accepted, and again when it leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from smsadmin.agents.models import AIAgent
from smsadmin.api.models import Key
from smsadmin.cache import remembered
from smsadmin.core import errors
from smsadmin.core.trace import Step, passed
from smsadmin.flows.models import Flow
from smsadmin.sending.filters import VERIFICATION
from smsadmin.sending.models import Message
from smsadmin.sending.resolve import Draft
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a workspace is in build mode, and the phones (E.164) that may be texted then."""

    build_mode: bool
    verified: frozenset[str]


def test_numbers(draft: Draft) -> Step:
    """Refuses everybody but verified test numbers while the workspace, or what asks, is in build mode.

    Only the code that verifies a number goes to others, or there would never be any. Answers to STOP and those that
    people write are no exception: build mode is for what nobody outside is to notice.
    """
    assert draft.recipient
    recipient, standing = draft.recipient.e164, of(draft.ask.workspace_id)
    if not (standing.build_mode or draft.ask.build_mode):
        return passed("test_numbers", "test_numbers.off")
    if draft.ask.trigger == VERIFICATION:
        return passed("test_numbers", "test_numbers.code", recipient=recipient)
    if recipient not in standing.verified:
        raise errors.OnlyTestNumbers(recipient=recipient)
    return passed("test_numbers", "test_numbers.verified", recipient=recipient)


def meanwhile(workspace_id: int, recipients: Mapping[UUID, str]) -> dict[UUID, errors.OnlyTestNumbers]:
    """Of messages that were accepted, by id with their recipients, those that build mode keeps from leaving now: that
    of the workspace, or that of what asked for them. A code that verifies a number leaves in either."""
    standing, tried = of(workspace_id), _tried(workspace_id)
    if not (standing.build_mode or tried):
        return {}
    others = [pk for pk, recipient in recipients.items() if recipient not in standing.verified]
    found = Message.objects.filter(pk__in=others).exclude(trigger=VERIFICATION)
    if not standing.build_mode:
        found = found.filter(tried)
    return {pk: errors.OnlyTestNumbers(recipient=recipients[pk]) for pk in found.values_list("pk", flat=True)}


def of(workspace_id: int) -> Standing:
    """How the workspace stands, at most settings.CONFIGURATION_TTL seconds old."""
    return remembered(("test numbers", workspace_id), lambda: _read(workspace_id))


def _read(workspace_id: int) -> Standing:
    found = TestNumber.objects.filter(workspace=workspace_id, verified_at__isnull=False)
    on = Workspace.objects.filter(pk=workspace_id, build_mode=True).exists()
    return Standing(on, frozenset(found.values_list("e164", flat=True)))


def _tried(workspace_id: int) -> Q:
    """What asks for tests alone: flows and agents that are in build mode themselves, and keys in test mode. Empty where
    the workspace has none; as old as that."""
    return remembered(("asking for tests alone", workspace_id), lambda: _read_tried(workspace_id))


def _read_tried(workspace_id: int) -> Q:
    found = Q()
    for name, model in (("flow", Flow), ("agent", AIAgent)):
        in_build_mode = model._default_manager.filter(workspace=workspace_id, build_mode=True)
        if ids := list(in_build_mode.values_list("pk", flat=True)):
            found |= Q(**{f"origin__{name}__in": ids})
    if Key.objects.filter(
        workspace=workspace_id, test=True
    ).exists():  # also a revoked one: what it sent may wait
        found |= Q(origin__test=True)
    return found
