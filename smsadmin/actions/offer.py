"""Which properties an action may name: those of its record type, and those of the associated contact."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from smsadmin.actions import calls
from smsadmin.actions.models import ObjectType
from smsadmin.core import tokens
from smsadmin.crm import properties
from smsadmin.crm.properties import Catalogue, Property
from smsadmin.sending.resolve import INPUTS
from smsadmin.workspaces.models import Connection, Workspace

Group = tuple[str, list[tuple[str, str]]]  # an <optgroup>: its label, and (value, label) pairs


@dataclass(frozen=True, slots=True)
class Offer:
    """The properties of one record type, and for every type but contact those of the associated contact."""

    object_type: str
    catalogues: dict[str, Catalogue]
    of_one_portal: bool = True  # another portal of the workspace may have properties that this one lacks

    @property
    def is_call(self) -> bool:
        """Whether the values are an agent's to give: HubSpot is not asked, and any name may be used."""
        return self.object_type == ObjectType.CALL

    @property
    def is_complete(self) -> bool:
        """Whether HubSpot itself has listed the properties, so that one it does not list does not exist."""
        return not any(each.known_only for each in self.catalogues.values())

    @property
    def error(self) -> str:
        """Why the newest reading failed, in words; "" when it did not."""
        return next((each.error for each in self.catalogues.values() if each.error), "")

    @property
    def read_at(self) -> datetime | None:
        """When HubSpot listed the properties of the record type."""
        return self.catalogues[self.object_type].read_at

    def find(self, path: str) -> Property | None:
        """The property that a token or a field names; None for one that does not exist, or of another object."""
        kind, name = self._named(path)
        found = self.catalogues.get(kind)
        return found.find(name.strip()) if found else None

    def lacks(self, path: str) -> bool:
        """Whether no record of this type can have it: another object's property, or one that HubSpot does not list.

        A workflow step's own fields are not HubSpot's to list.
        """
        kind, _name = self._named(path)
        if self.is_call or kind == tokens.key(INPUTS):
            return False
        is_listed = self.is_complete and self.of_one_portal
        return kind not in self.catalogues or (is_listed and self.find(path) is None)

    def _named(self, path: str) -> tuple[str, str]:
        """An object by our name of it, and the property as it is written."""
        first, dot, rest = path.partition(".")
        kind, name = (tokens.key(first), rest) if dot else (tokens.key(tokens.ENROLLED), path)
        return (self.object_type if kind == tokens.key(tokens.ENROLLED) else kind), name

    def nearest(self, path: str) -> str:
        """The existing property that is spelt most like this one; "" when none is."""
        by_key = {tokens.key(each.token): each.token for each in self}
        close = get_close_matches(tokens.key(path), by_key, n=1, cutoff=0.7)
        return by_key[close[0]] if close else ""

    def __iter__(self) -> Iterator[Property]:
        return (each for found in self.catalogues.values() for each in found.properties)

    @property
    def has_no_phone(self) -> bool:
        """Whether the record type itself has no property that holds a phone number."""
        return not self.catalogues[self.object_type].phones()

    @property
    def has_contact(self) -> bool:
        """Whether a contact is associated with records of this type."""
        return len(self.catalogues) > 1

    @property
    def type_label(self) -> str:
        return str(ObjectType(self.object_type).label)

    def by_object(self) -> list[tuple[str, tuple[Property, ...]]]:
        """Every property, by object: (what people call it, properties)."""
        return [(_object(kind, self), found.properties) for kind, found in self.catalogues.items()]

    def phones_first(self) -> list[Group]:
        """Every property, those that hold phone numbers before the others."""
        return [*self._groups(phones=True), *self._groups(phones=False)]

    def all(self) -> list[Group]:
        """Every property, by object."""
        return [(label, _choices(found)) for label, found in self.by_object()]

    def _groups(self, *, phones: bool) -> list[Group]:
        found = []
        for kind, catalogue in self.catalogues.items():
            mine = catalogue.phones() if phones else [p for p in catalogue.properties if not p.is_phone]
            words = _("Phone numbers: %(object)s") if phones else _("Other properties: %(object)s")
            if mine:
                found.append((words % {"object": _object(kind, self)}, _choices(mine)))
        return found


def offer(workspace: Workspace, object_type: str) -> Offer:
    """What HubSpot's newest list says, or the documented standard properties where no portal can be read; of a call the
    values that every call has."""
    if object_type == ObjectType.CALL:
        return Offer(object_type, {object_type: calls.catalogue()})
    language = get_language() or "en"
    kinds = properties.objects(object_type)
    portals = workspace.connections.filter(kind=Connection.Kind.HUBSPOT).count()
    return Offer(
        object_type,
        {kind: properties.catalogue(workspace, kind, language) for kind in kinds},
        of_one_portal=portals < 2,
    )


def _object(kind: str, offered: Offer) -> str:
    if kind == ObjectType.CONTACT and offered.object_type != kind:
        return _("associated contact")
    return str(ObjectType(kind).label)


def _choices(found: Iterable[Property]) -> list[tuple[str, str]]:
    return [(each.token, f"{each.label} ({each.name})") for each in found]
