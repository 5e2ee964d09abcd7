"""Build mode: while it is on, nobody is texted but phones that proved to be ours.

Asked when a message is accepted, and again when it leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

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
    of the workspace, or that of the flow that asked. A code that verifies a number leaves in either."""
    standing, flows = of(workspace_id), _flows(workspace_id)
    if not (standing.build_mode or flows):
        return {}
    others = [pk for pk, recipient in recipients.items() if recipient not in standing.verified]
    found = Message.objects.filter(pk__in=others).exclude(trigger=VERIFICATION)
    if not standing.build_mode:
        found = found.filter(origin__flow__in=flows)
    return {pk: errors.OnlyTestNumbers(recipient=recipients[pk]) for pk in found.values_list("pk", flat=True)}


def of(workspace_id: int) -> Standing:
    """How the workspace stands, at most settings.CONFIGURATION_TTL seconds old."""
    return remembered(("test numbers", workspace_id), lambda: _read(workspace_id))


def _read(workspace_id: int) -> Standing:
    found = TestNumber.objects.filter(workspace=workspace_id, verified_at__isnull=False)
    on = Workspace.objects.filter(pk=workspace_id, build_mode=True).exists()
    return Standing(on, frozenset(found.values_list("e164", flat=True)))


def _flows(workspace_id: int) -> frozenset[int]:
    """The flows that are in build mode themselves; as old as that."""
    found = Flow.objects.filter(workspace=workspace_id, build_mode=True)
    return remembered(
        ("flows in build mode", workspace_id), lambda: frozenset(found.values_list("pk", flat=True))
    )
