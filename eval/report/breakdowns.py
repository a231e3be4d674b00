"""Scores by level of difficulty.

Levels differ in which questions they hold: pooled over question types, a curve may rise or fall by ten points although no
type does. So curves are *standardised*: the score of each type first, then the mean over the types that every level has;
that of a task, over its types that every level has which has the task. Pooled values are told too, but not drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..asking import Dataset
from .estimates import Estimate, Floats, Frame, estimate, mean_of_types, pooled
from .scored import ScoredRun

STANDARDISED, POOLED = "standardised", "pooled"


@dataclass(frozen=True, slots=True)
class Cell:
    """A score at a level."""

    breakdown: str
    level: str
    scope: str
    """`standardised`, `pooled`, `task` or `question_type`."""
    name: str
    """Of the task or question type; the types that were averaged, for the standardised."""
    score: Estimate


@dataclass(frozen=True, slots=True)
class Levels:
    """The scores of a run at every level of a breakdown that holds any."""

    breakdown: str
    values: dict[str, Floats]
    """Shape (n,) by level, easy ones first, NaN elsewhere."""
    types: dict[str, set[str]]
    """Question types that each level has."""
    common: tuple[str, ...]
    """Those that every level has."""

    def standardised(self, level: str, frame: Frame) -> Floats:
        """The scores at a level that a curve is made of."""
        return _only(frame, self.values[level], self.common)


def levels_of(run: ScoredRun, dataset: Dataset, frame: Frame) -> Iterator[Levels]:
    """Sort the scores of a run into the levels of every breakdown."""
    for breakdown, levels in dataset.benchmark.levels.items():
        level_of = np.array([question.levels[breakdown] for question in dataset.questions], dtype=object)
        by_level = {level: np.where(level_of == level, run.values, np.nan) for level in levels}
        by_level = {level: values for level, values in by_level.items() if not np.isnan(values).all()}
        types = {level: _types_in(frame, values) for level, values in by_level.items()}
        common = tuple(name for name in frame.type_names if all(name in found for found in types.values()))
        yield Levels(breakdown, by_level, types, common)


def cells_of(run: ScoredRun, dataset: Dataset, frame: Frame) -> Iterator[Cell]:
    """Score a run at every level of every breakdown."""
    table = dataset.benchmark.question_types
    for levels in levels_of(run, dataset, frame):
        breakdown, types, common = levels.breakdown, levels.types, levels.common
        for level, values in levels.values.items():
            score = estimate(frame, levels.standardised(level, frame), mean_of_types(common))
            yield Cell(breakdown, level, STANDARDISED, " ".join(common), score)
            yield Cell(breakdown, level, POOLED, "", estimate(frame, values, pooled))
            for task in dict.fromkeys(table[name].task for name in frame.type_names if name in types[level]):
                members = [name for name in frame.type_names if table[name].task == task]
                held = [found for found in types.values() if not found.isdisjoint(members)]
                shared_by_levels = tuple(name for name in members if all(name in found for found in held))
                score = estimate(frame, _only(frame, values, shared_by_levels), mean_of_types(shared_by_levels))
                yield Cell(breakdown, level, "task", task, score)
            for name in sorted(types[level], key=frame.type_names.index):
                score = estimate(frame, _only(frame, values, [name]), pooled)
                yield Cell(breakdown, level, "question_type", name, score)


def _types_in(frame: Frame, values: Floats) -> set[str]:
    return {frame.type_names[k] for k in np.unique(frame.type_of[~np.isnan(values)])}


def _only(frame: Frame, values: Floats, names: Iterable[str]) -> Floats:
    kept = np.isin(frame.type_of, [frame.type_names.index(name) for name in names])
    return np.where(kept, values, np.nan)
