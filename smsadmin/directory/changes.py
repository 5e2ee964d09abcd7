"""What a refresh changed: how it is stored with the refresh, and how people say it.

Stored is {kind: {"count": how many, "items": the first of them}}: names, not ids, because what is told of the past
must not change with a later renaming. A kind without changes is left out.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from smsadmin.core.numbers import pretty
from smsadmin.directory.models import Agent, Association, Number
from smsadmin.workspaces.models import Connection

#: How much is kept of each kind, and how much of it is said before "and 14 more".
MOST_KEPT = 50
MOST_NAMED = 3
MOST_SAID = 5

Item = dict[str, Any]
Changes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An account's mirror at one moment, by our ids: (name, E.164) of numbers, (name, email) of users, and pairs."""

    numbers: dict[int, tuple[str, str]]
    users: dict[int, tuple[str, str]]
    pairs: set[tuple[int, int]]


def snapshot(connection: Connection) -> Snapshot:
    """What the mirror of the account holds now, without what is gone."""
    here = {"connection": connection, "gone_at": None}
    numbers = Number.objects.filter(**here).values_list("pk", "name", "e164")
    users = Agent.objects.filter(**here).values_list("pk", "name", "email")
    pairs = Association.objects.filter(number__connection=connection).values_list("number_id", "agent_id")
    return Snapshot(
        {pk: (name, e164) for pk, name, e164 in numbers},
        {pk: (name, email) for pk, name, email in users},
        set(pairs),
    )


def difference(before: Snapshot, after: Snapshot) -> Changes:
    """What lies between two snapshots, as a Refresh stores it."""
    found = {
        "new_numbers": [_number(after.numbers[pk]) for pk in after.numbers.keys() - before.numbers.keys()],
        "gone_numbers": [_number(before.numbers[pk]) for pk in before.numbers.keys() - after.numbers.keys()],
        "renamed_numbers": _renamed(before.numbers, after.numbers, _labelled),
        "new_users": [_user(after.users[pk]) for pk in after.users.keys() - before.users.keys()],
        "gone_users": [_user(before.users[pk]) for pk in before.users.keys() - after.users.keys()],
        "renamed_users": _renamed(before.users, after.users, _person),
        "joined": _moved(after.pairs - before.pairs, before.numbers, after),
        "left": _moved(before.pairs - after.pairs, after.numbers, before, still=after.users),
    }
    return {
        kind: {"count": len(items), "items": sorted(items, key=str)[:MOST_KEPT]}
        for kind, items in found.items()
        if items
    }


def _number(named: tuple[str, str]) -> Item:
    name, e164 = named
    return {"name": name, "e164": e164}


def _user(named: tuple[str, str]) -> Item:
    name, email = named
    return {"name": name, "email": email}


def _labelled(number: tuple[str, str]) -> str:
    name, e164 = number
    return f"{name} ({pretty(e164)})"


def _person(user: tuple[str, str]) -> str:
    name, email = user
    return f"{name} ({email})"


def _renamed(
    before: Mapping[int, tuple[str, str]],
    after: Mapping[int, tuple[str, str]],
    words: Callable[[tuple[str, str]], str],
) -> list[Item]:
    both = before.keys() & after.keys()
    return [
        {"from": words(before[pk]), "to": words(after[pk])} for pk in sorted(both) if before[pk] != after[pk]
    ]


def _moved(
    pairs: set[tuple[int, int]],
    other_numbers: Mapping[int, Any],
    side: Snapshot,
    still: Mapping[int, Any] | None = None,
) -> list[Item]:
    """Who came to or left which number, by number. What is new or gone as a whole says so itself: its pairs are
    left out (numbers that the other side does not have, users that are not `still` there)."""
    people: dict[int, list[str]] = {}
    for number, user in pairs:
        if number in other_numbers and user in side.users and (still is None or user in still):
            people.setdefault(number, []).append(side.users[user][0])
    return [
        {"number": side.numbers[pk][0], "count": len(names), "users": sorted(names)[:MOST_NAMED]}
        for pk, names in people.items()
        if pk in side.numbers
    ]


# --- In words ---------------------------------------------------------------------------------------


def sentences(changes: Changes) -> list[str]:
    """What changed, most important first: "Mia Hoffmann is no longer on Support US 2"."""
    stored = _modern(changes)
    return [
        sentence
        for kind, say in SAID.items()
        if kind in stored
        for sentence in say(stored[kind]["count"], stored[kind]["items"])
    ]


def _new_numbers(count: int, items: list[Item]) -> Iterable[str]:
    if count == 1:
        yield _("New number: %(name)s") % {"name": _name(items[0])}
    else:
        yield _("%(count)d new numbers: %(names)s") % {"count": count, "names": _named(count, items)}


def _gone_numbers(count: int, items: list[Item]) -> Iterable[str]:
    if count == 1:
        yield _("%(name)s is no longer in Aircall") % {"name": _name(items[0])}
    else:
        words = _("%(count)d numbers are no longer in Aircall: %(names)s")
        yield words % {"count": count, "names": _named(count, items)}


def _new_users(count: int, items: list[Item]) -> Iterable[str]:
    if count == 1:
        yield _("New user: %(name)s") % {"name": _name(items[0])}
    else:
        yield _("%(count)d new users: %(names)s") % {"count": count, "names": _named(count, items)}


def _gone_users(count: int, items: list[Item]) -> Iterable[str]:
    if count == 1:
        yield _("%(name)s is no longer a user in Aircall") % {"name": _name(items[0])}
    else:
        words = _("%(count)d people are no longer users in Aircall: %(names)s")
        yield words % {"count": count, "names": _named(count, items)}


def _joined(count: int, items: list[Item]) -> Iterable[str]:
    one, many = _("%(names)s was added to %(number)s"), _("%(count)d users added to %(number)s: %(names)s")
    for item in items[:MOST_SAID]:
        yield (one if item["count"] == 1 else many) % _who(item)
    if more := count - len(items[:MOST_SAID]):
        rest = ngettext(
            "Users were added to %(count)d more number", "Users were added to %(count)d more numbers", more
        )
        yield rest % {"count": more}


def _left(count: int, items: list[Item]) -> Iterable[str]:
    one = _("%(names)s is no longer on %(number)s")
    many = _("%(count)d users are no longer on %(number)s: %(names)s")
    for item in items[:MOST_SAID]:
        yield (one if item["count"] == 1 else many) % _who(item)
    if more := count - len(items[:MOST_SAID]):
        rest = ngettext(
            "Users were taken off %(count)d more number", "Users were taken off %(count)d more numbers", more
        )
        yield rest % {"count": more}


def _renamings(count: int, items: list[Item]) -> Iterable[str]:
    for item in items[:MOST_SAID]:
        yield _("%(before)s is now %(after)s") % {"before": item["from"], "after": item["to"]}
    if more := count - len(items[:MOST_SAID]):
        yield ngettext("%(count)d more was renamed", "%(count)d more were renamed", more) % {"count": more}


SAID: dict[str, Callable[[int, list[Item]], Iterable[str]]] = {
    "gone_numbers": _gone_numbers,
    "gone_users": _gone_users,
    "left": _left,
    "new_numbers": _new_numbers,
    "new_users": _new_users,
    "joined": _joined,
    "renamed_numbers": _renamings,
    "renamed_users": _renamings,
}


def _name(item: Item) -> str:
    return _labelled((item["name"], item["e164"])) if item.get("e164") else str(item["name"])


def _named(count: int, items: list[Item]) -> str:
    return listed([item["name"] for item in items], count)


def _who(item: Item) -> Item:
    """A pair's values in a sentence."""
    return {**item, "names": listed(item["users"], item["count"])}


def listed(names: list[str], count: int | None = None, most: int = MOST_NAMED) -> str:
    """The first names, and how many more of `count` (of all that are given) there are: "Ann, Bob and 14 more"."""
    shown = names[:most]
    more = (len(names) if count is None else count) - len(shown)
    if more:
        return _("%(names)s and %(count)d more") % {"names": ", ".join(shown), "count": more}
    return get_text_list(shown, _("and"))


# --- Refreshes of older versions --------------------------------------------------------------------

_OLDER = {
    "numbers_added": "new_numbers",
    "numbers_gone": "gone_numbers",
    "agents_added": "new_users",
    "agents_gone": "gone_users",
}
_OLDER_PAIRS = {"associations_added": "joined", "associations_gone": "left"}


def _modern(changes: Changes) -> Changes:
    """The stored form of today. Older rows hold lists of texts: "Sales (+12025550123)", "mia@example.com · Sales"."""
    found = {kind: stored for kind, stored in changes.items() if isinstance(stored, dict)}
    for older, kind in _OLDER.items():
        if names := changes.get(older):
            found[kind] = {"count": len(names), "items": [{"name": name} for name in names]}
    for older, kind in _OLDER_PAIRS.items():
        if pairs := changes.get(older):
            items = _by_number(pairs)
            found[kind] = {"count": len(items), "items": items}
    return found


def _by_number(pairs: Iterable[str]) -> list[Item]:
    people: dict[str, list[str]] = {}
    for pair in pairs:
        user, _separator, number = pair.partition(" · ")
        people.setdefault(number, []).append(user)
    return [
        {"number": number, "count": len(users), "users": users[:MOST_NAMED]}
        for number, users in people.items()
    ]
