"""The branches of a flow as a drawing: where each stands, and the lines between them. Pure arithmetic, no markup.

Branches stand below each other, each further in than the one that leads to it first; other ways bow along the right.
So a drawing is never wider than a column of a page, however many branches there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 184, 50  # of a branch
INDENT, BELOW, LABEL = 28, 16, 16  # for each step further in, between branches, the height of a label
AROUND, TRUNK = 10, 14  # around everything, and how far in the line to what follows leaves a branch
BOW, NEXT_BOW, BESIDE_BOW = (
    22,
    9,
    100,
)  # the first line along the right, the next ones, the labels beside them
MOST_IN_BOX, MOST_ABOVE, MOST_BESIDE = 22, 27, 14  # letters
MOST_INDENTS = 5
#: More branches make no drawing that anybody reads; the list beside it has them all.
MOST_BRANCHES = 40


@dataclass(frozen=True, slots=True)
class Way:
    """One way from a branch to another, and the conditions under which it is taken ("" for always)."""

    source: str
    target: str
    conditions: tuple[str, ...]

    @property
    def label(self) -> str:
        """The condition of a way that is not always taken; of several, that there are more."""
        first, *others = self.conditions or ("",)
        if "" in self.conditions:
            return ""
        return f"{first} +{len(others)}" if others else first


@dataclass(frozen=True, slots=True)
class Box:
    """One branch: its upper left corner, its name as far as there is room, and whether anything leads to it."""

    name: str
    shown: str
    note: str
    x: int
    y: int
    is_start: bool
    is_reached: bool

    @property
    def middle(self) -> int:
        return self.x + WIDTH // 2


@dataclass(frozen=True, slots=True)
class Arrow:
    """One way: the path of its line, and its label with the point at which that begins."""

    path: str
    label: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Diagram:
    """A drawing and its size."""

    width: int
    height: int
    boxes: Sequence[Box]
    arrows: Sequence[Arrow]


def drawn(notes: Mapping[str, str], starts: Iterable[str], ways: Iterable[Way]) -> Diagram | None:
    """The drawing of the branches (name: what is said of it) from `starts` on; None for too many of them.

    Ways to branches that do not exist are left out.
    """
    if not 0 < len(notes) <= MOST_BRANCHES:
        return None
    known = [way for way in ways if way.source in notes and way.target in notes]
    begins = [name for name in notes if name in set(starts)]
    order, parents, reached = _tree(list(notes), begins, known)
    boxes: dict[str, Box] = {}
    y = AROUND
    for name, depth in order.items():
        way = parents.get(name)
        y += LABEL if way and way.label else 0
        shown = _cut(name, MOST_IN_BOX)
        x = AROUND + min(depth, MOST_INDENTS) * INDENT
        boxes[name] = Box(name, shown, notes[name], x, y, name in begins, name in reached)
        y += HEIGHT + BELOW
    others = [way for way in known if parents.get(way.target) is not way]
    right = max(box.x for box in boxes.values()) + WIDTH
    arrows = [_inward(boxes, way) for way in parents.values()] + _bows(boxes, others, right)
    beside = BOW + len(others) * NEXT_BOW + BESIDE_BOW if others else 0
    return Diagram(right + beside + AROUND, y - BELOW + AROUND, list(boxes.values()), arrows)


def _tree(
    names: list[str], begins: list[str], ways: list[Way]
) -> tuple[dict[str, int], dict[str, Way], set[str]]:
    """The branches from top to bottom with how far in each stands, the way that leads to each first, and those that
    something leads to. What nothing leads to stands at the end, as if it were a start."""
    after: dict[str, list[Way]] = defaultdict(list)
    for way in ways:
        after[way.source].append(way)
    order: dict[str, int] = {}
    parents: dict[str, Way] = {}

    def place(name: str, depth: int) -> None:
        order[name] = depth
        for way in after[name]:
            if way.target not in order and way.target not in begins:
                parents[way.target] = way
                place(way.target, depth + 1)

    for name in begins:
        place(name, 0)
    reached = set(order)
    for name in names:
        if name not in order:
            place(name, 0)
    return order, parents, reached


def _inward(boxes: Mapping[str, Box], way: Way) -> Arrow:
    source, target = boxes[way.source], boxes[way.target]
    down = source.x + TRUNK if target.x > source.x else source.x - TRUNK // 2
    path = f"M{down} {source.y + HEIGHT}V{target.y + HEIGHT // 2}H{target.x - 2}"
    return Arrow(path, _cut(way.label, MOST_ABOVE), target.x, target.y - 5)


def _bows(boxes: Mapping[str, Box], ways: list[Way], right: int) -> list[Arrow]:
    """The lines along the right, each further out than the one before; their labels do not cover each other."""
    taken: list[int] = []
    arrows = []
    for nth, way in enumerate(ways):
        source, target = boxes[way.source], boxes[way.target]
        y1, y2 = source.y + HEIGHT // 2 + 8, target.y + HEIGHT // 2 - 8
        out = right + BOW + nth * NEXT_BOW
        path = f"M{source.x + WIDTH} {y1}H{out}V{y2}H{target.x + WIDTH + 2}"
        y = (y1 + y2) // 2 + 4
        while any(abs(y - other) < LABEL for other in taken):
            y += LABEL
        taken.append(y)
        end = right + BOW + len(ways) * NEXT_BOW
        arrows.append(Arrow(path, _cut(way.label, MOST_BESIDE), end, y))
    return arrows


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
