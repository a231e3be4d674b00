"""Size: how long is an object's longest side? Asked for as a number, whichever part of it the frames show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..evidence import SetEvidence
from ..schema import Skip
from . import naming, wording
from .measurement import CENTIMETRES, measure
from .task import Draft, Task, preferred_order


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask for the longest side of the box of an instance that its category alone names."""
    targets = np.flatnonzero(evidence.is_named_by_category)
    for k in preferred_order(evidence.target_weights[targets], rng):
        target = int(targets[k])
        answer = measure(evidence.scene.longest_sides[:, target], CENTIMETRES, evidence.rules)
        if isinstance(answer, Skip):
            yield answer
            continue
        ref = naming.by_category(evidence, target)
        yield Draft(
            question=wording.SIZE.format(target=ref.category),
            answer=answer.text,
            answer_type="number",
            answer_band=answer.band,
            category=ref.category,
            targets=np.array([target]),
            target=ref,
        )


TASK = Task("size", ("obj_size_occ_na",), propose)
