"""Numbers and users as callers name them: by what people call them, or by id."""

from smsadmin.api.parameters import is_id
from smsadmin.directory import book
from smsadmin.directory.models import Agent, Number

NUMBER_IS = "Give it as +12025550123, or by its id."
USER_IS = "Give the email address, or the id."


def number(workspace_id: int, which: str) -> Number | None:
    """The number that is in the directory now."""
    known = book.of(workspace_id)
    found = known.by_e164.get(which) or known.numbers.get(_id(which))
    return found if found and found.gone_at is None else None


def user(workspace_id: int, which: str) -> Agent | None:
    """The user who is in the directory now."""
    known = book.of(workspace_id)
    found = known.by_email.get(which.casefold()) or known.agents.get(_id(which))
    return found if found and found.gone_at is None else None


def _id(text: str) -> int:
    return int(text) if is_id(text) else 0
