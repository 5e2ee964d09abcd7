"""How a program and a Callr scenario start a flow, ready to be copied."""

from textwrap import dedent, indent

from django.conf import settings
from django.urls import reverse

from smsadmin.flows import running
from smsadmin.flows.models import Flow
from smsadmin.flows.starting import CALL

#: How long a Callr scenario waits for the answer, which comes before anything is sent.
SECONDS = 4


def address(flow: Flow) -> str:
    """Where a run of the flow is asked for."""
    return settings.BASE_URL + reverse("api-flow-runs", args=[flow.pk])


def curl(flow: Flow) -> str:
    """The call from a terminal; $SMSADMIN_KEY is an API key."""
    given = _given(flow, '{"ok": false}')
    return dedent(
        f"""\
        curl -X POST {address(flow)} \\
          -H "Authorization: Bearer $SMSADMIN_KEY" \\
          -H "Content-Type: application/json" \\
          -H "Idempotency-Key: call-4711" \\
          -d '{{"call": {{"fromNumber": "+33639980042", "toNumber": "+33199001234"}}{given}}}'
        """
    ).rstrip()


def callr_step(flow: Flow) -> str:
    """The step of a Callr scenario: it passes the call on, what it dialled, and its own run, whose id makes a repeat
    recognisable."""
    given = _given(flow, "${{ JSON.stringify(%s) }}")
    step = dedent(
        f"""\
        - action: fetch@v2
          params:
            url: {address(flow)}
            method: POST
            headers:
              content-type: application/json
              authorization: "Bearer YOUR_API_KEY"
            body: |
              {{"call": ${{{{ JSON.stringify(call) }}}}, "run": ${{{{ JSON.stringify(run) }}}}{given}}}
            timeout: {SECONDS}
          result: $sent
        """
    )
    return indent(step, "      ").rstrip()


def _given(flow: Flow, value: str) -> str:
    """The member with the results of voice actions that the flow reads: `value` for each, with its variable for %s."""
    read = running.unknown(flow.current, CALL, {}) if flow.current else []
    names = dict.fromkeys(step.result for step in read)
    results = ", ".join(f'"{name}": {value.replace("%s", name)}' for name in names)
    return f', "given": {{{results}}}' if results else ""
