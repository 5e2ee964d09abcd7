"""The opt-out property of HubSpot's contacts: found by number, written, and made where there is none.

HubSpot docs: "CRM search", "Contacts", "Properties". What any of these raise: SendError where HubSpot refuses for
good, client.Unavailable where it cannot answer now.
"""

from contextlib import suppress

import phonenumbers

from smsadmin.core import errors, numbers
from smsadmin.providers.hubspot import client
from smsadmin.providers.hubspot.client import Found
from smsadmin.workspaces.models import Connection

CONTACT = "contact"
#: The properties of a contact that hold a number which it is texted at.
PHONES = ("phone", "mobilephone")
#: Contacts that share one number; HubSpot's page is no larger.
MOST = 200


def contacts(connection: Connection, number: str, name: str, known: str = "") -> list[Found]:
    """Every contact with this number (E.164), with the property `name`, and the contact `known`, whatever its number.

    HubSpot's search compares numbers without their country code, so each find is compared again.
    """
    found = {
        each.id: each
        for each in client.search(connection, CONTACT, _query(number, name))
        if any(_is(each.properties.get(phone), number) for phone in PHONES)
    }
    if known and known not in found:
        with suppress(client.NotFound):  # deleted or merged meanwhile
            found[known] = client.record(connection, CONTACT, known, [*PHONES, name])
    return list(found.values())


def is_set(contact: Found, name: str) -> bool:
    return (contact.properties.get(name) or "").casefold() == "true"


def set_property(connection: Connection, contact_id: str, name: str, *, is_out: bool) -> bool:
    """Writes the property as HubSpot writes a box that is ticked or not; False for a contact that is gone."""
    path = f"{client.crm_path('objects', client.PATH_NAMES[CONTACT])}/{contact_id}"
    body = {"properties": {name: "true" if is_out else "false"}}
    answer = client.call(connection, "PATCH", path, json_body=body, patience=client.LATER)
    if answer.status == 404:
        return False
    client.expect(connection, answer)
    return True


def create_property(connection: Connection, name: str, label: str) -> bool:
    """Makes a property of contacts with a box to tick; False where HubSpot has one of that name."""
    definition = {
        "groupName": "contactinformation",
        "name": name,
        "label": label,
        "type": "bool",
        "fieldType": "booleancheckbox",
        "options": [
            {"label": "Yes", "value": "true", "displayOrder": 0, "hidden": False},
            {"label": "No", "value": "false", "displayOrder": 1, "hidden": False},
        ],
        "formField": False,
    }
    path = client.crm_path("properties", client.PATH_NAMES[CONTACT])
    answer = client.call(connection, "POST", path, json_body=definition)
    if answer.status == 409:
        return False
    client.expect(connection, answer)
    return True


def lacks_property(error: errors.ProviderRejected) -> bool:
    """Whether HubSpot refused because it does not know the property."""
    return "does not exist" in str(error.facts.get("answer", ""))


def _query(number: str, name: str) -> dict[str, object]:
    national = phonenumbers.national_significant_number(phonenumbers.parse(number))
    wanted = {
        "hs_searchable_calculated_phone_number": national,
        "hs_searchable_calculated_mobile_number": national,
        **dict.fromkeys(PHONES, number),
    }
    return {
        "filterGroups": [
            {"filters": [{"propertyName": each, "operator": "EQ", "value": value}]}
            for each, value in wanted.items()
        ],
        "properties": [*PHONES, name],
        "limit": MOST,
        "sorts": [],
    }


def _is(spelling: str | None, number: str) -> bool:
    """Whether a contact's number is this one; one without a country code may be somebody else's."""
    try:
        return numbers.read(spelling or "").e164 == number
    except numbers.NumberError:
        return False
