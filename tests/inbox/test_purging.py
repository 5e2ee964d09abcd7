"""Threads go when the numbers of their texts go."""

from datetime import timedelta

import pytest
from django.utils import timezone

from smsadmin.inbox.models import Entry, Thread
from smsadmin.inbox.purging import purge
from smsadmin.incoming.models import InboundMessage
from smsadmin.privacy.models import Part
from smsadmin.privacy.purging import purge as purge_part
from tests.factories import make_number, make_workspace
from tests.inbox.conftest import ADA, BOB, ago, texted, words

pytestmark = pytest.mark.services


def purged(line, part):
    purge_part(line.workspace, part, timezone.now() - timedelta(days=5), timezone.now())


@pytest.fixture
def threads(line):
    """An old thread, one with an old and a new text, and an old one of another workspace."""
    texted(line, "Old", sender=BOB, at=ago(days=10))
    texted(line, "Old too", at=ago(days=10))
    texted(line, "New", at=ago(days=1))
    texted(make_number(make_workspace()), "Theirs", sender=BOB, at=ago(days=10))
    return Thread.objects.filter(workspace=line.workspace)


def test_a_purge_of_texts_leaves_threads(threads, line, operator):
    purged(line, Part.TEXT)

    assert threads.count() == 2
    assert "The text was deleted by age." in words(operator.get(f"/inbox/{threads.get(party=BOB).pk}/"))


@pytest.mark.parametrize("part", [Part.NUMBER, Part.MESSAGE])
def test_no_thread_names_whom_an_old_text_was_from(threads, line, part):
    purged(line, part)

    left = threads.get()
    assert (left.party, left.unread) == (ADA, 1)
    assert [entry.inbound.body for entry in left.entries.all()] == ["New"]
    assert Thread.objects.exclude(workspace=line.workspace).count() == 1
    assert purge(line.workspace, ago(days=5)) == 0


def test_a_thread_stays_while_the_number_of_one_of_its_texts_does(threads, line):
    """The purge of what came in may stop on its way: it goes on the next time."""
    assert purge(line.workspace, ago(days=5)) == 0
    assert Entry.objects.filter(workspace=line.workspace).count() == 3


def test_it_goes_in_steps(threads, line):
    InboundMessage.objects.filter(at__lt=ago(days=5)).update(sender="", number_gone_at=timezone.now())

    assert [purge(line.workspace, ago(days=5), most=1) for _ in range(3)] == [2, 1, 0]
