"""The dropdowns of the workflow editor, from our own mirror alone (HubSpot docs: external options)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _

from smsadmin.classic import gate
from smsadmin.core import numbers
from smsadmin.directory import book
from smsadmin.sending import explain
from smsadmin.triggers.hubspot.parse import UNAVAILABLE
from smsadmin.workspaces.models import Workspace

PAGE = 100
_CURSOR = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Question:
    """What the editor asks: the search text, where to go on, and the number chosen before.

    `language`: what sentences are said in. `is_classic`: a step of the earlier action asks.
    """

    search: str = ""
    after: int = 0
    number: str = ""
    language: str = "en"
    is_classic: bool = False

    @classmethod
    def of(cls, payload: dict[str, Any], language: str, generation: str | None = None) -> "Question":
        """Reads an options payload; what cannot be read counts as not given. `generation`: as the address names it."""
        fetch = _object(payload, "fetchOptions")
        after = str(fetch.get("after") or "")
        return cls(
            search=str(fetch.get("q") or "").strip(),
            after=int(after) if _CURSOR.fullmatch(after) else 0,
            number=_static(payload, "sender_number"),
            language=language,
            is_classic=generation == "classic",
        )


Builder = Callable[[Workspace, Question], dict[str, Any]]


def sender_numbers(workspace: Workspace, question: Question) -> dict[str, Any]:
    """Eligible numbers by name, searched by name and digits; a sentence when there is none at all.

    Aircall help, earlier Send SMS action: without one its list is empty, so that the step cannot be saved.
    """
    directory = book.of(workspace.pk)
    offered = [number for number in directory.numbers.values() if number.is_eligible]
    with translation.override(question.language):
        if closed := _closed(workspace, question):
            return closed
        if not offered and not question.is_classic:
            return _sentence(
                _("No number can text yet: confirm numbers in smsadmin under Directory")
                if directory.numbers
                else _("No numbers yet: connect Aircall in smsadmin under Connections")
            )
    offered.sort(key=lambda number: (number.name.casefold(), number.pk))
    choices = [
        {
            "label": f"{each.name} ({numbers.pretty(each.e164)})",
            "description": each.country,
            "value": each.provider_id,
        }
        for each in offered
        if _matches(question.search, each.name, each.e164, numbers.pretty(each.e164))
    ]
    return _page(choices, question)


def send_as_users(workspace: Workspace, question: Question) -> dict[str, Any]:
    """The users of the chosen number by name, searched by name and email."""
    directory = book.of(workspace.pk)
    number = directory.by_provider_id.get(question.number)
    with translation.override(question.language):
        if closed := _closed(workspace, question):
            return closed
        if not question.number:
            return _sentence(_("Choose a number first"))
        if number is None or not number.is_eligible:
            return _sentence(_("The chosen number cannot text; choose another one"))
        people = directory.agents_of(number)
        if not people:
            return _sentence(_("%(number)s has no users in Aircall") % {"number": number.name})
    choices = [
        {"label": each.name, "description": each.email, "value": each.provider_id}
        for each in people
        if _matches(question.search, each.name, each.email)
    ]
    return _page(choices, question)


def _closed(workspace: Workspace, question: Question) -> dict[str, Any] | None:
    """Aircall help, earlier Send SMS action: where the feature is not active, its list says so in place of choices."""
    refusal = gate.refusal(workspace.pk, timezone.now()) if question.is_classic else None
    return _sentence(explain.said(refusal.sentence(refusal.facts), refusal.facts)) if refusal else None


def _static(payload: dict[str, Any], name: str) -> str:
    """Here an input is an object, {"type": "STATIC_VALUE", "value": …}; a property's value is not known yet."""
    given = _object(payload, "inputFields").get(name)
    if isinstance(given, dict):
        given = given.get("value")
    return "" if given is None else str(given)


def _object(payload: dict[str, Any], name: str) -> dict[str, Any]:
    found = payload.get(name)
    return found if isinstance(found, dict) else {}


def _matches(search: str, *texts: str) -> bool:
    wanted = search.casefold()
    digits = "".join(c for c in search if c.isdigit())
    return any(
        wanted in text.casefold() or (len(digits) > 2 and digits in "".join(c for c in text if c.isdigit()))
        for text in texts
    )


def _page(choices: Sequence[dict[str, str]], question: Question) -> dict[str, Any]:
    end = question.after + PAGE
    page: dict[str, Any] = {"options": choices[question.after : end], "searchable": True}
    if end < len(choices):
        page["after"] = str(end)
    return page


def _sentence(words: str) -> dict[str, Any]:
    """One option that says why there is nothing to choose; picking it is refused when the record comes."""
    return {"options": [{"label": words, "description": "", "value": UNAVAILABLE}], "searchable": False}
