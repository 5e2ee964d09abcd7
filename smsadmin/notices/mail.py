"""Notices as mails: plain text, in the language in force."""

from smtplib import SMTPException

from django.conf import settings
from django.core import mail
from django.template.loader import render_to_string
from django.utils.text import Truncator

from smsadmin.notices.outcome import Outcome
from smsadmin.notices.wording import Told

TIMEOUT = 20.0  # seconds
MOST_OF_SUBJECT = 150  # characters


def send(told: Told, address: str) -> Outcome:
    """Hands the mail to the mail server, once."""
    text = render_to_string("notices/mail.txt", {"told": told})
    message = mail.EmailMessage(subject(told), text, settings.DEFAULT_FROM_EMAIL, [address])
    try:
        message.connection = mail.get_connection(timeout=TIMEOUT)
        message.send()
    except (SMTPException, OSError) as error:
        return Outcome(False, f"The mail server did not take it: {_words(error)}")
    return Outcome(True, "The mail server took it.")


def subject(told: Told) -> str:
    """One line: the workspace and the sentence."""
    return Truncator(" ".join(f"[{told.workspace}] {told.sentence}".split())).chars(MOST_OF_SUBJECT)


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
