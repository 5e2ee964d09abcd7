"""What a fresh sandbox holds: the same every time, down to the last digit.

Numbers are those reserved for fiction where a country has them: +1 AAA 555 01xx, +44 20 7946 0xxx,
+33 1 99 00 xx xx, +33 6 39 98 xx xx, +49 30 23125 xxx, +49 171 39200 xx.
"""

import random
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import phonenumbers

from smsadmin.sandbox import synthflow_seeds
from smsadmin.sandbox.crm import ASSOCIATION_TYPES, OBJECT_TYPES, associate, calculated_phones
from smsadmin.sandbox.definitions import STAGES, definitions
from smsadmin.sandbox.faults import MAGIC_RECIPIENTS
from smsadmin.sandbox.runner import Workflow
from smsadmin.sandbox.state import (
    CallrNumber,
    Number,
    ProxyConfiguration,
    Record,
    Seeds,
    TwilioNumber,
    User,
    iso,
)

SEED = 9000001
STARTED = 1_735_689_600.0  # 2025-01-01T00:00:00Z
DAY = 86_400.0

FRENCH_MOBILE = {"hour": 100, "day": 1000, "month": 10_000}
NORTH_AMERICA = {"hour": 1000, "day": 10_000, "month": 100_000}
TOLL_FREE_PENDING = {"day": 2000, "month": 10_000}
LIMITS = {"US": NORTH_AMERICA, "CA": NORTH_AMERICA}

TIME_ZONES = {
    "US": "America/New_York",
    "CA": "America/Toronto",
    "GB": "Europe/London",
    "FR": "Europe/Paris",
    "DE": "Europe/Berlin",
}

# kind, country, pattern of the E.164 form, names; the first offered number is "Support US 1".
NUMBERS: list[tuple[str, str, str, list[str]]] = [
    ("native", "US", "+1202555{:04}", [f"Support US {n}" for n in range(1, 9)]),
    ("native", "US", "+1212555{:04}", [f"Sales US {n}" for n in range(1, 9)]),
    ("native", "US", "+1415555{:04}", ["Renewals US", "Onboarding US", "Billing US", "Events US"]),
    ("native", "CA", "+1416555{:04}", ["Support CA 1", "Support CA 2", "Sales CA"]),
    ("native", "GB", "+44207946{:04}", ["Support UK", "Sales UK 1", "Sales UK 2"]),
    ("native", "DE", "+4917139{:06}", ["Sales DE", "Support DE", "Aussendienst Süd"]),
    ("native", "FR", "+33199{:06}", ["Support FR", "Ventes Lyon"]),
    ("french_mobile", "FR", "+33639{:06}", ["Mobile FR 1", "Mobile FR 2"]),
    ("toll_free_pending", "US", "+1800555{:04}", ["Toll-free US 1", "Toll-free US 2"]),
    ("unregistered", "US", "+1303555{:04}", ["Denver pilot", "Boulder pilot"]),
    ("not_connected", "US", "+1312555{:04}", ["Recruiting Chicago", "Facilities Chicago", "Press office"]),
    ("not_connected", "GB", "+44207946{:04}", ["Finance UK"]),
    ("proxy", "US", "+1617555{:04}", ["Delivery notices", "One-time codes", "Survey line", "Alerts"]),
    ("third_party", "US", "+1702555{:04}", ["Partner desk 1", "Partner desk 2", "Partner desk 3"]),
    ("voice_only", "US", "+1206555{:04}", ["Front desk Seattle", "Fax archive", "Conference bridge"]),
    ("voice_only", "DE", "+4930{:08}", ["Zentrale Berlin", "Empfang Berlin", "Buchhaltung"]),
    ("voice_only", "FR", "+33199{:06}", ["Standard Paris", "Comptabilité"]),
    ("voice_only", "GB", "+44207946{:04}", ["Switchboard London", "Warehouse UK"]),
    ("voice_only", "CA", "+1514555{:04}", ["Réception Montréal", "Entrepôt"]),
]
#: Of the account at Callr: number, country, type.
CALLR_NUMBERS = [
    ("+33199001020", "FR", "geographic"),
    ("+33639980042", "FR", "mobile"),
    ("+33639980043", "FR", "mobile"),
    ("+442079460180", "GB", "geographic"),
]
#: Of the account at Twilio: number, name, and whether it can text.
TWILIO_NUMBERS = [("+12065550188", "Seattle", True), ("+442079460955", "London (voice)", False)]
TWILIO_SERVICES = {"MG00000000000000000000000000000001": "Notifications"}
FIRST_SUFFIX = {"+44207946{:04}": 100, "+4917139{:06}": 200_10, "+33199{:06}": 101, "+4930{:08}": 23_125_010}
FIRST_SUFFIX["+33639{:06}"] = 980_012


def listed(names: str) -> list[str]:
    return names.split(",")


USERS = listed(
    "Mia Hoffmann,Leo Garcia,Nora Lindqvist,Ben Carter,Ava Thompson,Jonas Weber,Chloé Martin,Omar Haddad,"
    "Grace Kim,Lucas Dubois,Priya Nair,Tom Becker,Sofia Rossi,Ethan Brooks,Zoë Janssen,Hugo Bernard,"
    "Ines Costa,Maya Patel,Felix Krüger,Olivia Reed,Noah Fischer,Emma Clarke,Daniel Okafor,"
    "Lena Vogel,Samuel Wright"
)
# Positions in the list of numbers; everyone else gets some by chance.
FIRST_USERS_ON = {"Mia": [0, 1, 2, 9], "Leo": [3], "Nora": [0], "Ben": [0], "Ava": [1, 2]}
WITHOUT_NUMBER = {"Emma", "Daniel", "Samuel"}
NEARLY_SPENT = "Nora"
SEGMENTS_OF_NEARLY_SPENT = 5

FIRST_NAMES = listed(
    "Ada,Grace,Alan,Katherine,Linus,Margaret,Tim,Radia,Zoë,Jürgen,Élodie,Søren,Ines,Mateo,Yuki,Amara,Noor,Piotr,"
    "Chiara,Liam,Fatima,Oleg,Hannah,Diego,Aoife,Kwame,Mei,Lars,Renée,Tariq"
)
LAST_NAMES = listed(
    "Lovelace,Hopper,Turing,Johnson,Müller,García,Dupont,O’Neill,van Dijk,Nakamura,Okoye,Kowalski,Rossi,"
    "Byrne,Hansen,Silva,Schmidt,Novak,Brown,Lefèvre,Ibrahim,Ivanova,Chen,Andersson,Mensah"
)
CITIES = listed("Austin,Boston,Chicago,Denver,Berlin,Paris,London,Toronto,Zürich,São Paulo,Oslo,Dublin")
COMPANIES = listed(
    "Acme Tools,Birch & Co,Café Central,Delta Logistics,Eiger Sport,Fjord Foods,Green Valley,Halo Clinics,"
    "Ito Print,Juniper Homes"
)
AREA_CODES = listed(
    "202,212,213,214,215,303,305,312,404,415,503,512,602,617,646,702,713,718,"
    "720,786,801,816,919,206,310,408,510"
)

GOOD_CONTACTS = 20  # at the beginning, so that a small enrolment simply works
CONTACTS = 500
ODD = ["({area}) 555-{line:04}", "+1 {area} 555 {line:04}", "001{area}555{line:04}", "{area}.555.{line:04}"]
ODD += ["+1({area})555-{line:04}", "tel:+1-{area}-555-{line:04}", "+1{area}555{line:04} ext. 12"]
FULL_WIDTH = str.maketrans("+0123456789", "＋０１２３４５６７８９")
BROKEN = ["n/a", "", "unknown", "555-0100", "+1", "+999 555 0123", "call the office", "+12025550", "0"]
ABROAD = ["+44207946{:04}", "+331990{:05}", "+4917139200{:02}", "+4930231250{:02}"]

OTHER_RECORDS = {
    "companies": 40,
    "deals": 60,
    "tickets": 30,
    "leads": 20,
    "quotes": 10,
    "orders": 10,
    "carts": 5,
    "invoices": 10,
}
NAMED_BY = {"companies": "name", "deals": "dealname", "tickets": "subject", "leads": "hs_lead_name"}
NAMED_BY |= {
    "quotes": "hs_title",
    "orders": "hs_order_name",
    "carts": "hs_cart_name",
    "invoices": "hs_number",
}

DATES = listed("2026-12-01,2026-12-15,2027-01-08,2027-01-29,2027-02-12,2027-03-31")
TIMES = [f"{date}T09:00:00.000Z" for date in DATES]
PRICES = listed("49.90,120.00,350.00,1240.50,8900.00,15000.00")
FACTS: dict[str, dict[str, list[str]]] = {
    "contacts": {"jobtitle": listed("Owner,Buyer,Head of Sales,Office Manager,Engineer,Consultant")},
    "companies": {"domain": ["company{}.example"], "city": CITIES},
    "deals": {
        "amount": PRICES,
        "closedate": TIMES,
        "dealstage": listed("appointmentscheduled,qualifiedtobuy,contractsent,closedwon"),
    },
    "tickets": {
        "content": ["The delivery has not arrived.", "Please call me back.", "The invoice is wrong."],
        "hs_ticket_priority": listed("LOW,MEDIUM,HIGH"),
        "hs_pipeline_stage": listed("1,2,3,4"),
    },
    "quotes": {
        "hs_expiration_date": TIMES,
        "hs_status": listed("DRAFT,APPROVAL_NOT_NEEDED,PENDING_APPROVAL"),
    },
    "users": {"hs_job_title": listed("Account Executive,Support Agent,Team Lead")},
    "orders": {
        "hs_external_order_id": ["{}"],
        "hs_total_price": PRICES,
        "hs_currency_code": listed("USD,EUR"),
    },
    "carts": {"hs_external_cart_id": ["{}"], "hs_total_price": PRICES, "hs_currency_code": listed("USD,EUR")},
    "invoices": {
        "hs_number": ["INV-{}"],
        "hs_amount_billed": PRICES,
        "hs_balance_due": PRICES,
        "hs_due_date": DATES,
        "hs_invoice_status": listed("open,paid,voided"),
    },
    "leads": {"hs_lead_type": listed("NEW_BUSINESS,UPSELL"), "hs_lead_label": listed("COLD,WARM,HOT")},
}


def seeds() -> Seeds:
    """A fresh set; nothing in it is shared with an earlier one."""
    chance = random.Random(SEED)  # noqa: S311
    users = _users()
    numbers = _numbers(users, chance)
    records: dict[str, dict[str, Record]] = {path: {} for path in OBJECT_TYPES}
    records["contacts"] = _contacts(chance, numbers, users)
    _add_other_records(records, chance, users)
    _fill_in(records, random.Random(SEED + 1))  # noqa: S311
    return Seeds(
        numbers,
        users,
        records,
        definitions(STARTED),
        _owners(users),
        _workflows(numbers, users),
        {e164: CallrNumber(e164, country, kind) for e164, country, kind in CALLR_NUMBERS},
        _twilio_numbers(),
        dict(TWILIO_SERVICES),
        synthflow_assistants={model_id: dict(each) for model_id, each in synthflow_seeds.ASSISTANTS.items()},
        synthflow_actions=synthflow_seeds.actions(),
    )


def _twilio_numbers() -> dict[str, TwilioNumber]:
    return {
        e164: TwilioNumber(f"PN{serial:032x}", e164, name, sms)
        for serial, (e164, name, sms) in enumerate(TWILIO_NUMBERS, 1)
    }


# Aircall


def _users() -> dict[int, User]:
    found = {}
    for position, name in enumerate(USERS):
        first = name.split()[0]
        email = f"{first.lower().replace('é', 'e').replace('ë', 'e')}@example.com"
        user = User(456_001 + position, name, email, STARTED + position * DAY)
        if first == NEARLY_SPENT:
            user.segments_left = SEGMENTS_OF_NEARLY_SPENT
        user.available = position % 5 != 4
        found[user.id] = user
    return found


def _numbers(users: dict[int, User], chance: random.Random) -> dict[int, Number]:
    found: dict[int, Number] = {}
    suffixes = {pattern: FIRST_SUFFIX.get(pattern, 101) for _, _, pattern, _ in NUMBERS}
    for kind, country, pattern, names in NUMBERS:
        for name in names:
            e164 = pattern.format(suffixes[pattern])
            suffixes[pattern] += 1
            number = _number(812_001 + len(found), kind, country, e164, name)
            if kind == "proxy":
                number.configuration = ProxyConfiguration(f"{chance.getrandbits(128):032x}", None)
            found[number.id] = number
    _attach_users(list(found.values()), users, chance)
    return found


def _number(number_id: int, kind: str, country: str, e164: str, name: str) -> Number:
    parsed = phonenumbers.parse(e164)
    number = Number(
        id=number_id,
        name=name,
        e164=e164,
        digits=phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL),
        country=country,
        time_zone=TIME_ZONES[country],
        kind=kind,
        created_at=STARTED + (number_id - 812_000) * DAY,
        sms=kind != "voice_only",
        third_party=kind == "third_party",
        connected_to_hubspot=kind != "not_connected",
        limits=dict(LIMITS.get(country, {})),
    )
    match kind:
        case "french_mobile":
            number.body_cap, number.limits = 670, dict(FRENCH_MOBILE)
        case "toll_free_pending":
            number.registration_status, number.limits = "pending", dict(TOLL_FREE_PENDING)
        case "unregistered":
            number.registration_status = "unregistered"
    return number


def _attach_users(numbers: list[Number], users: dict[int, User], chance: random.Random) -> None:
    for user in users.values():
        first = user.name.split()[0]
        if first in WITHOUT_NUMBER:
            continue
        if first in FIRST_USERS_ON:
            chosen = [numbers[position] for position in FIRST_USERS_ON[first]]
        else:
            chosen = chance.sample(numbers[5:], chance.choice([1, 1, 2, 3, 6]))
        for number in chosen:
            number.user_ids.append(user.id)


# HubSpot


def _contacts(chance: random.Random, numbers: dict[int, Number], users: dict[int, User]) -> dict[str, Record]:
    phones = _phones(chance)
    senders = _senders(chance, numbers, users)
    found = {}
    for position in range(CONTACTS):
        first, last = FIRST_NAMES[position % len(FIRST_NAMES)], chance.choice(LAST_NAMES)
        number, email = next(senders)
        phone = next(phones)
        properties: dict[str, str | None] = {
            "firstname": first if position < GOOD_CONTACTS or chance.random() > 0.05 else None,
            "lastname": LAST_NAMES[0] if position == 0 else last,
            "email": f"contact{position + 1}@example.com",
            "phone": phone,
            "mobilephone": phone if position < GOOD_CONTACTS or chance.random() < 0.6 else None,
            "company": chance.choice(COMPANIES),
            "city": chance.choice(CITIES),
            "lifecyclestage": chance.choice(STAGES),
            "sms_sender_number": number,
            "sms_send_as_email": email,
            "sms_opt_out": "true" if position >= GOOD_CONTACTS and chance.random() < 0.03 else None,
        }
        created = STARTED + chance.randrange(600) * DAY
        record = Record(str(4242 + position), properties, created, created)
        record.properties |= calculated_phones(properties)
        found[record.id] = record
    return found


def _phones(chance: random.Random) -> Iterator[str | None]:
    """Good ones first, then a mixture: 70 % E.164, 12 % abroad, 12 % odd, 6 % broken."""
    seen: set[str] = set(MAGIC_RECIPIENTS)
    for position in range(CONTACTS):
        kind = "good" if position < GOOD_CONTACTS else _kind_of_phone(chance)
        area, line = _fresh_line(chance, seen)
        match kind:
            case "abroad":
                yield chance.choice(ABROAD).format(chance.randrange(10, 100))
            case "odd":
                odd = chance.choice([*ODD, "full width"])
                plain = f"+1{area}555{line:04}"
                yield plain.translate(FULL_WIDTH) if odd == "full width" else odd.format(area=area, line=line)
            case "broken":
                yield chance.choice(BROKEN) or None
            case _:
                yield f"+1{area}555{line:04}"


def _kind_of_phone(chance: random.Random) -> str:
    return chance.choices(["good", "abroad", "odd", "broken"], weights=[70, 12, 12, 6])[0]


def _fresh_line(chance: random.Random, seen: set[str]) -> tuple[str, int]:
    """An area code and a line nobody has yet: not a number of ours, nor one with a meaning."""
    while True:
        area, line = chance.choice(AREA_CODES), chance.randrange(120, 180)
        if (plain := f"+1{area}555{line:04}") not in seen:
            seen.add(plain)
            return area, line


def _senders(
    chance: random.Random, numbers: dict[int, Number], users: dict[int, User]
) -> Iterator[tuple[str | None, str | None]]:
    """Sender number and send-as email per contact: mostly a number and one of its users."""
    native = [number for number in numbers.values() if number.kind == "native" and number.user_ids]
    proxy = next(number for number in numbers.values() if number.kind == "proxy")
    loose = next(number for number in numbers.values() if number.kind == "not_connected")
    everyone = [user.email for user in users.values()]
    for position, number in zip(range(CONTACTS), cycle(native), strict=False):
        email = users[number.user_ids[0]].email
        if position < GOOD_CONTACTS:
            yield number.e164, email
            continue
        wrong = chance.choices(
            ["", "case", "user", "nobody", "loose", "proxy", "local", "empty"], [70, 6, 6, 3, 4, 3, 4, 4]
        )[0]
        yield {
            "": (number.e164, email),
            "case": (number.e164, email.upper()),
            "user": (number.e164, chance.choice(everyone)),
            "nobody": (number.e164, "former.colleague@example.com"),
            "loose": (loose.e164, email),
            "proxy": (proxy.e164, email),
            "local": (number.digits, email),
            "empty": (None, None),
        }[wrong]


def _add_other_records(
    records: dict[str, dict[str, Record]], chance: random.Random, users: dict[int, User]
) -> None:
    contact_ids = list(records["contacts"])
    for block, (path, count) in enumerate(OTHER_RECORDS.items(), start=1):
        for position in range(count):
            record_id = str(block * 100_000 + position)
            name = f"{chance.choice(COMPANIES)} {position + 1}"
            created = STARTED + chance.randrange(600) * DAY
            records[path][record_id] = record = Record(record_id, {NAMED_BY[path]: name}, created, created)
            if path == "companies":
                record.properties["phone"] = (
                    f"+1{chance.choice(AREA_CODES)}555{chance.randrange(100, 120):04}"
                )
                record.properties |= calculated_phones(record.properties)
            type_id = ASSOCIATION_TYPES[path, "contacts"][0]
            for contact_id in chance.sample(contact_ids[:100], chance.choice([1, 1, 1, 2])):
                associate(records, path, record_id, "contacts", contact_id, type_id)
    for user in users.values():
        properties: dict[str, str | None] = {
            "hs_given_name": user.name.split()[0],
            "hs_family_name": user.name.split()[1],
            "hs_email": user.email,
            "hs_additional_phone": f"+1{chance.choice(AREA_CODES)}555{chance.randrange(120, 180):04}",
        }
        records["users"][str(user.id)] = Record(str(user.id), properties, STARTED, STARTED)


def _fill_in(records: dict[str, dict[str, Record]], chance: random.Random) -> None:
    """The properties that only make a record look like one; they have a chance of their own."""
    for path, facts in FACTS.items():
        for position, record in enumerate(records[path].values()):
            record.properties |= {
                name: chance.choice(values).format(position + 1001) for name, values in facts.items()
            }


def _owners(users: dict[int, User]) -> list[dict[str, Any]]:
    """The first 20 users are owners in HubSpot too."""
    return [
        {
            "id": str(41_629_001 + position),
            "email": user.email,
            "type": "PERSON",
            "firstName": user.name.split()[0],
            "lastName": user.name.split()[1],
            "userId": 9_586_001 + position,
            "userIdIncludingInactive": 9_586_001 + position,
            "createdAt": iso(user.created_at),
            "updatedAt": iso(user.created_at),
            "archived": False,
            "teams": [],
        }
        for position, user in enumerate(list(users.values())[:20])
    ]


def _workflows(numbers: dict[int, Number], users: dict[int, User]) -> dict[str, Workflow]:
    number = next(number for number in numbers.values() if number.kind == "native" and number.country == "US")
    user = users[number.user_ids[0]]
    definitions = [
        (
            "Welcome text",
            {
                "sender_mode": static("number"),
                "sender_number": static(str(number.id)),
                "send_as_mode": static("default"),
                "recipient": from_property("phone"),
                "message": static(
                    "Hi {{ enrolled_object.firstname }}, welcome to Sandbox Ltd. Reply STOP to end."
                ),
            },
        ),
        (
            "Owner follow-up",
            {
                "sender_mode": static("custom"),
                "sender_number_custom": from_property("sms_sender_number"),
                "send_as_mode": static("custom"),
                "send_as_email": from_property("sms_send_as_email"),
                "recipient": from_property("mobilephone"),
                "message": static(
                    "Hello {{ enrolled_object.firstname }}, when may I call you about your order?"
                ),
            },
        ),
        (
            "Sales reminder",
            {
                "sender_mode": static("number"),
                "sender_number": static(str(number.id)),
                "send_as_mode": static("user"),
                "send_as_user": static(str(user.id)),
                "recipient": from_property("phone"),
                "message": static("Your offer ends on Friday. Questions? Just reply to this message."),
            },
        ),
    ]
    workflows = [Workflow(name, inputs) for name, inputs in definitions]
    workflows += [_workflow_of(path, number) for path in RECIPIENTS]
    workflows.append(_classic(number, user))
    for position, workflow in enumerate(workflows):
        workflow.id = 1_700_000_001 + position
    return {workflow.name: workflow for workflow in workflows}


def _workflow_of(path: str, number: Number) -> Workflow:
    """A workflow of records that are no contacts: they name themselves in the text."""
    title, recipient = RECIPIENTS[path]
    inputs = {
        "sender_mode": static("number"),
        "sender_number": static(str(number.id)),
        "send_as_mode": static("default"),
        "recipient": recipient,
        "message": static(f"News of Sandbox Ltd about {{{{ enrolled_object.{title} }}}}"),
    }
    return Workflow(f"Text for {path}", inputs, object_type=path)


def _classic(number: Number, user: User) -> Workflow:
    """A step with the earlier form of the action."""
    inputs = {
        "sender_number": static(str(number.id)),
        "send_as_user": static(str(user.id)),
        "recipient": from_property("phone"),
        "message": static("Hi {{ enrolled_object.firstname }}, welcome to Sandbox Ltd. Reply STOP to end."),
    }
    return Workflow("Welcome text (classic)", inputs, action_url="/hubspot/actions/send-sms-classic")


def static(value: str) -> dict[str, str]:
    return {"type": "STATIC_VALUE", "value": value}


def from_property(name: str) -> dict[str, str]:
    return {"type": "OBJECT_PROPERTY", "propertyName": name}


#: By object type: the property that names a record, and where its workflow takes the recipient from.
RECIPIENTS = {
    "companies": ("name", from_property("phone")),
    "deals": ("dealname", {**from_property("phone"), "from": "contacts"}),
    "tickets": ("subject", {**from_property("phone"), "from": "contacts"}),
    "quotes": ("hs_title", {**from_property("phone"), "from": "contacts"}),
    "users": ("hs_given_name", from_property("hs_additional_phone")),
    "orders": ("hs_order_name", {**from_property("phone"), "from": "contacts"}),
    "carts": ("hs_cart_name", {**from_property("phone"), "from": "contacts"}),
    "invoices": ("hs_number", {**from_property("phone"), "from": "contacts"}),
    "leads": ("hs_lead_name", {**from_property("phone"), "from": "contacts"}),
}
