"""A version of an action in words, and where two versions differ."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from smsadmin.actions.models import ActionVersion
from smsadmin.core import numbers
from smsadmin.directory.naming import label

#: Words and signs of two texts that are compared exactly. Nobody's SMS has more; comparing them could take seconds.
MOST_COMPARED = 1_000
#: Of more than these, as hardly a text that may be sent has, the whole is taken to be rewritten.
MOST_READ = 4_000

Words = str | Promise
SenderKind, SendAsKind, AtQuota = ActionVersion.SenderKind, ActionVersion.SendAsKind, ActionVersion.AtQuota


@dataclass(frozen=True, slots=True)
class Field:
    """One thing an action decides: the columns that hold it, and its value as people read it."""

    label: Words
    columns: tuple[str, ...]
    words: Callable[[ActionVersion], str]
    is_text: bool = False

    def differs(self, one: ActionVersion, other: ActionVersion) -> bool:
        return any(getattr(one, column) != getattr(other, column) for column in self.columns)


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of a text that was rewritten."""

    kind: Literal["kept", "removed", "added"]
    text: str

    @property
    def shown(self) -> str:
        """The run with its changes visible: a line end or a space alone has nothing to underline."""
        if self.kind == "kept":
            return self.text
        return self.text.replace("\n", "↵\n") if self.text.strip(" ") else "␣" * len(self.text)


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that two versions fill differently; of a text also what became of it, word by word."""

    field: Words
    before: str
    after: str
    pieces: tuple[Piece, ...] = ()


def described(version: ActionVersion) -> list[tuple[Words, str]]:
    """What a version does, every setting of it: (field, words)."""
    return [(field.label, field.words(version)) for field in FIELDS]


def differences(one: ActionVersion, other: ActionVersion) -> list[Difference]:
    """Where two versions differ, in the editor's order."""
    return [_difference(field, one, other) for field in FIELDS if field.differs(one, other)]


def changed(one: ActionVersion, other: ActionVersion) -> list[Words]:
    """The fields in which two versions differ; needs no number and no user to be read."""
    return [field.label for field in FIELDS if field.differs(one, other)]


def _difference(field: Field, one: ActionVersion, other: ActionVersion) -> Difference:
    before, after = field.words(one), field.words(other)
    return Difference(field.label, before, after, rewritten(before, after) if field.is_text else ())


# --- Values as people read them ---------------------------------------------------------------------


def _sender(version: ActionVersion) -> str:
    """ "Support US 2 (+1 202 555 0102)", or what else it is called, or the property that names the number."""
    if number := version.sender_number:
        return label(number)
    return _("The number in %(property)s") % {"property": version.sender_property}


def _send_as(version: ActionVersion) -> str:
    if agent := version.send_as_agent:
        return f"{agent.name} ({agent.email})"
    if version.send_as_kind == SendAsKind.PROPERTY:
        return _("The user whose email address is in %(property)s") % {"property": version.send_as_property}
    return str(SendAsKind.NONE.label)


def _at_quota(version: ActionVersion) -> str:
    if version.at_quota == AtQuota.REFUSE:
        return str(AtQuota.REFUSE.label)
    return _("Hold it until there is room, for at most %(time)s") % {"time": _span(version.hold_minutes)}


def _span(minutes: int) -> str:
    """A whole number of days, hours or minutes."""
    if minutes % 1440 == 0:
        return ngettext("%(count)d day", "%(count)d days", minutes // 1440) % {"count": minutes // 1440}
    if minutes % 60 == 0:
        return ngettext("%(count)d hour", "%(count)d hours", minutes // 60) % {"count": minutes // 60}
    return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}


def _wait(version: ActionVersion) -> str:
    if not version.wait_minutes:
        return _("No: it hears as soon as Aircall has taken the message")
    return _("For at most %(time)s") % {"time": _span(version.wait_minutes)}


def _yes_or_no(value: bool) -> str:
    return _("Yes") if value else _("No")


def _region(version: ActionVersion) -> str:
    code = version.default_region
    return dict(numbers.regions()).get(code, code) if code else _("None: such numbers are refused")


#: Together they name every column of saving.CONFIG, each once.
FIELDS = (
    Field(gettext_lazy("Record type"), ("object_type",), ActionVersion.get_object_type_display),
    Field(gettext_lazy("Send from"), ("sender_kind", "sender_number_id", "sender_property"), _sender),
    Field(gettext_lazy("Send as"), ("send_as_kind", "send_as_agent_id", "send_as_property"), _send_as),
    Field(gettext_lazy("Recipient"), ("recipient_property",), lambda version: version.recipient_property),
    Field(gettext_lazy("Message"), ("message",), lambda version: version.message, is_text=True),
    Field(
        gettext_lazy("When an agent sends it"),
        ("condition",),
        lambda version: version.condition,
        is_text=True,
    ),
    Field(gettext_lazy("When a quota is used up"), ("at_quota", "hold_minutes"), _at_quota),
    Field(
        gettext_lazy("Mobile numbers only"), ("mobile_only",), lambda version: _yes_or_no(version.mobile_only)
    ),
    Field(gettext_lazy("Country of numbers without a country code"), ("default_region",), _region),
    Field(gettext_lazy("Kind of message"), ("traffic",), ActionVersion.get_traffic_display),
    Field(gettext_lazy("Encoding"), ("encoding",), ActionVersion.get_encoding_display),
    Field(gettext_lazy("The workflow waits for the delivery receipt"), ("wait_minutes",), _wait),
    Field(
        gettext_lazy("Delete the text and the record's values once the message is settled"),
        ("hide_values",),
        lambda version: _yes_or_no(version.hide_values),
    ),
)


# --- Texts word by word --------------------------------------------------------------------------------


def rewritten(before: str, after: str) -> tuple[Piece, ...]:
    """How one text became the other: what was removed stands before what replaces it."""
    old, new = _words(before), _words(after)
    pieces: list[Piece] = []
    removed = added = ""
    size = len(old) + len(new)
    if size > MOST_READ:
        return Piece("removed", before), Piece("added", after)
    matcher = SequenceMatcher(None, old, new, autojunk=size > MOST_COMPARED)
    for tag, i, j, k, m in matcher.get_opcodes():
        gone, come = "".join(old[i:j]), "".join(new[k:m])
        if tag == "equal" and (gone.strip() or not removed):
            pieces += [Piece("removed", removed), Piece("added", added), Piece("kept", gone)]
            removed = added = ""
        else:  # also a space between two words that were both replaced: they are one replacement
            removed, added = removed + gone, added + come
    pieces += [Piece("removed", removed), Piece("added", added)]
    return tuple(piece for piece in pieces if piece.text)


def _words(text: str) -> list[str]:
    """Tokens, words, spaces and signs apart, so that a comma after a word does not make it another word."""
    return re.findall(r"\{\{.*?\}\}|\w+|\s+|[^\w\s]", text)
