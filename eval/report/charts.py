"""The charts of the page as shapes: a radar of tasks (Table 3), and scores by level with their intervals (Fig. 6)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_RADAR_WIDTH, _RADAR_HEIGHT, _RADIUS = 380, 310, 124
_PANEL_WIDTH, _PANEL_HEIGHT = 240, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 12, 10, 28
_RINGS = (0.25, 0.5, 0.75, 1.0)

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A polyline or polygon of one series."""

    series: int
    """Number of the run, which gives its colour."""
    points: tuple[Point, ...]
    title: str
    """In full, for whoever points at it."""
    is_reference: bool = False
    """Whether it is no run, but stands beside the runs."""


@dataclass(frozen=True, slots=True)
class Label:
    """A text; pixels."""

    x: float
    y: float
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Shapes with their labels, ready to be put into an SVG."""

    title: str
    width: int
    height: int
    grid: tuple[tuple[Point, ...], ...]
    bands: tuple[Line, ...]
    """Intervals, one polygon each."""
    lines: tuple[Line, ...]
    dots: tuple[tuple[int, float, float, str, bool], ...]
    """Series, x, y, title, faint."""
    labels: tuple[Label, ...]


def plan_radar(
    title: str,
    axes: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    reference: tuple[str, Sequence[float]],
) -> Chart:
    """Draw scores of tasks around a centre.

    Args:
        title: what is shown.
        axes: titles of the tasks, clockwise from the top.
        series: by name, a score of 0 to 1 an axis; None leaves the axis out.
        reference: name and scores of what stands beside the series.
    """
    middle_x, middle_y = _RADAR_WIDTH / 2, _RADAR_HEIGHT / 2

    def place(axis: int, share: float) -> Point:
        angle = 2 * math.pi * axis / len(axes) - math.pi / 2
        radius = _RADIUS * share
        return round(middle_x + radius * math.cos(angle), 1), round(middle_y + radius * math.sin(angle), 1)

    grid = [tuple(place(axis, ring) for axis in [*range(len(axes)), 0]) for ring in _RINGS]
    grid += [(place(axis, 0), place(axis, 1)) for axis in range(len(axes))]
    labels = [Label(middle_x + 4, middle_y - _RADIUS * ring - 2, "start", f"{100 * ring:.0f}") for ring in _RINGS[:-1]]
    for axis, name in enumerate(axes):
        x, y = place(axis, 1.12)
        anchor = "middle" if abs(x - middle_x) < 5 else "start" if x > middle_x else "end"
        labels.append(Label(x, y + 4, anchor, name))
    beside, published = reference
    lines = [Line(0, tuple(place(axis, score) for axis, score in enumerate(published)), beside, is_reference=True)]
    dots = []
    for number, (name, scores) in enumerate(series.items()):
        known = [(axis, score) for axis, score in enumerate(scores) if score is not None]
        lines.append(Line(number, tuple(place(axis, score) for axis, score in known), name))
        dots += [
            (number, *place(axis, score), f"{name}, {axes[axis]}: {100 * score:.1f}", False) for axis, score in known
        ]
    return Chart(title, _RADAR_WIDTH, _RADAR_HEIGHT, tuple(grid), (), tuple(lines), tuple(dots), tuple(labels))


def plan_curves(title: str, levels: Sequence[str], series: Mapping[str, Sequence[dict[str, Any] | None]]) -> Chart:
    """Draw scores by level with their intervals.

    Args:
        title: what is shown.
        levels: from easy to hard.
        series: by name, a score (`value`, `low`, `high`, `is_small`) a level.
    """
    width, height = _PANEL_WIDTH - _LEFT - _RIGHT, _PANEL_HEIGHT - _TOP - _BOTTOM
    step = width / max(1, len(levels) - 1)

    def place(level: int, share: float) -> Point:
        x = _LEFT + (width / 2 if len(levels) == 1 else level * step)
        return round(x, 1), round(_TOP + height * (1 - share), 1)

    grid = [((_LEFT, place(0, ring)[1]), (_LEFT + width, place(0, ring)[1])) for ring in (0, *_RINGS)]
    labels = [Label(_LEFT - 6, place(0, ring)[1] + 4, "end", f"{100 * ring:.0f}") for ring in (0, *_RINGS)]
    for level, name in enumerate(levels):
        anchor = "middle" if 0 < level < len(levels) - 1 or len(levels) == 1 else "start" if level == 0 else "end"
        labels += [
            Label(place(level, 0)[0], _PANEL_HEIGHT - 12 + 13 * line, anchor, word)
            for line, word in enumerate(_words(name))
        ]
    bands, lines, dots = [], [], []
    for number, (name, scores) in enumerate(series.items()):
        known = [
            (level, score) for level, score in enumerate(scores) if score is not None and score["value"] is not None
        ]
        lines.append(Line(number, tuple(place(level, score["value"]) for level, score in known), name))
        sure = [(level, score) for level, score in known if score["low"] is not None]
        edge = [place(level, score["high"]) for level, score in sure]
        edge += [place(level, score["low"]) for level, score in reversed(sure)]
        bands.append(Line(number, tuple(edge), name))
        dots += [
            (number, *place(level, score["value"]), _told(name, levels[level], score), score["is_small"])
            for level, score in known
        ]
    extra = 13 * max((len(_words(name)) - 1 for name in levels), default=0)
    return Chart(
        title, _PANEL_WIDTH, _PANEL_HEIGHT + extra, tuple(grid), tuple(bands), tuple(lines), tuple(dots), tuple(labels)
    )


def _words(level: str) -> list[str]:
    """A level as short words, one a line."""
    words = {
        "Fully Visible": "fully",
        "Partially Visible": "partly",
        "Full Coverage": "full",
        "Partial Coverage": "partial",
    }
    return [words.get(part, part) for part in level.split(", ")]


def _told(name: str, level: str, score: dict[str, Any]) -> str:
    between = "" if score["low"] is None else f" ({100 * score['low']:.1f} to {100 * score['high']:.1f})"
    return f"{name}, {level}: {100 * score['value']:.1f}{between}, {score['num_records']:,} records of {score['num_scenes']} scenes"
