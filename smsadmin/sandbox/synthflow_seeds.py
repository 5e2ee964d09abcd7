"""What the sandbox's Synthflow workspace has: two agents, and the texts that they send there."""

from typing import Any

ASSISTANTS: dict[str, dict[str, Any]] = {
    "agent-reception": {"model_id": "agent-reception", "name": "Reception", "type": "inbound"},
    "agent-sales": {"model_id": "agent-sales", "name": "Sales calls", "type": "outbound"},
}


def actions() -> dict[str, dict[str, Any]]:
    """A fresh set: a text after the call for both agents, one during it, and an action that texts nobody."""
    made: list[dict[str, Any]] = [
        {
            "action_id": "act-confirmation",
            "type": "SEND_SMS",
            "body": {
                "name": "Appointment confirmation",
                "content": "Example Ltd: you are booked for {date} at {time}. Questions? {to_phone_number}",
                "instructions": "After the caller has confirmed an appointment",
            },
            "attached": {"agent-reception": {}, "agent-sales": {}},
        },
        {
            "action_id": "act-address",
            "type": "INCALL_SMS",
            "body": {
                "name": "Our address",
                "message_body": "Hi <first_name>, you find us at 1 Main Street. Example Ltd {}",
                "message_before_action": "I am texting you our address",
                "wait_for_reply": True,
                "timeout_seconds": 60,
            },
            "attached": {
                "agent-reception": {
                    "attachment_type": "during",
                    "trigger_condition": "When the caller asks where we are",
                    "input_variables_mapping": [
                        {
                            "variable_name": "first_name",
                            "source": "llm",
                            "llm_config": {
                                "description": "First name of the caller",
                                "example": "Ada",
                                "required": True,
                            },
                        }
                    ],
                }
            },
        },
        {
            "action_id": "act-book",
            "type": "REAL_TIME_BOOKING",
            "body": {"name": "Book an appointment"},
            "attached": {"agent-reception": {}},
        },
    ]
    return {each["action_id"]: each for each in made}
