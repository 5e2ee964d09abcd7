"""Numbers and users as callers name them: by what people call them, or by id. Several accounts may have the same one:
then its id alone says which."""

from collections.abc import Sequence

from smsadmin.api.parameters import is_id
from smsadmin.api.problems import bad_parameter
from smsadmin.directory import book
from smsadmin.directory.models import Agent, Number, SenderKind

NUMBER_IS = "Give it as +12025550123, or by its id."
USER_IS = "Give the email address, or the id."


def number(workspace_id: int, which: str) -> Number | None:
    """The number that is in the directory now; raises the Problem (400) of one that several accounts have."""
    found = numbers(workspace_id, which)
    if len(found) > 1:
        raise bad_parameter("number", which, several(found))
    return found[0] if found else None


def numbers(workspace_id: int, which: str) -> list[Number]:
    """Each number in the directory now that this may name."""
    known = book.of(workspace_id)
    if which in known.by_e164:
        same = (each for each in known.numbers.values() if each.e164 == which and not each.gone_at)
        return [each for each in same if each.kind == SenderKind.PHONE]
    found = known.numbers.get(_id(which))
    return [found] if found and not found.gone_at else []


def user(workspace_id: int, which: str, on: Number | None = None) -> Agent | None:
    """The user who is in the directory now, of several accounts the one who is `on` this number; raises the Problem
    (400) of one whom several accounts have."""
    found = _users(workspace_id, which)
    if on and len(found) > 1:
        found = [each for each in found if each.connection_id == on.connection_id]
    if len(found) > 1:
        raise bad_parameter("user", which, several(found))
    return found[0] if found else None


def _users(workspace_id: int, which: str) -> list[Agent]:
    known, email = book.of(workspace_id), which.casefold()
    if email in known.by_email:
        return [each for each in known.agents.values() if each.email.casefold() == email and not each.gone_at]
    found = known.agents.get(_id(which))
    return [found] if found and not found.gone_at else []


def several(found: Sequence[Number] | Sequence[Agent]) -> str:
    """What is said where several accounts have it."""
    ids = " or ".join(str(each.pk) for each in sorted(found, key=lambda each: each.pk))
    return f"{len(found)} accounts have it, so say which by its id: {ids}."


def _id(text: str) -> int:
    return int(text) if is_id(text) else 0
