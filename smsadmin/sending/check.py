"""What must be true of a resolved message before it may be counted and queued."""

from smsadmin.consent.checks import opted_out
from smsadmin.core import errors, numbers
from smsadmin.core.message import most_characters
from smsadmin.core.segments import Measure
from smsadmin.core.trace import Step, passed
from smsadmin.directory.country import is_aircalls, within_its_rules
from smsadmin.directory.models import SenderKind
from smsadmin.senders.checks import alphabet, sender_id
from smsadmin.sending.resolve import Draft, DraftStep
from smsadmin.trials.checks import test_numbers


def length(draft: Draft) -> Step:
    """Within what the number takes: less than others, where it is a French one of Aircall's."""
    measure = draft.measure
    assert measure is not None
    limit = most_characters(draft.number.e164 if draft.number and is_aircalls(draft.number) else "")
    if measure.characters > limit:
        raise errors.MessageTooLong(characters=measure.characters, limit=limit)
    return passed("length", "length.fits", limit=limit, **_figures(measure))


def not_sender(draft: Draft) -> Step:
    assert draft.recipient
    assert draft.number
    if draft.number.kind != SenderKind.PHONE:
        return passed("not_sender", "not_sender.no_number", recipient=draft.recipient.e164)
    if draft.recipient.e164 == draft.number.e164:
        raise errors.RecipientIsSender(sender=draft.number.e164)
    return passed("not_sender", "not_sender.yes", recipient=draft.recipient.e164, sender=draft.number.e164)


def line_type(draft: Draft) -> Step:
    """North America cannot tell mobile from landline, so only lines that are surely not mobile are refused."""
    assert draft.recipient
    kind = draft.recipient.kind
    if not draft.ask.config.mobile_only:
        return passed("line_type", "line_type.any", kind=kind)
    if not numbers.is_mobile_possible(kind):
        raise errors.RecipientNotMobile(recipient=draft.recipient.e164, kind=kind)
    either = kind == "fixed_line_or_mobile"
    return passed("line_type", "line_type.either" if either else "line_type.mobile", kind=kind)


def _figures(measure: Measure) -> dict[str, object]:
    return {"characters": measure.characters, "encoding": measure.encoding, "segments": measure.segments}


CHECKS: tuple[tuple[str, DraftStep], ...] = (
    ("length", length),
    ("not_sender", not_sender),
    ("line_type", line_type),
    ("opt_out", opted_out),
    ("country", within_its_rules),
    ("sender_id", sender_id),
    ("alphabet", alphabet),
    ("test_numbers", test_numbers),  # last: all else is told before it is said that only build mode stops it
)
