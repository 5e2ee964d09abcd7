"""Requests that nobody would write, made from the description: each is answered as it says, none breaks anything."""

from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from django.conf import LazySettings
from django.test.client import ClientHandler
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from smsadmin.api import openapi
from smsadmin.consent import opting
from smsadmin.consent.models import Source
from smsadmin.directory.models import Number
from smsadmin.flows import bell, starting
from smsadmin.incoming.models import InboundMessage
from smsadmin.sending.models import Message
from tests.api.conftest import Program
from tests.factories import make_action, make_message
from tests.flows.making import make_flow

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: The same ones each time, and as many as take a few seconds.
SAME = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
#: Operations that take nothing, so that nothing given to them can be wrong.
NEVER_WRONG = {"getDescription"}
GONE = "+13125550177"


@pytest.fixture
def real(number: Number) -> dict[str, Any]:
    """What the parameters of paths may name."""
    workspace = number.workspace
    message = make_message(workspace, number=number)
    InboundMessage.objects.create(
        workspace=workspace,
        connection=number.connection,
        number=number,
        at=message.received_at,
        provider_id="1",
    )
    opting.opt_out(workspace.pk, GONE, opting.Statement(Source.TEXT, message.received_at, words="STOP"))
    flow = make_flow(workspace, sender=number)
    assert flow.current
    run = starting.begin(flow, flow.current, "api", "inbound-call", {}, "api:1")
    return {
        "action": make_action(workspace, sender_number=number).pk,
        "message": str(message.pk),
        "flow": flow.pk,
        "run": str(run.pk),
        "user": number.agents.get().pk,
    }


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The product as a WSGI application, in the transaction of the test."""
    response = ClientHandler(enforce_csrf_checks=True)(environ)
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content]


def named(case: Any, real: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the path with what is there in their place: chance would hardly hit it."""
    number = GONE if "opt-outs" in case.path else "+12025550101"
    return {name: real.get(name, number) for name in case.path_parameters or {}}


def key_of(case: Any, program: Program) -> dict[str, str] | None:
    """A key that works, for nobody can guess one; none where a missing or broken key is what is wrong."""
    wrong = case.meta.generation.mode is GenerationMode.NEGATIVE and (
        "Authorization" not in (case.headers or {})
        or getattr(case.meta.phase.data, "parameter", None) == "Authorization"
    )
    return None if wrong else program.headers


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_asked_is_answered_as_described(
    program: Program,
    real: dict[str, Any],
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
    mode: GenerationMode,
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    monkeypatch.setattr(bell, "ring", lambda: None)
    described = schemathesis.openapi.from_dict(openapi.document())
    described.app = app
    is_there = st.just(True) if mode is GenerationMode.POSITIVE else st.booleans()
    asked: dict[str, int] = {}
    for found in described.get_all_operations():
        operation = found.ok()
        asked[operation.definition.raw["operationId"]] = 0

        @SAME
        @given(case=operation.as_strategy(generation_mode=mode), is_there=is_there)
        def ask(case: Any, is_there: bool) -> None:
            if is_there and (mode is GenerationMode.POSITIVE or case.method == "GET"):
                case.path_parameters = named(case, real)
            case.call_and_validate(headers=key_of(case, program), checks=CHECKS)
            asked[case.operation.definition.raw["operationId"]] += 1

        with suppress(Unsatisfiable):
            ask()
    unasked = NEVER_WRONG if mode is GenerationMode.NEGATIVE else set()
    assert {each for each, cases in asked.items() if not cases} == unasked
    assert (Message.objects.count() > 1) == (mode is GenerationMode.POSITIVE)
