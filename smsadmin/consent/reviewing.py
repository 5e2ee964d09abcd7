"""What people decide about texts that may have meant to opt out or to come back."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from smsadmin.consent import opting
from smsadmin.consent.models import Review, Source
from smsadmin.consent.opting import Statement
from smsadmin.consent.words import Kind
from smsadmin.workspaces.models import User


def act(workspace_id: int, ids: Collection[int], by: User, now: datetime) -> int:
    """Does what these texts are thought to mean; returns how many. Those that were decided meanwhile stay decided, and
    those whose number was deleted by age stay open."""
    return sum(_acted(pk, workspace_id, by, now) for pk in ids)


def dismiss(workspace_id: int, ids: Collection[int], by: User, now: datetime) -> int:
    """Leaves everything as it is; returns how many were open."""
    rows = Review.objects.filter(workspace=workspace_id, pk__in=list(ids), state=Review.State.OPEN)
    return rows.update(state=Review.State.DISMISSED, decided_by=by, decided_at=now)


@transaction.atomic
def _acted(pk: int, workspace_id: int, by: User, now: datetime) -> bool:
    rows = Review.objects.filter(workspace=workspace_id, state=Review.State.OPEN)
    review = rows.filter(pk=pk).exclude(inbound__sender="").select_related("inbound").first()
    if review is None or not rows.filter(pk=pk).update(
        state=Review.State.ACTED, decided_by=by, decided_at=now
    ):
        return False
    said = Statement(Source.PERSON, now, by, review.inbound)
    decide = opting.opt_out if review.guess == Kind.STOP else opting.opt_in
    decide(workspace_id, review.inbound.sender, said)
    return True
