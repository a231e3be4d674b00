"""Source and target of the multi-category tasks: one is visible in the query frame, the other only elsewhere (App. D)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evidence import SetEvidence
from ..relations import AXES, Axis
from ..schema import ObjectRef
from . import wording
from .task import preferred_order

_MAX_PAIRS = 40
"""Pairs looked at per question type and frame set; two questions are wanted."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and a target in a query frame, and how everything in the scene relates to the source there."""

    position: int
    """0-based position of the query frame in the set."""
    source: int
    """Instance index."""
    target: int
    """Instance index."""
    signs: NDArray[np.int8]
    """Relations of every instance to the source, shape (instances, 3)."""
    source_ref: ObjectRef
    target_ref: ObjectRef

    @property
    def source_phrase(self) -> str:
        """The source as the question names it, tagged where its category is not unique in the frame."""
        return wording.tagged(self.source_ref.category, self.source_ref.position)

    def relation(self, axis: Axis) -> str | None:
        """True relation of target to source on an axis; None when undecided."""
        sign = int(self.signs[self.target, axis.index])
        return axis.relation(sign) if sign else None


def axis_of(question_type: str) -> Axis:
    """The axis that a question type's suffix names."""
    return next(axis for axis in AXES if question_type.endswith(f"_{axis.suffix}"))


def sample_pairs(evidence: SetEvidence, rng: np.random.Generator) -> Iterator[Pair]:
    """Yield admissible pairs in random order, harder targets earlier; at most `_MAX_PAIRS`.

    The target's category has exactly one eligible instance in the set; the target is visible in another frame; the
    categories differ; the source is unique in the query frame or tagged with the centre of its box.
    """
    positions, sources, targets = evidence.admissible_pairs
    for k in preferred_order(evidence.target_weights[targets], rng)[:_MAX_PAIRS]:
        yield _pair(evidence, int(positions[k]), int(sources[k]), int(targets[k]))


def _pair(evidence: SetEvidence, position: int, source: int, target: int) -> Pair:
    scene, frame = evidence.scene, evidence.frame_of(position)
    category = scene.category_index
    is_twin = evidence.is_visible[position] & (category == category[source])
    tag = scene.question_centre(frame, source) if is_twin.sum() > 1 else None
    instances = scene.annotations.instances
    return Pair(
        position=position,
        source=source,
        target=target,
        signs=scene.signs(frame, source),
        source_ref=ObjectRef(instances[source].instance_id, scene.categories[category[source]], tag),
        target_ref=ObjectRef(instances[target].instance_id, scene.categories[category[target]]),
    )


def with_coordinate_note(evidence: SetEvidence, question: str, pair: Pair) -> str:
    """Append the sentence on coordinates when the source is tagged with some."""
    return question if pair.source_ref.position is None else f"{question} {evidence.rules.coordinate_note}"
