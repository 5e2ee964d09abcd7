"""What a configuration names of HubSpot's records."""

from smsadmin.core import tokens
from smsadmin.core.message import ActionConfig, Record, paths
from smsadmin.crm.properties import CONTACT, objects

Name = tuple[str, str]  # an object and its property, as written: ("contact", "FirstName")


def named(config: ActionConfig, object_type: str, opt_out: str = "") -> set[Name]:
    """The properties that a configuration for this record type names, of the record and of its contact; and of both the
    one that says who opted out, where it is asked before each send (consent.policies.property_read).

    Properties of anything else are left out: no send can read them.
    """
    own = {tokens.key(tokens.ENROLLED), tokens.key(object_type)}
    found = {(each, opt_out) for each in objects(object_type)} if opt_out else set()
    for kind, name in paths(config):
        if tokens.key(kind) in own:
            found.add((object_type, name))
        elif tokens.key(kind) == CONTACT and CONTACT in objects(object_type):
            found.add((CONTACT, name))
    return found


def lacking(record: Record, config: ActionConfig, opt_out: str = "") -> set[Name]:
    """What is `named` and the record does not have, not even empty."""
    known = {(record.object_type, tokens.key(name)) for name in record.properties}
    known |= {(kind, tokens.key(name)) for kind, found in record.related.items() for name in found}
    return {
        (kind, name)
        for kind, name in named(config, record.object_type, opt_out)
        if (kind, tokens.key(name)) not in known
    }
