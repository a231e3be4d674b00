"""Differences on the same scenes: between runs on the questions that both were asked, what views are worth, and between levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from ..asking import Dataset
from .breakdowns import levels_of
from .estimates import Average, Frame, average_named, chances, draws, interval, mean_of_types
from .scored import Floats, ScoredRun

_SAME_MODEL = ("prompt_digest", "processor_digest", "decoding")

_DETECTABLE = 1.96 + 0.84
"""Standard errors of a difference that is found, at the level of 5 %, four times of five."""
Told = tuple[float, float | None, float | None, float | None, float | None]
"""Value, interval, p and detectable difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more one run scores than another."""

    kind: str
    """`difference`, or what it tells: `vision gain` (all views - none), `multi-view gain` (all views - one), `levels`."""
    first: str
    """A run, or a level."""
    second: str
    average: str
    """Which average, or which task; of levels, which breakdown."""
    value: float
    """First - second, paired."""
    low: float | None
    """Lower end of the 95 % interval; None where there are too few scenes."""
    high: float | None
    p: float | None
    """Two-sided, from the draws, corrected for the number of differences of the same average or task (Holm)."""
    detectable: float | None
    """The smallest difference that four of five such comparisons would find: a smaller one needs more scenes."""
    num_records: int
    """Questions that both were asked; of levels, those of both."""

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def differences(runs: Sequence[ScoredRun], dataset: Dataset, frame: Frame) -> list[Difference]:
    """Compare every two runs, by the headline average and by task."""
    found = [
        item
        for first, second in combinations(runs, 2)
        for item in _compare("difference", first, second, dataset, frame, by_task=True)
    ]
    return _corrected(found)


def gains(runs: Sequence[ScoredRun], dataset: Dataset, frame: Frame) -> list[Difference]:
    """What views are worth: runs of one model with all views against those with none, the query view, or a single one."""
    found: list[Difference] = []
    for run in runs:
        if _views(run) != "all":
            continue
        for other in runs:
            kinds = {"none": "vision gain", "query": "multi-view gain", "single": "multi-view gain"}
            if _views(other) in kinds and _model(run) == _model(other):
                found += _compare(kinds[_views(other)], run, other, dataset, frame, by_task=True)
    return _corrected(found)


def level_differences(run: ScoredRun, dataset: Dataset, frame: Frame) -> list[Difference]:
    """Compare every level of a breakdown with its easiest one, standardised over question types."""
    found = []
    for levels in levels_of(run, dataset, frame):
        easiest, *others = levels.values or [""]
        average = mean_of_types(levels.common)
        for level in others:
            a, b = (levels.standardised(name, frame) for name in (level, easiest))
            num_records = int((~np.isnan(a)).sum() + (~np.isnan(b)).sum())
            for told in _difference(a, b, frame, average):
                found.append(Difference("levels", level, easiest, levels.breakdown, *told, num_records))
    return _corrected(found)


def _views(run: ScoredRun) -> str:
    views: str = run.header["config"]["views"]
    return views


def _model(run: ScoredRun) -> tuple[Any, ...]:
    # A model whose revision is known may be named in several ways.
    name = run.header["model_revision"] or run.header["config"]["model"]
    return (name, *(repr(run.header[part]) for part in _SAME_MODEL))


def _compare(
    kind: str, first: ScoredRun, second: ScoredRun, dataset: Dataset, frame: Frame, by_task: bool
) -> Iterator[Difference]:
    both = first.asked & second.asked
    if not both.any():
        return
    nominal = chances(dataset, both)
    a, b = (np.where(both, run.values, np.nan) for run in (first, second))
    present = {frame.type_names[k] for k in np.unique(frame.type_of[both])}
    scopes: dict[str, Average] = {
        name: average_named(name, dataset, nominal) for name in dataset.benchmark.averages({}, {}, None)
    }
    if by_task:
        tasks: dict[str, list[str]] = {}
        for name, of_type in dataset.benchmark.question_types.items():
            if name in present:
                tasks.setdefault(of_type.task, []).append(name)
        scopes |= {task: mean_of_types(tuple(names)) for task, names in tasks.items()}
    for scope, average in scopes.items():
        for told in _difference(a, b, frame, average):
            yield Difference(kind, first.name, second.name, scope, *told, int(both.sum()))


def _difference(a: Floats, b: Floats, frame: Frame, average: Average) -> Iterator[Told]:
    """Compare two sets of scores on the same draws; nothing where one has no such average."""
    sums = [frame.sums(values) for values in (a, b)]
    values = []
    for totals, counts in sums:
        means = {
            name: totals[:, k].sum() / counts[:, k].sum()
            for k, name in enumerate(frame.type_names)
            if counts[:, k].sum()
        }
        values.append(average(means, totals.sum() / counts.sum()) if counts.any() else None)
    if values[0] is None or values[1] is None:
        return
    drawn = draws(frame, *sums[0], average) - draws(frame, *sums[1], average)
    num_scenes = int((sums[0][1].sum(axis=1) > 0).sum())
    low, high = interval(drawn, num_scenes)
    value, kept = float(values[0] - values[1]), drawn[~np.isnan(drawn)]
    if low is None:
        yield value, None, None, None, None
    else:
        yield value, low, high, _p_value(kept), _DETECTABLE * float(kept.std())


def _p_value(drawn: Floats) -> float:
    """Twice the share of draws on the far side of zero; never 0, as the draws are finite."""
    tail = min((drawn <= 0).sum(), (drawn >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(drawn) + 1)))


def _corrected(found: list[Difference]) -> list[Difference]:
    """Holm's step-down correction over the differences of a table: those of one average or task."""
    corrected: dict[int, float] = {}
    for average in dict.fromkeys(item.average for item in found):
        of_table = [(item.p, k) for k, item in enumerate(found) if item.average == average and item.p is not None]
        corrected |= _holm(of_table)
    return [replace(item, p=corrected.get(k)) for k, item in enumerate(found)]


def _holm(found: list[tuple[float, int]]) -> dict[int, float]:
    corrected, floor = {}, 0.0
    for place, (p, k) in enumerate(sorted(found)):
        floor = max(floor, min(1.0, p * (len(found) - place)))
        corrected[k] = floor
    return corrected
