"""The statuses and words as they are explained, held against the rules themselves."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from smsadmin.core.status import BEFORE, LEFT, ON_ITS_WAY, SETTLED, Status
from smsadmin.dashboard.templatetags.ui import STATUSES
from smsadmin.help import statuses
from tests.factories import make_member, make_workspace


def entry_of(status):
    [found] = [each for each in statuses.entries() if each.status == status]
    return found


@pytest.mark.parametrize("status", Status)
def test_what_comes_before_and_after_is_the_table_of_the_rules(status):
    entry = entry_of(status)

    assert set(entry.before) == BEFORE[status]
    assert all(status in BEFORE[after] for after in entry.after)
    assert all(status not in BEFORE[other] for other in set(Status) - set(entry.after))


@pytest.mark.parametrize("status", Status)
def test_it_ends_where_nothing_may_follow_and_goes_on_where_nothing_is_settled(status):
    entry = entry_of(status)

    assert (entry.final == "Yes") == (not entry.after)
    assert (entry.final == "No") == (status not in SETTLED)


@pytest.mark.parametrize("status", Status)
def test_only_what_did_not_reach_the_phone_and_is_at_its_end_may_be_sent_again(status):
    may = status in SETTLED - ON_ITS_WAY - {Status.UNKNOWN}

    assert entry_of(status).again.startswith("Yes") == may
    if status in LEFT:
        assert "never left" not in entry_of(status).again


def test_the_page_lists_every_status_at_its_own_anchor(db):
    client = Client()
    client.force_login(make_member(make_workspace()).user)

    page = client.get(reverse("help-statuses")).content.decode()

    assert re.findall(r'<tr id="(\w+)">', page) == [status.value for status in Status]
    assert all(str(STATUSES[status].label) in page for status in Status)
    assert set(re.findall(r'href="#(\w+)"', page)) - {"main"} <= set(Status)


def test_the_glossary_says_one_sentence_of_each_word_and_is_in_order():
    words = statuses.glossary()

    assert {"message", "number", "user", "action", "recipient", "segment", "encoding", "window", "held"} < {
        word.anchor for word in words
    }
    assert len({word.anchor for word in words}) == len({word.word for word in words}) == len(words)
    assert all(word.meaning.endswith(".") and ". " not in word.meaning for word in words)
    assert [word.word for word in words] == sorted((word.word for word in words), key=str.casefold)


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_two_statuses_are_explained_alike(language):
    with translation.override(language):
        entries = statuses.entries()

    assert len({entry.meaning for entry in entries}) == len(Status)
