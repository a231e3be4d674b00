"""A text-only classifier: what world knowledge and wording tell about the key, without any image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from ..reading import Statement, parse_option, parse_question
from .choices import Choices, Floats, part_names
from .solvers import NUM_FOLDS

COLUMNS = ("id", "question", "frames")
"""What the classifier reads of a records table, beside the columns of `choices.py`."""
MAX_RECORDS = 10_000
"""Records of a question type that are read at most: those with the smallest ids, which are hashes."""

_NUM_FEATURES = 1 << 18
_NUM_BINS = 8
"""Bins along each side of the image into which coordinates are sorted."""


def predict_keys(records: pa.Table, choices: Choices) -> Floats:
    """Score every option by a linear model that was fitted to records of other scenes.

    Reads the question (frame, relation, objects, tag), the number of frames that the prompt shows, and the options. The
    features are what an option states, alone and together with what the question asks, so the model can learn that
    lamps hang above rugs.

    Leak: answers that follow world knowledge or habits of the wording.

    Args:
        records: rows with `COLUMNS` and those of `choices.py`, all of one question type, of at least two scenes.
        choices: the same records.

    Returns:
        Shape (n, k): higher is more likely the key. All zero where one answer is all that the records have.
    """
    n, k = choices.parts.shape[:2]
    is_key = np.zeros((n, k), np.int64)
    is_key[np.arange(n), choices.key] = 1
    features = FeatureHasher(_NUM_FEATURES, input_type="string").transform(_features(records, choices))
    folds = GroupKFold(min(NUM_FOLDS, len(np.unique(choices.scene))))
    score = cross_val_predict(
        LogisticRegression(solver="liblinear", dual=True, max_iter=2_000, random_state=0),
        features,
        is_key.ravel(),
        groups=np.repeat(choices.scene, k),
        cv=folds,
        method="decision_function",
    )
    return score.reshape(n, k)


def _features(records: pa.Table, choices: Choices) -> Iterator[list[str]]:
    """Words for every option of every record, in order."""
    tasks, questions, frames_of, options_of = (
        records[name].to_pylist() for name in ("task", "question", "frames", "options")
    )
    asked_of = [parse_question(task, question) for task, question in zip(tasks, questions, strict=True)]
    side = max((max(asked.tag) for asked in asked_of if asked and asked.tag), default=0) + 1
    places = _place_words(choices)
    for row, (task, question, options) in enumerate(zip(tasks, questions, options_of, strict=True)):
        context = [f"{len(frames_of[row])} frames", *_question_words(asked_of[row], question, side)]
        for column, option in enumerate(options):
            text = option.partition(". ")[2]
            words = [*part_names(parse_option(task, text) or Statement(category=text)), *places[row][column]]
            yield [*words, *(f"{word} | {asked}" for word in words for asked in context)]


def _question_words(asked: Statement | None, question: str, side: int) -> list[str]:
    """What is asked, each part alone, with each other, and all together; the plain words of a question that cannot be read.

    Args:
        asked: the question as it is read.
        question: its text.
        side: of the image, in question coordinates.
    """
    if asked is None:
        return question.lower().split()
    named = {"relation": " ".join(asked.relations), "object": asked.category, "source": asked.source}
    if asked.tag is not None:
        named |= {f"tag {name}": str(_NUM_BINS * c // side) for name, c in zip("xy", asked.tag, strict=True)}
    roles = [f"{role} {name}" for role, name in named.items() if name]
    pairs = [f"{a}, {b}" for i, a in enumerate(roles) for b in roles[i + 1 :]]
    frame = [] if asked.frame is None else [f"frame {asked.frame}"]
    return [*frame, *roles, *pairs, *([", ".join(roles)] if len(roles) > 2 else [])]


def _place_words(choices: Choices) -> list[list[list[str]]]:
    """Words for the place that an option states in the image, and for the place of its count among the others."""
    largest = np.nanmax(choices.point, initial=1.0)
    bins = np.nan_to_num(choices.point / largest * (_NUM_BINS - 1e-3), nan=-1).astype(int)
    smaller = (choices.number[:, None, :] < choices.number[:, :, None]).sum(axis=2)
    words = [[f"x {x}", f"y {y}", f"x {x} y {y}"] if x >= 0 else [] for x, y in bins.reshape(-1, 2)]
    ranks = np.where(np.isnan(choices.number), -1, smaller).ravel()
    both = [[*word, f"rank {place}"] if place >= 0 else word for word, place in zip(words, ranks, strict=True)]
    k = choices.num_options
    return [both[row * k : (row + 1) * k] for row in range(len(choices.key))]
