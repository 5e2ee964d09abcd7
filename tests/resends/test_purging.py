"""What resends forget by age."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from smsadmin.privacy import purging as privacy
from smsadmin.privacy.models import Part, Policy
from smsadmin.resends.models import Resend
from smsadmin.resends.purging import forget
from tests.factories import make_workspace

NOW = timezone.now()
BEFORE = NOW - timedelta(days=30)
NAMING = {"status": "failed", "recipient": "+33612345678"}


def asked_for(workspace, filters, days=31, state="done"):
    with time_machine.travel(NOW - timedelta(days=days), tick=False):
        return Resend.objects.create(workspace=workspace, filters=filters, chosen=1, state=state)


def kept(*resends):
    return [Resend.objects.get(pk=each.pk).filters for each in resends]


@pytest.mark.services
@pytest.mark.parametrize("filters", [NAMING, {"q": "+33 6 12 34 56 78"}])
def test_a_finished_resend_forgets_the_filter_that_may_name_a_recipient(workspace, filters):
    done, cancelled = (asked_for(workspace, filters, state=state) for state in ("done", "cancelled"))
    assert forget(workspace, BEFORE) == 2
    assert kept(done, cancelled) == [{}, {}]
    assert forget(workspace, BEFORE) == 0


@pytest.mark.services
def test_other_filters_younger_and_unfinished_resends_and_other_workspaces_keep_theirs(workspace):
    other = asked_for(workspace, {"status": "failed"})
    picked = asked_for(workspace, None)
    young = asked_for(workspace, NAMING, days=29)
    paused = asked_for(workspace, NAMING, state="paused")
    elsewhere = asked_for(make_workspace(), NAMING)
    assert forget(workspace, BEFORE) == 0
    assert kept(other, picked, young, paused, elsewhere) == [{"status": "failed"}, None, *[NAMING] * 3]


@pytest.mark.parametrize(
    ("part", "forgotten"), [(Part.TEXT, False), (Part.NUMBER, True), (Part.MESSAGE, True)]
)
def test_it_is_forgotten_as_recipients_numbers_are(workspace, part, forgotten):
    resend = asked_for(workspace, NAMING)
    Policy.objects.update_or_create(workspace=workspace, defaults={f"{part.value}_days": 30})
    privacy.run(NOW)
    assert kept(resend) == [{} if forgotten else NAMING]
