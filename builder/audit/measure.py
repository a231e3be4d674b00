"""Runs every solver over the records of a dataset folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..dataset_folder import record_files
from . import choices as option_arrays
from . import text_model, view_flips
from .choices import Choices, Floats, Ints, choices_of, join
from .report import Audit, ConfigAudit, Letters, Score, TypeAudit
from .solvers import SOLVERS, hits, scene_folds
from .statistics import clustered_mean, uniformity

_COLUMNS = list(
    dict.fromkeys((*option_arrays.COLUMNS, *text_model.COLUMNS, *view_flips.COLUMNS, "answer_type", "answer_index"))
)
_BATCH_ROWS = 50_000


def audit_dataset(folder: Path, seed: int = 0) -> Audit:
    """Measure what every config of a dataset folder gives away; both splits are taken together.

    Args:
        folder: dataset folder; each of its configs that holds records is audited.
        seed: of the intervals.

    Raises:
        FileNotFoundError: if the folder holds no records.
        ValueError: if a file cannot be read, or records of one question type differ in their number of options.
    """
    return Audit({name: audit_records(_batches(paths), seed) for name, paths in record_files(folder).items()})


def _batches(paths: list[Path]) -> Iterator[pa.Table]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=_COLUMNS):
                yield pa.Table.from_batches([batch])


@dataclass
class _Gathered:
    """What is kept of the records of one question type."""

    pieces: list[Choices] = field(default_factory=list)
    sample: pa.Table | None = None
    """The records with the smallest ids, for the text-only classifier."""

    def add(self, records: pa.Table) -> None:
        self.pieces.append(choices_of(records))
        joined = records if self.sample is None else pa.concat_tables([self.sample, records])
        smallest = pc.select_k_unstable(joined, text_model.MAX_RECORDS, [("id", "ascending")])
        self.sample = joined.take(smallest)


def audit_records(batches: Iterator[pa.Table], seed: int = 0) -> ConfigAudit:
    """Measure what the records of one config give away.

    Args:
        batches: tables of records; they are looked at once, and no more than arrays of numbers is kept of them.
        seed: of the intervals.
    """
    gathered: dict[str, _Gathered] = {}
    left_out: Counter[str] = Counter()
    flips: list[pa.Table] = []
    for table in batches:
        is_choice = pc.equal(table["answer_type"], "choice")
        left_out.update(table.filter(pc.invert(is_choice))["question_type"].to_pylist())
        records = table.filter(is_choice)
        flips.append(view_flips.flip_columns(records))
        for name in records["question_type"].unique().to_pylist():
            of_type = records.filter(pc.equal(records["question_type"], name))
            gathered.setdefault(name, _Gathered()).add(of_type)
    return ConfigAudit(
        question_types={name: _audit_type(found, seed) for name, found in sorted(gathered.items())},
        flipped_shares=view_flips.flipped_shares(pa.concat_tables(flips)),
        left_out=dict(left_out),
    )


def _audit_type(found: _Gathered, seed: int) -> TypeAudit:
    choices = join(found.pieces)
    fold = scene_folds(choices.scene)
    num_scenes = len(np.unique(choices.scene))
    scores: dict[str, Score | None] = {}
    for name, solver in SOLVERS.items():
        can_run = num_scenes > 1 or not solver.is_fitted
        scores[name] = _score(solver.score(choices, fold), choices, seed) if can_run else None
    scores["text"] = _text_score(found.sample, seed) if num_scenes > 1 and found.sample is not None else None
    counts = np.bincount(choices.key, minlength=choices.num_options)
    return TypeAudit(
        num_records=len(choices.key),
        num_scenes=num_scenes,
        chance=choices.chance,
        letters=Letters(tuple(counts.tolist()), *uniformity(counts)),
        scores=scores,
    )


def _text_score(sample: pa.Table, seed: int) -> Score | None:
    choices = choices_of(sample)
    if len(np.unique(choices.scene)) < 2:
        return None
    return _score(text_model.predict_keys(sample, choices), choices, seed)


def _score(scores: Floats, choices: Choices, seed: int) -> Score | None:
    """Accuracy of a solver; None if it tells no option from another in any record."""
    if (scores == scores[:, :1]).all():
        return None
    right: Floats = hits(scores, choices.key)
    scene: Ints = choices.scene
    return Score.of(clustered_mean(right, scene, seed), choices.chance, len(right), len(np.unique(scene)))
