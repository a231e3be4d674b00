"""How a question names one instance so that no other can be meant."""

from __future__ import annotations

import numpy as np

from ..evidence import SetEvidence
from ..schema import ObjectRef, Skip
from .task import skip


def by_category(evidence: SetEvidence, instance: int) -> ObjectRef:
    """Name an instance by its category alone."""
    scene = evidence.scene
    category = scene.categories[scene.category_index[instance]]
    return ObjectRef(scene.annotations.instances[instance].instance_id, category)


def in_frame(evidence: SetEvidence, position: int, instance: int) -> ObjectRef | Skip:
    """Name an instance that is visible in a frame of the set.

    It is tagged with the centre of its box there unless all others of its category are absent.
    """
    scene, ref = evidence.scene, by_category(evidence, instance)
    is_twin = scene.category_index == scene.category_index[instance]
    if np.count_nonzero(~evidence.is_absent[position] & is_twin) == 1:
        return ref
    frame = evidence.frame_of(position)
    if not scene.has_clear_box[frame, instance]:
        return skip("too few pixels to tell the object from others of its category")
    return ObjectRef(ref.instance_id, ref.category, scene.question_centre(frame, instance))


def with_coordinate_note(evidence: SetEvidence, question: str, ref: ObjectRef) -> str:
    """Append the sentence on coordinates when the question tags the object with some."""
    return question if ref.position is None else f"{question} {evidence.rules.coordinate_note}"
