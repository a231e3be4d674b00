"""Existence: is the target in a given relation to the source, as the query frame's camera sees it? (App. D)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..evidence import SetEvidence
from ..schema import Skip
from . import wording
from .naming import with_coordinate_note
from .pairs import axis_of, sample_pairs
from .task import Draft, Task


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask the true relation (Yes) or its opposite (No) on a decided axis."""
    axis = axis_of(question_type)
    for pair in sample_pairs(evidence, (axis,), rng):
        if isinstance(pair, Skip):
            yield pair
            continue
        relation = pair.relation(axis)
        is_true = bool(rng.integers(2))
        question = wording.EXISTENCE.format(
            frame=pair.position + 1,
            is_=wording.verb_be(pair.target_ref.category),
            target=pair.target_ref.category,
            relation=wording.RELATION_PHRASES[relation if is_true else wording.OPPOSITES[relation]],
            source=pair.source_phrase,
        )
        yield Draft(
            question=with_coordinate_note(evidence, question, pair.source_ref),
            answer=wording.YES if is_true else wording.NO,
            distractors=(wording.NO if is_true else wording.YES,),
            category=pair.target_ref.category,
            targets=np.array([pair.target]),
            polarity="yes" if is_true else "no",
            query_frame=pair.position + 1,
            source=pair.source_ref,
            target=pair.target_ref,
            relation=relation,
        )


TASK = Task("existence", ("obj_existence_occ_lr", "obj_existence_occ_ab", "obj_existence_occ_fb"), propose)
