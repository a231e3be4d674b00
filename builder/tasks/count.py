"""Object count: how many different instances of a category the frames show (App. D), with options or without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..evidence import SetEvidence
from ..scans.labels import is_plural
from ..schema import Skip
from . import wording
from .task import Balance, Draft, Task, preferred_order, skip

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
        elif is_plural(evidence.scene.categories[category]) and not evidence.rules.counts_plural_names:
            yield skip("the category has no singular to be counted in")
        else:
            yield evidence.scene.categories[category], members


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask for the number of distinct visible instances, at least one (union over the frames by instance id)."""
    for found in countable_categories(evidence, rng):
        if isinstance(found, Skip):
            yield found
            continue
        name, members = found
        draft = Draft(
            question=wording.count(evidence.rules, name), answer=str(len(members)), category=name, targets=members
        )
        if question_type == _NUMBER:
            yield replace(draft, answer_type="number", answer_band=(len(members), len(members)))
        else:
            wrong, balance = OPTIONS[evidence.rules.count_options](len(members), name, rng)
            yield replace(draft, distractors=tuple(map(str, wrong)), balance=balance)


def offset_options(key: int, category: str, rng: np.random.Generator) -> tuple[list[int], Balance]:
    """Three wrong counts, at least 0, at small offsets."""
    wrong = [key + offset for offset in OFFSETS if key + offset >= 0]
    return rng.permutation(wrong)[:_NUM_DISTRACTORS].tolist(), Balance()


def consecutive_options(key: int, category: str, rng: np.random.Generator) -> tuple[list[int], Balance]:
    """Three wrong counts that make four consecutive integers with the key, each of which is equally often the key."""
    first = int(rng.integers(max(1, key - _NUM_DISTRACTORS), key + 1))
    window = range(first, first + _NUM_DISTRACTORS + 1)
    balance = Balance(f"{category} {first}", side=key - first, num_sides=len(window), across_scenes=True)
    return [n for n in window if n != key], balance


OPTIONS = {"offsets": offset_options, "consecutive": consecutive_options}
"""By `Rules.count_options`."""

TASK = Task("count", ("obj_count_occ", _NUMBER), propose)
