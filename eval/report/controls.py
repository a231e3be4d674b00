"""What is scored without looking: guessing, the commonest answer, options alone, words alone, the best constant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spatialmosaic_builder.audit import ConfigAudit, audit_records
from spatialmosaic_builder.randomness import digest

from ..asking import Dataset
from ..question import Question
from ..spatialmosaic_accuracy.answers import Point
from ..spatialmosaic_accuracy.quantities import parse_point_as_authors
from ..spatialmosaic_accuracy.scoring import mean_point_accuracy, mean_relative_accuracy

_FOLDS = 5
_CANDIDATES = 50
"""Constants that are tried: quantiles of what other scenes hold."""
_AUDITED = ("task", "source", "target", "relation", "answer_index")
"""Columns without which there is nothing to audit."""
TITLES = {
    "chance": "Chance (constants without options)",
    "majority letter": "Commonest letter",
    "prior": "Commonest answer",
    "paired_axis": "Options only: paired axis",
    "majority_vote": "Options only: vote",
    "medoid": "Options only: medoid",
    "rank": "Options only: rank",
    "option_set": "Options only: option set",
    "text": "Text only, cross-validated by scene",
}


@dataclass(frozen=True, slots=True)
class Control:
    """What a way not to look scores."""

    name: str
    """A key of `TITLES`."""
    means: dict[str, float]
    """Score of every question type, 0 to 1."""
    is_read: dict[str, bool]
    """Whether it had something to read in a type; where it had not, its score is that of a guess."""

    def as_json(self, dataset: Dataset, nominal: dict[str, float]) -> dict[str, Any]:
        """Plain data, averages included."""
        micro = self._micro(dataset)
        return {
            "name": self.name,
            "title": TITLES[self.name],
            "averages": dataset.benchmark.averages(self.means, nominal, micro),
            "types": self.means,
            "nothing_to_read": [name for name, is_read in self.is_read.items() if not is_read],
        }

    def _micro(self, dataset: Dataset) -> float:
        return float(np.mean([self.means[question.question_type] for question in dataset.questions]))


def measure_controls(dataset: Dataset, nominal: dict[str, float], seed: int) -> list[Control]:
    """Measure every control on the records of a dataset, whatever part of them a run was asked.

    Args:
        dataset: with at least one record.
        nominal: chance of every choice type.
        seed: of the audit.
    """
    constants = best_constants(dataset)
    controls = [Control("chance", nominal | constants, dict.fromkeys([*nominal, *constants], True))]
    if not can_be_audited(dataset):
        return controls
    audit = audit_records(iter([dataset.table]), seed)
    letters = {name: max(found.letters.counts) / found.num_records for name, found in audit.question_types.items()}
    controls.append(Control("majority letter", letters | constants, dict.fromkeys([*letters, *constants], True)))
    solved = [_solved(audit, name, nominal, constants) for name in TITLES if name in _solvers(audit)]
    # Who found nothing to read anywhere, or no other scene to learn from, would only repeat chance.
    return controls + [control for control in solved if any(control.is_read[name] for name in nominal)]


def can_be_audited(dataset: Dataset) -> bool:
    """Whether the records say what the audit reads."""
    return set(_AUDITED) <= set(dataset.table.column_names)


def _solvers(audit: ConfigAudit) -> set[str]:
    return {solver for found in audit.question_types.values() for solver in found.scores}


def _solved(audit: ConfigAudit, solver: str, nominal: dict[str, float], constants: dict[str, float]) -> Control:
    means, is_read = dict(constants), dict.fromkeys(constants, True)
    for name, found in audit.question_types.items():
        score = found.scores.get(solver)
        means[name] = nominal[name] if score is None else score.accuracy
        is_read[name] = score is not None
    return Control(solver, means, is_read)


def best_constants(dataset: Dataset) -> dict[str, float]:
    """Score of always answering the same number or point, learned from other scenes, by question type."""
    by_type: dict[str, list[Question]] = {}
    for question in dataset.questions:
        if not question.options:
            by_type.setdefault(question.question_type, []).append(question)
    return {name: _constant_score(dataset, questions) for name, questions in by_type.items()}


def _constant_score(dataset: Dataset, questions: Sequence[Question]) -> float:
    scenes = sorted({question.scene_name for question in questions}, key=lambda name: digest("fold", name))
    fold = {name: place % _FOLDS for place, name in enumerate(scenes)}
    is_point = dataset.benchmark.type_of(questions[0]).kind == "point"
    truth = [_truth(question, is_point) for question in questions]
    score: Callable[[Any, int], float] = (
        (lambda answer, k: mean_point_accuracy(answer, truth[k], questions[k].bbox_2d_diag or 1.0))  # type: ignore[arg-type]
        if is_point
        else (lambda answer, k: mean_relative_accuracy(answer, truth[k]))  # type: ignore[arg-type]
    )
    total = 0.0
    for number in set(fold.values()):
        inside = [k for k, question in enumerate(questions) if fold[question.scene_name] == number]
        # One scene alone has no other to learn from: it is its own.
        outside = [k for k in range(len(questions)) if k not in set(inside)] or inside
        sample = outside[:: max(1, len(outside) // 500)]
        best = max(_constants([truth[k] for k in sample]), key=lambda answer: sum(score(answer, k) for k in sample))
        total += sum(score(best, k) for k in inside)
    return total / len(questions)


def _truth(question: Question, is_point: bool) -> float | Point:
    if not is_point:
        return float(question.reference)
    point = parse_point_as_authors(question.reference).value
    assert isinstance(point, tuple)
    return point


def _constants(truths: list[Any]) -> list[Any]:
    quantiles = np.linspace(0, 1, _CANDIDATES)
    if isinstance(truths[0], tuple):
        middle = tuple(np.median(np.array(truths), axis=0).tolist())
        return [middle, *truths[:: max(1, len(truths) // _CANDIDATES)]]
    return sorted(set(np.quantile(np.array(truths), quantiles, method="nearest").tolist()))
