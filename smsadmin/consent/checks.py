"""Whether somebody wants to be texted, asked at the moment of each send.

The list is looked at in the database each time: a text to opt out counts from the moment it is handled.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from smsadmin.consent import policies
from smsadmin.consent.models import OptOut
from smsadmin.consent.words import Kind
from smsadmin.core import errors, numbers, tokens
from smsadmin.core.message import SendRequest
from smsadmin.core.trace import Step, passed, warned
from smsadmin.crm.properties import CONTACT
from smsadmin.sending.filters import OPT_OUT
from smsadmin.sending.models import Message
from smsadmin.sending.resolve import Draft, lookup

#: How HubSpot writes that a box is ticked, and what people write into a property that is none.
_TRUE = frozenset({"true", "yes", "1"})


def opted_out(draft: Draft) -> Step:
    """Refuses a recipient who has opted out, by our own list or by the property of the record, else of its contact."""
    assert draft.recipient
    policy, ask = policies.policy_of(draft.ask.workspace_id), draft.ask
    if not (policy.keeps_list or policy.reads):
        return passed("opt_out", "opt_out.off")
    if ask.trigger == OPT_OUT and ask.origin.get("confirms") == Kind.STOP:
        return passed("opt_out", "opt_out.confirmation")
    recipient = draft.recipient.e164
    if policy.keeps_list and (found := listed(ask.workspace_id, [recipient, *_of_record(draft)])):
        raise refusal(found, by_person=ask.by_person)
    if policy.keeps_list and not (policy.reads and _has_record(ask)):
        return passed("opt_out", "opt_out.not_listed", recipient=recipient)
    if not _has_record(ask):
        return passed("opt_out", "opt_out.no_record")
    said, source = _said(ask, policy.reads)
    facts = {"recipient": recipient, "source": source}
    if said:
        raise errors.RecipientOptedOut(**facts, **_by(ask.by_person))
    if said is None:
        return warned("opt_out", "opt_out.listless" if policy.keeps_list else "opt_out.unread", **facts)
    return passed("opt_out", "opt_out.neither" if policy.keeps_list else "opt_out.not_set", **facts)


def listed(workspace_id: int, among: Iterable[str]) -> OptOut | None:
    """The first of these numbers (E.164) that the workspace's list has as out."""
    found = OptOut.objects.filter(workspace=workspace_id, number__in=set(among), is_out=True)
    return found.first()


def meanwhile(workspace_id: int, recipients: Mapping[UUID, str]) -> dict[UUID, errors.RecipientOptedOut]:
    """Of messages that were accepted, by id with their recipients, those whose recipient has opted out since. Who opted
    out may still be told that it is done."""
    if not policies.policy_of(workspace_id).keeps_list:
        return {}
    found = OptOut.objects.filter(workspace=workspace_id, number__in={*recipients.values()}, is_out=True)
    out = {each.number: refusal(each) for each in found}
    refused = {pk: out[number] for pk, number in recipients.items() if number in out}
    if refused:
        told = Message.objects.filter(pk__in=refused, trigger=OPT_OUT, origin__confirms=Kind.STOP.value)
        for pk in told.values_list("pk", flat=True):
            del refused[pk]
    return refused


def refusal(found: OptOut, *, by_person: bool = False) -> errors.RecipientOptedOut:
    """The error that says since when."""
    assert found.since
    return errors.RecipientOptedOut(recipient=found.number, since=found.since.isoformat(), **_by(by_person))


def _has_record(ask: SendRequest) -> bool:
    """Whether it is about a record of HubSpot, and not about a call or a text."""
    return bool(ask.record.object_id) and ask.record.object_type not in ("call", "sms")


def _by(by_person: bool) -> dict[str, bool]:
    return {"by_person": True} if by_person else {}


def _of_record(draft: Draft) -> list[str]:
    """The record's own number where a test goes elsewhere: what is tested is that it would be texted."""
    if not draft.ask.test_recipient:
        return []
    try:
        return [numbers.read(draft.recipient_given, draft.ask.config.default_region or None).e164]
    except numbers.NumberError:
        return []


def _said(ask: SendRequest, name: str) -> tuple[bool | None, str]:
    """What the property says, of the record or else of its contact, and how it is named; None where nobody knows."""
    source, said = f"{ask.record.object_type.capitalize()}.{name}", None
    for kind in dict.fromkeys((tokens.ENROLLED, CONTACT)):
        try:
            value = lookup(ask.record, kind, name)
        except LookupError:
            continue
        said, source = is_set(value), source if kind == tokens.ENROLLED else f"{CONTACT.capitalize()}.{name}"
        if said:
            break
    return said, source


def is_set(value: str | None) -> bool:
    return (value or "").strip().casefold() in _TRUE
