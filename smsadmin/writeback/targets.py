"""Which records of a portal a message is logged on: the one that it was about, and the contact whose number it was.

HubSpot docs: communications are associated with contacts, companies, deals, tickets, leads and orders; with quotes,
carts, invoices and users they are not, so these have the message on their contact.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from smsadmin.cache import remembered
from smsadmin.core import errors
from smsadmin.crm import properties, query, records
from smsadmin.crm.properties import CONTACT, USER
from smsadmin.providers.hubspot import client, engagements, scopes
from smsadmin.providers.hubspot.engagements import Target
from smsadmin.workspaces.models import Connection

#: Of the contacts of one record so many are looked at for the number.
MOST_CONTACTS = 10
_BATCH = 100
_FOUND_FOR = 60.0  # seconds that a contact found by its number is known

Key = TypeVar("Key")
Contacts = Mapping[tuple[str, str], Sequence[client.Found]]  # by type and id of the record they belong to


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message was about, and the other side's number (E.164)."""

    object_type: str
    object_id: str
    phone: str

    @property
    def is_record(self) -> bool:
        return bool(self.object_type) and client.RECORD_ID.fullmatch(self.object_id) is not None


def of(connection: Connection, subjects: Mapping[Key, Subject]) -> dict[Key, tuple[Target, ...]]:
    """Where each is logged: its record first; nowhere where there is neither a record for it nor a contact.

    Raises SendError where the token may not read contacts, client.Unavailable where HubSpot cannot answer now.
    """
    linked = _linked(connection, subjects.values())
    return {key: _targets(connection, subject, linked) for key, subject in subjects.items()}


def _targets(connection: Connection, subject: Subject, linked: Contacts) -> tuple[Target, ...]:
    own = _own(connection, subject)
    if own and subject.object_type == CONTACT:
        return (own,)
    theirs = linked.get((subject.object_type, subject.object_id), ())
    contact = _whose_number(connection, subject.phone, theirs)
    if contact is None and own is None:
        contact = theirs[0].id if theirs else _by_phone(connection, subject.phone)
    found = [own, _contact(contact) if contact else None]
    return tuple(each for each in found if each)


def _own(connection: Connection, subject: Subject) -> Target | None:
    if not subject.is_record or subject.object_type == USER:
        return None
    way = engagements.association(connection, subject.object_type)
    return Target(subject.object_type, subject.object_id, way) if way else None


def _contact(record_id: str) -> Target:
    return Target(CONTACT, record_id, engagements.ASSOCIATIONS[CONTACT])


def _whose_number(connection: Connection, phone: str, contacts: Iterable[client.Found]) -> str | None:
    if not contacts or not phone:
        return None
    asked = _query(connection, phone)
    return next((each.id for each in contacts if asked.fits(each.properties)), None)


def _by_phone(connection: Connection, phone: str) -> str | None:
    """The contact with a number, of several the oldest."""
    if not phone.startswith("+"):  # a short code, or a name
        return None
    load = partial(records.contacts_with, connection, phone)
    found = remembered(("contact", connection.pk, phone), load, _FOUND_FOR)
    return found[0].id if found else None


def _query(connection: Connection, phone: str) -> query.Query:
    return query.Query(phone, CONTACT, properties.known(connection, CONTACT, connection.workspace.language))


# --- The contacts of records ------------------------------------------------------------------------------


def _linked(connection: Connection, subjects: Collection[Subject]) -> Contacts:
    """The contacts of these records with their numbers, primary ones first; three requests for each hundred."""
    ids: dict[tuple[str, str], Sequence[str]] = {}
    for object_type in sorted({each.object_type for each in subjects if _may_have_contacts(each)}):
        wanted = [each.object_id for each in subjects if each.object_type == object_type and each.is_record]
        for record_id, contacts in _contact_ids(connection, object_type, list(dict.fromkeys(wanted))).items():
            ids[object_type, record_id] = contacts[:MOST_CONTACTS]
    known = _read(connection, list(dict.fromkeys(each for contacts in ids.values() for each in contacts)))
    return {record: [known[each] for each in contacts if each in known] for record, contacts in ids.items()}


def _may_have_contacts(subject: Subject) -> bool:
    return subject.is_record and subject.object_type in client.PATH_NAMES.keys() - {CONTACT, USER}


def _contact_ids(
    connection: Connection, object_type: str, record_ids: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    """None where the token may not read these records: the message is logged on them all the same."""
    if scopes.missing(connection, scopes.reading(object_type)):
        return {}
    found: dict[str, Sequence[str]] = {}
    try:
        for some in _batches(record_ids):
            found |= client.contacts_of(connection, object_type, some)
    except errors.CredentialRejected:
        raise
    except errors.SendError:
        return {}
    return found


def _read(connection: Connection, contact_ids: Sequence[str]) -> dict[str, client.Found]:
    if not contact_ids:
        return {}
    names = _query(connection, "").shown
    return {
        each.id: each
        for some in _batches(contact_ids)
        for each in client.records(connection, CONTACT, some, names)
    }


def _batches(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start : start + _BATCH] for start in range(0, len(values), _BATCH))
