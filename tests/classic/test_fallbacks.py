"""What the classic action uses in place of what its step asks for: always shown, and nothing else is guessed."""

import pytest

from smsadmin.classic.models import ClassicFallback
from smsadmin.core.message import ActionConfig
from smsadmin.directory.models import Association
from smsadmin.sending import explain
from tests.classic.conftest import SEND, Classic, execution, trace
from tests.factories import make_agent, make_number, make_workspace

GONE = "2026-11-01T00:00:00Z"


def change(classic: Classic, **columns: object) -> None:
    for name, value in columns.items():
        setattr(classic.line, name, value)
    classic.line.save()


def advanced(classic: Classic) -> str:
    """The code that the same step of the present action ends with."""
    inputs = {"sender_mode": "number", "send_as_mode": "user", **classic.inputs()}
    response = classic.portal.call(SEND, execution(inputs, callbackId="ap-advanced"))
    return response.json()["outputFields"]["errorCode"]


@pytest.mark.parametrize("connected", [False, None], ids=["known not to be", "unknown"])
def test_a_number_that_is_not_connected_but_can_text_is_used_all_the_same(classic, connected):
    change(classic, connected=connected)

    message = classic.message()

    assert (message.status, message.sender) == ("queued", "+12025550100")
    assert trace(message)["eligible"] == ("warning", "eligible.outside", {"sender": "+12025550100"})
    assert advanced(classic) == "NUMBER_NOT_IN_INTEGRATION"


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"sms_capable": False}, "NUMBER_NOT_SMS_CAPABLE"),
        ({"sms_capable": None}, "NUMBER_NOT_SMS_CAPABLE"),
        ({"third_party": True}, "NUMBER_THIRD_PARTY_MESSAGING"),
        ({"proxy_mode": True}, "NUMBER_IN_PROXY_MODE"),
    ],
)
@pytest.mark.parametrize("connected", [True, False])
def test_a_number_that_cannot_text_is_refused_whether_or_not_it_is_connected(
    classic, columns, code, connected
):
    change(classic, connected=connected, **columns)
    assert classic.run()["errorCode"] == code


def off_the_number(classic: Classic) -> str:
    Association.objects.filter(agent=classic.user()).delete()
    return "mia@example.com"


def gone(classic: Classic) -> str:
    agent = classic.user()
    agent.gone_at = GONE
    agent.save()
    return "mia@example.com"


def unknown(classic: Classic) -> str:
    agent = classic.user()
    agent.provider_id = "424242"
    agent.save()
    return "774433"


@pytest.mark.parametrize("lose", [off_the_number, gone, unknown])
def test_a_user_who_is_not_on_the_number_is_left_out(classic, lose):
    inputs = classic.inputs(send_as_user="774433") if lose is unknown else classic.inputs()
    asked = lose(classic)

    message = classic.message(inputs)

    assert (message.status, message.agent, message.send_as) == ("queued", None, "")
    expected = {"asked": asked, "sender": "+12025550100"}
    assert trace(message)["send_as"] == ("warning", "send_as.fallback", expected)


def test_a_step_without_a_user_is_refused_for_the_field_is_required(classic):
    for given in ("", "__unavailable__"):
        found = classic.run(classic.inputs(send_as_user=given), callbackId=f"ap-{given}")
        assert found["errorCode"] == "USER_REQUIRED"


@pytest.mark.parametrize("way", ["gone", "unknown"])
def test_a_number_that_is_gone_is_refused_unless_a_fallback_number_is_set(classic, way):
    if way == "gone":
        change(classic, gone_at=GONE)
        inputs, asked = classic.inputs(), "+1 202-555-0100"
    else:
        inputs, asked = classic.inputs(sender_number="99999"), "99999"
    assert classic.run(inputs)["errorCode"] == "NUMBER_NOT_IN_INTEGRATION"

    spare = make_number(classic.workspace, "+12025550177", name="Spare", users=("mia@example.com",))
    classic.set(fallback_number=spare)
    message = classic.message(inputs, callbackId="ap-2")

    assert (message.status, message.sender, message.send_as) == (
        "queued",
        "+12025550177",
        "mia@example.com",
    )
    expected = {"asked": asked, "sender": "+12025550177", "name": "Spare"}
    assert trace(message)["sender"] == ("warning", "sender.fallback", expected)
    said = {step.name: step.sentence for step in explain.trace(message)}["Sender"]
    assert asked in said
    assert "Spare" in said


def test_a_fallback_number_that_is_gone_itself_stands_in_for_nothing(classic):
    spare = make_number(classic.workspace, gone_at=GONE)
    classic.set(fallback_number=spare)
    change(classic, gone_at=GONE)
    assert classic.run()["errorCode"] == "NUMBER_NOT_IN_INTEGRATION"


def test_all_three_fallbacks_at_once_are_three_warnings(classic):
    spare = make_number(classic.workspace, "+12025550177", connected=False)
    classic.set(fallback_number=spare)
    change(classic, gone_at=GONE)

    steps = trace(classic.message())

    used = [name for name, (_verdict, say, _facts) in steps.items() if say in ClassicFallback.Kind.values]
    assert used == ["sender", "eligible", "send_as"]


def test_another_workspaces_number_is_nobodys_fallback(classic):
    classic.set(fallback_number=make_number(make_workspace()))
    change(classic, gone_at=GONE)
    assert classic.run()["errorCode"] == "NUMBER_NOT_IN_INTEGRATION"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sender_number": ""}, "SENDER_REQUIRED"),
        ({"sender_number": "__unavailable__"}, "SENDER_REQUIRED"),
        ({"recipient": ""}, "RECIPIENT_MISSING"),
        ({"recipient": "555 0199"}, "RECIPIENT_NO_COUNTRY_CODE"),
        ({"message": ""}, "MESSAGE_EMPTY"),
        ({"message": "x" * 1601}, "MESSAGE_TOO_LONG"),
        ({"message": "Hi {{Nothing.Nobody}}"}, "TOKEN_UNKNOWN"),
        ({"recipient": "+12025550100"}, "RECIPIENT_IS_SENDER"),
    ],
)
def test_everything_else_is_as_strict_as_in_the_present_action(classic, changes, code):
    assert classic.run(classic.inputs(**changes))["errorCode"] == code


def test_each_use_is_counted_and_listed_and_a_repeat_is_no_further_use(classic):
    off_the_number(classic)
    for number in range(3):
        classic.run(callbackId=f"ap-{number}")
    classic.run(callbackId="ap-0")

    [found] = ClassicFallback.objects.all()
    assert (found.kind, found.asked, found.used, found.uses) == (
        "send_as.fallback",
        "mia@example.com",
        "",
        3,
    )
    assert found.step == classic.step()


def test_a_message_that_was_refused_used_nothing(classic):
    off_the_number(classic)
    assert classic.run(classic.inputs(recipient=""))["errorCode"] == "RECIPIENT_MISSING"
    assert not ClassicFallback.objects.exists()


def test_modes_and_properties_of_the_present_action_mean_nothing_here(classic):
    make_agent(classic.workspace, "zoe@example.com")
    inputs = classic.inputs(
        sender_mode="custom",
        sender_number_custom="+12025550999",
        send_as_mode="custom",
        send_as_email="zoe@example.com",
    )
    message = classic.message(inputs)
    assert (message.sender, message.send_as) == ("+12025550100", "mia@example.com")
    assert ActionConfig(**message.inputs["config"], message="").sender_kind == "number"
