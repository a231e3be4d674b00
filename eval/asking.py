"""What a run asks: which questions, with which views and options, and the prompt of each."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from .backends import Prompt
from .config import RunConfig
from .errors import EvalError
from .predictions import Key
from .question import Benchmark, Question, Row, rotate
from .selection import choose_limited, flip_pairs
from .views import choose_donors, grey_sheets, plan_views

_ROWS_AT_A_TIME = 20_000


@dataclass(frozen=True, slots=True)
class Asking:
    """One question as it is asked."""

    row: int
    """Of the record in its table."""
    question: Question
    rotation: int
    """Places by which its options are moved up."""
    shown: tuple[int, ...]
    """Views that are shown, counted from 0, in their order."""
    donor: int | None
    """Row whose pictures are shown instead of its own."""

    @property
    def key(self) -> Key:
        """What its prediction is kept under."""
        return self.question.id, self.rotation


@dataclass(frozen=True, slots=True)
class Dataset:
    """The records of a split."""

    benchmark: Benchmark
    table: pa.Table
    questions: list[Question]

    def row(self, number: int) -> Row:
        """A whole record."""
        record: Row = self.table.slice(number, 1).to_pylist()[0]
        return record

    def describe(self, config: RunConfig) -> dict[str, Any]:
        """What tells the dataset from others, for the header."""
        profiles = self.table["profile"].unique().to_pylist() if "profile" in self.table.column_names else []
        return {
            "path": config.data,
            "is_on_hub": not Path(config.data).exists(),
            "config": config.config,
            "split": config.split,
            "profile": ", ".join(sorted(profiles)) or None,
            "num_records": len(self.questions),
            "digest": dataset_digest(self.questions),
        }


def read_dataset(benchmark: Benchmark, data: str, config: str, split: str) -> Dataset:
    """Read the records of a split as questions.

    Raises:
        EvalError: there are none, an id comes twice, or a question type is unknown.
    """
    table = benchmark.read(data, config, split).combine_chunks()
    rows = (row for batch in table.to_batches(max_chunksize=_ROWS_AT_A_TIME) for row in batch.to_pylist())
    questions = [benchmark.question_of(row) for row in rows]
    if not questions:
        raise EvalError(f"{data} holds no records of the config {config!r} and the split {split!r}.")
    name, times = Counter(question.id for question in questions).most_common(1)[0]
    if times > 1:
        raise EvalError(f"{data}: record {name} is there {times} times; build or download the dataset again.")
    for question in questions:
        _check(benchmark, question)
    return Dataset(benchmark, table, questions)


def _check(benchmark: Benchmark, question: Question) -> None:
    """See that a question can be scored before anybody is asked."""
    if benchmark.type_of(question).kind != "choice":
        # The right answer must be readable, and right.
        if benchmark.score(question, question.reference).value != 1:
            raise EvalError(f"Record {question.id} has the answer {question.reference!r}, which cannot be scored.")
    elif question.reference not in [option.split(". ", 1)[0] for option in question.options]:
        raise EvalError(
            f"Record {question.id} has the answer {question.reference!r}, which is none of its {len(question.options)} "
            "options; build or download the dataset again."
        )


def dataset_digest(questions: Sequence[Question]) -> str:
    """SHA-256 of what is asked and of its answers, whatever the order."""
    lines = sorted(
        "\x1f".join((q.id, q.question_type, q.text, *q.options, q.reference, str(q.bbox_2d_diag))) for q in questions
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def prompt_digest(benchmark: Benchmark) -> str:
    """SHA-256 of the prompt of an example: it changes when questions are put in other words."""
    views = range(len(benchmark.example["frames"]))
    prompts = [
        benchmark.messages({**benchmark.example, **changes}, None, list(views))
        for changes in (
            {"answer_type": "choice"},
            {"answer_type": "number", "options": []},
            {"answer_type": "point", "options": []},
        )
    ]
    return hashlib.sha256(json.dumps(prompts, sort_keys=True).encode()).hexdigest()


def plan_askings(dataset: Dataset, config: RunConfig) -> list[Asking]:
    """Choose what is asked; most views and longest questions first, so that what is too large shows at once.

    Raises:
        EvalError: nothing is left to ask, or a control cannot be applied.
    """
    questions = dataset.questions
    rows = _chosen_rows(dataset, config)
    num_views = dataset.benchmark.num_views(dataset.table)
    queries = dataset.benchmark.query_views(dataset.table)
    donors: list[int] | None = None
    if config.views == "other-scene":
        donors = choose_donors([q.id for q in questions], [q.scene_name for q in questions], num_views, config.seed)
    askings = []
    for row in rows:
        question = questions[row]
        shown = plan_views(config.views, question.id, num_views[row], queries[row], config.seed)
        turns = range(len(question.options) if config.rotate_options and question.options else 1)
        donor = donors[row] if donors else None
        askings += [Asking(row, question, rotation, shown, donor) for rotation in turns]
    return sorted(askings, key=lambda asking: (-len(asking.shown), -_length(asking.question), asking.key))


def _chosen_rows(dataset: Dataset, config: RunConfig) -> list[int]:
    rows = list(range(len(dataset.questions)))
    if config.flip_pairs:
        pairs = flip_pairs(dataset.table.to_pylist())
        rows = sorted(row for pair in pairs for row in pair)
        if not rows:
            raise EvalError(
                f"{config.data} holds no flip pairs: existence questions that differ in view and answer alone."
            )
    if config.limit is not None and config.limit < len(rows):
        rows = [rows[k] for k in choose_limited([dataset.questions[row] for row in rows], config.limit, config.seed)]
    return rows


def _length(question: Question) -> int:
    return len(question.text) + sum(map(len, question.options))


def write_prompt(dataset: Dataset, asking: Asking, config: RunConfig) -> Prompt:
    """Write the prompt of a question with its pictures.

    Raises:
        EvalError: a picture is missing or damaged.
    """
    row = dict(dataset.row(asking.row))
    if asking.rotation:
        row["options"] = list(rotate(row["options"], asking.rotation))
    if config.views == "grey":
        images = grey_sheets(len(asking.shown))
    elif asking.shown:
        assert config.image_root is not None
        source = row if asking.donor is None else dataset.row(asking.donor)
        images = dataset.benchmark.load_views(source, config.image_root, asking.shown)
    else:
        images = []
    letters = tuple(option.split(". ", 1)[0] for option in asking.question.options)
    return Prompt(asking.question.id, dataset.benchmark.messages(row, images, asking.shown), letters)


def require_pictures(dataset: Dataset, askings: Sequence[Asking], config: RunConfig) -> None:
    """Look whether every picture is there before a model is loaded.

    Raises:
        EvalError: one is missing, or nobody said where they are.
    """
    if config.views in ("none", "grey"):
        return
    if config.image_root is None:
        raise EvalError("--image-root is missing: the folder with the pictures, such as your ScanNet++ root.")
    rows = sorted({asking.row if asking.donor is None else asking.donor for asking in askings})
    missing: Iterator[tuple[str, Path]] = dataset.benchmark.missing_pictures(
        dataset.table.take(rows), config.image_root
    )
    if first := next(missing, None):
        record, path = first
        others = len({file for _, file in missing} - {path})
        raise EvalError(
            f"Record {record}: {path} is missing{f', and {others:,} other files' if others else ''}; pass the folder that has "
            "them as --image-root, or make them with `spatialmosaic prepare-images`."
        )
