"""How a program and a Callr scenario start a flow, ready to be copied."""

from textwrap import dedent, indent

from django.conf import settings
from django.urls import reverse

from smsadmin.flows.models import Flow

#: How long a Callr scenario waits for the answer, which comes before anything is sent.
SECONDS = 4


def address(flow: Flow) -> str:
    """Where a run of the flow is asked for."""
    return settings.BASE_URL + reverse("api-flow-runs", args=[flow.pk])


def curl(flow: Flow) -> str:
    """The call from a terminal; $SMSADMIN_KEY is an API key."""
    return dedent(
        f"""\
        curl -X POST {address(flow)} \\
          -H "Authorization: Bearer $SMSADMIN_KEY" \\
          -H "Content-Type: application/json" \\
          -H "Idempotency-Key: call-4711" \\
          -d '{{"call": {{"fromNumber": "+33639980042", "toNumber": "+33199001234"}}}}'
        """
    ).rstrip()


def callr_step(flow: Flow) -> str:
    """The step of a Callr scenario: it passes the call on, and its own run, whose id makes a repeat recognisable."""
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
              {{"call": ${{{{ JSON.stringify(call) }}}}, "run": ${{{{ JSON.stringify(run) }}}}}}
            timeout: {SECONDS}
          result: $sent
        """
    )
    return indent(step, "      ").rstrip()
