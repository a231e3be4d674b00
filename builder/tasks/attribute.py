"""Attribute: which object is in a given relation to the source? (App. D)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..evidence import SetEvidence
from ..relations import Axis
from ..schema import Skip
from . import wording
from .naming import with_coordinate_note
from .pairs import Pair, axis_of, sample_pairs
from .task import Draft, Task, skip

_NUM_DISTRACTORS = 3


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask for the category that stands in the target's relation; wrong ones stand wholly in the opposite one."""
    axis = axis_of(question_type)
    opposed: dict[tuple[int, int, str], NDArray[np.int64]] = {}
    for pair in sample_pairs(evidence, (axis,), rng):
        if isinstance(pair, Skip):
            yield pair
            continue
        relation = pair.relation(axis)
        key = (pair.position, pair.source, relation)
        if key not in opposed:
            opposed[key] = opposed_categories(evidence, pair, axis)
        wrong = opposed[key]
        if len(wrong) < _NUM_DISTRACTORS:
            yield skip("fewer than three categories stand in the opposite relation")
            continue
        question = wording.ATTRIBUTE.format(
            frame=pair.position + 1, relation=wording.RELATION_PHRASES[relation], source=pair.source_phrase
        )
        yield Draft(
            question=with_coordinate_note(evidence, question, pair.source_ref),
            answer=pair.target_ref.category,
            distractors=tuple(evidence.scene.categories[k] for k in rng.permutation(wrong)[:_NUM_DISTRACTORS]),
            category=pair.target_ref.category,
            targets=np.array([pair.target]),
            query_frame=pair.position + 1,
            source=pair.source_ref,
            target=pair.target_ref,
            relation=relation,
        )


def opposed_categories(evidence: SetEvidence, pair: Pair, axis: Axis) -> NDArray[np.int64]:
    """Categories with an eligible instance, all of whose eligible instances stand opposite to the target.

    The source's category is left out, the target's by its relation; at least one of the eligible instances must be fit
    as evidence, and not for a single point that another sample may miss.
    """
    scene = evidence.scene
    signs = evidence.signs_to(pair.position, pair.source)[:, axis.index]
    is_opposed = evidence.is_eligible & (signs == -pair.signs[axis.index])
    opposed = evidence.count_by_category(is_opposed)
    usable = evidence.count_by_category(is_opposed & scene.is_usable & evidence.is_evident)
    fits = (usable > 0) & (opposed == evidence.eligible_count)
    fits[scene.category_index[pair.source]] = False
    return np.flatnonzero(fits)


TASK = Task("attribute", ("obj_attribute_occ_lr", "obj_attribute_occ_ab", "obj_attribute_occ_fb"), propose)
