"""Where the branches of a flow stand in its drawing, and which lines lead from one to another."""

from itertools import pairwise

from smsadmin.flows.diagram import HEIGHT, MOST_BRANCHES, WIDTH, Way, drawn


def drawing(names, *ways, starts=("a",)):
    return drawn(dict.fromkeys(names, "1 step"), starts, [Way(*each) for each in ways])


def boxes(found):
    return {box.name: box for box in found.boxes}


def test_a_branch_stands_below_and_further_in_than_the_one_that_leads_to_it():
    found = boxes(drawing("abc", ("a", "b", ("x",)), ("b", "c", ("",))))

    assert found["a"].x < found["b"].x < found["c"].x
    assert found["a"].y + HEIGHT < found["b"].y
    assert found["b"].y + HEIGHT < found["c"].y


def test_every_way_has_one_line_also_back_and_to_itself():
    found = drawing("abc", ("a", "b", ("",)), ("b", "a", ("y",)), ("b", "b", ("z",)), ("a", "c", ("",)))

    assert len(found.arrows) == 4
    assert sorted(arrow.label for arrow in found.arrows) == ["", "", "y", "z"]
    assert all(box.x + WIDTH < found.width and box.y + HEIGHT < found.height for box in found.boxes)


def test_a_way_that_is_always_taken_has_no_label_and_one_of_several_says_so():
    found = drawing("abc", ("a", "b", ("x", "y", "z")), ("a", "c", ("x", "")))

    assert [arrow.label for arrow in found.arrows] == ["x +2", ""]


def test_what_no_start_leads_to_is_marked_also_in_a_circle():
    found = boxes(drawing("abcd", ("b", "c", ("",)), ("c", "b", ("",))))

    assert {name for name, box in found.items() if not box.is_reached} == {"b", "c", "d"}
    assert [name for name, box in found.items() if box.is_start] == ["a"]


def test_a_start_stands_at_the_margin_though_another_branch_leads_to_it_too():
    found = drawing("ab", ("a", "b", ("",)), starts=("a", "b"))

    first, second = found.boxes
    assert first.x == second.x
    assert found.arrows[0].path.startswith(f"M{first.x + WIDTH} ")  # along the right


def test_labels_beside_the_lines_do_not_cover_each_other():
    found = drawing("ab", ("a", "b", ("",)), ("b", "a", ("x",)), ("a", "a", ("y",)), ("b", "b", ("z",)))

    heights = sorted(arrow.y for arrow in found.arrows if arrow.label)
    assert all(after - before >= 12 for before, after in pairwise(heights))


def test_ways_to_nowhere_are_left_out_and_too_many_branches_are_not_drawn():
    assert drawing("a", ("a", "nowhere", ("",))).arrows == []
    assert drawing([str(nth) for nth in range(MOST_BRANCHES + 1)]) is None
    assert drawing([]) is None
