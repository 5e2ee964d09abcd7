"""The trace of a message: every step it took, in order, with the values that step saw."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from smsadmin.core.errors import gettext_noop


class Verdict(StrEnum):
    PASSED = "passed"
    WARNING = "warning"  # sent all the same, but worth knowing
    REFUSED = "refused"
    NOT_APPLICABLE = "not_applicable"
    NOT_REACHED = "not_reached"


#: What each step is called, in the order they are taken.
STEPS: dict[str, str] = {
    "action": gettext_noop("Action"),
    "sender": gettext_noop("Sender"),
    "eligible": gettext_noop("Number may text"),
    "send_as": gettext_noop("Send as"),
    "recipient": gettext_noop("Recipient"),
    "route": gettext_noop("Route"),
    "message": gettext_noop("Message"),
    "encoding": gettext_noop("Encoding"),
    "length": gettext_noop("Length"),
    "not_sender": gettext_noop("Recipient is not the sender"),
    "line_type": gettext_noop("Line type"),
    "opt_out": gettext_noop("Opt-out"),
    "country": gettext_noop("Rules of the country"),
    "sender_id": gettext_noop("Sender ID"),
    "alphabet": gettext_noop("Alphabet of the country"),
    "test_numbers": gettext_noop("Build mode"),
    "quota": gettext_noop("Quota"),
}

#: The sentences of steps that did not refuse; a refusal speaks through its error.
SENTENCES: dict[str, str] = {
    "action.inline": gettext_noop("Configured in the workflow itself"),
    "action.program": gettext_noop(
        "Asked for by the program with the API key “{key}”, without a saved action"
    ),
    "action.form": gettext_noop("“{action}”, as it stands in the form"),
    "action.classic": gettext_noop("The classic action, configured in the workflow itself"),
    "action.saved": gettext_noop("“{action}”, version {version}, is on"),
    "action.flow": gettext_noop("Step {step} of the call flow “{flow}”, version {version}"),
    "action.agent": gettext_noop(
        "The agent “{agent}” used its tool {tool}: “{action}”, version {version}, is on"
    ),
    "action.after": gettext_noop(
        "A call of the agent “{agent}” ended, and the rule of {tool} held: “{action}”, version {version}, is on"
    ),
    "sender.chosen": gettext_noop("{sender} ({name}) is chosen in the action"),
    "sender.property": gettext_noop("{source} holds “{value}”, which is {sender} ({name})"),
    "sender.given": gettext_noop("The step names {sender} ({name})"),
    "sender.name": gettext_noop("The step names “{sender}”, a sender name of this account"),
    "sender.asked": gettext_noop("The program names {sender} ({name})"),
    "sender.asked_name": gettext_noop("The program names “{sender}”, a sender name of this account"),
    "sender.pool": gettext_noop(
        "The step names no sender, so the provider picks one by destination ({name})"
    ),
    "sender.default": gettext_noop(
        "The step names no sender, so the number set for that is taken: {sender} ({name})"
    ),
    "sender.called": gettext_noop(
        "The step names no sender, so the number that was called or texted is taken: {sender} ({name})"
    ),
    "sender.called_elsewhere": gettext_noop(
        "The step names no sender, and the number that was called or texted is none of ours: the workspace's only "
        "account that picks senders takes the text ({name})"
    ),
    "sender.called_mute": gettext_noop(
        "The step names no sender, and {sender}, which was called or texted, cannot text: the workspace's only account "
        "that picks senders takes it ({name})"
    ),
    "sender.fallback": gettext_noop(
        "The classic step asks for {asked}, which is no number of this account; sent from the fallback number {sender} "
        "({name}) instead"
    ),
    "eligible.outside": gettext_noop(
        "{sender} is not connected to the integration; as it can text, the classic action sends from it all the same"
    ),
    "eligible.yes": gettext_noop(
        "Connected, SMS-capable, not with another messaging service, not in proxy mode"
    ),
    "eligible.name": gettext_noop("A sender name of the account; countries may have rules for it"),
    "eligible.pool": gettext_noop("The provider answers for what it picks"),
    "eligible.proxy": gettext_noop(
        "Connected and SMS-capable; in proxy mode, so what it sends is shown here and nowhere else"
    ),
    "send_as.none": gettext_noop("No user: the message is sent as the number"),
    "send_as.user": gettext_noop("{email} is a user of {sender}, which has {users} in all"),
    "send_as.fallback": gettext_noop(
        "The classic step asks for {asked}, who is not a user of {sender}; sent without a user instead"
    ),
    "recipient.read": gettext_noop("{source} holds “{value}”, read as {recipient}"),
    "recipient.region": gettext_noop(
        "{source} holds “{value}”, read as {recipient} with the default region {region}"
    ),
    "recipient.unusual": gettext_noop(
        "{source} holds “{value}”, read as {recipient}; no known number looks like this"
    ),
    "recipient.test": gettext_noop(
        "{source} holds “{value}”, read as {read}; as a test it goes to {recipient}"
    ),
    "route.none": gettext_noop("No route changes the sender"),
    "route.not_asked": gettext_noop(
        "The route “{route}” is not asked: answers, tests and call flows leave from the sender that they name"
    ),
    "route.kept": gettext_noop("The route “{route}” leads to {sender}, which it is sent from in any case"),
    "route.taken": gettext_noop(
        "Sent from {sender} ({name}) in place of {replaced}, as the route “{route}” says"
    ),
    "route.without_user": gettext_noop(
        "Sent from {sender} ({name}) in place of {replaced}, as the route “{route}” says; {email} is not a user of "
        "{sender}, so it is sent without a user"
    ),
    "message.plain": gettext_noop("The text has no tokens"),
    "message.tokens": gettext_noop("{tokens} filled in"),
    "message.tokens_hidden": gettext_noop("{tokens} filled in; the action keeps no values"),
    "encoding.gsm": gettext_noop("Every character is in the short alphabet (GSM-7)"),
    "encoding.replaced": gettext_noop("Replaced to stay in the short alphabet (GSM-7): {changes}"),
    "encoding.unicode": gettext_noop("Unicode (UCS-2), because of {characters}"),
    "encoding.always": gettext_noop("Counted as Unicode (UCS-2), as the action says"),
    "length.fits": gettext_noop("{characters} of {limit} characters, {encoding}, segments: {segments}"),
    "not_sender.yes": gettext_noop("{recipient} is not {sender}"),
    "not_sender.no_number": gettext_noop("It is not sent from a number of ours, so {recipient} is none"),
    "line_type.any": gettext_noop("{kind}; the action texts every kind of number"),
    "line_type.mobile": gettext_noop("{kind}; the action texts mobiles only"),
    "line_type.either": gettext_noop(
        "{kind}: the plan of its country does not tell, so it is texted although the action texts mobiles only"
    ),
    "opt_out.off": gettext_noop("This workspace keeps no list of opt-outs here"),
    "opt_out.confirmation": gettext_noop("This text tells somebody who opted out that it is done"),
    "opt_out.not_listed": gettext_noop("{recipient} is not on the list of opt-outs"),
    "opt_out.neither": gettext_noop("{recipient} is not on the list of opt-outs, nor does {source} say so"),
    "opt_out.not_set": gettext_noop("{source} does not say that the recipient opted out"),
    "opt_out.listless": gettext_noop(
        "{recipient} is not on the list of opt-outs; what {source} says could not be read"
    ),
    "opt_out.unread": gettext_noop("What {source} says could not be read"),
    "opt_out.no_record": gettext_noop("The message is about no record whose property could say so"),
    "country.none": gettext_noop("No rule of the sender's country applies"),
    "country.pending": gettext_noop(
        "The registration of {sender} with the carriers (A2P 10DLC) is pending, so they may block it"
    ),
    "country.unknown": gettext_noop(
        "Nobody knows whether {sender} is registered with the carriers (A2P 10DLC), which block numbers that are not"
    ),
    "country.toll_free_pending": gettext_noop(
        "The toll-free number {sender} is not verified yet: 2,000 segments a day to the United States are the most"
    ),
    "country.toll_free_unknown": gettext_noop(
        "Nobody knows whether the toll-free number {sender} is verified; until it is, little of it is delivered"
    ),
    "country.marketing": gettext_noop(
        "Marketing; Aircall is meant for conversations and says that it does not support one-way marketing"
    ),
    "sender_id.none": gettext_noop("It is not sent under a name"),
    "sender_id.allowed": gettext_noop("{country} takes sender names without an approval"),
    "sender_id.approved": gettext_noop("“{value}” is approved for {country}"),
    "sender_id.nowhere": gettext_noop(
        "{recipient} is of no country, so no country's rules apply to the name"
    ),
    "alphabet.any": gettext_noop("No rule of the recipient's country limits the alphabet"),
    "alphabet.gsm": gettext_noop("{country} takes the short alphabet (GSM-7) alone, and the text is in it"),
    "test_numbers.off": gettext_noop("Build mode is off"),
    "test_numbers.code": gettext_noop("Build mode is on; this code makes {recipient} a test number"),
    "test_numbers.verified": gettext_noop("Build mode is on, and {recipient} is a verified test number"),
    "quota.room": gettext_noop("Counted in every window of the number and the user"),
    "quota.number": gettext_noop("Counted in every window of the number"),
    "quota.classic": gettext_noop(
        "Counted in every window; of the limits only those per day and month hold for the classic action"
    ),
    "quota.fits": gettext_noop("There is room in every window of the number and the user"),
    "quota.number_fits": gettext_noop("There is room in every window of the number"),
    "quota.held": gettext_noop(
        "Held until {resets}: {subject} has used {used} of {limit} {unit} per {window}"
    ),
    "quota.held_share": gettext_noop(
        "Held until {resets}: {subject} has used {used} of {limit} {unit} per {window}, and the last {kept} are kept "
        "for replies and alerts"
    ),
    "quota.held_behind": gettext_noop(
        "Held, as others of its line wait already: the first of them until {resets}"
    ),
    "quota.would_hold": gettext_noop(
        "Would be held until {resets}: {subject} has used {used} of {limit} {unit} per {window}"
    ),
    "quota.would_hold_share": gettext_noop(
        "Would be held until {resets}: {subject} has used {used} of {limit} {unit} per {window}, and the last {kept} "
        "are kept for replies and alerts"
    ),
    "quota.would_hold_behind": gettext_noop(
        "Would be held behind {ahead} of its line: the first of them waits until {resets}"
    ),
    "quota.never_held": gettext_noop("Not held: the message is larger than a limit, which no reset changes"),
    "quota.not_held": gettext_noop(
        "Not held: there is no room before {resets}, and the action waits until {expires} at most"
    ),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name in STEPS, its verdict, the key of its sentence and the values it saw."""

    name: str
    verdict: Verdict
    say: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> list[Any]:
        return [self.name, self.verdict.value, self.say, self.facts]

    @classmethod
    def from_json(cls, stored: list[Any]) -> "Step":
        name, verdict, say, facts = stored
        return cls(name, Verdict(verdict), say, facts)


def passed(name: str, say: str, /, **facts: Any) -> Step:
    """A step that let the message through, with the sentence `say` of SENTENCES."""
    return Step(name, Verdict.PASSED, say, facts)


def warned(name: str, say: str, /, **facts: Any) -> Step:
    """A step that let the message through although something looked odd."""
    return Step(name, Verdict.WARNING, say, facts)
