"""What a logged message says on the record's timeline."""

import html
from collections.abc import Mapping

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, ngettext

from smsadmin.core import numbers
from smsadmin.core.status import ON_ITS_WAY, Status

SENT, RECEIVED = (
    gettext_lazy("Sent from %(number)s · %(id)s"),
    gettext_lazy("Received on %(number)s · %(id)s"),
)
#: A communication has no status of its own, so the line below the text says what went wrong.
_WRONG: Mapping[Status, Promise] = {
    Status.UNDELIVERED: gettext_lazy("Sent from %(number)s, but not delivered · %(id)s"),
    Status.FAILED: gettext_lazy("Not sent from %(number)s · %(id)s"),
}


def sent(status: Status) -> Promise:
    """The words for what became of a message of ours."""
    return SENT if status in ON_ITS_WAY else _WRONG[status]


def body(text: str, files: int, words: Promise, number: str, reference: str, language: str) -> str:
    """The text as HTML, then in a line of its own our number and the id that finds the entry again."""
    with translation.override(language):
        about = str(words) % {"number": numbers.pretty(number) if number else "–", "id": reference}
        attached = ngettext("[%(n)d picture or file]", "[%(n)d pictures or files]", files) % {"n": files}
    lines = [*text.splitlines(), *([attached] if files else []), about]
    return "<br>".join(html.escape(line, quote=False) for line in lines)
