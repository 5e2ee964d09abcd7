"""Build mode: while it is on, nobody is texted but phones that proved to be ours. Asked at each send."""

from dataclasses import dataclass

from smsadmin.cache import remembered
from smsadmin.core import errors
from smsadmin.core.trace import Step, passed
from smsadmin.sending.filters import VERIFICATION
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


def of(workspace_id: int) -> Standing:
    """How the workspace stands, at most settings.CONFIGURATION_TTL seconds old."""
    return remembered(("test numbers", workspace_id), lambda: _read(workspace_id))


def _read(workspace_id: int) -> Standing:
    found = TestNumber.objects.filter(workspace=workspace_id, verified_at__isnull=False)
    on = Workspace.objects.filter(pk=workspace_id, build_mode=True).exists()
    return Standing(on, frozenset(found.values_list("e164", flat=True)))
