"""Who tells of the end of a call, and how much of what is told is proven by that.

The agent's token proves the whole body, and so do the signatures of Vapi and Retell. Synthflow signs the id of the call
and nothing else (Synthflow docs: "About webhooks", "Security").
"""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from smsadmin.agents import credentials
from smsadmin.agents.after.keeping import Proof
from smsadmin.agents.after.told import call_id_of
from smsadmin.agents.dialects import proving
from smsadmin.agents.dialects.proving import Unproven
from smsadmin.agents.models import AIAgent

#: Under which names the signature may come. The docs write it as Python web servers name headers, so the wire may have
#: any of: Synthflow-Signature, HTTP_SYNTHFLOW_SIGNATURE, Http-Synthflow-Signature. Servers write - and _ the same.
SIGNATURES = ("HTTP_SYNTHFLOW_SIGNATURE", "HTTP_HTTP_SYNTHFLOW_SIGNATURE")


@sensitive_variables()
def check(agent: AIAgent, request: HttpRequest, body: bytes, payload: Any, now: datetime) -> Proof:
    """What the call proves. Raises Unproven where it proves nothing."""
    if token := proving.shown(request):
        if (found := credentials.of_token(token)) and found.pk == agent.pk:
            return Proof.BODY
        if agent.platform != AIAgent.Platform.VAPI:  # whose own secret comes in the same headers
            raise Unproven(
                "unknown token", "The token is not that of the agent in the address.", agent.workspace_id
            )
    if agent.platform == AIAgent.Platform.SYNTHFLOW:
        _check_synthflow(agent, request, call_id_of(payload))
        return Proof.ID
    if agent.platform in (AIAgent.Platform.VAPI, AIAgent.Platform.RETELL):
        proving.check_signature(agent, request, body, now)
        return Proof.BODY
    raise Unproven("no token", "Send the agent's token: Authorization: Bearer smsagent_…", agent.workspace_id)


@sensitive_variables()
def _check_synthflow(agent: AIAgent, request: HttpRequest, call_id: str) -> None:
    secret = str(agent.secrets.get("signing") or "")
    given = next((found for name in SIGNATURES if (found := request.META.get(name, "").strip())), "")
    if not secret:
        detail = f"No secret was entered for the signatures of “{agent.name}”."
        raise Unproven("secret", detail, agent.workspace_id)
    if not given:
        raise Unproven("unsigned", "There is no header Synthflow-Signature.", agent.workspace_id)
    if not hmac.compare_digest(given.encode(), signature(secret, call_id).encode()):
        detail = "The signature is not made with the secret that was entered for the agent."
        raise Unproven("forged agent", detail, agent.workspace_id)


@sensitive_variables()
def signature(secret: str, call_id: str) -> str:
    """Base64 of the HMAC-SHA256 of the id of a call, which may hold what is no character (half of a pair)."""
    signed = call_id.encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
