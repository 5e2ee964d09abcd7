"""What Aircall allows from the numbers of a country: one table for the send, the editor's advice and the page
of rules."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smsadmin.core import errors, numbers
from smsadmin.core.trace import Step, passed, warned
from smsadmin.directory.models import Number
from smsadmin.directory.registration import Registration, is_toll_free
from smsadmin.sending.resolve import Draft
from smsadmin.workspaces.models import Connection

Check = Callable[[Draft], Step | None]
Covers = Callable[[Number], bool]

FRANCE = _("Aircall help: French messaging limitations")
A2P = _("Aircall help: A2P 10DLC registration")
TOLL_FREE = _("Aircall help: toll-free messaging compliance")
PRACTICE = _("Aircall help: messaging best practices")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of Aircall's: which numbers are under it (`covers`), and what it makes of a message from one of those:
    `check` refuses it, warns of it or lets it pass (None)."""

    key: str
    countries: tuple[str, ...]  # none: all
    says: Promise
    source: Promise
    blocks: bool
    covers: Covers
    check: Check
    only_marketing: bool = False
    is_advised: bool = True  # else the advice on the text says it


# --- France -----------------------------------------------------------------------------------------


def _french_mobile(number: Number) -> bool:
    return numbers.is_french_mobile(number.e164)


def _not_automated(draft: Draft) -> None:
    if not draft.ask.by_person:
        raise errors.NumberNotForAutomation(sender=_sender(draft))


def _french(number: Number) -> bool:
    return number.e164.startswith("+33")


def _by_its_length(draft: Draft) -> None:
    """The check of the length knows what a number takes (core.message.most_characters)."""


# --- The United States and Canada -------------------------------------------------------------------


def _long_code(*states: str) -> Covers:
    return lambda number: (
        number.needs_registration and not is_toll_free(number.e164) and number.registration in states
    )


def _toll_free(*states: str) -> Covers:
    return lambda number: (
        number.needs_registration and is_toll_free(number.e164) and number.registration in states
    )


def _unregistered(draft: Draft) -> None:
    raise errors.NumberNotRegistered(sender=_sender(draft))


def _pending(draft: Draft) -> Step:
    return warned("country", "country.pending", sender=_sender(draft))


def _unknown(draft: Draft) -> Step:
    return warned("country", "country.unknown", sender=_sender(draft))


def _not_to_canada(draft: Draft) -> None:
    if _goes_to(draft, "CA"):
        raise errors.TollFreeNotVerified(sender=_sender(draft))


def _little_to_the_us(draft: Draft) -> Step | None:
    if not _goes_to(draft, "US"):
        return None
    return warned("country", "country.toll_free_pending", sender=_sender(draft))


def _toll_free_unknown(draft: Draft) -> Step | None:
    if not _goes_to(draft, "US", "CA"):
        return None
    return warned("country", "country.toll_free_unknown", sender=_sender(draft))


# --- Everywhere -------------------------------------------------------------------------------------


def _marketing(draft: Draft) -> Step | None:
    if draft.ask.by_person or draft.ask.config.traffic != "marketing":
        return None
    return warned("country", "country.marketing")


def _sender(draft: Draft) -> str:
    assert draft.number
    return draft.number.e164


def _goes_to(draft: Draft, *countries: str) -> bool:
    assert draft.recipient
    return draft.recipient.country in countries


#: What refuses comes first, then the graver warning.
RULES = (
    Rule(
        "french-automation",
        ("FR",),
        _(
            "Automated sending from French mobile numbers is forbidden. People may answer from them. The carrier "
            "suspends a number above 100 segments an hour, 1,000 a day or 10,000 a month."
        ),
        FRANCE,
        blocks=True,
        covers=_french_mobile,
        check=_not_automated,
        is_advised=False,
    ),
    Rule(
        "french-length",
        ("FR",),
        _("A text from a French number has at most 670 characters."),
        FRANCE,
        blocks=True,
        covers=_french,
        check=_by_its_length,
        is_advised=False,
    ),
    Rule(
        "a2p-unregistered",
        ("US", "CA"),
        _("A long code that is not registered (A2P 10DLC) is blocked: its texts are not delivered."),
        A2P,
        blocks=True,
        covers=_long_code(Registration.UNREGISTERED),
        check=_unregistered,
    ),
    Rule(
        "toll-free-canada",
        ("US", "CA"),
        _("A toll-free number whose verification is pending cannot text to Canada."),
        TOLL_FREE,
        blocks=True,
        covers=_toll_free(Registration.PENDING, Registration.UNREGISTERED),
        check=_not_to_canada,
    ),
    Rule(
        "a2p-pending",
        ("US", "CA"),
        _("While the registration of a long code (A2P 10DLC) is pending, carriers may block its texts."),
        A2P,
        blocks=False,
        covers=_long_code(Registration.PENDING),
        check=_pending,
    ),
    Rule(
        "a2p-unknown",
        ("US", "CA"),
        _("Nobody knows whether a long code is registered (A2P 10DLC); one that is not is blocked."),
        A2P,
        blocks=False,
        covers=_long_code(Registration.UNKNOWN),
        check=_unknown,
    ),
    Rule(
        "toll-free-pending",
        ("US", "CA"),
        _(
            "A toll-free number whose verification is pending may text to the United States, 2,000 segments a day, "
            "6,000 a week and 10,000 a month at most."
        ),
        TOLL_FREE,
        blocks=False,
        covers=_toll_free(Registration.PENDING, Registration.UNREGISTERED),
        check=_little_to_the_us,
    ),
    Rule(
        "toll-free-unknown",
        ("US", "CA"),
        _(
            "Nobody knows whether a toll-free number is verified; one that is not can text little, and not to Canada."
        ),
        TOLL_FREE,
        blocks=False,
        covers=_toll_free(Registration.UNKNOWN),
        check=_toll_free_unknown,
    ),
    Rule(
        "marketing",
        (),
        _("Messaging is meant for conversations: automated one-way marketing is not supported."),
        PRACTICE,
        blocks=False,
        covers=lambda number: True,
        check=_marketing,
        only_marketing=True,
    ),
)


def within_its_rules(draft: Draft) -> Step:
    """Refuses what the sender's country does not allow, and warns of what it advises against: of the gravest."""
    assert draft.number
    found = (rule.check(draft) for rule in of_number(draft.number))
    return next((step for step in found if step), passed("country", "country.none"))


def is_aircalls(number: Number) -> bool:
    """Whether Aircall carries what is sent from it: these rules are Aircall's alone."""
    return number.connection.kind == Connection.Kind.AIRCALL


def of_number(number: Number) -> list[Rule]:
    """The rules that a number is under, what refuses first."""
    return [rule for rule in RULES if rule.covers(number)] if is_aircalls(number) else []


def peculiar(number: Number) -> list[Rule]:
    """The same without those of every number."""
    return [rule for rule in of_number(number) if rule.countries]


def advice(number: Number, traffic: str) -> list[str]:
    """What is worth knowing of automated messages from this number, for who writes them."""
    found = (rule for rule in of_number(number) if rule.is_advised)
    return [str(rule.says) for rule in found if traffic == "marketing" or not rule.only_marketing]


def covered(numbers_of_workspace: Iterable[Number]) -> list[tuple[Rule, list[Number]]]:
    """Every rule with those of the numbers that are under it."""
    listed = [number for number in numbers_of_workspace if is_aircalls(number)]
    return [(rule, [number for number in listed if rule.covers(number)]) for rule in RULES]
