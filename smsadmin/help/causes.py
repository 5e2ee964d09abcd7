"""Every cause of the catalogue as the help page shows it: with words where a message has its values."""

import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import IntegerField, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils.html import format_html, format_html_join, strip_tags
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.core.errors import CATALOGUE, SendError, Stage, Whose
from smsadmin.core.ids import first_uuid7
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Message
from smsadmin.sending.presenters import RETRY, WHOSE, Link
from smsadmin.workspaces.models import Workspace

#: Counting the messages of one cause stops here.
MOST_COUNTED = 1_000

#: What stands where a message has a value.
VALUES = {
    "action": gettext_lazy("the action's name"),
    "answer": gettext_lazy("the provider's answer"),
    "attempts": gettext_lazy("that many"),
    "characters": gettext_lazy("that many"),
    "country": gettext_lazy("a country"),
    "email": gettext_lazy("the user's email address"),
    "encoding": gettext_lazy("the chosen encoding"),
    "feature": gettext_lazy("the feature's name"),
    "http_status": gettext_lazy("status"),
    "kind": gettext_lazy("kind of number"),
    "left": gettext_lazy("that many"),
    "limit": gettext_lazy("the limit"),
    "needed": gettext_lazy("that many"),
    "portal": gettext_lazy("portal id"),
    "provider": gettext_lazy("the provider"),
    "reason": gettext_lazy("what went wrong"),
    "recipient": gettext_lazy("the recipient's number"),
    "resets": gettext_lazy("a time"),
    "scope": gettext_lazy("the permission's name"),
    "sender": gettext_lazy("the sender's number"),
    "source": gettext_lazy("the property or field"),
    "subject": gettext_lazy("the number or user"),
    "time": gettext_lazy("a time"),
    "token": gettext_lazy("the token"),
    "unit": gettext_lazy("messages or segments"),
    "used": gettext_lazy("that many"),
    "value": gettext_lazy("what was given"),
    "window": gettext_lazy("minute, hour, day or month"),
}

#: The values that mean something else in one cause.
OWN_VALUES = {
    "DELIVERY_FAILED": {"answer": gettext_lazy("the carrier's reason")},
    "ENCODING_NOT_SUPPORTED": {"characters": gettext_lazy("the characters")},
    "INTERNAL_ERROR": {"kind": gettext_lazy("kind of fault")},
    "NUMBER_QUOTA_EXCEEDED": {"subject": gettext_lazy("the sender's number")},
    "USER_QUOTA_EXCEEDED": {"subject": gettext_lazy("the user's email address")},
}

STAGES = {
    Stage.TRIGGER: gettext_lazy("When the request came in"),
    Stage.RESOLVE: gettext_lazy("While sender, user, recipient and text were worked out"),
    Stage.CHECK: gettext_lazy("While the finished message was checked"),
    Stage.DISPATCH: gettext_lazy("While it was handed to the provider"),
    Stage.DELIVERY: gettext_lazy("On its way to the phone"),
}

#: What each kind of cause has in common.
KINDS = {
    Whose.CONFIGURATION: gettext_lazy(
        "Something is set up in a way that cannot work: an action, a workflow, the directory, a connection."
    ),
    Whose.RECORD: gettext_lazy("The action is in order; the record the message was about is not."),
    Whose.QUOTA: gettext_lazy("Nothing is broken: a limit was reached."),
    Whose.CONSENT: gettext_lazy("The recipient decided it, and nobody here can decide otherwise."),
    Whose.PROVIDER: gettext_lazy("The provider refused the message, or gave no clear answer."),
    Whose.CARRIER: gettext_lazy("The provider took the message; the phone network did not deliver it."),
    Whose.US: gettext_lazy("A fault of the program, not of anything that was set up."),
}

#: Where each cause is mended, and the page for that, where it is one of ours.
PLACES = {
    "action": (gettext_lazy("The action"), "actions"),
    "action.sender": (gettext_lazy("The action's sender"), "actions"),
    "action.send_as": (gettext_lazy("The action's user"), "actions"),
    "action.message": (gettext_lazy("The action's text"), "actions"),
    "classic": (gettext_lazy("The classic action"), "classic"),
    "directory": (gettext_lazy("The directory"), "directory"),
    "record": (gettext_lazy("The record in HubSpot"), ""),
    "settings": (gettext_lazy("The settings"), "settings"),
    "sender-ids": (gettext_lazy("The sender IDs"), "sender-ids"),
    "test-numbers": (gettext_lazy("The test numbers"), "test-numbers"),
    "quotas": (gettext_lazy("The quotas"), "quotas"),
    "connections": (gettext_lazy("The connections"), "connections"),
    "message": (gettext_lazy("The message's own page, where the provider's answer is"), ""),
    "": (gettext_lazy("Nowhere"), ""),
}


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of the catalogue, in the reader's language."""

    code: str
    sentence: SafeString
    fix: SafeString
    whose: str
    stage: str
    status: str
    again: str
    place: Link

    def matches(self, words: Sequence[str]) -> bool:
        """Whether every one of these words, in small letters, is somewhere in what is said of it."""
        said = f"{self.code} {strip_tags(self.sentence)} {strip_tags(self.fix)} {self.whose} {self.stage}"
        return all(word in said.casefold() for word in words)


@dataclass(frozen=True, slots=True)
class Kind:
    """The causes that are one party's to mend."""

    whose: Whose
    title: str
    note: str
    causes: Sequence[Cause]


@dataclass(frozen=True, slots=True)
class Count:
    """How many messages had a cause lately (at most MOST_COUNTED are counted), and the log of them."""

    n: int
    capped: bool
    url: str


def kinds(asked: str = "") -> list[Kind]:
    """The whole catalogue by whose it is, or what of it has every word of `asked`."""
    words = asked.casefold().split()
    return [kind for kind in (_kind(whose, words) for whose in Whose) if kind.causes]


def _kind(whose: Whose, words: Sequence[str]) -> Kind:
    causes = [cause(entry) for entry in CATALOGUE.values() if entry.whose == whose]
    found = [each for each in causes if each.matches(words)]
    return Kind(whose, str(WHOSE[whose]), str(KINDS[whose]), found)


def cause(entry: type[SendError]) -> Cause:
    place, page = PLACES[entry.place]
    return Cause(
        code=entry.code,
        sentence=named(entry.text, entry.code),
        fix=named(entry.fix, entry.code),
        whose=str(WHOSE[entry.whose]),
        stage=str(STAGES[entry.stage]),
        status=entry.status,
        again=str(RETRY[entry.retry]),
        place=Link(str(place), reverse(page) if page else ""),
    )


def named(text: str, code: str) -> SafeString:
    """A sentence of the catalogue in the reader's language, its values replaced by what they are called."""
    return format_html_join("", "{}{}", _parts(_(text), code))


def _parts(text: str, code: str) -> Iterator[tuple[str, str]]:
    for literal, name, _spec, _conversion in string.Formatter().parse(text):
        yield literal, format_html("<var>{}</var>", value(name, code)) if name else ""


def value(name: str, code: str) -> str:
    """What a value of this cause's sentences is called."""
    return str(OWN_VALUES.get(code, {}).get(name) or VALUES[name])


# --- How often ---------------------------------------------------------------------------------------


class _Capped(Subquery):
    """How many rows a limited query finds."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) capped)"
    output_field = IntegerField()


def counts(workspace: Workspace, since: datetime) -> dict[str, Count]:
    """For each code the messages that came in since then: one query, a stretch of log_by_error for each code."""
    recent = Message.objects.filter(~Q(error_code=""), workspace=workspace, pk__gte=first_uuid7(since))
    capped = {code: _Capped(_newest(recent, code)) for code in CATALOGUE}
    numbers: Any = Workspace.objects.filter(pk=workspace.pk).values(**capped).get()
    return {code: _count(code, n, since) for code, n in numbers.items()}


def _newest(recent: QuerySet[Message], code: str) -> QuerySet[Message, Any]:
    return recent.filter(error_code=code).order_by("-pk").values("pk")[: MOST_COUNTED + 1]


def _count(code: str, n: int, since: datetime) -> Count:
    url = log_url(error=code, since=since) if n else log_url(error=code)
    return Count(min(n, MOST_COUNTED), n > MOST_COUNTED, url)
