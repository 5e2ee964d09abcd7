"""Which properties of its record every execution brings along, so that none has to be read when it comes."""

from collections import defaultdict

from smsadmin.actions.models import Action
from smsadmin.consent.models import Policy
from smsadmin.core import tokens
from smsadmin.crm import standard
from smsadmin.crm.models import PropertyList
from smsadmin.crm.named import named
from smsadmin.workspaces.models import Connection


def properties() -> list[str]:
    """The opt-out properties, and what saved actions name of their records, by HubSpot's names.

    One definition serves all workspaces and all record types of this installation, so this is one list for all. A name
    that the lists kept of HubSpot do not know is left out: it is read when a record comes.
    """
    known = _known()
    found = {Policy().hubspot_property, *(policy.reads for policy in Policy.objects.all())} - {""}
    for action in Action.objects.filter(enabled=True, current__isnull=False).select_related("current"):
        version = action.current
        assert version
        names = {**_standard(version.object_type), **known[action.workspace_id, version.object_type]}
        used = [
            name for kind, name in named(version.config(), version.object_type) if kind == version.object_type
        ]
        found.update(names[key] for key in map(tokens.key, used) if key in names)
    return sorted(found)


def _known() -> dict[tuple[int, str], dict[str, str]]:
    """By workspace and record type: HubSpot's names of properties by the form in which tokens compare them."""
    found: dict[tuple[int, str], dict[str, str]] = defaultdict(dict)
    lists = PropertyList.objects.filter(connection__kind=Connection.Kind.HUBSPOT, read_at__isnull=False)
    for workspace_id, object_type, listed in lists.values_list(
        "connection__workspace_id", "object_type", "properties"
    ):
        found[workspace_id, object_type].update((tokens.key(each["name"]), each["name"]) for each in listed)
    return found


def _standard(object_type: str) -> dict[str, str]:
    return {tokens.key(name): name for name in standard.PROPERTIES.get(object_type, ())}
