"""Distance: how far is an object from the query frame's camera, or from another object? Asked for as a number."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..evidence import SetEvidence
from ..schema import ObjectRef, Skip
from . import naming, wording
from .measurement import METRES, Measurement, measure
from .task import Draft, Task, preferred_order

_CAMERA, _OBJECT = "obj_distance_occ_na", "obj_obj_distance_occ_na"


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask for the metres between two centres: of a camera and a box, or of two boxes."""
    return (_from_camera if question_type == _CAMERA else _between_objects)(evidence, rng)


def _from_camera(evidence: SetEvidence, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """The target is visible in the query frame, and tagged where it is not the only visible one of its category."""
    positions, targets = np.nonzero(evidence.is_visible & evidence.scene.is_usable)
    for k in preferred_order(evidence.target_weights[targets], rng):
        position, target = int(positions[k]), int(targets[k])
        ref = naming.in_frame(evidence, position, target)
        if isinstance(ref, Skip):
            yield ref
            continue
        distance = evidence.scene.camera_distances[:, evidence.frame_of(position), target]
        answer = measure(distance, METRES, evidence.rules)
        if isinstance(answer, Skip):
            yield answer
            continue
        phrase = wording.tagged(ref.category, ref.position)
        question = wording.CAMERA_DISTANCE.format(frame=position + 1, target=phrase)
        yield _draft(
            naming.with_coordinate_note(evidence, question, ref), answer, target, ref, query_frame=position + 1
        )


def _between_objects(evidence: SetEvidence, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Source and target are each named by their category alone; a pair is asked about in one order."""
    named = np.flatnonzero(evidence.is_named_by_category)
    first, second = (named[side] for side in np.triu_indices(len(named), 1))
    category = evidence.scene.category_index
    may_meet = evidence.scene.may_meet[category[first], category[second]]
    first, second = first[may_meet], second[may_meet]
    is_swapped = rng.integers(2, size=len(first)) == 1
    targets, sources = np.where(is_swapped, second, first), np.where(is_swapped, first, second)
    for k in preferred_order(evidence.target_weights[targets], rng):
        target, source = int(targets[k]), int(sources[k])
        centres_world = evidence.scene.box_centres_world
        distance = np.linalg.norm(centres_world[:, target] - centres_world[:, source], axis=1)
        answer = measure(distance, METRES, evidence.rules)
        if isinstance(answer, Skip):
            yield answer
            continue
        ref, source_ref = naming.by_category(evidence, target), naming.by_category(evidence, source)
        question = wording.OBJECT_DISTANCE.format(target=ref.category, source=source_ref.category)
        yield _draft(question, answer, target, ref, source=source_ref)


def _draft(
    question: str,
    answer: Measurement,
    target: int,
    ref: ObjectRef,
    query_frame: int | None = None,
    source: ObjectRef | None = None,
) -> Draft:
    return Draft(
        question=question,
        answer=answer.text,
        answer_type="number",
        answer_band=answer.band,
        category=ref.category,
        targets=np.array([target]),
        query_frame=query_frame,
        source=source,
        target=ref,
    )


TASK = Task("distance", (_CAMERA, _OBJECT), propose)
