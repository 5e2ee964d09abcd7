"""The statuses a message goes through, and the product's words: each in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_lazy

from smsadmin.core.status import BEFORE, SETTLED, Status
from smsadmin.sending import again

MEANINGS = {
    Status.RECEIVED: gettext_lazy("The request is here, and nothing has been decided about it yet."),
    Status.REJECTED: gettext_lazy("smsadmin said no. Nothing left this server, and no quota was used."),
    Status.HELD: gettext_lazy(
        "There was no room in a quota. It waits for room, uncounted, for as long as its action allows."
    ),
    Status.QUEUED: gettext_lazy(
        "It was accepted and counted, and waits for its turn, or to be tried again after an attempt that surely "
        "did not reach the provider."
    ),
    Status.SENDING: gettext_lazy("A worker has it: it may be on its way to the provider this very moment."),
    Status.SENT: gettext_lazy("The provider took it. Whether it reached the phone is not known."),
    Status.FAILED: gettext_lazy("The provider refused it, or could not be reached in any attempt."),
    Status.UNKNOWN: gettext_lazy("There was no clear answer, so nobody knows whether it went out."),
    Status.UNDELIVERED: gettext_lazy("The provider took it, and the carrier gave it up."),
    Status.DELIVERED: gettext_lazy("The carrier reports that it reached the phone."),
    Status.EXPIRED: gettext_lazy("It was held, and no room came for as long as its action allows."),
    Status.CANCELLED: gettext_lazy(
        "It was held, and then taken out: by a person, with its action, or by build mode."
    ),
}

_NEVER_LEFT = gettext_lazy("Yes: it never left this server.")

#: Of the statuses that do not forbid to send a message again (sending.again), what speaks for it.
AGAIN = {
    Status.REJECTED: gettext_lazy(
        "Yes, once its cause is mended: it never left this server. Not where the recipient has opted out."
    ),
    Status.FAILED: gettext_lazy("Yes, once its cause is mended: the provider did not take it."),
    Status.UNDELIVERED: gettext_lazy("Yes, once the number is known to be right: the carrier gave it up."),
    Status.EXPIRED: _NEVER_LEFT,
    Status.CANCELLED: _NEVER_LEFT,
}

_FINAL = gettext_lazy("Yes")
_SETTLED = gettext_lazy("Unless later news says more")
_GOES_ON = gettext_lazy("No")


@dataclass(frozen=True, slots=True)
class Entry:
    """One status: what may come before and after it, whether it ends there, and whether to send again."""

    status: Status
    meaning: str
    before: Sequence[Status]
    after: Sequence[Status]
    final: str
    again: str


def entries() -> list[Entry]:
    """Every status in the order of a message's life."""
    return [_entry(status) for status in Status]


def _entry(status: Status) -> Entry:
    after = [each for each in Status if status in BEFORE[each]]
    return Entry(
        status=status,
        meaning=str(MEANINGS[status]),
        before=[each for each in Status if each in BEFORE[status]],
        after=after,
        final=str(_FINAL if not after else _SETTLED if status in SETTLED else _GOES_ON),
        again=_again(status),
    )


def _again(status: Status) -> str:
    """Whether a message of that status may be sent again, and why not."""
    if reason := again.of_status(status):
        return gettext("No. %(why)s") % {"why": again.WORDS[reason]}
    return str(AGAIN[status])


#: The product's words: their anchor, the word, what it means.
_GLOSSARY = (
    (
        "message",
        gettext_lazy("Message"),
        gettext_lazy("One wish to send one text to one person, with everything that became of it."),
    ),
    (
        "number",
        gettext_lazy("Number"),
        gettext_lazy("A phone number of a connected account that texts can be sent from."),
    ),
    (
        "user",
        gettext_lazy("User"),
        gettext_lazy(
            "A person of your Aircall account, in whose name a text can be sent from their numbers."
        ),
    ),
    (
        "member",
        gettext_lazy("Member"),
        gettext_lazy("A person who signs in here: as owner, editor, operator or viewer."),
    ),
    (
        "action",
        gettext_lazy("Action"),
        gettext_lazy("What is to be sent, from which number, as which user and to whom, saved under a name."),
    ),
    (
        "version",
        gettext_lazy("Version"),
        gettext_lazy(
            "An action as it was saved at one time; versions never change, and a message names its own."
        ),
    ),
    (
        "workflow",
        gettext_lazy("Workflow"),
        gettext_lazy("The automation in HubSpot that asks for a text when a record reaches its step."),
    ),
    (
        "enrolment",
        gettext_lazy("Enrolment"),
        gettext_lazy(
            "One record that passes through a workflow, and so asks for one text at each such step."
        ),
    ),
    (
        "record",
        gettext_lazy("Record"),
        gettext_lazy("The contact, company, deal or ticket in HubSpot that a message is about."),
    ),
    (
        "request",
        gettext_lazy("Request"),
        gettext_lazy("A call that a machine made to this server, whether or not it became a message."),
    ),
    (
        "sender",
        gettext_lazy("Sender"),
        gettext_lazy("The number or name that a text comes from, as its recipient sees it."),
    ),
    (
        "sender-name",
        gettext_lazy("Sender name"),
        gettext_lazy(
            "Up to 11 letters and digits in place of the sender's number, which nobody can answer, and which some "
            "countries refuse or want approved first (alphanumeric sender ID)."
        ),
    ),
    (
        "line-type",
        gettext_lazy("Line type"),
        gettext_lazy(
            "What kind of line a number is by its country's plan: mobile, fixed line, toll-free and so on, or “fixed "
            "line or mobile” where the plan does not tell, as in North America, so that it is texted even where only "
            "mobiles are to be."
        ),
    ),
    (
        "build-mode",
        gettext_lazy("Build mode"),
        gettext_lazy(
            "While a workspace or a flow is in it, only verified test numbers are texted; everybody else is refused."
        ),
    ),
    (
        "recipient",
        gettext_lazy("Recipient"),
        gettext_lazy("The phone number that a text goes to, written with + and country code."),
    ),
    (
        "token",
        gettext_lazy("Token"),
        gettext_lazy("A place in the text, in double braces, where a value of the record is put in."),
    ),
    (
        "segment",
        gettext_lazy("Segment"),
        gettext_lazy("One of the parts a long text is cut into on its way: each is paid for, and counted."),
    ),
    (
        "encoding",
        gettext_lazy("Encoding"),
        gettext_lazy(
            "How the characters of a text travel: in the short alphabet (GSM-7), where 160 fit into one segment, or "
            "as Unicode (UCS-2), where 70 do."
        ),
    ),
    (
        "quota",
        gettext_lazy("Quota"),
        gettext_lazy("How many messages or segments a number or user may send in one window."),
    ),
    (
        "window",
        gettext_lazy("Quota window"),
        gettext_lazy(
            "The calendar minute, hour, day or month in UTC for which a quota counts, and then starts anew."
        ),
    ),
    (
        "held",
        gettext_lazy("Held"),
        gettext_lazy(
            "Waiting for room in a quota, because the action would rather send late than not at all."
        ),
    ),
    (
        "unknown",
        gettext_lazy("Unknown"),
        gettext_lazy(
            "Sent or not, nobody can say: the provider's answer never came, and it is not sent again."
        ),
    ),
    (
        "cause",
        gettext_lazy("Cause"),
        gettext_lazy(
            "Why a message stopped: a code that never changes, a sentence, whose it is and what fixes it."
        ),
    ),
    (
        "receipt",
        gettext_lazy("Delivery receipt"),
        gettext_lazy("What the carrier reports later about a text that was sent."),
    ),
    (
        "test",
        gettext_lazy("Test"),
        gettext_lazy(
            "A real text that an editor sends from the action's page to a phone of your own people."
        ),
    ),
    (
        "test-number",
        gettext_lazy("Test number"),
        gettext_lazy(
            "A phone of your own people that proved by a code that tests may go to it (at Callr: testing number)."
        ),
    ),
    (
        "opt-out",
        gettext_lazy("Opt-out"),
        gettext_lazy("A recipient's wish to get no more texts, which only that recipient can take back."),
    ),
    (
        "provider",
        gettext_lazy("Provider"),
        gettext_lazy("The service that takes texts from here and carries them on: Aircall, Callr or Twilio."),
    ),
    (
        "carrier",
        gettext_lazy("Carrier"),
        gettext_lazy("The phone network that brings a text from the provider to the phone."),
    ),
    (
        "connection",
        gettext_lazy("Connection"),
        gettext_lazy(
            "An account at Aircall, Callr or Twilio or a HubSpot portal that this workspace works with, and its "
            "credentials."
        ),
    ),
    (
        "directory",
        gettext_lazy("Directory"),
        gettext_lazy("The copy of the accounts' numbers and users that is kept here and refreshed."),
    ),
)


@dataclass(frozen=True, slots=True)
class Word:
    """One of the product's words; `anchor` is its place on the page."""

    anchor: str
    word: str
    meaning: str


def glossary() -> list[Word]:
    """The product's words in the alphabetical order of the reader's language."""
    words = [Word(anchor, str(word), str(meaning)) for anchor, word, meaning in _GLOSSARY]
    return sorted(words, key=lambda each: each.word.casefold())
