"""Averages with intervals: questions of one scene are alike, so whole scenes are drawn anew (cluster bootstrap).

All draws of a report are the same scenes for every run and every cell, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spatialmosaic_builder.randomness import generator

from ..asking import Dataset

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REPLICATES = 2_000
"""Draws behind an interval."""
_TAIL = 0.025
"""Of either side: intervals hold 95 %."""
MIN_RECORDS, MIN_SCENES = 100, 10
"""A cell with fewer is shown grey: it tells little."""
_MIN_SHARE = 0.5
"""Share of the draws that must have every question type; fewer give no interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval."""

    value: float | None
    """None where no record belongs to it."""
    low: float | None = None
    """Lower end of the 95 % interval; None where there is one scene, or too few to tell."""
    high: float | None = None
    num_records: int = 0
    num_scenes: int = 0

    @property
    def is_small(self) -> bool:
        """Whether it rests on too little to be read alone."""
        return self.num_records < MIN_RECORDS or self.num_scenes < MIN_SCENES

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"is_small": self.is_small}


@dataclass(frozen=True, slots=True)
class Frame:
    """What all estimates of a report share: who belongs to which scene and type, and the draws."""

    type_names: tuple[str, ...]
    """In the order of the benchmark."""
    type_of: Ints
    """Shape (n,)."""
    scene_of: Ints
    """Shape (n,)."""
    times: Floats
    """Shape (replicates, scenes): how often each draw takes a scene."""

    @classmethod
    def of(cls, dataset: Dataset, seed: int) -> Frame:
        """Prepare the draws for a dataset."""
        names = tuple(dataset.benchmark.question_types)
        place = {name: k for k, name in enumerate(names)}
        type_of = np.array([place[question.question_type] for question in dataset.questions])
        _, scene_of = np.unique([question.scene_name for question in dataset.questions], return_inverse=True)
        num_scenes = int(scene_of.max()) + 1
        rng = generator(seed, "cluster bootstrap", num_scenes)
        times = rng.multinomial(num_scenes, np.full(num_scenes, 1 / num_scenes), size=REPLICATES)
        return cls(names, type_of, scene_of, times.astype(np.float64))

    def sums(self, values: Floats) -> tuple[Floats, Floats]:
        """Sum and count by scene and type, shape (scenes, types) each; NaN values are left out."""
        kept = ~np.isnan(values)
        size = (self.times.shape[1], len(self.type_names))
        cell = self.scene_of[kept] * size[1] + self.type_of[kept]
        length = size[0] * size[1]
        return (
            np.bincount(cell, values[kept], minlength=length).reshape(size).astype(np.float64),
            np.bincount(cell, minlength=length).reshape(size).astype(np.float64),
        )


Average = Callable[[Mapping[str, Any], Any], Any]
"""Means of question types (numbers, or arrays of draws) and the mean over records -> one average."""


def estimate(frame: Frame, values: Floats, average: Average) -> Estimate:
    """Average values, with an interval.

    Args:
        frame: of the dataset.
        values: shape (n,), NaN where a question does not count.
        average: see `Average`.
    """
    totals, counts = frame.sums(values)
    num_records, num_scenes = int(counts.sum()), int((counts.sum(axis=1) > 0).sum())
    if not num_records:
        return Estimate(None)
    value = average(_means(frame, totals.sum(axis=0), counts.sum(axis=0)), totals.sum() / counts.sum())
    if value is None:
        return Estimate(None, None, None, num_records, num_scenes)
    low, high = interval(draws(frame, totals, counts, average), num_scenes)
    return Estimate(float(value), low, high, num_records, num_scenes)


def draws(frame: Frame, totals: Floats, counts: Floats, average: Average) -> Floats:
    """The average of every draw, shape (replicates,); NaN where a draw lacks a question type.

    Args:
        frame: of the dataset.
        totals: sums by scene and type.
        counts: counts by scene and type.
        average: see `Average`.
    """
    present = counts.sum(axis=0) > 0
    drawn_totals, drawn_counts = frame.times @ totals, frame.times @ counts
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = drawn_totals / drawn_counts
        micro = drawn_totals.sum(axis=1) / drawn_counts.sum(axis=1)
    means = {name: ratios[:, k] for k, name in enumerate(frame.type_names) if present[k]}
    found: Floats = np.asarray(average(means, micro))
    return found


def interval(drawn: Floats, num_scenes: int) -> tuple[float | None, float | None]:
    """The middle 95 % of the draws; None where they tell nothing."""
    kept = drawn[~np.isnan(drawn)]
    if num_scenes < 2 or len(kept) < _MIN_SHARE * REPLICATES:
        return None, None
    low, high = np.quantile(kept, (_TAIL, 1 - _TAIL))
    return float(low), float(high)


def _means(frame: Frame, totals: Floats, counts: Floats) -> dict[str, float]:
    return {
        name: float(total / count)
        for name, total, count in zip(frame.type_names, totals, counts, strict=True)
        if count
    }


def chances(dataset: Dataset, asked: NDArray[np.bool_]) -> dict[str, float]:
    """Mean of 1 / number of options of every choice type among the questions that were asked."""
    listed: dict[str, list[float]] = {}
    for question, was_asked in zip(dataset.questions, asked, strict=True):
        if was_asked and question.chance is not None:
            listed.setdefault(question.question_type, []).append(question.chance)
    return {name: sum(values) / len(values) for name, values in listed.items()}


def average_named(name: str, dataset: Dataset, nominal: Mapping[str, float]) -> Average:
    """One of the benchmark's averages, by name."""
    return lambda means, micro: dataset.benchmark.averages(means, nominal, micro)[name]


def mean_of_types(names: tuple[str, ...]) -> Average:
    """The mean over some question types, each counting once; None where one of them is missing."""

    def average(means: Mapping[str, Any], micro: Any) -> Any:
        if not names or any(name not in means for name in names):
            return None
        return sum(means[name] for name in names) / len(names)

    return average


def pooled(means: Mapping[str, Any], micro: Any) -> Any:
    """The plain mean over records, an `Average`."""
    return micro
