"""What the recipient's country takes, asked at each send: sender names, and alphabets."""

from smsadmin.core import errors, numbers
from smsadmin.core.trace import Step, passed
from smsadmin.directory.models import Number, SenderKind
from smsadmin.senders import rules
from smsadmin.senders.models import Approval, CountryRule
from smsadmin.senders.rules import Standing
from smsadmin.sending.resolve import Draft, named

State, Names = Approval.State, CountryRule.Names


def sender_id(draft: Draft) -> Step:
    """Refuses a sender name where the recipient's country takes none, or wants it approved first.

    A name that a country has refused stays refused, whatever its rule says.
    """
    assert draft.number
    assert draft.recipient
    if draft.number.kind != SenderKind.NAME:
        return passed("sender_id", "sender_id.none")
    country = numbers.home_of(draft.recipient)
    if not country:
        return passed("sender_id", "sender_id.nowhere", recipient=draft.recipient.e164)
    facts = {"value": draft.number.e164, "country": country}
    standing = rules.of(draft.ask.workspace_id)
    if why := _against(standing, draft.number, country):
        raise errors.SenderIdNotApproved(**facts, why=why)
    is_approved = standing.approval(draft.number.pk, country) == State.APPROVED
    return passed("sender_id", "sender_id.approved" if is_approved else "sender_id.allowed", **facts)


def _against(standing: Standing, number: Number, country: str) -> str:
    """What stands against the name there; "" where nothing does."""
    names, approval = standing.rule(country).names, standing.approval(number.pk, country)
    if names == Names.UNSUPPORTED:
        return "unsupported"
    if approval == State.REFUSED:
        return "refused"
    if names == Names.REGISTERED and approval != State.APPROVED:
        return approval or "never requested"
    return ""


def alphabet(draft: Draft) -> Step:
    """Refuses a text in Unicode to a country that takes GSM-7 alone, from whichever sender."""
    assert draft.recipient
    assert draft.measure
    country = numbers.home_of(draft.recipient)
    if not rules.of(draft.ask.workspace_id).rule(country).gsm_only:
        return passed("alphabet", "alphabet.any")
    if draft.measure.encoding != "GSM-7":
        characters = named(each for _, each in draft.measure.forcing)
        raise errors.EncodingNotSupported(encoding="GSM-7", country=country, characters=characters)
    return passed("alphabet", "alphabet.gsm", country=country)
