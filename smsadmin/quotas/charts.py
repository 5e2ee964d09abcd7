"""Pictures as SVG geometry: plain numbers for a template, stretched to the width there is. Words stand around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 720.0, 200.0
#: How much room stays free above the highest thing that is drawn.
HEADROOM = 1.06


@dataclass(frozen=True, slots=True)
class Curve:
    """What was used by when. `line` and `area` are points ("0,200 12,198 …"); the lines across stand at a height, None
    where there is none; `forecast` leads from now to where the limit is reached, "" where it is not."""

    line: str
    area: str
    now: float
    limit: float | None
    unkept: float | None
    forecast: str


def curve(
    totals: Sequence[tuple[datetime, int]],
    began: datetime,
    ends: datetime,
    *,
    limit: int | None = None,
    unkept: int | None = None,
    runs_out_at: datetime | None = None,
) -> Curve:
    """`totals` are what was used until each moment, the last of them now. `unkept`: what is not kept for priority
    traffic; `runs_out_at`: when the limit is reached at this pace."""
    top = max(limit or 0, totals[-1][1], 1) * HEADROOM

    def across(at: datetime) -> float:
        return round(WIDTH * min(max((at - began) / (ends - began), 0.0), 1.0), 2)

    def height(value: float) -> float:
        return round(HEIGHT * (1 - value / top), 2)

    now, used = totals[-1]
    line = " ".join(f"{across(at)},{height(total)}" for at, total in totals)
    ahead = runs_out_at and f"{across(now)},{height(used)} {across(runs_out_at)},{height(limit or 0)}"
    return Curve(
        line=line,
        area=f"{across(totals[0][0])},{HEIGHT} {line} {across(now)},{HEIGHT}",
        now=across(now),
        limit=height(limit) if limit is not None else None,
        unkept=height(unkept) if unkept is not None else None,
        forecast=ahead or "",
    )


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float


def bars(amounts: Sequence[int]) -> list[Bar]:
    """A bar for each amount, the largest as high as the picture; what is not nothing can be seen."""
    most, place = max([*amounts, 1]), WIDTH / max(len(amounts), 1)
    heights = [max(HEIGHT * amount / most, 2.0) if amount else 0.0 for amount in amounts]
    return [
        Bar(round(place * (nth + 0.15), 2), round(HEIGHT - high, 2), round(place * 0.7, 2), round(high, 2))
        for nth, high in enumerate(heights)
    ]
