"""Control endpoints, settings, and the two commands."""

from io import StringIO

import pytest
from django.core.management.base import CommandError

from smsadmin.sandbox.management.commands import enrol
from smsadmin.sandbox.management.commands import sandbox as sandbox_command
from smsadmin.sandbox.state import Settings

PHONE = "+12135550142"


def test_readiness_and_the_index_tell_what_is_there(control, sandbox):
    ready = control.get("/").json()

    assert (ready["ready"], ready["numbers"], ready["users"], ready["contacts"]) == (True, 60, 25, 500)
    assert control.get(sandbox.url).json()["aircall"] == f"{sandbox.url}/aircall/v1"


def test_the_truth_about_numbers_tells_what_aircall_does_not(control):
    numbers = {item["kind"]: item for item in control.get("/aircall/numbers").json()}

    assert numbers["proxy"]["proxy"] is True
    assert numbers["third_party"]["third_party"] is True
    assert numbers["voice_only"]["sms"] is False
    assert numbers["not_connected"]["connected_to_hubspot"] is False
    native = numbers["native"]
    assert (native["sms"], native["third_party"], native["proxy"], native["connected_to_hubspot"]) == (
        True,
        False,
        False,
        True,
    )


def test_reset_brings_back_the_seeds_and_the_first_settings(control, aircall):
    aircall.post("/v1/numbers/812001/messages/native/send", json={"to": PHONE, "body": "Hi"})
    control.post("/settings", json={"aircall_requests_per_minute": 7})
    control.delete("/aircall/numbers/812002")

    control.post("/reset")

    assert control.get("/messages").json() == []
    assert control.get("/requests").json() == []
    assert control.get("/settings").json()["aircall_requests_per_minute"] == 120
    assert len(control.get("/aircall/numbers").json()) == 60


def test_ids_of_executions_never_come_again_after_a_reset(sandbox):
    before = sandbox.state.new_id()
    sandbox.state.reset()

    assert sandbox.state.new_id() > before


@pytest.mark.parametrize("change", [{"speed": 1}, {"aircall_requests_per_minute": "60"}, [1]])
def test_a_setting_that_does_not_exist_or_fit_is_refused_with_a_sentence(control, change):
    answer = control.post("/settings", json=change)

    assert answer.status_code == 400
    assert answer.json()["message"].endswith(".")


def test_settings_come_from_the_environment():
    environ = {"BASE_URL": "http://127.0.0.1:9999/", "SANDBOX_AIRCALL_REQUESTS_PER_MINUTE": "60"}
    settings = Settings.from_environment(environ)

    assert (settings.base_url, settings.aircall_requests_per_minute) == ("http://127.0.0.1:9999", 60)
    assert settings.hubspot_client_secret == "sandbox-client-secret"


def test_detaching_a_user_is_seen_in_the_number(control, aircall):
    control.delete("/aircall/numbers/812001/users/mia@example.com")

    users = aircall.get("/v1/numbers/812001").json()["number"]["users"]
    assert "mia@example.com" not in [user["email"] for user in users]


# Commands


def run(command, **options):
    out = StringIO()
    command.Command(stdout=out).execute(force_color=False, no_color=True, skip_checks=True, **options)
    return out.getvalue().rpartition("\r")[2].strip()


@pytest.fixture
def port(monkeypatch, sandbox):
    monkeypatch.setenv("SANDBOX_PORT", str(sandbox.server_address[1]))
    return sandbox.server_address[1]


def enrolled(**options):
    defaults = {"workflow": "Welcome text", "records": 1, "rate": None, "repeat": 0.0, "wait": 0.0}
    return run(enrol, **(defaults | options))


def test_enrol_prints_one_line_by_state(port, product):
    answers = iter(["SUCCESS", "FAIL_CONTINUE", "BLOCK"])

    def answer(call):
        outputs = {"hs_execution_state": next(answers), "errorCode": "USER_NOT_ON_NUMBER"}
        return 200, {"outputFields": outputs}

    product.answer = answer

    line = enrolled(records=3)
    assert line.startswith("3 records: 1 success · 1 failed (1 USER_NOT_ON_NUMBER) · 1 blocked · 0 no answer")


@pytest.mark.django_db
def test_enrol_in_an_unknown_workflow_lists_the_names(port):
    with pytest.raises(CommandError, match="Welcome text, Owner follow-up, Sales reminder"):
        enrolled(workflow="Nothing")


def test_enrol_without_a_sandbox_says_so(monkeypatch):
    monkeypatch.setenv("SANDBOX_PORT", "9")
    with pytest.raises(CommandError, match="does not answer"):
        enrolled()


def test_a_port_in_use_is_one_clear_line(port):
    with pytest.raises(CommandError, match=f"Port {port} is in use"):
        run(sandbox_command, port=port)
