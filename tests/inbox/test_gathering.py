"""Threads: one for each number and party, made and opened by what comes in, each text counted once."""

import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from smsadmin.inbox import gathering, threads
from smsadmin.inbox.models import Entry, Reach, Thread
from tests.factories import make_number, make_workspace
from tests.inbox.conftest import ADA, BOB, NOON, ago, stored, texted


def test_texts_of_one_party_to_one_number_are_one_thread(line):
    first = texted(line, at=NOON)
    second = texted(line, at=NOON + timedelta(minutes=1), body="Again")

    assert first == second
    assert (second.party, second.number, second.workspace) == (ADA, line, line.workspace)
    assert (second.unread, second.last_at, second.newest.body) == (2, NOON + timedelta(minutes=1), "Again")


def test_another_party_number_or_workspace_is_another_thread(line):
    elsewhere = make_number(make_workspace())
    found = {
        texted(line),
        texted(line, sender=BOB),
        texted(make_number(line.workspace)),
        texted(elsewhere),
    }

    assert len(found) == Thread.objects.count() == 4
    assert {thread.workspace for thread in found} == {line.workspace, elsewhere.workspace}


@pytest.mark.services
def test_a_number_that_the_directory_does_not_know_has_threads_too(line):
    assert texted(line, number=None) == texted(line, number=None)
    assert Thread.objects.get().number is None


def test_a_text_that_comes_late_is_not_the_newest(line):
    texted(line, "New", at=NOON)
    thread = texted(line, "Old", at=NOON - timedelta(hours=1))

    assert (thread.newest.body, thread.last_at, thread.unread) == ("New", NOON, 2)


def test_a_text_opens_its_thread_again(line):
    thread = texted(line)
    assert threads.close(thread, thread.newest_id, timezone.now())

    assert texted(line).done_at is None


def test_a_text_without_a_sender_is_in_no_thread(line):
    gathering.gather(stored(line, sender=""))
    gathering.sweep()

    assert not Thread.objects.exists()


@pytest.mark.services
def test_a_text_is_counted_once_however_often_it_is_gathered(line):
    inbound = stored(line)
    for _ in range(2):
        gathering.gather(inbound)
        gathering.sweep()

    assert (Thread.objects.get().unread, Entry.objects.count()) == (1, 1)


@pytest.mark.services
def test_the_sweep_finds_what_nobody_was_told_of_once(line, monkeypatch):
    monkeypatch.setattr(gathering, "STEP", 2)
    monkeypatch.setattr(gathering, "OVERLAP", 1)
    texted(line)
    for _ in range(4):
        stored(line)

    assert [gathering.sweep(), gathering.sweep()] == [4, 0]
    assert Thread.objects.get().unread == 5


def test_the_sweep_sees_a_text_that_was_written_behind_the_last_one(line):
    """Ids rise, but a transaction that began first may end last."""
    late = stored(line)
    pk, late.pk = late.pk, None
    stored(line)
    late_row = type(late).objects.get(pk=pk)
    late_row.delete()
    gathering.sweep()
    late.pk = pk
    late.save(force_insert=True)

    assert gathering.sweep() == 1


def test_what_came_before_the_inbox_is_in_it_as_read(line):
    Reach.objects.update_or_create(pk=1, defaults={"begun_at": ago(hours=1)})
    stored(line, sender=ADA, at=ago(hours=2))
    stored(line, sender=BOB)

    gathering.sweep()

    assert dict(Thread.objects.values_list("party", "unread")) == {ADA: 0, BOB: 1}


def test_a_sweep_with_nothing_new_is_four_queries(line, django_assert_num_queries):
    texted(line)
    gathering.sweep()

    with django_assert_num_queries(4):  # how far, which, those without a thread, and none after them
        gathering.sweep()


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_first", [True, False])
def test_two_texts_at_the_same_moment_are_both_counted(rings, is_first):
    """The second comes while the first is being written: it waits, and counts on from there."""
    line = make_number(make_workspace())
    if not is_first:
        threads.read(texted(line), 10**9)
    first, second = stored(line), stored(line)

    def gather():
        try:
            gathering.gather(second)
        finally:
            connections.close_all()

    other = threading.Thread(target=gather)
    with transaction.atomic():
        gathering.gather(first)
        other.start()
        other.join(timeout=0.3)
    other.join()

    assert Thread.objects.get().unread == 2
