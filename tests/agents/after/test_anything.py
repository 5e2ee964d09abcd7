"""Whatever a platform tells with a right token or signature, it is answered, and worked on without failing."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsadmin.agents.after.proof import signature
from smsadmin.agents.after.told import call_id_of
from smsadmin.agents.models import AgentCall
from tests.agents.after.conftest import SECRET, House, made_house

_WORDS = """
    call call_id message type id status end_reason duration direction party number actions variables name values
    error lead phone_number collected_variables executed_actions value return_value event call_analysis
    custom_analysis_data from_number duration_ms transcript_with_tool_calls role tool_call_id content analysis
    structuredData customer artifact messages model_id type_of_call
"""
NAMES = _WORDS.split()
WORDS = ["end-of-call-report", "call_ended", "inbound", "completed", "+12025550143", "\ud800", "\x00"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(WORDS)
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=6)
    ),
    max_leaves=20,
)
#: What says at least which call it is about, in each of the forms.
TOLD = st.builds(
    lambda body, call, message: {**body, "event": "call_ended", "call": call, "message": message},
    st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=8),
    st.builds(
        lambda more, call_id: {**more, "call_id": call_id, "id": call_id},
        st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=8),
        st.sampled_from(["c1", "\ud800", "c\x002", 7, " "]),
    ),
    st.builds(
        lambda more: {"call": {"id": "c1"}, **more, "type": "end-of-call-report"},
        st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=8),
    ),
)


@pytest.fixture(params=["synthflow", "vapi", "retell", "other"])
def house(request: pytest.FixtureRequest, db: None) -> House:
    made = made_house(request.param)
    made.trust()
    made.attach("Thank you {{purchase}} {{duration}}")
    return made


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(body=ANYTHING | TOLD, signed=st.booleans())
def test_nothing_that_is_told_breaks_anything(house: House, body: object, signed: bool) -> None:
    proof = {"Authorization": f"Bearer {house.token}"}
    if signed and house.agent.platform == "synthflow":
        proof = {"Synthflow-Signature": signature(SECRET, call_id_of(body))}
    assert house.tell(json.dumps(body).encode(), **proof).status_code in (200, 400)
    house.work()
    assert not AgentCall.objects.filter(problem__startswith="smsadmin itself failed").exists()
