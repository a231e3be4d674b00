"""Object count: how many different instances of a category the frames show (App. D), with options or without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..evidence import SetEvidence
from ..schema import Skip
from . import wording
from .task import Draft, Task, preferred_order, skip

OFFSETS = (-3, -2, -1, 1, 2, 3)
"""A wrong count differs from the right one by one of these (App. D: a small offset)."""
_NUM_DISTRACTORS = 3
_NUMBER = "obj_count_occ_na"


def countable_categories(
    evidence: SetEvidence, rng: np.random.Generator
) -> Iterator[tuple[str, NDArray[np.int64]] | Skip]:
    """Yield categories that the frames show and that can be counted, with the visible instances, hard ones first."""
    shown = list(evidence.covered_by_category.items())
    weights = np.array([evidence.target_weights[members[0]] for _, members in shown])
    for k in preferred_order(weights, rng):
        category, members = shown[k]
        if evidence.has_uncertain_member[category]:
            yield skip("an instance of the category is too small to be sure of")
        else:
            yield evidence.scene.categories[category], members


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask for the number of distinct visible instances, at least one (union over the frames by instance id)."""
    for found in countable_categories(evidence, rng):
        if isinstance(found, Skip):
            yield found
            continue
        name, members = found
        count, question = len(members), wording.COUNT.format(category=name)
        draft = Draft(question=question, answer=str(count), category=name, targets=members)
        if question_type == _NUMBER:
            yield replace(draft, answer_type="number", answer_band=(count, count))
        else:
            yield replace(draft, distractors=_wrong_counts(count, rng))


def _wrong_counts(count: int, rng: np.random.Generator) -> tuple[str, ...]:
    wrong = [count + offset for offset in OFFSETS if count + offset >= 0]
    return tuple(str(n) for n in rng.permutation(wrong)[:_NUM_DISTRACTORS])


TASK = Task("count", ("obj_count_occ", _NUMBER), propose)
