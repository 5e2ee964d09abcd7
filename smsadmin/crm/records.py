"""Records of HubSpot's CRM: found for a person, read for a send, sampled for an editor."""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

from django.utils.translation import gettext as _

from smsadmin import phrases
from smsadmin.cache import remembered
from smsadmin.consent.policies import property_read
from smsadmin.core import errors, tokens
from smsadmin.core.message import ActionConfig, Record
from smsadmin.crm import properties, query
from smsadmin.crm.named import Name, named
from smsadmin.crm.properties import CONTACT, Catalogue, objects
from smsadmin.providers.hubspot import client
from smsadmin.workspaces.models import Connection, Workspace

SAMPLE = 50
_SAMPLE_FOR = 600.0  # seconds that a sample is kept, in memory only: these are customers
#: Steps of a workflow that a record passes one after the other, and executions that come again, read it once (seconds).
_RUN = 30.0
_SAMPLE_PAUSE = 60.0  # seconds before the next attempt after one that failed
#: How often people may look in how many seconds. HubSpot allows a portal's apps 5 searches a second and 100 calls in
#: ten: the sends, which read records too, must not wait for somebody who types fast.
MOST_LOOKS, _WITHIN = 30, 10.0

Values = Mapping[str, str | None]


class Unreadable(Exception):
    """HubSpot's records cannot be read; the text says why and what to do, in the reader's language."""


@dataclass(frozen=True, slots=True)
class Found:
    """A record as a person recognises it."""

    object_type: str
    object_id: str
    title: str
    detail: str


# For a person


def search(workspace: Workspace, object_type: str, text: str, limit: int = 10) -> list[Found]:
    """The record with this id, then those with this name, email address or phone number, changed last first.

    Raises Unreadable.
    """
    with _reading(workspace) as connection:
        asked = query.Query(text, object_type, properties.known(connection, object_type, workspace.language))
        matches = [*_by_id(connection, asked), *_by_value(connection, asked, limit)]
    unique = list({each.id: each for each in matches}.values())[:limit]
    return [Found(object_type, each.id, asked.title(each), asked.detail(each)) for each in unique]


def _by_id(connection: Connection, asked: query.Query) -> list[client.Found]:
    if not client.RECORD_ID.fullmatch(asked.text):
        return []
    try:
        return [client.record(connection, asked.object_type, asked.text, asked.shown)]
    except client.NotFound:
        return []


def _by_value(connection: Connection, asked: query.Query, limit: int) -> list[client.Found]:
    body = asked.body(limit)
    if body is None:
        return []
    found = client.search(connection, asked.object_type, body)
    return [each for each in found if asked.fits(each.properties)]


def contacts_with(connection: Connection, e164: str, limit: int = 20) -> list[client.Found]:
    """The contacts that have this phone number, compared with its country, the oldest first.

    Raises SendError where the token may not read them, client.Unavailable where HubSpot cannot answer now.
    """
    asked = query.Query(e164, CONTACT, properties.known(connection, CONTACT, connection.workspace.language))
    return sorted(_by_value(connection, asked, limit), key=lambda each: (len(each.id), each.id))


def read(workspace: Workspace, object_type: str, object_id: str, config: ActionConfig) -> Record:
    """A record with every property that the configuration names, as a send would see it. Raises Unreadable."""
    with _reading(workspace) as connection:
        try:
            wanted = named(config, object_type, property_read(workspace.pk))
            return _completed(Record(object_type, object_id), wanted, connection)
        except client.NotFound:
            raise Unreadable(
                _("HubSpot has no such record (ID %(id)s): it may have been deleted or merged.")
                % {"id": object_id}
            ) from None


@contextmanager
def _reading(workspace: Workspace) -> Iterator[Connection]:
    """The portal to read from; what goes wrong with it is said in words."""
    connection = properties.portal(workspace)
    if connection is None:
        raise Unreadable(no_portal(workspace))
    if next(remembered(("looks", connection.pk), count, _WITHIN)) >= MOST_LOOKS:
        raise Unreadable(_("HubSpot was asked very often just now: try again in a few seconds."))
    try:
        yield connection
    except (errors.SendError, client.Unavailable) as error:
        raise Unreadable(phrases.translated(properties.report(error))) from error


def no_portal(workspace: Workspace) -> str:
    """Why there is no portal to read from, and what to do."""
    without_token = workspace.connections.filter(kind=Connection.Kind.HUBSPOT).first()
    if without_token is None:
        return _("No HubSpot portal is connected, so no record can be read: add one under Connections.")
    return _("%(portal)s has no access token, so no record can be read: add it under Connections.") % {
        "portal": without_token.name
    }


# For a send


def completed(record: Record, missing: set[Name], connection: Connection) -> Record:
    """The record with what it lacked, of itself and of its contact, as far as HubSpot has it, or had it a moment ago.

    Raises SendError where the token may not read it, client.Unavailable where HubSpot cannot answer now.
    """
    try:
        return _completed(record, missing, connection, _read_for_run)
    except client.NotFound:
        return record


def _read_for_run(
    connection: Connection,
    object_type: str,
    record_id: str,
    names: Iterable[str],
    *,
    with_contacts: bool = False,
) -> client.Found:
    """One record of a portal, which belongs to one workspace; not even what it lacks is remembered for longer."""
    names = tuple(names)
    key = ("record", connection.pk, object_type, record_id, names, with_contacts)
    load = partial(client.record, connection, object_type, record_id, names, with_contacts=with_contacts)
    return remembered(key, load, _RUN)


def _completed(
    record: Record,
    missing: set[Name],
    connection: Connection,
    read_one: Callable[..., client.Found] = client.record,
) -> Record:
    """At most two reads: the record with the ids of its contacts, then the first of these. Raises NotFound."""
    own = _internal(_lists(properties.known, connection, record.object_type), record.object_type, missing)
    theirs: dict[str, str] = {}
    if record.object_type != CONTACT:
        theirs = _internal(_lists(properties.known, connection, CONTACT), CONTACT, missing)
    unread = sorted(set(own.values()) - set(record.properties))
    if not (unread or theirs):
        return replace(record, properties=_also_as_written(record.properties, own))
    found = read_one(connection, record.object_type, record.object_id, unread, with_contacts=bool(theirs))
    values = {**record.properties, **_only(found.properties, unread)}
    related = dict(record.related)
    if theirs:
        contact = _first_contact(connection, found, theirs.values(), read_one)
        related[CONTACT] = _also_as_written(contact, theirs)
    return replace(record, properties=_also_as_written(values, own), related=related)


def _lists(
    read: Callable[[Connection, str, str], Catalogue], connection: Connection, kind: str
) -> Iterator[Catalogue]:
    """An object's properties in one language after the other, each read when it is needed."""
    return (read(connection, kind, each) for each in properties.languages(connection.workspace))


def _internal(lists: Iterable[Catalogue], kind: str, names: Iterable[Name]) -> dict[str, str]:
    """The internal names of an object's properties by how they were written; what does not exist is left out.

    A further list is only read for what the ones before it do not have.
    """
    written = {name for each, name in names if each == kind}
    internal: dict[str, str] = {}
    for known in lists if written else ():
        internal |= {name: found.name for name in written - internal.keys() if (found := known.find(name))}
        if len(internal) == len(written):
            break
    return internal


def _first_contact(
    connection: Connection, found: client.Found, names: Iterable[str], read_one: Callable[..., client.Found]
) -> Values:
    """The values of the first contact. Without one all are empty, so that a token's fallback still counts."""
    wanted = sorted(set(names))
    empty = dict.fromkeys(wanted)
    if not found.contacts:
        return empty
    try:
        return _only(read_one(connection, CONTACT, found.contacts[0], wanted).properties, wanted)
    except client.NotFound:
        return empty


def _only(values: Values, names: Iterable[str]) -> Values:
    return {name: values[name] for name in names if name in values}


def _also_as_written(values: Values, internal: Mapping[str, str]) -> Values:
    """The values, and once more under the name that a configuration uses where that is a label."""
    labelled = {
        written: values.get(name)
        for written, name in internal.items()
        if tokens.key(written) != tokens.key(name)
    }
    return {**values, **labelled}


# For many at once


def many(
    connection: Connection,
    object_type: str,
    ids: Collection[str],
    wanted: Collection[Name],
    before_each: Callable[[], None],
) -> dict[str, Record]:
    """Up to 100 records as HubSpot has them now, by id, with these properties of themselves and of their contacts;
    those that do not exist are left out. Three calls at most, `before_each` before each of them.

    Raises SendError where the token may not read them, client.Unavailable where HubSpot cannot answer now.
    """
    kinds = objects(object_type)
    internal = {kind: _internal(_lists(properties.known, connection, kind), kind, wanted) for kind in kinds}
    names = {kind: frozenset(found.values()) for kind, found in internal.items()}
    found = _together(connection, object_type, ids, names, before_each)
    return {each.object_id: _labelled(each, internal) for each in found}


def _together(
    connection: Connection,
    object_type: str,
    ids: Collection[str],
    names: Mapping[str, Collection[str]],
    before_each: Callable[[], None] = lambda: None,
) -> list[Record]:
    """In the order of their ids. Three requests at most, whatever the size: values, contacts, and theirs."""
    before_each()
    own = _values(connection, object_type, ids, names[object_type])
    related: dict[str, dict[str, Values]] = {}
    if object_type != CONTACT and names.get(CONTACT) and own:
        before_each()
        linked = client.contacts_of(connection, object_type, [*own])
        first = {each: contacts[0] for each, contacts in linked.items() if contacts}
        before_each()
        theirs = _values(connection, CONTACT, set(first.values()), names[CONTACT])
        nobody = dict.fromkeys(names[CONTACT])
        related = {each: {CONTACT: theirs.get(first.get(each, ""), nobody)} for each in own}
    return [Record(object_type, each, own[each], related.get(each, {})) for each in ids if each in own]


def _values(
    connection: Connection, kind: str, ids: Collection[str], names: Iterable[str]
) -> dict[str, Values]:
    if not ids:
        return {}
    return {each.id: each.properties for each in client.records(connection, kind, ids, sorted(names))}


def _labelled(record: Record, internal: Mapping[str, Mapping[str, str]]) -> Record:
    return replace(
        record,
        properties=_also_as_written(record.properties, internal[record.object_type]),
        related={kind: _also_as_written(found, internal[kind]) for kind, found in record.related.items()},
    )


# For an editor


def sample(workspace: Workspace, object_type: str, config: ActionConfig) -> list[Record]:
    """The records that were changed last, with all their visible properties and those the configuration names.

    Never raises: whatever prevents the reading, the list is empty, and HubSpot is left alone for a minute.
    """
    connection = properties.portal(workspace)
    if connection is None:
        return []
    lists = {kind: properties.listed(connection, kind, workspace.language) for kind in objects(object_type)}
    if any(each.known_only for each in lists.values()):
        return []
    wanted = named(config, object_type, property_read(workspace.pk))
    internal = {kind: _internal(_lists(properties.listed, connection, kind), kind, wanted) for kind in lists}
    names = {
        kind: frozenset([*(one.name for one in each.properties), *internal[kind].values()])
        for kind, each in lists.items()
    }
    key = ("sample", connection.pk, object_type, *names.values())
    load = partial(_sampled, connection, object_type, names)
    sampled = remembered((*key, "attempt"), partial(_kept_or_nothing, key, load), _SAMPLE_PAUSE)
    return [_labelled(each, internal) for each in sampled]


def _kept_or_nothing(key: Hashable, load: Callable[[], list[Record]]) -> list[Record]:
    try:
        return remembered(key, load, _SAMPLE_FOR)
    except (errors.SendError, client.Unavailable):
        return []


def _sampled(connection: Connection, object_type: str, names: Mapping[str, Collection[str]]) -> list[Record]:
    """Four requests at most, whatever the size: which records, their values, their contacts, and theirs."""
    newest = client.search(connection, object_type, query.newest(object_type, SAMPLE))
    return _together(connection, object_type, [each.id for each in newest], names)


def examples(records: Iterable[Record], object_type: str) -> dict[str, str]:
    """The first value of each property of an object: of the records themselves, or of their contacts."""
    found: dict[str, str] = {}
    for record in records:
        own = record.object_type == object_type
        for name, value in (record.properties if own else record.related.get(object_type, {})).items():
            if value:
                found.setdefault(name, value)
    return found
