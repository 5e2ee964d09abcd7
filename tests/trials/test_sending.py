"""Test sends: what they go through, where they go, and who may not get one."""

from itertools import count

import pytest
from django.utils import timezone

from smsadmin.core.message import ActionConfig, Record
from smsadmin.sandbox.events import DELIVERY_BY_RECIPIENT
from smsadmin.sandbox.faults import MAGIC_RECIPIENTS
from smsadmin.sending.models import Message
from smsadmin.trials.sending import NotVerified, choices, new_token, send_test
from smsadmin.workspaces.management.commands.seed_sample import TEST_PHONE
from tests.factories import make_action, make_workspace
from tests.sending.conftest import NOW
from tests.trials.conftest import PHONE, make_test_number

_clicks = count(1)
ADA = Record("contact", "501", {"phone": "+13125550123", "firstname": "Ada"})


@pytest.fixture
def phone(workspace, sender):
    return make_test_number(workspace, verified_at=NOW)


@pytest.fixture
def test(workspace, editor, sender, phone):
    """Sends a test of a plain text to the phone; any part of it may be another one."""

    def send(number=phone, record=ADA, token="", **more):
        config = ActionConfig(
            "number", "Contact.phone", "Hi {{Contact.firstname}}", sender_number_id=sender.pk
        )
        return send_test(
            workspace, editor.user, number, config, record, token=token or f"click {next(_clicks)}", **more
        )

    return send


@pytest.mark.services
def test_a_test_goes_to_the_test_number_with_the_text_of_the_record(
    test, editor, provider, clock, drain, sender
):
    message = test()
    clock.at = timezone.now()
    drain(sender.connection_id)

    [sms] = provider.sent
    assert (sms.sender, sms.recipient, sms.body) == (sender.e164, PHONE, "Hi Ada")
    message.refresh_from_db()
    assert (message.trigger, message.status, message.recipient) == ("test", "sent", PHONE)
    assert message.recipient_given == "+13125550123"
    assert message.origin == {"by": editor.user.pk, "who": str(editor.user)}


def test_a_test_counts_against_the_quotas(test):
    assert [entry["day_messages"] for entry in test().quota] == [1]
    assert [entry["day_messages"] for entry in test().quota] == [2]


def test_a_record_whose_own_number_cannot_be_read_is_refused_as_the_real_send_would_be(test):
    message = test(record=Record("contact", "501", {"phone": "0612", "firstname": "Ada"}))

    assert (message.status, message.error_code) == ("rejected", "RECIPIENT_NO_COUNTRY_CODE")


@pytest.mark.services
def test_the_same_click_twice_sends_one_test_and_the_next_click_another(test):
    assert test(token="one") == test(token="one")
    assert test(token="two") != test(token="one")
    assert Message.objects.count() == 2


def test_one_click_for_two_numbers_is_two_tests(test, workspace):
    other = make_test_number(workspace, "+447400123457", verified_at=NOW)

    assert test(token="one") != test(other, token="one")


def test_a_number_that_is_not_verified_gets_no_test(test, workspace):
    with pytest.raises(NotVerified, match="“Mia's phone” is not verified"):
        test(make_test_number(workspace, "+447400123457", "Mia's phone"))
    assert not Message.objects.exists()


def test_another_workspaces_number_gets_no_test_and_is_not_named(test):
    theirs = make_test_number(make_workspace(), label="Their phone", verified_at=NOW)

    with pytest.raises(NotVerified, match="not a test number of this workspace") as refusal:
        test(theirs)
    assert "Their" not in str(refusal.value)
    assert not Message.objects.exists()


def test_a_saved_version_is_tested_as_it_would_run(test, workspace):
    action = make_action(workspace, name="Welcome", enabled=False)

    saved, form = test(action=action, version=action.current), test(action=action)

    assert (saved.action, saved.version, saved.error_code) == (action, action.current, "ACTION_DISABLED")
    assert (form.action, form.version, form.status) == (action, None, "queued")
    assert form.trace[0] == ["action", "passed", "action.form", {"action": "Welcome"}]
    assert test(name="Not saved yet").trace[0][3] == {"action": "Not saved yet"}


def test_the_choices_are_the_workspaces_own_verified_numbers(workspace, phone):
    make_test_number(workspace, "+447400123457")
    make_test_number(make_workspace(), verified_at=NOW)

    assert choices(workspace) == [phone]


def test_each_form_carries_a_token_of_its_own():
    assert new_token() != new_token()


def test_the_sample_phone_is_kept_for_fiction_and_meets_no_fault():
    assert "+12025550100" <= TEST_PHONE <= "+12025550199"
    assert TEST_PHONE not in {**MAGIC_RECIPIENTS, **DELIVERY_BY_RECIPIENT}
