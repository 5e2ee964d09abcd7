"""Short reports that are stored in English when something happens and read later in any language.

A worker that stores why a refresh failed knows no reader, so it stores the English words, values filled in.
Here they are found again by their pattern and said in the reader's language; other text stays as it came.
"""

import re

from django.utils.translation import gettext as _

from smsadmin.core import errors
from smsadmin.core.errors import gettext_noop
from smsadmin.providers.twilio import codes

PHRASES = (
    # An exchange without an answer
    gettext_noop("no connection within {seconds} s"),
    gettext_noop("the connection was refused or the host is unknown"),
    gettext_noop("no secure connection (TLS) came about: {reason}"),
    gettext_noop("no answer within {seconds} s"),
    gettext_noop("the request could not be written within {seconds} s"),
    gettext_noop("the connection was reset"),
    gettext_noop("the answer broke off or was not HTTP"),
    gettext_noop("internal error: {kind}"),
    # What a connection was last told
    gettext_noop("Aircall accepts the key."),
    gettext_noop("Aircall accepts the app."),
    gettext_noop("Aircall accepts the app, and says that it is switched off there."),
    gettext_noop("The app was removed at Aircall."),
    gettext_noop("Aircall does not say which company granted access."),
    gettext_noop("Aircall's answer to the code has no access token."),
    gettext_noop("Aircall did not take the code (HTTP {status}): {answer}"),
    gettext_noop("Aircall's answer about the integration is not in the form it documents."),
    gettext_noop("Aircall's answer about the configuration is not in the form it documents."),
    gettext_noop(
        "Aircall accepts the key and forbids sending by API: the plan may lack it (Professional has it)."
    ),
    gettext_noop("Aircall accepts the key: it belongs to {name}."),
    gettext_noop("Aircall did not answer: {reason}."),
    gettext_noop("Aircall refused the API key (HTTP {status})."),
    gettext_noop("Aircall asked to slow down, four times in a row."),
    gettext_noop("Aircall asked to slow down: try again in a minute."),
    gettext_noop("Aircall's answer about a webhook is not in the form it documents."),
    gettext_noop("Aircall calls HTTPS addresses only: BASE_URL must begin with https://."),
    gettext_noop("Aircall answered HTTP {status}: {answer}"),
    gettext_noop("Aircall's list of {name} is not in the form it documents."),
    gettext_noop("Callr accepts the credentials."),
    gettext_noop("Callr refused the credentials (HTTP 401)."),
    gettext_noop("Callr was not asked: {reason}."),
    gettext_noop("Callr did not answer: {reason}."),
    gettext_noop("Callr asked to slow down, four times in a row."),
    gettext_noop("Callr answered HTTP {status}: {answer}"),
    gettext_noop("Callr's list of numbers is not in the form it documents."),
    gettext_noop("Callr listed no number at all, so the old mirror was kept."),
    gettext_noop("Synthflow accepts the key."),
    gettext_noop("Synthflow refused the API key (HTTP {status})."),
    gettext_noop("Synthflow did not answer: {reason}."),
    gettext_noop("Synthflow refuses the API key of the account."),
    gettext_noop("Synthflow asked to slow down."),
    gettext_noop("Synthflow took too long to tell everything."),
    gettext_noop("Synthflow's answer is not in the form it documents."),
    gettext_noop("Synthflow's list of {name} is not in the form it documents."),
    gettext_noop("Synthflow has no record of this call."),
    gettext_noop("Synthflow answered HTTP {status}: {answer}"),
    gettext_noop("Synthflow says that the call is not over: {status}."),
    gettext_noop("Synthflow says that this is the call of another agent."),
    gettext_noop(
        "The agent's settings lack its id at Synthflow, so nobody can tell whether this is its call: "
        "enter it there, then look again."
    ),
    gettext_noop("Only the id of the call is proven, so nothing was sent after it."),
    gettext_noop("Twilio accepts the credentials."),
    gettext_noop("Twilio accepts the credentials of {name}, on trial: it texts verified numbers alone."),
    gettext_noop("Twilio accepts the credentials of {name}."),
    gettext_noop("Twilio accepts the credentials, and says that the account is {status}."),
    gettext_noop("Twilio refused the credentials (HTTP 401)."),
    gettext_noop("Twilio refused the API key (HTTP 401)."),
    gettext_noop(
        "Twilio accepts the API key, and refused the Auth Token (HTTP {status}): signatures cannot be checked, so "
        "nothing that Twilio tells is believed. Enter the token that the Twilio Console shows."
    ),
    gettext_noop("Twilio was not asked: {reason}."),
    gettext_noop("Twilio did not answer: {reason}."),
    gettext_noop("Twilio asked to slow down."),
    gettext_noop("Twilio answered HTTP {status}: {answer}"),
    gettext_noop("Twilio's answer about a message is not in the form it documents."),
    gettext_noop("Twilio's list of {name} is not in the form it documents."),
    gettext_noop("Twilio listed no number at all, so the old mirror was kept."),
    gettext_noop("an answer without an id"),
    gettext_noop("error {code}, {words}"),
    *(meaning.says for meaning in codes.SHIPPED.values()),
    gettext_noop("There is no access token to test. Executions are accepted without one."),
    gettext_noop("HubSpot accepts the token: it belongs to portal {portal}."),
    gettext_noop(
        "Another workspace proved that portal {portal} is theirs: "
        "give the id of another portal, or disconnect this one."
    ),
    gettext_noop("HubSpot did not answer usably: {reason}."),
    gettext_noop("HubSpot asked to slow down: try again in a few seconds."),
    gettext_noop(
        "HubSpot no longer accepts the access token of this portal: enter a new one under Connections."
    ),
    gettext_noop(
        "HubSpot no longer accepts the access token of this portal: reauthenticate it under Connections."
    ),
    gettext_noop("HubSpot has withdrawn the access: {reason}"),
    gettext_noop("HubSpot does not renew the access: {reason}"),
    gettext_noop("its access token is being renewed"),
    gettext_noop("its access token could not be renewed: {reason}"),
    gettext_noop("its answer is not in the form it documents"),
    gettext_noop("its turn is too far off"),
    gettext_noop("HubSpot asked to slow down"),
    gettext_noop("HubSpot is moving the portal's data"),
    gettext_noop("the portal's calls of today are used up"),
    gettext_noop("The app was uninstalled here."),
    gettext_noop("HubSpot refused to answer: {answer} (HTTP {status})."),
    gettext_noop("HubSpot has no contact property {name}: create it, then try again."),
    gettext_noop("it listed no property at all"),
    gettext_noop("The token belongs to portal {portal}, not to {expected}."),
    gettext_noop("Refused while sending"),
    gettext_noop("Completing a callback: HTTP {status}"),
    gettext_noop("Reading a record: {reason}"),
    errors.CredentialRejected.text,
    errors.ScopeMissing.text,
    # What came of delivering a notice
    gettext_noop("the address is of a private network"),
    gettext_noop("the address does not begin with https://"),
    gettext_noop("The mail server took it."),
    gettext_noop("The mail server did not take it: {reason}"),
    gettext_noop("The address was deleted."),
    gettext_noop("Its worker stopped, again and again."),
    # What a step of a call flow answers where nothing came of it
    gettext_noop("{count} recipients are more than the {most} that one step may have"),
    gettext_noop("{host} is not among the hosts that flows may call"),
    gettext_noop("its address cannot be read"),
    gettext_noop("its address cannot be called"),
    gettext_noop("the header {name} cannot be sent"),
    gettext_noop("its worker stopped before the answer came, and it is not repeated"),
    gettext_noop("a rehearsal calls nobody"),
    # Why a refresh ended
    gettext_noop("It was cut off: its worker stopped."),
    gettext_noop("Aircall listed no number at all, so the old mirror was kept."),
    gettext_noop("smsadmin itself failed: {kind}"),
)


def _pattern(phrase: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(phrase)), re.DOTALL)


_PATTERNS = [(phrase, _pattern(phrase)) for phrase in PHRASES]


def translated(text: str) -> str:
    """A stored report in the reader's language; its values are translated too where they are reports."""
    for phrase, pattern in _PATTERNS:
        if found := pattern.fullmatch(text):
            values = {name: translated(value) for name, value in found.groupdict().items()}
            return errors.fill(_(phrase), dict(values))
    return text
