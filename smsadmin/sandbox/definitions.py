"""The properties that a fresh portal has, as HubSpot's properties API defines them, labelled in two languages."""

from typing import Any

from smsadmin.sandbox.crm import OBJECT_TYPES, stamps_of
from smsadmin.sandbox.state import iso

STAGES = ["subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer"]

Kind = tuple[str, str]  # type and fieldType
TEXT, PHONE, AREA = ("string", "text"), ("string", "phonenumber"), ("string", "textarea")
NUMBER, DATE, TIME = ("number", "number"), ("date", "date"), ("datetime", "date")
SELECT, RADIO, CHECKBOX = ("enumeration", "select"), ("enumeration", "radio"), ("bool", "booleancheckbox")

#: Path name: internal name, label in English and in German, kind.
DEFINITIONS: dict[str, list[tuple[str, str, str, Kind]]] = {
    "contacts": [
        ("firstname", "First name", "Vorname", TEXT),
        ("lastname", "Last name", "Nachname", TEXT),
        ("email", "Email", "E-Mail", TEXT),
        ("phone", "Phone number", "Telefonnummer", PHONE),
        ("mobilephone", "Mobile phone number", "Mobiltelefonnummer", PHONE),
        ("company", "Company name", "Name des Unternehmens", TEXT),
        ("jobtitle", "Job title", "Jobtitel", TEXT),
        ("city", "City", "Stadt", TEXT),
        ("lifecyclestage", "Lifecycle stage", "Lifecycle-Phase", RADIO),
        ("sms_sender_number", "SMS sender number", "SMS sender number", TEXT),
        ("sms_send_as_email", "SMS send as (email)", "SMS send as (email)", TEXT),
        ("sms_opt_out", "SMS opt-out", "SMS opt-out", CHECKBOX),
        (
            "hs_searchable_calculated_phone_number",
            "Calculated phone number",
            "Berechnete Telefonnummer",
            TEXT,
        ),
        (
            "hs_searchable_calculated_mobile_number",
            "Calculated mobile number",
            "Berechnete Mobilnummer",
            TEXT,
        ),
    ],
    "companies": [
        ("name", "Company name", "Name des Unternehmens", TEXT),
        ("domain", "Company domain name", "Domain-Name des Unternehmens", TEXT),
        ("phone", "Phone number", "Telefonnummer", PHONE),
        ("city", "City", "Stadt", TEXT),
        (
            "hs_searchable_calculated_phone_number",
            "Calculated phone number",
            "Berechnete Telefonnummer",
            TEXT,
        ),
    ],
    "deals": [
        ("dealname", "Deal name", "Deal-Name", TEXT),
        ("amount", "Amount", "Betrag", NUMBER),
        ("closedate", "Close date", "Abschlussdatum", TIME),
        ("dealstage", "Deal stage", "Deal-Phase", RADIO),
    ],
    "tickets": [
        ("subject", "Ticket name", "Ticket-Name", TEXT),
        ("content", "Ticket description", "Ticket-Beschreibung", AREA),
        ("hs_ticket_priority", "Priority", "Priorität", SELECT),
        ("hs_pipeline_stage", "Ticket status", "Ticket-Status", SELECT),
    ],
    "quotes": [
        ("hs_title", "Quote title", "Angebotstitel", TEXT),
        ("hs_expiration_date", "Expiration date", "Ablaufdatum", TIME),
        ("hs_status", "Quote status", "Angebotsstatus", SELECT),
    ],
    "users": [
        ("hs_given_name", "Given name", "Vorname", TEXT),
        ("hs_family_name", "Family name", "Nachname", TEXT),
        ("hs_email", "Email", "E-Mail", TEXT),
        ("hs_job_title", "Job title", "Jobtitel", TEXT),
        ("hs_additional_phone", "Additional phone", "Zusätzliche Telefonnummer", PHONE),
    ],
    "orders": [
        ("hs_order_name", "Order name", "Auftragsname", TEXT),
        ("hs_external_order_id", "External order ID", "Externe Auftrags-ID", TEXT),
        ("hs_total_price", "Total price", "Gesamtpreis", NUMBER),
        ("hs_currency_code", "Currency code", "Währungscode", SELECT),
    ],
    "carts": [
        ("hs_cart_name", "Cart name", "Name des Warenkorbs", TEXT),
        ("hs_external_cart_id", "External cart ID", "Externe Warenkorb-ID", TEXT),
        ("hs_total_price", "Total price", "Gesamtpreis", NUMBER),
        ("hs_currency_code", "Currency code", "Währungscode", SELECT),
    ],
    "invoices": [
        ("hs_number", "Number", "Nummer", TEXT),
        ("hs_amount_billed", "Amount billed", "Rechnungsbetrag", NUMBER),
        ("hs_balance_due", "Balance due", "Offener Betrag", NUMBER),
        ("hs_due_date", "Due date", "Fälligkeitsdatum", DATE),
        ("hs_invoice_status", "Invoice status", "Rechnungsstatus", SELECT),
    ],
    "leads": [
        ("hs_lead_name", "Lead name", "Lead-Name", TEXT),
        ("hs_lead_type", "Lead type", "Lead-Typ", SELECT),
        ("hs_lead_label", "Lead label", "Lead-Label", SELECT),
    ],
    "communications": [
        ("hs_communication_channel_type", "Channel", "Kanal", SELECT),
        ("hs_communication_logged_from", "Logged from", "Protokolliert von", SELECT),
        ("hs_communication_body", "Body", "Text", AREA),
        ("hs_timestamp", "Activity date", "Aktivitätsdatum", TIME),
        ("hubspot_owner_id", "Activity assigned to", "Aktivität zugewiesen an", SELECT),
    ],
}
_STAMPS = [
    ("Create date", "Erstellungsdatum", TIME),
    ("Last modified date", "Datum der letzten Änderung", TIME),
]
_GERMAN = {name: german for known in DEFINITIONS.values() for name, _english, german, _kind in known}


def definitions(made_at: float) -> dict[str, dict[str, dict[str, Any]]]:
    """For each object type its property definitions by name."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for path in OBJECT_TYPES:
        stamps = [(name, *rest) for name, rest in zip(stamps_of(path), _STAMPS, strict=True)]
        always = [*stamps, ("hs_object_id", "Record ID", "Datensatz-ID", NUMBER)]
        every = [*DEFINITIONS[path], *always]
        found[path] = {name: _definition(name, english, kind, made_at) for name, english, _, kind in every}
    return found


def in_language(definition: dict[str, Any], locale: str) -> dict[str, Any]:
    """A definition as `locale` asks for it: HubSpot's own labels are translated, a portal's are not."""
    if not locale.lower().startswith("de") or not definition["hubspotDefined"]:
        return definition
    return {**definition, "label": _GERMAN.get(definition["name"], definition["label"])}


def _definition(name: str, label: str, kind: Kind, made_at: float) -> dict[str, Any]:
    own = name.startswith("sms_")
    calculated = "calculated" in name
    definition = {
        "name": name,
        "label": label,
        "type": kind[0],
        "fieldType": kind[1],
        "groupName": "contactinformation",
        "description": "",
        "options": _options(name, kind),
        "hidden": calculated,
        "calculated": calculated,
        "externalOptions": False,
        "hasUniqueValue": name == "email",
        "hubspotDefined": not own,
        "formField": not calculated,
        "displayOrder": -1,
        "modificationMetadata": {
            "archivable": own,
            "readOnlyDefinition": not own,
            "readOnlyOptions": False,
            "readOnlyValue": calculated,
        },
        "createdAt": iso(made_at),
        "updatedAt": iso(made_at),
        "archived": False,
    }
    if kind == PHONE:
        definition["textDisplayHint"] = "phone_number"
    return definition


def _options(name: str, kind: Kind) -> list[dict[str, Any]]:
    values = {"lifecyclestage": STAGES}.get(name, ["true", "false"] if kind[0] == "bool" else [])
    labels = {"true": "Yes", "false": "No"}
    return [
        {
            "label": labels.get(value, value.capitalize()),
            "value": value,
            "displayOrder": order,
            "hidden": False,
        }
        for order, value in enumerate(values)
    ]
