"""HubSpot's documented standard properties: those that a portal which cannot be read now has all the same.

HubSpot docs, the guide of each object: contacts, companies, deals, tickets, quotes, users, orders, carts, invoices
and leads. They also stand first in the list of a portal that can be read.
"""

from smsadmin.core.errors import gettext_noop

PHONES = frozenset({"phone", "mobilephone", "hs_additional_phone"})

#: Record type: internal name and label of its properties, in the order they are shown.
PROPERTIES: dict[str, dict[str, str]] = {
    "contact": {
        "firstname": gettext_noop("First name"),
        "lastname": gettext_noop("Last name"),
        "email": gettext_noop("Email"),
        "phone": gettext_noop("Phone number"),
        "mobilephone": gettext_noop("Mobile phone number"),
        "company": gettext_noop("Company name"),
        "jobtitle": gettext_noop("Job title"),
        "city": gettext_noop("City"),
    },
    "company": {
        "name": gettext_noop("Company name"),
        "domain": gettext_noop("Company domain name"),
        "phone": gettext_noop("Phone number"),
        "city": gettext_noop("City"),
    },
    "deal": {
        "dealname": gettext_noop("Deal name"),
        "amount": gettext_noop("Amount"),
        "closedate": gettext_noop("Close date"),
        "dealstage": gettext_noop("Deal stage"),
    },
    "ticket": {
        "subject": gettext_noop("Ticket name"),
        "content": gettext_noop("Ticket description"),
        "hs_ticket_priority": gettext_noop("Priority"),
        "hs_pipeline_stage": gettext_noop("Ticket status"),
    },
    "quote": {
        "hs_title": gettext_noop("Quote title"),
        "hs_expiration_date": gettext_noop("Expiration date"),
        "hs_status": gettext_noop("Status"),
    },
    "user": {
        "hs_given_name": gettext_noop("First name"),
        "hs_family_name": gettext_noop("Last name"),
        "hs_email": gettext_noop("Email"),
        "hs_job_title": gettext_noop("Job title"),
        "hs_additional_phone": gettext_noop("Additional phone"),
    },
    "order": {
        "hs_order_name": gettext_noop("Order name"),
        "hs_external_order_id": gettext_noop("Order number of the shop"),
        "hs_total_price": gettext_noop("Total price"),
        "hs_currency_code": gettext_noop("Currency"),
    },
    "cart": {
        "hs_cart_name": gettext_noop("Cart name"),
        "hs_external_cart_id": gettext_noop("Cart number of the shop"),
        "hs_total_price": gettext_noop("Total price"),
        "hs_currency_code": gettext_noop("Currency"),
    },
    "invoice": {
        "hs_number": gettext_noop("Invoice number"),
        "hs_amount_billed": gettext_noop("Amount billed"),
        "hs_balance_due": gettext_noop("Balance due"),
        "hs_due_date": gettext_noop("Due date"),
        "hs_invoice_status": gettext_noop("Invoice status"),
    },
    "lead": {
        "hs_lead_name": gettext_noop("Lead name"),
        "hs_lead_type": gettext_noop("Lead type"),
        "hs_lead_label": gettext_noop("Lead label"),
    },
}
