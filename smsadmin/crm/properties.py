"""The properties of HubSpot's record types: what HubSpot last listed, kept so that a page never waits for it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone, translation

from smsadmin import cache, phrases
from smsadmin.cache import remembered
from smsadmin.core import errors, tokens
from smsadmin.crm import standard
from smsadmin.crm.models import PropertyList
from smsadmin.providers.hubspot import client
from smsadmin.workspaces.models import Connection, Workspace

FRESH = timedelta(minutes=10)  # how long a list is taken as it is
PAUSE = timedelta(minutes=1)  # after a failed reading, before HubSpot is asked again
CONTACT = "contact"
USER = "user"
_UNANSWERED = "HubSpot did not answer usably: "
_PHONE = ("phonenumber", "phone_number")  # how a definition says that its values are phone numbers


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a record type, with its label in the language the list was read in."""

    object_type: str
    name: str
    label: str
    group: str = ""
    is_phone: bool = False
    calculated: bool = False
    hidden: bool = False

    @property
    def token(self) -> str:
        """How tokens and configurations name it: "Contact.firstname"."""
        return f"{self.object_type.capitalize()}.{self.name}"


@dataclass(frozen=True)
class Catalogue:
    """The properties of one record type in display order, and how old and how complete the list is."""

    properties: tuple[Property, ...]
    hidden: tuple[Property, ...] = ()  # never offered, but known by name
    read_at: datetime | None = None
    error: str = ""  # why the newest reading failed, in the reader's language
    known_only: bool = False  # only the documented standard ones: HubSpot has never listed them

    def phones(self) -> list[Property]:
        """Those that hold phone numbers, calculated ones last."""
        return sorted((each for each in self.properties if each.is_phone), key=lambda each: each.calculated)

    def __contains__(self, name: str) -> bool:
        """Whether there is a property of exactly this name, offered or hidden."""
        return name in self._exactly

    def find(self, name: str) -> Property | None:
        """The property that a token names: by its name, however spelt, else by a label that only one has."""
        key = tokens.key(name)
        return self._exactly.get(name) or self._by_name.get(key) or self._by_label.get(key)

    @cached_property
    def _exactly(self) -> dict[str, Property]:
        return {each.name: each for each in (*self.hidden, *self.properties)}

    @cached_property
    def _by_name(self) -> dict[str, Property]:
        return {tokens.key(each.name): each for each in (*self.hidden, *self.properties)}

    @cached_property
    def _by_label(self) -> dict[str, Property]:
        keys = [tokens.key(each.label) for each in self.properties]
        times = Counter(keys)
        return {key: each for key, each in zip(keys, self.properties, strict=True) if times[key] == 1}


def objects(object_type: str) -> tuple[str, ...]:
    """The objects whose properties a message for this record type may use: its own, and the associated contact's.

    HubSpot docs, "Users": a user cannot be associated with anything.
    """
    return (object_type,) if object_type in (CONTACT, USER) else (object_type, CONTACT)


def languages(workspace: Workspace) -> Iterable[str]:
    """Those a label may be written in, the workspace's own first: an action is edited in either."""
    return dict.fromkeys([workspace.language, *(code for code, _name in settings.LANGUAGES)])


def portal(workspace: Workspace) -> Connection | None:
    """The HubSpot portal that a workspace reads from: its first one with an access token that works, else with any."""
    portals = workspace.connections.filter(kind=Connection.Kind.HUBSPOT).order_by("pk")
    readable = [each for each in portals if each.secrets.get("access_token")]
    return min(readable, key=lambda each: (each.lost_at is not None, each.pk), default=None)


def catalogue(workspace: Workspace, object_type: str, language: str) -> Catalogue:
    """What a page shows: never raises, and waits at most a few seconds, once in ten minutes.

    Without a portal to read, or until it answers, these are the documented standard properties.
    """
    connection = portal(workspace)
    return listed(connection, object_type, language) if connection else _documented(object_type, language)


def listed(connection: Connection, object_type: str, language: str) -> Catalogue:
    """The same, of one portal."""
    now = timezone.now()
    kept = _kept(connection, object_type, language)
    if kept and (_is_fresh(kept, now) or now - kept.tried_at < PAUSE):
        return _shown(kept)
    if silence := _silence(connection, now):
        unread = PropertyList(connection=connection, object_type=object_type, language=language)
        return _shown(kept or unread, silence)
    return _shown(_reread(connection, object_type, language)[0])


def expire(workspace: Workspace) -> None:
    """Has every list of the workspace's portals read again when it is next looked at; until then the old ones stand."""
    lists = PropertyList.objects.filter(connection__workspace=workspace)
    lists.update(read_at=F("read_at") - FRESH, tried_at=F("tried_at") - PAUSE)
    cache.forget()


def known(connection: Connection, object_type: str, language: str) -> Catalogue:
    """What a send goes by: an old list rather than none.

    Raises SendError or client.Unavailable where HubSpot has never listed the properties and does not now.
    """
    key = ("properties", connection.pk, object_type, language)
    return remembered(key, partial(_known, connection, object_type, language))


def _known(connection: Connection, object_type: str, language: str) -> Catalogue:
    now = timezone.now()
    kept = _kept(connection, object_type, language)
    if kept and kept.read_at and (_is_fresh(kept, now) or now - kept.tried_at < PAUSE):
        return _shown(kept)
    found, error = _reread(connection, object_type, language)
    if error and found.read_at is None:
        raise error
    return _shown(found)


def report(error: Exception) -> str:
    """Why HubSpot could not be read, in English: `phrases` says it in the reader's language."""
    match error:
        case client.RateLimited():
            return "HubSpot asked to slow down: try again in a few seconds."
        case errors.CredentialRejected():
            return "HubSpot no longer accepts the access token of this portal: enter a new one under Connections."
        case errors.ProviderRejected(facts=facts):
            return f"HubSpot refused to answer: {facts['answer']} (HTTP {facts['http_status']})."
        case errors.SendError():
            return str(error)
    return f"{_UNANSWERED}{error}."


def _kept(connection: Connection, object_type: str, language: str) -> PropertyList | None:
    return PropertyList.objects.filter(
        connection=connection, object_type=object_type, language=language
    ).first()


def _is_fresh(kept: PropertyList, now: datetime) -> bool:
    return kept.read_at is not None and now - kept.read_at < FRESH


def _silence(connection: Connection, now: datetime) -> str:
    """What another list of this portal met a moment ago where HubSpot did not answer: it would not answer this one."""
    unanswered = PropertyList.objects.filter(
        connection=connection, tried_at__gt=now - PAUSE, error__startswith=_UNANSWERED
    )
    return unanswered.values_list("error", flat=True).first() or ""


def _reread(
    connection: Connection, object_type: str, language: str
) -> tuple[PropertyList, errors.SendError | client.Unavailable | None]:
    """Asks HubSpot once and keeps the outcome: the list as it now stands, and the error where that is the old one."""
    now, failure = timezone.now(), None
    try:
        found = client.properties(connection, object_type, language)
    except (errors.SendError, client.Unavailable) as error:
        failure = error
        news: dict[str, Any] = {"error": report(error)[:300]}
    else:
        news = {"properties": [_plain(each) for each in found], "read_at": now, "error": ""}
    kept, _created = PropertyList.objects.update_or_create(
        connection=connection,
        object_type=object_type,
        language=language,
        defaults={"tried_at": now, **news},
    )
    return kept, failure


def _plain(definition: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a definition (HubSpot docs: properties)."""
    name = str(definition["name"])
    return {
        "name": name,
        "label": str(definition.get("label") or name),
        "group": str(definition.get("groupName") or ""),
        "is_phone": any(definition.get(key) in _PHONE for key in ("fieldType", "type", "textDisplayHint")),
        "calculated": bool(definition.get("calculated")),
        "hidden": bool(definition.get("hidden")),
    }


def _shown(kept: PropertyList, error: str = "") -> Catalogue:
    """A kept list as a catalogue; the documented properties where it was never read."""
    error = phrases.translated(error or kept.error)
    if kept.read_at is None:
        return _documented(kept.object_type, kept.language, error)
    found = sorted((Property(kept.object_type, **each) for each in kept.properties), key=_standing)
    return Catalogue(
        properties=tuple(each for each in found if not each.hidden),
        hidden=tuple(each for each in found if each.hidden),
        read_at=kept.read_at,
        error=error,
    )


def _standing(each: Property) -> tuple[int, str, str]:
    """The usual ones first, the others by label."""
    usual = [*standard.PROPERTIES.get(each.object_type, ())]
    return usual.index(each.name) if each.name in usual else len(usual), each.label.casefold(), each.name


def _documented(object_type: str, language: str, error: str = "") -> Catalogue:
    with translation.override(language):
        found = tuple(
            Property(object_type, name, translation.gettext(label), is_phone=name in standard.PHONES)
            for name, label in standard.PROPERTIES[object_type].items()
        )
    return Catalogue(found, error=error, known_only=True)
