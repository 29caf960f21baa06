"""The plot of quality against cost: points, the front of those that nothing beats, and where their names stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from eval.reports.scales import Scale, spread

__all__ = ["Label", "ParetoPlot", "Point", "front", "pareto_plot"]

_LETTER, _LINE = 7.4, 15.0
_RADIUS = 6.0
_LEFT, _BOTTOM, _TOP, _RIGHT = 58.0, 46.0, 14.0, 14.0


@dataclass(frozen=True, slots=True)
class Point:
    """A variant: its number in the table, its name, what it costs (less is better) and its quality."""

    number: int
    name: str
    cost: float
    quality: float


@dataclass(frozen=True, slots=True)
class Label:
    """Where a point's name stands: its left end and its base line."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class ParetoPlot:
    """In pixels; `label` is None for a point whose name finds no room."""

    width: float
    height: float
    across: Scale
    up: Scale
    points: Sequence[tuple[Point, float, float, Label | None, bool]]
    path: str


def front(points: Sequence[Point], higher_is_better: bool) -> list[Point]:
    """Those that no other point beats: none is as good for less, none is better for as much. By cost."""
    turn = 1 if higher_is_better else -1
    found: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -turn * point.quality)):
        if not found or turn * point.quality > turn * found[-1].quality or _same(point, found[-1]):
            found.append(point)
    return found


def _same(one: Point, other: Point) -> bool:
    return (one.cost, one.quality) == (other.cost, other.quality)


def pareto_plot(
    points: Sequence[Point], width: float, height: float, *, higher_is_better: bool, named: bool
) -> ParetoPlot:
    """Better is always up. `named`: labels are number and name, else the number alone."""
    across = spread([point.cost for point in points], _LEFT, width - _RIGHT, steps=4 if named else 3)
    ends = (height - _BOTTOM, _TOP) if higher_is_better else (_TOP, height - _BOTTOM)
    up = spread([point.quality for point in points], *ends)
    best = front(points, higher_is_better)
    places = [(across(point.cost), up(point.quality)) for point in points]
    steps = [(across(point.cost), up(point.quality)) for point in best]
    room = (width - _RIGHT, height - _BOTTOM)
    texts = [f"{point.number} {_short(point.name)}" if named else str(point.number) for point in points]
    labels = _labels(texts, places, [*_point_boxes(places), *_path_boxes(steps, room[0])], room)
    drawn = [(point, *place, label, point in best) for point, place, label in zip(points, places, labels, strict=True)]
    return ParetoPlot(width, height, across, up, drawn, _path(steps, width - _RIGHT))


def _path(steps: Sequence[tuple[float, float]], right: float) -> str:
    """Stairs: for more cost nothing is gained until the next point."""
    x, y = steps[0]
    return f"M{x} {y}" + "".join(f"H{x}V{y}" for x, y in steps[1:]) + f"H{right}"


_Box = tuple[float, float, float, float]


def _point_boxes(places: Sequence[tuple[float, float]]) -> list[_Box]:
    return [(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for x, y in places]


def _path_boxes(steps: Sequence[tuple[float, float]], right: float) -> list[_Box]:
    """Where the stairs are drawn: of each step the tread to the next one, and the rise there."""
    ends = [*(x for x, _ in steps[1:]), right]
    treads = [(x, y - 2, end, y + 2) for (x, y), end in zip(steps, ends, strict=True)]
    rises = [(x - 2, y, x + 2, before) for (_, before), (x, y) in pairwise(steps)]
    return treads + rises


def _labels(
    texts: Sequence[str], places: Sequence[tuple[float, float]], taken: Sequence[_Box], room: tuple[float, float]
) -> list[Label | None]:
    """Beside its point, else above or below, where nothing stands that is `taken` and no other name; `room` is the
    right and the lower end of the plot."""
    filled = list(taken)
    labels: list[Label | None] = []
    for text, (x, y) in zip(texts, places, strict=True):
        box = next((box for box in _boxes(x, y, text) if _is_free(box, filled, *room)), None)
        if box:
            filled.append(box)
        labels.append(Label(box[0], round(box[3] - 4, 1), text) if box else None)
    return labels


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:13]}…{name[-13:]}"


def _boxes(x: float, y: float, text: str) -> list[_Box]:
    wide = round(_LETTER * sum(1.8 if ord(letter) > 0x2E7F else 1 for letter in text), 1)
    heights = [down for away in (0.0, 1.0, 2.0) for down in (-0.5, -1.3 - away, 0.3 + away)]
    lefts = (x + _RADIUS + 3, x - _RADIUS - 3 - wide, x - wide / 2)
    corners = [(round(left, 1), round(y + down * _LINE, 1)) for down in heights for left in lefts]
    return [(left, top, round(left + wide, 1), top + _LINE) for left, top in corners]


def _is_free(box: _Box, taken: Sequence[_Box], right: float, bottom: float) -> bool:
    if box[0] < _LEFT or box[1] < 0 or box[2] > right or box[3] > bottom:
        return False
    return all(box[2] <= one[0] or box[0] >= one[2] or box[3] <= one[1] or box[1] >= one[3] for one in taken)
