"""Which candidates can be taken so that no side of a group is more frequent than another (see `tasks.task.Balance`).

A group without a name is all of a type's questions in a scene: its sides may differ by one. A named group is what a text
gives away, so its sides are exactly equally frequent, and a group that lacks a side gives nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

Cells = dict[str, list[list[int]]]
"""By group: the rows of each side's candidates, in their order."""


@dataclass(slots=True)
class Stock:
    """What a scene offers of one question type."""

    unit: int = 1
    """Questions that must be taken together: one of each side."""
    in_scene: int = 0
    """Questions that can be taken from the groups that are balanced in the scene."""
    across_scenes: dict[str, list[int]] = field(default_factory=dict)
    """Candidates by side of the groups that are balanced over a split."""


@dataclass(slots=True)
class Quota:
    """What is taken from a scene of one question type."""

    in_scene: int = 0
    across_scenes: dict[str, list[int]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Questions in all."""
        return self.in_scene + sum(map(sum, self.across_scenes.values()))


def cells_by_type(candidates: pa.Table) -> dict[str, tuple[Cells, Cells]]:
    """Sort the rows of candidates: by question type, the groups balanced in the scene and those across scenes."""
    columns = ("question_type", "group", "side", "num_sides", "across_scenes")
    cells: dict[str, tuple[Cells, Cells]] = {}
    for row, values in enumerate(zip(*(candidates[name].to_pylist() for name in columns), strict=True)):
        question_type, group, side, num_sides, across_scenes = values
        groups = cells.setdefault(question_type, ({}, {}))[across_scenes]
        groups.setdefault(group, [[] for _ in range(num_sides)])[side].append(row)
    return cells


def stock_of(candidates: pa.Table) -> dict[str, Stock]:
    """Count what a scene offers, by question type."""
    return {
        question_type: Stock(
            unit=max(unit_of(group, len(sides)) for groups in cells for group, sides in groups.items()),
            in_scene=sum(capacity(group, sizes) for group, sizes in _sizes(cells[False]).items()),
            across_scenes=_sizes(cells[True]),
        )
        for question_type, cells in cells_by_type(candidates).items()
    }


def _sizes(cells: Cells) -> dict[str, list[int]]:
    return {group: [len(rows) for rows in sides] for group, sides in cells.items()}


def unit_of(group: str, num_sides: int) -> int:
    """Questions of a group that must be taken together."""
    return num_sides if group else 1


def capacity(group: str, sizes: Sequence[int]) -> int:
    """Questions that can be taken from a group with so many candidates of each side."""
    fewest = min(sizes)
    extra = 0 if group else sum(size > fewest for size in sizes)
    return len(sizes) * fewest + extra


def split_sides(sizes: Sequence[int], count: int) -> list[int]:
    """Share a group's questions out over its sides; the larger ones give the odd ones."""
    each, odd = divmod(count, len(sizes))
    larger_first = sorted(range(len(sizes)), key=lambda side: -sizes[side])
    return [each + (larger_first.index(side) < odd) for side in range(len(sizes))]
