"""Every reason a message stops: one entry each, for the log, the API, HubSpot and the help page.

A code is stable: it is stored, searched and returned by the API. The sentence says what happened with
the values, `fix` says what to do about it, and `place` names the page where that is done. Both texts are
English here and are translated where they are shown.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from smsadmin.core.status import Status


def gettext_noop(text: str) -> str:
    """Marks a text for the translators; the rules themselves know no framework."""
    return text


class Whose(StrEnum):
    CONFIGURATION = "configuration"
    RECORD = "record"
    QUOTA = "quota"
    CONSENT = "consent"
    PROVIDER = "provider"
    CARRIER = "carrier"
    US = "us"


class Retry(StrEnum):
    NEVER = "never"
    AFTER_FIX = "after_fix"
    SAFE = "safe"  # it surely never left: sending again cannot send twice


class Stage(StrEnum):
    TRIGGER = "trigger"
    RESOLVE = "resolve"
    CHECK = "check"
    DISPATCH = "dispatch"
    DELIVERY = "delivery"


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "…"


def fill(text: str, facts: dict[str, object]) -> str:
    """The sentence with its values; a value nobody recorded shows as an ellipsis."""
    return text.format_map(_Facts(facts))


class SendError(Exception):
    """Why a message did not go out, in words its admin can act on."""

    code: ClassVar[str]
    text: ClassVar[str]
    kept_text: ClassVar[str] = ""  # in place of `text`, where room was left but `kept` for other messages
    routed_text: ClassVar[str] = ""  # in place of `text`, where a `route` had chosen the sender
    fix: ClassVar[str]
    whose: ClassVar[Whose] = Whose.CONFIGURATION
    stage: ClassVar[Stage] = Stage.RESOLVE
    retry: ClassVar[Retry] = Retry.AFTER_FIX
    status: ClassVar[Status] = Status.REJECTED
    place: ClassVar[str] = "action"

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(fill(self.sentence(facts), facts))

    def __init_subclass__(cls) -> None:
        CATALOGUE[cls.code] = cls

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        """The text that goes with these facts, still to be filled in with them."""
        if cls.routed_text and facts.get("route"):
            return cls.routed_text
        return cls.kept_text if cls.kept_text and facts.get("kept") else cls.text


CATALOGUE: dict[str, type[SendError]] = {}


# --- Sender -----------------------------------------------------------------------------------------


class SenderRequired(SendError):
    """`source` is the field or property without a sender. Of a step of a call flow that names none it is "flow", and
    "called" where the number that was called or texted is none of ours."""

    code = "SENDER_REQUIRED"
    text = gettext_noop("No sender number was given: {source} is empty.")
    flow_text = gettext_noop(
        "The step names no sender, and the flow has neither an account that picks one nor a number for that case."
    )
    called_text = gettext_noop(
        "The step names no sender, and the number that was called or texted is none of ours."
    )
    fix = gettext_noop(
        "Choose a number in the action, or fill the property that names it. In a call flow, name a sender in the step, "
        "or choose the account or the number in the flow's settings."
    )
    place = "action.sender"

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        texts = {"flow": cls.flow_text, "called": cls.called_text}
        return texts.get(str(facts.get("source")), cls.text)


class NumberNotE164(SendError):
    code = "NUMBER_NOT_E164"
    text = gettext_noop("The sender “{value}” is not written as a full international number.")
    fix = gettext_noop("Write it with + and country code, without spaces, for example +12025550123.")
    place = "action.sender"


class NumberNotInIntegration(SendError):
    code = "NUMBER_NOT_IN_INTEGRATION"
    text = gettext_noop("{sender} is not connected to this integration, so nothing was sent.")
    routed_text = gettext_noop(
        "The route “{route}” leads to {sender}, which is not connected to this integration, so nothing was sent."
    )
    fix = gettext_noop(
        "Connect the number in Aircall and confirm it in the directory, or send from another one."
    )
    place = "directory"


class NumberNotSmsCapable(SendError):
    code = "NUMBER_NOT_SMS_CAPABLE"
    text = gettext_noop("{sender} is not known to send text messages, so nothing was sent.")
    routed_text = gettext_noop(
        "The route “{route}” leads to {sender}, which is not known to send text messages, so nothing was sent."
    )
    fix = gettext_noop("Enable messaging for the number in Aircall and confirm it in the directory.")
    place = "directory"


class NumberInProxyMode(SendError):
    code = "NUMBER_IN_PROXY_MODE"
    text = gettext_noop(
        "{sender} is used by the Aircall Messaging API (proxy mode), so it cannot text from here."
    )
    routed_text = gettext_noop(
        "The route “{route}” leads to {sender}, which is used by the Aircall Messaging API (proxy mode), so nothing "
        "was sent."
    )
    fix = gettext_noop(
        "Remove the number's Messaging API configuration in Aircall, then choose “Ask Aircall again” beside the number."
    )
    place = "directory"


class NumberThirdPartyMessaging(SendError):
    code = "NUMBER_THIRD_PARTY_MESSAGING"
    text = gettext_noop("{sender} uses another messaging service, so Aircall cannot text from it.")
    routed_text = gettext_noop(
        "The route “{route}” leads to {sender}, which uses another messaging service, so nothing was sent."
    )
    fix = gettext_noop("Switch the number back to Aircall messaging, then correct it in the directory.")
    place = "directory"


class NumberNotForAutomation(SendError):
    code = "NUMBER_NOT_FOR_AUTOMATION"
    text = gettext_noop(
        "{sender} is a French mobile number, and Aircall forbids automated sending from those, so nothing was sent."
    )
    fix = gettext_noop(
        "Send from a number that is no French mobile. A person may answer from it in the inbox."
    )
    stage, place = Stage.CHECK, "directory"


class NumberNotRegistered(SendError):
    """`provider` and `answer` where a provider or its carriers said so."""

    code = "NUMBER_NOT_REGISTERED"
    text = gettext_noop(
        "{sender} is not registered with the carriers (A2P 10DLC), which block its texts, so nothing was sent."
    )
    provider_text = gettext_noop(
        "{sender} is not registered or verified as carriers ask for it, so {provider} did not deliver the text "
        "({answer})."
    )
    fix = gettext_noop(
        "Register the number with its provider. If it is registered, correct that in the directory. Or send from "
        "another one."
    )
    stage, place = Stage.CHECK, "directory"

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        return cls.provider_text if facts.get("provider") else cls.text


class TollFreeNotVerified(SendError):
    code = "TOLL_FREE_NOT_VERIFIED"
    text = gettext_noop(
        "The toll-free number {sender} is not verified yet, and until then Canada blocks its texts, so nothing was "
        "sent."
    )
    fix = gettext_noop(
        "Wait for the verification that was asked for in Aircall, or send from another number."
    )
    stage, place = Stage.CHECK, "directory"


class SenderIdInvalid(SendError):
    """`why` is the fault that core.sender_names found; none where a provider said so."""

    code = "SENDER_ID_INVALID"
    text = gettext_noop("“{value}” cannot be a sender name.")
    texts: ClassVar[Mapping[object, str]] = {
        "characters": gettext_noop(
            "“{value}” cannot be a sender name: it has characters other than letters from A to Z, digits, spaces, "
            "dashes and underscores."
        ),
        "too_long": gettext_noop("“{value}” cannot be a sender name: it is longer than 11 characters."),
        "no_letter": gettext_noop("“{value}” cannot be a sender name: it has no letter."),
    }
    fix = gettext_noop(
        "Use up to 11 letters and digits with at least one letter, or name a number with + and its country code."
    )
    place = "action.sender"

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        return cls.texts.get(facts.get("why"), cls.text)


class SenderIdNotApproved(SendError):
    """`country` is "" where the account has no such name. `why` is "unsupported" where the country takes none, or how
    far the approval is: "requested", "refused", or neither where nobody asked for one."""

    code = "SENDER_ID_NOT_APPROVED"
    text = gettext_noop("The sender name “{value}” is not approved for {country}, so nothing was sent.")
    unknown_text = gettext_noop("“{value}” is no sender name of the account that sends, so nothing was sent.")
    texts: ClassVar[Mapping[object, str]] = {
        "unsupported": gettext_noop("{country} takes no sender names, so nothing was sent as “{value}”."),
        "requested": gettext_noop(
            "The sender name “{value}” is requested for {country} and not approved yet, so nothing was sent."
        ),
        "refused": gettext_noop("The sender name “{value}” was refused for {country}, so nothing was sent."),
    }
    fix = gettext_noop(
        "Request the name under Settings › Sender IDs and set it to approved there once it is, or send from a number."
    )
    stage, place = Stage.CHECK, "sender-ids"

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        if facts.get("country") == "":
            return cls.unknown_text
        return cls.texts.get(facts.get("why"), cls.text)


class SenderRefused(SendError):
    code = "SENDER_REFUSED"
    text = gettext_noop("{provider} does not send this from {sender}: {answer}.")
    fix = gettext_noop(
        "Look at the number or service in the provider's portal: whether it is the account's, can text, and may text "
        "the recipient's country. Or send from another one."
    )
    stage, status, place = Stage.DISPATCH, Status.FAILED, "directory"


# --- Send as ----------------------------------------------------------------------------------------


class UserRequired(SendError):
    code = "USER_REQUIRED"
    text = gettext_noop("The action sends as a user, but {source} is empty.")
    fix = gettext_noop("Choose a user of the number, fill the property, or send without a user.")
    place = "action.send_as"


class UserNotFound(SendError):
    code = "USER_NOT_FOUND"
    text = gettext_noop("{email} is not a user of this Aircall account.")
    fix = gettext_noop("Correct the email address, or add the user in Aircall and refresh the directory.")
    place = "action.send_as"


class UserNotOnNumber(SendError):
    code = "USER_NOT_ON_NUMBER"
    text = gettext_noop("{email} is not a user of {sender}, so nothing was sent.")
    fix = gettext_noop("Add the user to the number in Aircall, or choose one of the number's users.")
    place = "action.send_as"


class UserOutOfSegments(SendError):
    code = "USER_OUT_OF_SEGMENTS"
    text = gettext_noop(
        "{email} has {left} of {limit} message segments per {window} left; this text needs {needed}."
    )
    kept_text = gettext_noop(
        "{email} has {left} of {limit} message segments per {window} left, and the last {kept} are kept for replies "
        "and alerts."
    )
    fix = gettext_noop("Send as another user or without one; the budget starts anew at {resets}.")
    whose, stage, place = Whose.QUOTA, Stage.CHECK, "quotas"


class UserQuotaExceeded(SendError):
    code = "USER_QUOTA_EXCEEDED"
    text = gettext_noop(
        "{subject} has used {used} of {limit} {unit} per {window}; there is room again at {resets}."
    )
    kept_text = gettext_noop(
        "{subject} has used {used} of {limit} {unit} per {window}, and the last {kept} are kept for replies and "
        "alerts; there is room again at {resets}."
    )
    fix = gettext_noop(
        "Send as another user, spread the sends, or wait. Aircall's own limits cannot be raised, yours can."
    )
    whose, stage, place = Whose.QUOTA, Stage.CHECK, "quotas"


class NumberQuotaExceeded(SendError):
    code = "NUMBER_QUOTA_EXCEEDED"
    text = gettext_noop(
        "{subject} has used {used} of {limit} {unit} per {window}; there is room again at {resets}."
    )
    kept_text = gettext_noop(
        "{subject} has used {used} of {limit} {unit} per {window}, and the last {kept} are kept for replies and "
        "alerts; there is room again at {resets}."
    )
    fix = gettext_noop(
        "Send from another number, spread the sends, or wait. Aircall's own limits cannot be raised, yours can."
    )
    whose, stage, place = Whose.QUOTA, Stage.CHECK, "quotas"


# --- Recipient --------------------------------------------------------------------------------------


class RecipientMissing(SendError):
    code = "RECIPIENT_MISSING"
    text = gettext_noop("The record has no recipient number: {source} is empty.")
    fix = gettext_noop("Fill the phone number on the record, or choose another property in the action.")
    whose, place = Whose.RECORD, "record"


class RecipientNoCountryCode(SendError):
    code = "RECIPIENT_NO_COUNTRY_CODE"
    text = gettext_noop("The recipient “{value}” has no known country code.")
    fix = gettext_noop("Write it with the country code, for example +1 202 555 0123.")
    whose, place = Whose.RECORD, "record"


class RecipientNotE164(SendError):
    code = "RECIPIENT_NOT_E164"
    text = gettext_noop("The recipient “{value}” is not a phone number.")
    fix = gettext_noop("Correct the phone number on the record: + and country code, then digits only.")
    whose, place = Whose.RECORD, "record"


class RecipientImpossible(SendError):
    code = "RECIPIENT_IMPOSSIBLE"
    text = gettext_noop(
        "The recipient “{value}” cannot exist: it has too few or too many digits for its country."
    )
    fix = gettext_noop("Correct the phone number on the record.")
    whose, place = Whose.RECORD, "record"


class RecipientIsSender(SendError):
    code = "RECIPIENT_IS_SENDER"
    text = gettext_noop("Sender and recipient are the same number, {sender}.")
    fix = gettext_noop("Correct the phone number on the record, or send from another number.")
    whose, stage, place = Whose.RECORD, Stage.CHECK, "record"


class RecipientNotMobile(SendError):
    """`provider` and `answer` where a provider said so, of an action that texts every kind of number."""

    code = "RECIPIENT_NOT_MOBILE"
    text = gettext_noop("{recipient} is not a mobile number ({kind}), and the action texts mobiles only.")
    provider_text = gettext_noop("{recipient} is not a mobile number, as {provider} says ({answer}).")
    fix = gettext_noop("Put a mobile number on the record, or let the action text every kind of number.")
    whose, stage, place = Whose.RECORD, Stage.CHECK, "record"

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        return cls.provider_text if facts.get("provider") else cls.text


class RecipientRefused(SendError):
    code = "RECIPIENT_REFUSED"
    text = gettext_noop("{provider} cannot text {recipient}: {answer}.")
    fix = gettext_noop(
        "Correct the phone number on the record: it may be mistyped, out of service, or not be reached by texts."
    )
    whose, stage, status, place = Whose.RECORD, Stage.DISPATCH, Status.FAILED, "record"


class RecipientOptedOut(SendError):
    """By whom it is known: `since` when the workspace's own list has it, or `source`, the record's property. Neither
    where a provider said so."""

    code = "RECIPIENT_OPTED_OUT"
    text = gettext_noop("{recipient} has opted out of text messages.")
    listed_text = gettext_noop("{recipient} has opted out of text messages: on the list since {since}.")
    property_text = gettext_noop("{recipient} has opted out of text messages: {source} says so.")
    person_text = gettext_noop(
        "{recipient} has opted out of text messages, which goes for answers by a person too."
    )
    fix = gettext_noop("Nothing to fix: only the recipient can opt in again.")
    whose, stage, retry, place = Whose.CONSENT, Stage.CHECK, Retry.NEVER, ""

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        if facts.get("by_person"):
            return cls.person_text
        if facts.get("since"):
            return cls.listed_text
        return cls.property_text if facts.get("source") else cls.text


class OnlyTestNumbers(SendError):
    code = "TEST_NUMBERS_ONLY"
    text = gettext_noop(
        "{recipient} is not a verified test number, and only those are texted in build mode, or with a key in test "
        "mode."
    )
    fix = gettext_noop(
        "Verify the number as a test number, or leave build mode: in the settings, or in the flow or the AI agent "
        "where only that is in it. A program whose API key is in test mode needs one that is not."
    )
    stage, place = Stage.CHECK, "test-numbers"


class CountryNotAllowed(SendError):
    """`provider` and `answer` where the account there may not text the country."""

    code = "COUNTRY_NOT_ALLOWED"
    text = gettext_noop("{recipient} is in {country}, which this workspace does not text.")
    provider_text = gettext_noop(
        "{recipient} is in {country}, which the account at {provider} may not text ({answer})."
    )
    fix = gettext_noop(
        "Allow the country where it is not allowed, here or at the provider, or correct the number on the record."
    )
    stage, place = Stage.CHECK, "settings"

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        return cls.provider_text if facts.get("provider") else cls.text


class QuietHours(SendError):
    """`provider` and `answer` where a provider keeps the hours."""

    code = "QUIET_HOURS"
    text = gettext_noop("It is {time} at the recipient's, outside the hours in which this action texts.")
    provider_text = gettext_noop(
        "{provider} does not text {recipient} at this hour of the recipient's day ({answer})."
    )
    fix = gettext_noop("Send later, or let the action hold messages until the hours begin.")
    stage, place = Stage.CHECK, "action"

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        return cls.provider_text if facts.get("provider") else cls.text


# --- Message ----------------------------------------------------------------------------------------


class MessageEmpty(SendError):
    code = "MESSAGE_EMPTY"
    text = gettext_noop("The message is empty.")
    fix = gettext_noop("Write a message in the action.")
    place = "action.message"


class MessageTooLong(SendError):
    code = "MESSAGE_TOO_LONG"
    text = gettext_noop("The message has {characters} characters; {limit} is the most.")
    fix = gettext_noop("Shorten the message, or the values its tokens insert.")
    stage, place = Stage.CHECK, "action.message"


class MediaNotSupported(SendError):
    code = "MEDIA_NOT_SUPPORTED"
    text = gettext_noop(
        "Pictures and files can be sent only from numbers in proxy mode, and {sender} is not."
    )
    fix = gettext_noop("Remove the attachment, put a link in the text, or send from a number in proxy mode.")
    place = "action.message"


class EncodingNotSupported(SendError):
    """By the action's choice, or by the rule of a `country`; there without `characters` where the action asks for
    Unicode whatever the text says."""

    code = "ENCODING_NOT_SUPPORTED"
    text = gettext_noop("The text has characters that {encoding} cannot carry: {characters}.")
    country_text = gettext_noop("{country} takes {encoding} alone, and the text has {characters}.")
    unicode_text = gettext_noop("{country} takes {encoding} alone, and the text is sent as Unicode.")
    fix = gettext_noop(
        "Replace those characters. Where the action asks for GSM-7, it may send Unicode instead, but not to a country "
        "that takes GSM-7 alone."
    )
    stage, place = Stage.CHECK, "action.message"

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        if not facts.get("country"):
            return cls.text
        return cls.country_text if facts.get("characters") else cls.unicode_text


class TokenUnknown(SendError):
    code = "TOKEN_UNKNOWN"
    text = gettext_noop("The message uses {token}, which nothing on this record is called.")
    fix = gettext_noop("Choose an existing property in the message, or correct its spelling.")
    place = "action.message"


class TokenUnresolved(SendError):
    code = "TOKEN_UNRESOLVED"
    text = gettext_noop("The record has no value for {token}, and the token has no fallback.")
    fix = gettext_noop("Fill the property on the record, or give the token a fallback.")
    whose, place = Whose.RECORD, "action.message"


# --- Configuration and access -----------------------------------------------------------------------


class ActionDisabled(SendError):
    code = "ACTION_DISABLED"
    text = gettext_noop("The action “{action}” is switched off.")
    fix = gettext_noop("Switch the action on again.")
    stage = Stage.TRIGGER


class FeatureNotEnabled(SendError):
    """`feature` is "classic" where the classic action asked; `last_day` is its last one, where that is over."""

    code = "FEATURE_NOT_ENABLED"
    text = gettext_noop("This feature is not active for this workspace: {feature}.")
    beta_text = gettext_noop(
        "This feature is in private beta, and it is not switched on in your account yet."
    )
    over_text = gettext_noop(
        "The classic Send SMS action ended: its last day was {last_day}. Build this step with the present action."
    )
    fix = gettext_noop(
        "Have an owner switch the feature on under Actions › Classic action, or build the step with the present action."
    )
    stage, place = Stage.TRIGGER, "classic"

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        if facts.get("last_day"):
            return cls.over_text
        return cls.beta_text if facts.get("feature") == "classic" else cls.text


class PortalNotConnected(SendError):
    code = "PORTAL_NOT_CONNECTED"
    text = gettext_noop("The HubSpot portal {portal} is not connected to any workspace here.")
    fix = gettext_noop("Connect the portal, with its client secret.")
    stage, place = Stage.TRIGGER, "connections"


class ScopeMissing(SendError):
    code = "SCOPE_MISSING"
    text = gettext_noop("The connection lacks the permission {scope}.")
    fix = gettext_noop("Reauthenticate the connection and grant that permission.")
    place = "connections"


class CredentialRejected(SendError):
    code = "CREDENTIAL_REJECTED"
    text = gettext_noop("{provider} no longer accepts our credentials, so the message was not sent.")
    fix = gettext_noop("Enter new credentials for the connection; the message may then be sent again.")
    stage, retry, status, place = Stage.DISPATCH, Retry.AFTER_FIX, Status.FAILED, "connections"


# --- Provider and carrier ---------------------------------------------------------------------------


class RateLimited(SendError):
    code = "RATE_LIMITED"
    text = gettext_noop(
        "{provider} asked to slow down {attempts} times, so the message was given up. It never left."
    )
    fix = gettext_noop("Lower the pace of the connection, or send it again later.")
    whose, stage, retry = Whose.PROVIDER, Stage.DISPATCH, Retry.SAFE
    status, place = Status.FAILED, "connections"


class ProviderRejected(SendError):
    """`may_not_send` where the credentials are good for other things."""

    code = "PROVIDER_REJECTED"
    text = gettext_noop("{provider} refused the message: {answer} (HTTP {http_status}).")
    key_text = gettext_noop(
        "{provider} accepts the credentials, and does not let them send messages: {answer} (HTTP {http_status}). Give "
        "the API key that permission in the provider's portal, or enter one that has it."
    )
    fix = gettext_noop("Read the provider's answer: correct what it names, or wait where it names a limit.")
    whose, stage, status, place = Whose.PROVIDER, Stage.DISPATCH, Status.FAILED, "message"

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        return cls.key_text if facts.get("may_not_send") else cls.text


class AccountInBuildMode(SendError):
    """`trial` where the account is one on trial, which comes to the same."""

    code = "ACCOUNT_IN_BUILD_MODE"
    text = gettext_noop(
        "{provider} did not text {recipient}: its account is in Build mode, which texts its own testing numbers alone "
        "({answer})."
    )
    trial_text = gettext_noop(
        "{provider} did not text {recipient}: its account is on trial, which texts verified numbers alone ({answer})."
    )
    fix = gettext_noop(
        "Verify the number as a testing number in the provider's portal, or take the account out of Build mode there."
    )
    stage, status, place = Stage.DISPATCH, Status.FAILED, "connections"

    @classmethod
    def sentence(cls, facts: Mapping[str, object]) -> str:
        return cls.trial_text if facts.get("trial") else cls.text


class ProviderUnavailable(SendError):
    code = "PROVIDER_UNAVAILABLE"
    text = gettext_noop(
        "{provider} could not be reached ({reason}) in {attempts} attempts. The message never left."
    )
    fix = gettext_noop("Check the provider's status and the network of this server, then send it again.")
    whose, stage, retry = Whose.PROVIDER, Stage.DISPATCH, Retry.SAFE
    status, place = Status.FAILED, "connections"


class ProviderUnknown(SendError):
    code = "PROVIDER_UNKNOWN"
    text = gettext_noop("{provider} gave no clear answer ({reason}); the text may have gone out.")
    fix = gettext_noop("Look in the conversation whether it arrived before anybody sends it again.")
    whose, stage, retry = Whose.PROVIDER, Stage.DISPATCH, Retry.NEVER
    status, place = Status.UNKNOWN, "message"


class DeliveryFailed(SendError):
    code = "DELIVERY_FAILED"
    text = gettext_noop("The carrier did not deliver the message to {recipient} ({answer}).")
    fix = gettext_noop("Check with the recipient that the number is right and can receive texts.")
    whose, stage, status, place = Whose.CARRIER, Stage.DELIVERY, Status.UNDELIVERED, "record"


class MessageFiltered(SendError):
    code = "MESSAGE_FILTERED"
    text = gettext_noop(
        "{provider} or the carrier filtered the message to {recipient} as unwanted ({answer})."
    )
    fix = gettext_noop(
        "Change the text: name who writes and why, say how to opt out, and leave out shortened links. Ask the provider "
        "where it goes on."
    )
    whose, stage, status, place = Whose.CARRIER, Stage.DELIVERY, Status.UNDELIVERED, "action.message"


class Expired(SendError):
    code = "EXPIRED"
    text = gettext_noop("The message waited longer than its action allows, so it was not sent.")
    fix = gettext_noop("Let the action wait longer, or spread the sends.")
    whose, stage, status = Whose.QUOTA, Stage.DISPATCH, Status.EXPIRED


class InternalError(SendError):
    code = "INTERNAL_ERROR"
    text = gettext_noop("smsadmin itself failed ({kind}), so the message was not sent.")
    fix = gettext_noop("Report this with the id of the message: it is ours to mend.")
    whose, stage, retry, place = Whose.US, Stage.CHECK, Retry.SAFE, ""
