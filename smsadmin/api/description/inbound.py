"""What people texted to our numbers."""

from smsadmin.api.description.parts import (
    BY_MOMENT,
    COUNT,
    EXAMPLE_MESSAGE_ID,
    EXAMPLE_NUMBER,
    ID,
    KEYED,
    MOMENT,
    TEXT,
    UUID,
    Json,
    entity,
    or_null,
    page_of,
    paged,
    paging,
    query,
    ref,
    refused,
    saying,
)

TAG = ("Inbound", "What people texted to our numbers.")


def paths() -> Json:
    return {
        "/api/v1/inbound": {
            "get": {
                "operationId": "listInbound",
                "summary": "Texts to our numbers, newest first",
                "description": "By when the provider received them: one may be told late, so read again what is only "
                "minutes old.",
                "parameters": [
                    query("since", MOMENT, "Received from this moment on."),
                    query("until", MOMENT, "Received before this moment."),
                    *paging(BY_MOMENT),
                ],
                "responses": {"200": page_of("InboundTexts", EXAMPLE), **refused(*KEYED)},
            }
        }
    }


def schemas() -> Json:
    return {
        "InboundText": entity(
            {
                "id": ID,
                "at": MOMENT,
                "from": saying(or_null(TEXT), "E.164, or a short code; null where it was deleted by age."),
                "number": saying(or_null(ref("NumberName")), "The number of ours that it came to."),
                "text": saying(or_null(TEXT), "null where there was none, or where it was deleted by age."),
                "media": saying(COUNT, "How many pictures and files came along."),
                "answers": saying(or_null(UUID), "The message of ours that it probably answers."),
            }
        ),
        "InboundTexts": paged("InboundText"),
    }


EXAMPLE: Json = {
    "id": 77,
    "at": "2026-11-22T10:12:09.000Z",
    "from": "+13125550123",
    "number": EXAMPLE_NUMBER,
    "text": "Thank you!",
    "media": 0,
    "answers": EXAMPLE_MESSAGE_ID,
}
