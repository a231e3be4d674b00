"""Scores answers, and averages scores: accuracy, mean relative accuracy (MRA) and mean point accuracy (MPA)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .answers import AMBIGUOUS, BEYOND, OK, UNPARSED, Parsed, Point
from .choices import parse_choice, parse_choice_as_authors
from .quantities import parse_number, parse_number_as_authors, parse_point, parse_point_as_authors

Parser = Literal["lenient", "authors"]
PARSERS: tuple[Parser, ...] = ("lenient", "authors")
Kind = Literal["choice", "number", "point"]

FAILURES = (UNPARSED, AMBIGUOUS, BEYOND)
"""States of an answer that scores 0 because it could not be read."""

_RELATIVE_ERRORS = (1 - np.linspace(0.5, 0.95, 10)).tolist()
"""Relative errors up to which a number counts, one threshold each: 0.5 to 0.05."""
_DIAGONALS = np.arange(0.5, 1.45, 0.1).tolist()
"""Distances up to which a point counts, in diagonals of the box: 0.5 to 1.4, rounded as the published evaluation does."""


@dataclass(frozen=True)
class QuestionType:
    """How a question type is scored."""

    task: str
    """The column of the paper's table that it belongs to."""
    kind: Kind
    unit: str | None = None
    """`m` or `cm`: what a number is asked for in."""


QUESTION_TYPES: dict[str, QuestionType] = {
    "obj_count_occ": QuestionType("count", "choice"),
    "bestview_count_occ": QuestionType("best_view", "choice"),
    **{f"obj_existence_occ_{axis}": QuestionType("existence", "choice") for axis in ("lr", "ab", "fb")},
    **{f"obj_attribute_occ_{axis}": QuestionType("attribute", "choice") for axis in ("lr", "ab", "fb")},
    **{f"obj_spatial_occ_{axis}": QuestionType("spatial_relation", "choice") for axis in ("lr", "ab", "fb")},
    "obj_localization_occ": QuestionType("localization", "choice"),
    "obj_count_occ_na": QuestionType("count_na", "number"),
    "obj_localization_occ_na": QuestionType("localization_na", "point"),
    "obj_distance_occ_na": QuestionType("distance_na", "number", "m"),
    "obj_obj_distance_occ_na": QuestionType("object_distance_na", "number", "m"),
    "obj_size_occ_na": QuestionType("size_na", "number", "cm"),
}
"""The seventeen question types of SpatialMosaic-Bench: twelve choices in six tasks, and five without options."""


@dataclass(frozen=True)
class Score:
    """What an answer is worth."""

    value: float
    """0 to 1."""
    parsed: str | float | Point | None
    """What was read: a letter, a number or a point."""
    state: str
    """`ok`, or why nothing was read (`answers.STATES`)."""


def score_answer(
    kind: Kind,
    answer: str,
    reference: str,
    options: Sequence[str] = (),
    bbox_2d_diag: float | None = None,
    unit: str | None = None,
    parser: Parser = "lenient",
) -> Score:
    """Score one answer.

    Args:
        kind: how it is scored.
        answer: what the model said.
        reference: letter of the right option, or the right number or point as text.
        options: `A. ...` strings of a choice.
        bbox_2d_diag: diagonal of the target's box, which scales the error of a point.
        unit: `m` or `cm`: what a number is asked for in.
        parser: `lenient` (the grammar of `answers.py`), or `authors` (the published evaluation to the letter).

    Raises:
        ValueError: The reference, the diagonal or the parser is none.
    """
    if parser not in PARSERS:
        raise ValueError(f"Expected a parser among {', '.join(PARSERS)}, got {parser!r}.")
    parsed = _parse(kind, answer, tuple(options), unit, parser)
    if parsed.value is None:
        return Score(0.0, None, parsed.state)
    return Score(_value(kind, parsed.value, reference, bbox_2d_diag, parser), parsed.value, OK)


def _parse(kind: Kind, answer: str, options: tuple[str, ...], unit: str | None, parser: Parser) -> Parsed:
    lenient = parser == "lenient"
    if kind == "choice":
        return parse_choice(answer, options) if lenient else parse_choice_as_authors(answer, options)
    if kind == "number":
        return parse_number(answer, unit) if lenient else parse_number_as_authors(answer)
    return parse_point(answer) if lenient else parse_point_as_authors(answer)


def _value(kind: Kind, parsed: str | float | Point, reference: str, diagonal: float | None, parser: Parser) -> float:
    if kind == "choice":
        return float(str(parsed).upper() == reference.strip().upper())
    if kind == "number":
        assert isinstance(parsed, float)
        return mean_relative_accuracy(parsed, _reference_number(reference))
    assert isinstance(parsed, tuple)
    truth = parse_point_as_authors(reference).value
    if not isinstance(truth, tuple):
        raise ValueError(f"Expected a point such as (217, 122) as reference, got {reference!r}.")
    if diagonal is None or not diagonal > 0:
        if parser == "authors":
            return 0.0
        raise ValueError(f"Expected a positive bbox_2d_diag, which scales the error of a point, got {diagonal}.")
    return mean_point_accuracy(parsed, truth, diagonal)


def _reference_number(reference: str) -> float:
    try:
        return float(reference)
    except ValueError:
        raise ValueError(f"Expected a number as reference, got {reference!r}.") from None


def mean_relative_accuracy(answer: float, truth: float) -> float:
    """Share of the thresholds 0.50, 0.55 ... 0.95 for which the relative error is at most 1 - threshold.

    A truth of 0 allows no error; the published evaluation divides by it.
    """
    if truth == 0:
        return float(answer == 0)
    error = abs(answer - truth) / truth
    return sum(error <= limit for limit in _RELATIVE_ERRORS) / len(_RELATIVE_ERRORS)


def mean_point_accuracy(answer: Point, truth: Point, bbox_2d_diag: float) -> float:
    """Share of the thresholds 0.5, 0.6 ... 1.4 for which the distance is at most threshold x diagonal."""
    try:
        distance = math.sqrt((answer[0] - truth[0]) ** 2 + (answer[1] - truth[1]) ** 2)
    except OverflowError:  # a model that writes two hundred digits
        return 0.0
    return sum(distance <= bbox_2d_diag * limit for limit in _DIAGONALS) / len(_DIAGONALS)


def type_means(question_types: Iterable[str], values: Iterable[float]) -> dict[str, float]:
    """Mean score of every question type that occurs."""
    sums: dict[str, list[float]] = {}
    for name, value in zip(question_types, values, strict=True):
        entry = sums.setdefault(name, [0.0, 0])
        entry[0] += value
        entry[1] += 1
    return {name: total / count for name, (total, count) in sums.items()}


def task_means(means: Mapping[str, float], table: Mapping[str, QuestionType]) -> dict[str, float]:
    """Mean of the question types of every task that occurs, in the order of the table."""
    by_task: dict[str, list[float]] = {}
    for name, question_type in table.items():
        if name in means:
            by_task.setdefault(question_type.task, []).append(means[name])
    return {task: sum(values) / len(values) for task, values in by_task.items()}


def averages(
    means: Mapping[str, float], chances: Mapping[str, float], micro: float | None = None
) -> dict[str, float | None]:
    """Average over question types and tasks; None where no record belongs to an average.

    Args:
        means: score of every question type that occurs.
        chances: mean of 1 / number of options of every choice type that occurs.
        micro: plain mean over all records.

    Returns:
        `macro12`: mean over the choice types, the paper's "Avg."; `macro6`: mean over their six tasks; `kappa6`: the same
        of (score - chance) / (1 - chance), which is 0 for guessing whatever the number of options; `macro_na`: mean over
        the types without options; `overall`: mean over all types, as the published evaluation averages; `micro`.
    """
    choices = {name: value for name, value in means.items() if QUESTION_TYPES[name].kind == "choice"}
    numeric = [value for name, value in means.items() if name not in choices]
    kappas = {name: (value - chances[name]) / (1 - chances[name]) for name, value in choices.items()}
    return {
        "macro12": _mean(choices.values()),
        "macro6": _mean(task_means(choices, QUESTION_TYPES).values()),
        "kappa6": _mean(task_means(kappas, QUESTION_TYPES).values()),
        "macro_na": _mean(numeric),
        "overall": _mean(means.values()),
        "micro": micro,
    }


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None
