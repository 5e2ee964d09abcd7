"""What a recipient texts back, as Aircall tells it: for tests that are about what follows from it."""

import hashlib
from typing import Any

from smsadmin.directory.models import Number
from smsadmin.incoming import handling
from smsadmin.incoming.models import InboundMessage, Webhook
from tests.incoming.conftest import ADDRESS, TOKEN, Account


def listening(number: Number) -> Account:
    """The number's Aircall account, with a webhook."""
    assert number.connection
    Webhook.objects.create(
        connection=number.connection,
        workspace=number.workspace,
        address_hash=hashlib.sha256(ADDRESS.encode()).hexdigest(),
        secrets={"address": ADDRESS, "token": TOKEN},
        provider_id="wh-1",
        state=Webhook.State.WORKING,
        events=["message.received"],
    )
    return Account(number.connection, number)


def texted(account: Account, sender: str, body: str, **data: Any) -> InboundMessage:
    """The text that came in, handled."""
    serial = InboundMessage.objects.count()
    inbound = {"id": f"IN{serial}", "direction": "inbound", "status": "received", "body": body}
    account.tell("message.received", **(inbound | {"external_number": sender, "raw_digits": sender} | data))
    handling.run()
    return InboundMessage.objects.latest("pk")
