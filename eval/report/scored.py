"""Runs as scores: one number a question, in the order of the dataset."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..asking import Dataset
from ..errors import EvalError
from ..predictions import REFUSED, Prediction, Run
from ..selection import flip_pairs
from ..spatialmosaic_accuracy.scoring import Parser

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """What a run scored."""

    name: str
    """Short and unlike the others'."""
    header: dict[str, Any]
    values: Floats
    """Shape (n,), 0 to 1, NaN where a question was not asked; a mean over rotations where there are several."""
    every_rotation: Floats
    """Shape (n,): 1 where all rotations of a choice are right, NaN where it was not asked in all of them."""
    answers: dict[str, list[tuple[Prediction, float]]]
    """By record: its predictions with their scores."""
    states: dict[str, Counter[str]]
    """By question type: how many answers were read, and how many not, by reason."""
    num_missing: int
    """Questions of the run that have no answer yet."""
    num_cut_off: int
    """Answers that reached the limit of tokens."""

    @property
    def asked(self) -> Bools:
        """Which questions were asked, shape (n,)."""
        return ~np.isnan(self.values)


def score_run(run: Run, name: str, dataset: Dataset, parser: Parser) -> ScoredRun:
    """Score every answer of a run.

    Raises:
        EvalError: the run belongs to another dataset.
    """
    row_of = {question.id: row for row, question in enumerate(dataset.questions)}
    sums, counts, right = np.zeros(len(row_of)), np.zeros(len(row_of)), np.zeros(len(row_of))
    answers: dict[str, list[tuple[Prediction, float]]] = defaultdict(list)
    states: dict[str, Counter[str]] = defaultdict(Counter)
    num_cut_off = 0
    for prediction in run.predictions.values():
        row = _row_of(prediction, row_of, run.folder)
        question = dataset.questions[row]
        score = dataset.benchmark.score(question.rotated(prediction.rotation), prediction.answer, parser)
        refused = prediction.state == REFUSED
        value = 0.0 if refused else score.value
        sums[row] += value
        counts[row] += 1
        right[row] += value == 1
        answers[question.id].append((prediction, value))
        states[question.question_type][REFUSED if refused else score.state] += 1
        num_cut_off += prediction.finish_reason == "length"
    num_options = np.array([len(question.options) for question in dataset.questions])
    with np.errstate(invalid="ignore"):
        values = sums / counts
        every = np.where((counts == num_options) & (counts > 1), (right == counts).astype(float), np.nan)
    return ScoredRun(
        name=name,
        header=run.header,
        values=values,
        every_rotation=every,
        answers=dict(answers),
        states=dict(states),
        num_missing=int(run.header["num_askings"]) - len(run.predictions),
        num_cut_off=num_cut_off,
    )


def _row_of(prediction: Prediction, row_of: dict[str, int], folder: Path) -> int:
    if prediction.id not in row_of:
        raise EvalError(
            f"{folder} answers record {prediction.id}, which the dataset does not have; was it made from another dataset or "
            "profile? Name its own with --data."
        )
    return row_of[prediction.id]


def pair_scores(run: ScoredRun, dataset: Dataset) -> Floats:
    """Whether both members of each flip pair are right, shape (pairs,); pairs that were not asked are left out."""
    if "relation" not in dataset.table.column_names:
        return np.zeros(0)
    columns = ["id", "question_type", "scene_name", "source", "target", "relation", "ground_truth"]
    rows = dataset.table.select(columns).to_pylist()
    # Pairs are formed of what was asked: a limit may have parted others.
    kept = [row for row, was_asked in enumerate(run.asked) if was_asked]
    pairs = flip_pairs([rows[row] for row in kept])
    both = [run.values[kept[a]] == 1 and run.values[kept[b]] == 1 for a, b in pairs]
    return np.array(both, np.float64)


def unlike_names(folders: Sequence[Path]) -> list[str]:
    """Name runs by their folders, with as much of the path as tells them apart."""
    depth = 1
    resolved = [folder.resolve() for folder in folders]
    if len(set(resolved)) < len(resolved):
        twice = next(folder for folder in resolved if resolved.count(folder) > 1)
        raise EvalError(f"{twice} is named twice; name every RUN once.")
    while len({folder.parts[-depth:] for folder in resolved}) < len(resolved):
        depth += 1
    return ["/".join(folder.parts[-depth:]) for folder in resolved]
