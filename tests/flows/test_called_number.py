"""The source's own example as a new flow has it: its text names no sender, so the number that was called answers."""

import pytest

from smsadmin.directory.models import Number
from tests.factories import make_connection, make_number, make_pool, make_workspace
from tests.flows.making import HELLO, MOBILE, begin, make_flow, make_version, messages, ran

pytestmark = pytest.mark.django_db

CALLED = "+12025550101"  # as making.begin() has it


@pytest.fixture
def flow():
    return make_flow(make_workspace())


def the_text(flow):
    (message,) = messages(ran(begin(flow)))
    return message


def said(message):
    return next(say for name, _verdict, say, _facts in message.trace if name == "sender")


def test_the_number_that_was_called_answers(flow):
    make_number(flow.workspace, "+12025550109")
    make_number(flow.workspace, CALLED)

    message = the_text(flow)
    assert (message.status, message.sender, message.recipient) == ("queued", CALLED, MOBILE)
    assert said(message) == "sender.called"


def test_a_number_that_is_none_of_ours_leaves_it_to_the_only_account_that_picks(flow):
    make_pool(make_connection(flow.workspace, "callr"))

    message = the_text(flow)
    assert (message.status, message.number.kind) == ("queued", "pool")
    assert said(message) == "sender.called_elsewhere"


def test_what_the_settings_choose_is_taken_instead(flow):
    make_number(flow.workspace, CALLED)
    flow.sender = make_number(flow.workspace, "+12025550109")
    flow.save()

    message = the_text(flow)
    assert (message.sender, said(message)) == ("+12025550109", "sender.default")


def test_a_text_that_came_out_empty_is_called_that(flow):
    make_number(flow.workspace, CALLED)
    make_version(flow, HELLO.replace("Hello", "'${{ call.cdr.nothing }}'"))

    assert the_text(flow).error_code == "MESSAGE_EMPTY"


def test_a_flow_that_is_to_take_nothing_is_refused(flow):
    make_number(flow.workspace, CALLED)
    flow.from_called = False
    flow.save()

    message = the_text(flow)
    assert (message.error_code, message.error_facts) == ("SENDER_REQUIRED", {"source": "flow"})
    assert Number.objects.count() == 1
