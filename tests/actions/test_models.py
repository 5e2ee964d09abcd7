"""An action's versions never change, and never say what cannot be sent."""

import pytest
from django.db import IntegrityError, transaction

from smsadmin.actions.models import ActionVersion
from tests.factories import make_action, make_agent, make_number, make_version, make_workspace


@pytest.fixture
def workspace(db):
    return make_workspace()


def test_a_version_once_saved_never_changes(workspace):
    version = make_action(workspace).current
    version.message = "Changed"
    with pytest.raises(TypeError, match="never changes"):
        version.save()
    with pytest.raises(TypeError):
        ActionVersion.objects.get().save(update_fields=["message"])
    assert ActionVersion.objects.get().message == "Hello"


def test_a_change_is_a_new_version_and_the_old_one_stays(workspace):
    action = make_action(workspace)
    make_version(action, sender_number=action.current.sender_number, message="Changed")
    assert list(action.versions.order_by("number").values_list("number", "message")) == [
        (1, "Hello"),
        (2, "Changed"),
    ]
    assert action.current.number == 2


def refused(**columns):
    with pytest.raises(IntegrityError), transaction.atomic():
        ActionVersion.objects.create(**{"recipient_property": "phone", "message": "Hi", **columns})


def test_two_versions_never_share_a_number(workspace):
    action = make_action(workspace)
    refused(action=action, number=1, sender_kind="number", sender_number=make_number(workspace))


def test_a_number_from_a_property_has_no_picked_user_for_nobody_knows_whose_it_will_be(workspace):
    action, agent = make_action(workspace), make_agent(workspace)
    refused(
        action=action,
        number=2,
        sender_kind="property",
        sender_property="line",
        send_as_kind="user",
        send_as_agent=agent,
    )


@pytest.mark.parametrize(
    ("sender_kind", "send_as_kind"),
    [
        ("number", "none"),
        ("number", "user"),
        ("number", "property"),
        ("property", "none"),
        ("property", "property"),
    ],
)
def test_every_other_pair_of_sender_and_user_is_allowed(workspace, sender_kind, send_as_kind):
    make_action(workspace, sender_kind=sender_kind, send_as_kind=send_as_kind)


def test_a_version_tells_the_flow_everything_it_needs(workspace):
    number, agent = make_number(workspace), make_agent(workspace)
    config = make_action(
        workspace,
        sender_number=number,
        send_as_kind="user",
        send_as_agent=agent,
        recipient_property="Contact.mobile",
    ).current.config()
    assert (config.sender_kind, config.sender_number_id) == ("number", number.pk)
    assert (config.send_as_kind, config.send_as_user_id) == ("user", agent.pk)
    assert (config.recipient_property, config.message) == ("Contact.mobile", "Hello")


def test_two_actions_of_a_workspace_never_share_a_name_but_of_two_workspaces_may(workspace):
    make_action(workspace, name="Welcome")
    make_action(make_workspace(), name="Welcome")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_action(workspace, name="Welcome")
