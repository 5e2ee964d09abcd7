"""Whose calls are read how."""

from collections.abc import Mapping

from smsadmin.incoming.models import ProviderCall
from smsadmin.providers.aircall import webhooks as aircall
from smsadmin.providers.callr import webhooks as callr
from smsadmin.providers.told import ProviderReport, Wire
from smsadmin.providers.twilio import webhooks as twilio
from smsadmin.workspaces.models import Connection

WIRES: Mapping[str, Wire] = {
    Connection.Kind.AIRCALL: aircall,
    Connection.Kind.CALLR: callr,
    Connection.Kind.TWILIO: twilio,
}


def of(call: ProviderCall) -> Wire:
    """How the call of a provider is read."""
    return WIRES[call.connection.kind]


def said(call: ProviderCall) -> ProviderReport:
    """What a call says of its message."""
    return of(call).said(call.body)
