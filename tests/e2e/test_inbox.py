"""The whole product in real processes: somebody answers a workflow's text, and is answered."""

from __future__ import annotations

import re

import pytest

from tests.e2e.executions import new_recipient
from tests.e2e.processes import until
from tests.e2e.product import Product

SUPPORT_US_1 = "812001"


@pytest.mark.processes
def test_a_reply_becomes_a_thread_and_its_answer_reaches_the_phone(product: Product) -> None:
    ada = new_recipient()
    asked = product.run(
        {
            "sender_mode": "number",
            "sender_number": SUPPORT_US_1,
            "send_as_mode": "default",
            "recipient": ada,
            "message": "Coming at ten?",
        }
    )
    text = {"number": int(SUPPORT_US_1), "from": ada, "body": "Rather at eleven"}
    product.control.post("inbound", json=text).raise_for_status()

    def inbox() -> str:
        return product.admin.get("/inbox/", params={"q": ada}).text

    until(lambda: "Rather at eleven" in inbox())
    address = re.search(r'class="row-link" href="(/inbox/\d+/)"', inbox())
    assert address
    page = product.admin.get(address[1])
    assert f"/log/{asked['message_id']}/" in page.text  # what it answers

    form = dict(re.findall(r'name="(csrfmiddlewaretoken|token|seen)" value="([^"]*)"', page.text))
    answer = {**form, "body": "Eleven it is"}
    for _click in range(2):
        sent = product.admin.post(address[1], data=answer, headers={"Referer": str(page.url)})
        assert sent.status_code == 200, sent.text

    def thread() -> str:
        return product.admin.get(address[1]).text

    until(lambda: re.search(r"Eleven it is.*?Delivered", thread(), re.DOTALL) is not None, 30, thread)
    bodies = [each["body"] for each in product.received(ada)]
    assert bodies == ["Coming at ten?", "Eleven it is"]
