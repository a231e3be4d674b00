"""The vocabulary: a question as it is scored, and a benchmark as it is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from .spatialmosaic_accuracy.scoring import Parser, QuestionType, Score, score_answer

Row = Mapping[str, Any]
"""A record of a benchmark, column -> value."""


@dataclass(frozen=True, slots=True)
class Question:
    """What scoring needs of a record."""

    id: str
    question_type: str
    scene_name: str
    text: str
    options: tuple[str, ...]
    """`A. ...` strings; empty without options."""
    reference: str
    """Letter of the right option, or the right number or point as text."""
    bbox_2d_diag: float | None
    """What scales the error of a point."""
    levels: Mapping[str, str | None]
    """Level of the record by breakdown, such as `occ_level`."""

    @property
    def chance(self) -> float | None:
        """Score of a uniform guess; None without options."""
        return 1 / len(self.options) if self.options else None

    def rotated(self, rotation: int) -> Question:
        """The same question with every option moved up by so many places; letters stay where they are."""
        if not rotation or not self.options:
            return self
        place = (ord(self.reference) - ord("A") - rotation) % len(self.options)
        return replace(self, options=rotate(self.options, rotation), reference=chr(ord("A") + place))


def rotate(options: Sequence[str], rotation: int) -> tuple[str, ...]:
    """Move the texts of options up by so many places."""
    letters, bodies = zip(*(option.split(". ", 1) for option in options), strict=True)
    moved = bodies[rotation:] + bodies[:rotation]
    return tuple(f"{letter}. {body}" for letter, body in zip(letters, moved, strict=True))


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A set of questions with its own reader, prompt, scores and averages."""

    name: str
    title: str
    question_types: Mapping[str, QuestionType]
    read: Callable[[str, str, str], pa.Table]
    """Reads the records of a split: data, config, split."""
    question_of: Callable[[Row], Question]
    num_views: Callable[[pa.Table], list[int]]
    """Number of views of every record."""
    query_views: Callable[[pa.Table], list[int | None]]
    """The view that every record asks about, counted from 0; None where it asks about none."""
    messages: Callable[[Row, Sequence[Any] | None, Sequence[int]], list[dict[str, Any]]]
    """Writes the prompt: record, images, which views are shown."""
    load_views: Callable[[Row, Path, Sequence[int]], list[Image.Image]]
    """Opens views of a record: record, image root, which ones."""
    missing_pictures: Callable[[pa.Table, Path], Iterator[tuple[str, Path]]]
    """Yields record and file for every picture that is not there."""
    averages: Callable[[Mapping[str, float], Mapping[str, float], float | None], dict[str, float | None]]
    """Means of question types, their chances, mean over records -> named averages; the first is the headline."""
    levels: Mapping[str, tuple[str, ...]]
    """Breakdowns with their levels, easy ones first."""
    example: Row
    """A record whose prompt stands for all: its digest tells prompts apart."""

    def type_of(self, question: Question) -> QuestionType:
        """How a question is scored.

        Raises:
            ValueError: The question type is unknown.
        """
        if question.question_type not in self.question_types:
            known = ", ".join(self.question_types)
            raise ValueError(
                f"Record {question.id} has the question type {question.question_type!r}, which {self.title} does not "
                f"have; known are {known}. Is it a dataset of another benchmark or version?"
            )
        return self.question_types[question.question_type]

    def score(self, question: Question, answer: str, parser: Parser = "lenient") -> Score:
        """Score an answer.

        Raises:
            ValueError: The record cannot be scored; the message names it.
        """
        of_type = self.type_of(question)
        try:
            return score_answer(
                of_type.kind,
                answer,
                question.reference,
                question.options,
                question.bbox_2d_diag,
                of_type.unit,
                parser,
            )
        except ValueError as error:
            raise ValueError(f"Record {question.id} cannot be scored: {error}") from error
