"""Spatial relation: where is the target relative to the source, as the query frame's camera sees it? (Sec. 3.3)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..evidence import SetEvidence
from ..relations import AXES
from ..schema import Skip
from . import wording
from .naming import with_coordinate_note
from .pairs import axis_of, sample_pairs
from .task import Draft, Task


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask for the relation: the truth on the asked axis against the opposite of the truth on all three axes."""
    axis = axis_of(question_type)
    for pair in sample_pairs(evidence, AXES, rng):
        if isinstance(pair, Skip):
            yield pair
            continue
        truth = pair.relation(axis)
        question = wording.SPATIAL_RELATION.format(
            frame=pair.position + 1,
            does=wording.verb_do(pair.target_ref.category),
            target=pair.target_ref.category,
            source=pair.source_phrase,
        )
        yield Draft(
            question=with_coordinate_note(evidence, question, pair.source_ref),
            answer=wording.relation_option(truth, pair.source_phrase),
            distractors=tuple(
                wording.relation_option(wording.OPPOSITES[pair.relation(other)], pair.source_phrase) for other in AXES
            ),
            category=pair.target_ref.category,
            targets=np.array([pair.target]),
            query_frame=pair.position + 1,
            source=pair.source_ref,
            target=pair.target_ref,
            relation=truth,
        )


TASK = Task("spatial_relation", ("obj_spatial_occ_lr", "obj_spatial_occ_ab", "obj_spatial_occ_fb"), propose)
