"""Which permissions (scopes) each of our features needs of a portal, and which a portal has granted.

HubSpot docs: "Scopes". What an OAuth token may is told with it; of a static token nobody tells, until a call that is
refused names what it lacks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smsadmin.workspaces.models import Connection

CALLBACKS = "callbacks"
ENGAGEMENTS = "engagements"
OWNERS = "owners"
OPT_OUT_READ, OPT_OUT_WRITE, OPT_OUT_CREATE = "opt_out.read", "opt_out.write", "opt_out.create"

_READ_CONTACTS, _WRITE_CONTACTS = "crm.objects.contacts.read", "crm.objects.contacts.write"
_AUTOMATION = "automation"


class Standing(StrEnum):
    GRANTED = "granted"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Feature:
    """What somebody wants to do, and the scopes it takes: one of each group, of which the first is asked for."""

    name: str
    words: str | Promise
    needs: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Need:
    """A feature as a portal's page shows it: whether it is allowed, and the scopes that it takes and that it lacks."""

    words: str | Promise
    standing: Standing
    scopes: tuple[str, ...]
    missing: tuple[str, ...] = ()


def reading(object_type: str) -> str:
    """The feature "reads records of this type"."""
    return f"records.{object_type}"


_FEATURES = (
    Feature(CALLBACKS, _("Completes executions that wait for their result"), ((_AUTOMATION,),)),
    Feature(
        reading("contact"),
        _("Reads contacts, also those associated with other records"),
        ((_READ_CONTACTS,),),
    ),
    Feature(ENGAGEMENTS, _("Logs messages on the record"), ((_WRITE_CONTACTS,), (_READ_CONTACTS,))),
    Feature(
        OWNERS,
        _("Names the user who sent as the author of a logged message"),
        (("crm.objects.owners.read", _AUTOMATION),),
    ),
    Feature(OPT_OUT_READ, _("Reads opt-outs from the contact before sending"), ((_READ_CONTACTS,),)),
    Feature(OPT_OUT_WRITE, _("Writes opt-outs to the contact"), ((_WRITE_CONTACTS,),)),
    Feature(OPT_OUT_CREATE, _("Creates the property for opt-outs"), (("crm.schemas.contacts.write",),)),
    Feature(reading("company"), _("Reads companies"), (("crm.objects.companies.read",),)),
    Feature(reading("deal"), _("Reads deals"), (("crm.objects.deals.read",),)),
    Feature(reading("ticket"), _("Reads tickets"), (("tickets",),)),
    Feature(reading("lead"), _("Reads leads"), (("crm.objects.leads.read",),)),
    Feature(reading("quote"), _("Reads quotes"), (("crm.objects.quotes.read",),)),
    Feature(reading("order"), _("Reads orders"), (("crm.objects.orders.read",),)),
    Feature(reading("cart"), _("Reads carts"), (("crm.objects.carts.read",),)),
    Feature(reading("invoice"), _("Reads invoices"), (("crm.objects.invoices.read",),)),
    Feature(reading("user"), _("Reads HubSpot users"), (("crm.objects.users.read",),)),
)
FEATURES = {each.name: each for each in _FEATURES}

#: What an install asks for: nobody can agree to less than these, and who lacks one of the others agrees without it.
REQUIRED = ("oauth", _AUTOMATION, _READ_CONTACTS, _WRITE_CONTACTS)
OPTIONAL = tuple(
    dict.fromkeys(group[0] for each in _FEATURES for group in each.needs if group[0] not in REQUIRED)
)


def missing(connection: Connection, feature: str) -> tuple[str, ...]:
    """The scopes that a feature (a constant of this module, or reading(object type)) lacks in a portal; empty also
    where nobody knows. Raises KeyError for a feature that there is not."""
    return _need(connection, FEATURES[feature]).missing


def needs(connection: Connection) -> list[Need]:
    """Every feature, as the portal's page shows it."""
    return [_need(connection, each) for each in _FEATURES]


def to_add(connection: Connection) -> list[str]:
    """The scopes that all features together lack."""
    return list(dict.fromkeys(scope for each in needs(connection) for scope in each.missing))


def refused(connection: Connection, named: Iterable[str]) -> None:
    """A call was refused for want of these: they are missing until the portal is reauthenticated or tested."""
    all_refused = sorted({*connection.scopes_refused, *named})
    if all_refused != connection.scopes_refused:
        connection.scopes_refused = all_refused
        connection.save(update_fields=["scopes_refused"])


def granted(connection: Connection, named: Iterable[str] | None) -> None:
    """What HubSpot now says that the portal's token may (None: it says nothing). Earlier refusals count no more."""
    connection.scopes = sorted(named) if named is not None else None
    connection.scopes_refused = []
    connection.save(update_fields=["scopes", "scopes_refused"])


def _need(connection: Connection, feature: Feature) -> Need:
    asked = tuple(group[0] for group in feature.needs)
    lacked = tuple(group[0] for group in feature.needs if _lacks(connection, group))
    if lacked:
        standing = Standing.MISSING
    else:
        standing = Standing.UNKNOWN if connection.scopes is None else Standing.GRANTED
    return Need(feature.words, standing, asked, lacked)


def _lacks(connection: Connection, group: tuple[str, ...]) -> bool:
    """Whether none of a group that would each do is there, as far as anybody knows."""
    known, denied = connection.scopes, set(connection.scopes_refused)
    return all(scope in denied or (known is not None and scope not in known) for scope in group)
