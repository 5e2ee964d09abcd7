"""What a refresh changed, in sentences people say."""

import pytest

from smsadmin.directory.changes import MOST_KEPT, Snapshot, difference, listed, sentences

SALES, SUPPORT, FAX = (1, ("Sales DE", "+4917139200010")), (2, ("Support", "+12025550102")), (3, ("Fax", ""))
MIA, LEO, ANN = (1, ("Mia", "mia@example.com")), (2, ("Leo", "leo@example.com")), (3, ("Ann", "a@b.c"))


def state(numbers=(SALES, SUPPORT), users=(MIA, LEO), pairs=()):
    """A mirror; pairs are (number, user)."""
    return Snapshot(dict(numbers), dict(users), {(number[0], user[0]) for number, user in pairs})


def told(before, after):
    return sentences(difference(before, after))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (state(), state(), []),
        (state([SALES]), state(), ["New number: Support (+1 202-555-0102)"]),
        (state([]), state(), ["2 new numbers: Sales DE and Support"]),
        (state(), state([SALES]), ["Support (+1 202-555-0102) is no longer in Aircall"]),
        (state(), state([]), ["2 numbers are no longer in Aircall: Sales DE and Support"]),
        (state(users=[MIA]), state(), ["New user: Leo"]),
        (state(users=[]), state(), ["2 new users: Leo and Mia"]),
        (state(), state(users=[LEO]), ["Mia is no longer a user in Aircall"]),
        (state(), state(users=[]), ["2 people are no longer users in Aircall: Leo and Mia"]),
        (state(), state(pairs=[(SALES, MIA)]), ["Mia was added to Sales DE"]),
        (
            state(),
            state(pairs=[(SALES, MIA), (SALES, LEO), (SUPPORT, LEO)]),
            ["2 users added to Sales DE: Leo and Mia", "Leo was added to Support"],
        ),
        (state(pairs=[(SUPPORT, MIA)]), state(), ["Mia is no longer on Support"]),
        (
            state(pairs=[(SUPPORT, MIA), (SUPPORT, LEO)]),
            state(),
            ["2 users are no longer on Support: Leo and Mia"],
        ),
        (
            state(),
            state(
                [(1, ("Vertrieb", "+4917139200010")), SUPPORT], [(1, ("Mia Weber", "mia@example.com")), LEO]
            ),
            [
                "Sales DE (+49 171 39200010) is now Vertrieb (+49 171 39200010)",
                "Mia (mia@example.com) is now Mia Weber (mia@example.com)",
            ],
        ),
    ],
)
def test_a_difference_is_said_as_people_say_it(before, after, said):
    assert told(before, after) == said


def test_what_is_new_or_gone_as_a_whole_says_so_once():
    full = state([SALES, SUPPORT, FAX], [MIA, LEO, ANN], [(FAX, MIA), (SALES, ANN), (SUPPORT, LEO)])
    less = state([SALES, SUPPORT], [MIA, LEO], [(SUPPORT, LEO)])

    assert told(full, less) == ["Fax is no longer in Aircall", "Ann is no longer a user in Aircall"]
    # A new user on an old number is two things: who they are, and where.
    assert told(less, full) == ["New number: Fax", "New user: Ann", "Ann was added to Sales DE"]


def test_many_names_are_capped_and_counted():
    many = [(pk, (f"Line {pk:02}", "")) for pk in range(60)]
    stored = difference(state([]), state(many))

    assert len(stored["new_numbers"]["items"]) == MOST_KEPT
    assert sentences(stored) == ["60 new numbers: Line 00, Line 01, Line 02 and 57 more"]


def test_many_moves_are_capped_and_counted():
    many = [(pk, (f"Line {pk:02}", "")) for pk in range(19)]
    stored = difference(state(many), state(many, pairs=[(number, MIA) for number in many]))

    said = sentences(stored)

    assert said[:5] == [f"Mia was added to Line {pk:02}" for pk in range(5)]
    assert said[5:] == ["Users were added to 14 more numbers"]
    gone = sentences(difference(state(many, pairs=[(number, MIA) for number in many]), state(many)))
    assert gone[5:] == ["Users were taken off 14 more numbers"]


def test_a_later_renaming_does_not_change_what_was_told():
    assert difference(state([SALES]), state()) == {
        "new_numbers": {"count": 1, "items": [{"name": "Support", "e164": "+12025550102"}]}
    }


def test_refreshes_of_older_versions_are_told_too():
    stored = {
        "numbers_added": ["Sales (+12025550123)"],
        "numbers_gone": ["Fax (+12025550124)", "Old (+12025550125)"],
        "agents_added": ["mia@example.com"],
        "agents_gone": ["leo@example.com"],
        "associations_added": ["a@example.com · Sales", "b@example.com · Sales"],
        "associations_gone": ["a@example.com · Support · night"],
    }

    assert sentences(stored) == [
        "2 numbers are no longer in Aircall: Fax (+12025550124) and Old (+12025550125)",
        "leo@example.com is no longer a user in Aircall",
        "a@example.com is no longer on Support · night",
        "New number: Sales (+12025550123)",
        "New user: mia@example.com",
        "2 users added to Sales: a@example.com and b@example.com",
    ]


@pytest.mark.parametrize(
    ("names", "count", "words"),
    [
        ([], None, ""),
        (["Ann"], None, "Ann"),
        (["Ann", "Bob"], None, "Ann and Bob"),
        (["Ann", "Bob", "Cleo"], None, "Ann, Bob and Cleo"),
        (["Ann", "Bob", "Cleo", "Dan"], None, "Ann, Bob, Cleo and 1 more"),
        (["Ann", "Bob"], 16, "Ann, Bob and 14 more"),
    ],
)
def test_names_are_listed_as_people_list_them(names, count, words):
    assert listed(names, count) == words
