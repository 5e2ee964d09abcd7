"""What an agent says aloud of what became of a text: one plain sentence for every outcome and every error.

No codes and no numbers: it is heard, not read. The log says the rest, to those who can mend it.
"""

from django.utils import translation
from django.utils.translation import gettext_lazy as _

from smsadmin.dashboard.templatetags.ui import Words

_SENDER: Words = _(
    "I cannot send texts at the moment, because the number they come from is not set up for it."
)
_USER: Words = _("I cannot send texts at the moment, because the person they come from is not set up for it.")
_NUMBER: Words = _("I could not text that number. Could you tell me the full number, with the country code?")
_TEXT: Words = _("I could not send the text, because what it says cannot be sent like this.")
_BUSY: Words = _("I cannot send more texts at the moment. It may work again later.")
_TROUBLE: Words = _("I could not send the text, because of a problem on our side.")

#: By outcome: what came of a use of a tool, in small letters, as the answer's status or code has it.
OUTCOMES: dict[str, Words] = {
    "queued": _("The text is on its way."),
    "held": _("The text will go out a little later."),
    "agent_off": _("I am not allowed to send texts at the moment."),
    "tool_off": _("I am not allowed to send this text at the moment."),
    "too_many_texts": _("I have already sent this text as often as I may in this call."),
    "too_many_tries": _("I have tried to send this text as often as I may in this call."),
    "other_party": _("I can only text the number that this call is with."),
    "too_many_requests": _(
        "I have tried to send too many texts in a short time. It may work again in a minute."
    ),
    "unknown_tool": _("I have no such text to send."),
    "not_now": _("I could not send the text just now. It may work again in a moment."),
    "unreadable": _("I could not send the text, because the request for it could not be read."),
    # What the model can mend by itself; {names} are parameters of the tool.
    "arguments_missing": _("The text was not sent, because this is missing: {names}."),
    "arguments_unknown": _("The text was not sent, because there is no such detail: {names}."),
    "arguments_no_text": _("The text was not sent, because this must be plain text: {names}."),
    "arguments_too_long": _("The text was not sent, because this is too long: {names}."),
    "arguments_unreadable": _("The text was not sent, because the details of it could not be read."),
}

#: By the code of an error, as core.errors has it.
ERRORS: dict[str, Words] = {
    "SENDER_REQUIRED": _SENDER,
    "NUMBER_NOT_E164": _SENDER,
    "NUMBER_NOT_IN_INTEGRATION": _SENDER,
    "NUMBER_NOT_SMS_CAPABLE": _SENDER,
    "NUMBER_IN_PROXY_MODE": _SENDER,
    "NUMBER_THIRD_PARTY_MESSAGING": _SENDER,
    "NUMBER_NOT_FOR_AUTOMATION": _SENDER,
    "NUMBER_NOT_REGISTERED": _SENDER,
    "TOLL_FREE_NOT_VERIFIED": _SENDER,
    "SENDER_ID_INVALID": _SENDER,
    "SENDER_ID_NOT_APPROVED": _SENDER,
    "SENDER_REFUSED": _TROUBLE,
    "USER_REQUIRED": _USER,
    "USER_NOT_FOUND": _USER,
    "USER_NOT_ON_NUMBER": _USER,
    "USER_OUT_OF_SEGMENTS": _BUSY,
    "USER_QUOTA_EXCEEDED": _BUSY,
    "NUMBER_QUOTA_EXCEEDED": _BUSY,
    "RECIPIENT_MISSING": _("I do not know which number to text. Could you tell me the full number?"),
    "RECIPIENT_NO_COUNTRY_CODE": _NUMBER,
    "RECIPIENT_NOT_E164": _NUMBER,
    "RECIPIENT_IMPOSSIBLE": _("That number does not seem to be complete. Could you tell me it again?"),
    "RECIPIENT_REFUSED": _("I could not text that number. Is there another one?"),
    "RECIPIENT_IS_SENDER": _("That is our own number, so I cannot text it. Is there another one?"),
    "RECIPIENT_NOT_MOBILE": _(
        "That does not seem to be a mobile number. Is there a mobile number I can text?"
    ),
    "RECIPIENT_OPTED_OUT": _("I could not text that number, because its owner asked us not to send texts."),
    "TEST_NUMBERS_ONLY": _(
        "I could not text that number, because we are still testing and only text our own phones."
    ),
    "COUNTRY_NOT_ALLOWED": _("I could not text that number, because we do not send texts to that country."),
    "QUIET_HOURS": _("I cannot send the text now, because it is too early or too late for it there."),
    "MESSAGE_EMPTY": _TEXT,
    "MESSAGE_TOO_LONG": _("I could not send the text, because it would be too long."),
    "MESSAGE_FILTERED": _("The text could not be delivered to that number."),
    "MEDIA_NOT_SUPPORTED": _TEXT,
    "ENCODING_NOT_SUPPORTED": _TEXT,
    "TOKEN_UNKNOWN": _TEXT,
    "TOKEN_UNRESOLVED": _("I could not send the text, because a detail that belongs in it is missing."),
    "ACTION_DISABLED": _("This text is switched off at the moment, so I could not send it."),
    "FEATURE_NOT_ENABLED": _TROUBLE,
    "PORTAL_NOT_CONNECTED": _TROUBLE,
    "SCOPE_MISSING": _TROUBLE,
    "CREDENTIAL_REJECTED": _TROUBLE,
    "RATE_LIMITED": _BUSY,
    "PROVIDER_REJECTED": _TROUBLE,
    "ACCOUNT_IN_BUILD_MODE": _(
        "I could not text that number, because we are still testing and only text our own phones."
    ),
    "PROVIDER_UNAVAILABLE": _TROUBLE,
    "PROVIDER_UNKNOWN": _("I do not know whether the text has gone out."),
    "DELIVERY_FAILED": _("The text could not be delivered to that number."),
    "EXPIRED": _("I could not send the text in time."),
    "INTERNAL_ERROR": _TROUBLE,
}


def sentence(word: str, language: str, **names: str) -> str:
    """The sentence for an outcome, or for the code of an error in whichever case, in the agent's language."""
    found = OUTCOMES.get(word) or ERRORS.get(word.upper(), _TROUBLE)
    with translation.override(language):
        return str(found).format(**names) if names else str(found)
