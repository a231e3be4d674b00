"""Source and target of the multi-category tasks: one is visible in the query frame, the other only elsewhere (App. D)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evidence import SetEvidence
from ..relations import AXES, Axis
from ..rules import Rules
from ..schema import ObjectRef, Skip
from . import naming, wording
from .task import Balance, preferred_order

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
    """Relation of target to source, shape (3,): see `Relations.signs`."""
    source_ref: ObjectRef
    target_ref: ObjectRef

    @property
    def source_phrase(self) -> str:
        """The source as the question names it, tagged where its category is not unique in the frame."""
        return wording.tagged(self.source_ref.category, self.source_ref.position)

    def relation(self, axis: Axis) -> str:
        """True relation of target to source on a decided axis."""
        return axis.relation(int(self.signs[axis.index]))


def balance_text(rules: Rules, pair: Pair, axes: tuple[Axis, ...]) -> Balance:
    """Make all relations of a text's pairs on some axes equally frequent: which one holds is then no world knowledge.

    A scene seldom has all of them with the source tagged in one place.
    """
    if rules.balance != "text":
        return Balance()
    group = text_group(rules, pair, *(axis.suffix for axis in axes))
    side = sum(1 << k for k, axis in enumerate(axes) if pair.signs[axis.index] > 0)
    is_tagged = pair.source_ref.position is not None
    return Balance(group, side, num_sides=1 << len(axes), across_scenes=is_tagged)


def text_group(rules: Rules, pair: Pair, *asked: str) -> str:
    """Name what a question gives away: the two categories, what is asked, and about how high a tag puts the source."""
    words = [pair.target_ref.category, pair.source_ref.category, *asked]
    if pair.source_ref.position is not None:
        words.append(f"row {rules.tag_rows * pair.source_ref.position[1] // (rules.coordinate_size + 1)}")
    return " | ".join(words)


def axis_of(question_type: str) -> Axis:
    """The axis that a question type's suffix names."""
    return next(axis for axis in AXES if question_type.endswith(f"_{axis.suffix}"))


def sample_pairs(evidence: SetEvidence, decided: tuple[Axis, ...], rng: np.random.Generator) -> Iterator[Pair | Skip]:
    """Yield pairs whose relation is decided on all given axes, in random order, harder targets earlier.

    A source is tagged with the centre of its box unless every other one of its category is absent from the query frame.
    """
    chosen = decided_pairs(evidence, decided)
    for k in preferred_order(evidence.target_weights[evidence.pairs.target[chosen]], rng)[:_MAX_PAIRS]:
        yield pair_at(evidence, int(chosen[k]))


def decided_pairs(evidence: SetEvidence, decided: tuple[Axis, ...]) -> NDArray[np.int64]:
    """Indices into `SetEvidence.pairs` of those whose relation is decided on all given axes and may be asked for."""
    pairs, scene = evidence.pairs, evidence.scene
    fits = np.all(pairs.signs[:, [axis.index for axis in decided]] != 0, axis=1)
    if evidence.rules.drop_one_sided_pairs:
        category = scene.category_index
        fits &= scene.offers_all(decided)[category[pairs.target], category[pairs.source]]
    return np.flatnonzero(fits)


def pair_at(evidence: SetEvidence, k: int) -> Pair | Skip:
    """Name the source and target at an index into `SetEvidence.pairs`."""
    pairs = evidence.pairs
    position, source, target = int(pairs.position[k]), int(pairs.source[k]), int(pairs.target[k])
    source_ref = naming.in_frame(evidence, position, source)
    if isinstance(source_ref, Skip):
        return source_ref
    return Pair(
        position=position,
        source=source,
        target=target,
        signs=pairs.signs[k],
        source_ref=source_ref,
        target_ref=naming.by_category(evidence, target),
    )
