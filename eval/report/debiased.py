"""A part of the benchmark in which words give nothing away, for the scores of every run beside those on all of it.

A text-only classifier, cross-validated by scene, says how sure it is of every key. Of each question type, as many of the
records that it is surest of and right in are left out as bring it down to chance on the rest. The rule reads no run, so it
is the same for every model.
"""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spatialmosaic_builder.audit.choices import choices_of
from spatialmosaic_builder.audit.solvers import hits
from spatialmosaic_builder.audit.text_model import predict_keys

from ..asking import Dataset
from .scored import Bools, Floats


def choose_debiased(dataset: Dataset) -> Bools:
    """Choose the choices that stay, shape (n,); what has no options is no part of it.

    Args:
        dataset: with the columns that the audit reads; a question type of one scene stays whole, as nothing can be learned
            from others.
    """
    kept = np.zeros(len(dataset.questions), dtype=bool)
    placed = dataset.table.append_column("place", pa.array(range(len(dataset.table))))
    records = placed.filter(pc.greater(pc.list_value_length(placed["options"]), 0))
    records = records.sort_by("id")  # what is left out does not depend on the order of the records
    for name in records["question_type"].unique().to_pylist():
        of_type = records.filter(pc.equal(records["question_type"], name)).combine_chunks()
        kept[of_type["place"].to_numpy()] = _unbiased(of_type)
    return kept


def _unbiased(records: pa.Table) -> Bools:
    """Which records of one question type stay."""
    choices = choices_of(records)
    kept = np.ones(len(records), dtype=bool)
    if len(np.unique(choices.scene)) < 2:
        return kept
    scores = predict_keys(records, choices)
    is_right = hits(scores, choices.key)
    # Of n records r are right; without d of those, (r - d) / (n - d) is chance.
    excess = (is_right.sum() - choices.chance * len(kept)) / (1 - choices.chance)
    surest = [k for k in np.argsort(-_lead(scores, choices.key), kind="stable") if is_right[k] == 1]
    kept[surest[: max(0, math.ceil(excess - 1e-9))]] = False
    return kept


def _lead(scores: Floats, key: np.ndarray) -> Floats:
    """By how much the key is ahead of the best other option, shape (n,)."""
    rows = np.arange(len(key))
    others = scores.copy()
    others[rows, key] = -np.inf
    lead: Floats = scores[rows, key] - others.max(axis=1)
    return lead
