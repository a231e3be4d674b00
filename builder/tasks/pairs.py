"""Source and target of the multi-category tasks: one is visible in the query frame, the other only elsewhere (App. D)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evidence import SetEvidence
from ..relations import AXES, Axis
from ..schema import ObjectRef, Skip
from . import wording
from .task import preferred_order, skip

_MAX_PAIRS = 40
"""Pairs looked at per question type and frame set; two questions are wanted."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and a target in a query frame."""

    position: int
    """0-based position of the query frame in the set."""
    source: int
    """Instance index."""
    target: int
    """Instance index."""
    signs: NDArray[np.int8]
    """Relation of target to source along the camera axes, shape (3,): see `BoxExtents.signs`."""
    source_ref: ObjectRef
    target_ref: ObjectRef

    @property
    def source_phrase(self) -> str:
        """The source as the question names it, tagged where its category is not unique in the frame."""
        return wording.tagged(self.source_ref.category, self.source_ref.position)

    def relation(self, axis: Axis) -> str:
        """True relation of target to source on a decided axis."""
        return axis.relation(int(self.signs[axis.index]))


def axis_of(question_type: str) -> Axis:
    """The axis that a question type's suffix names."""
    return next(axis for axis in AXES if question_type.endswith(f"_{axis.suffix}"))


def sample_pairs(evidence: SetEvidence, decided: tuple[Axis, ...], rng: np.random.Generator) -> Iterator[Pair | Skip]:
    """Yield pairs whose relation is decided on all given axes, in random order, harder targets earlier.

    A source that is not the only visible one of its category in the query frame is tagged with the centre of its box.
    """
    pairs = evidence.pairs
    chosen = np.flatnonzero(np.all(pairs.signs[:, [axis.index for axis in decided]] != 0, axis=1))
    for k in preferred_order(evidence.target_weights[pairs.target[chosen]], rng)[:_MAX_PAIRS]:
        yield _pair(evidence, int(chosen[k]))


def _pair(evidence: SetEvidence, k: int) -> Pair | Skip:
    pairs, scene = evidence.pairs, evidence.scene
    position, source, target = int(pairs.position[k]), int(pairs.source[k]), int(pairs.target[k])
    category, instances = scene.category_index, scene.annotations.instances
    num_twins = np.count_nonzero(evidence.is_visible[position] & (category == category[source]))
    frame = evidence.frame_of(position)
    if num_twins > 1 and not scene.has_clear_box[frame, source]:
        return skip("too few pixels to tell the source from others of its category")
    tag = scene.question_centre(frame, source) if num_twins > 1 else None
    return Pair(
        position=position,
        source=source,
        target=target,
        signs=pairs.signs[k],
        source_ref=ObjectRef(instances[source].instance_id, scene.categories[category[source]], tag),
        target_ref=ObjectRef(instances[target].instance_id, scene.categories[category[target]]),
    )


def with_coordinate_note(evidence: SetEvidence, question: str, pair: Pair) -> str:
    """Append the sentence on coordinates when the source is tagged with some."""
    return question if pair.source_ref.position is None else f"{question} {evidence.rules.coordinate_note}"
