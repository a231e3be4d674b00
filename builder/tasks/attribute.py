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
from .pairs import Pair, axis_of, balance_text, sample_pairs
from .task import Draft, Task, skip

_NUM_DISTRACTORS = 3


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask for the category that stands in the target's relation; wrong ones stand wholly in the opposite one."""
    axis = axis_of(question_type)
    scheme = OPTIONS[evidence.rules.attribute_options]
    opposed: dict[tuple[int, int, str], NDArray[np.int64]] = {}
    for pair in sample_pairs(evidence, (axis,), rng):
        if isinstance(pair, Skip):
            yield pair
            continue
        relation = pair.relation(axis)
        key = (pair.position, pair.source, relation)
        if key not in opposed:
            opposed[key] = scheme(evidence, pair, axis)
        wrong = _choose(evidence, pair, opposed[key], rng)
        if len(wrong) < _NUM_DISTRACTORS:
            yield skip("fewer than three categories stand in the opposite relation")
            continue
        question = wording.ATTRIBUTE.format(
            frame=pair.position + 1, relation=wording.RELATION_PHRASES[relation], source=pair.source_phrase
        )
        yield Draft(
            question=with_coordinate_note(evidence, question, pair.source_ref),
            answer=pair.target_ref.category,
            distractors=tuple(evidence.scene.categories[k] for k in wrong),
            category=pair.target_ref.category,
            targets=np.array([pair.target]),
            query_frame=pair.position + 1,
            source=pair.source_ref,
            target=pair.target_ref,
            relation=relation,
            balance=balance_text(evidence.rules, pair, (axis,)),
        )


def _choose(evidence: SetEvidence, pair: Pair, candidates: NDArray[np.int64], rng: np.random.Generator) -> list[int]:
    """Draw three categories that may stand in one question with the pair's and with each other; fewer if there are none."""
    category, may_meet = evidence.scene.category_index, evidence.scene.may_meet
    chosen: list[int] = []
    if len(candidates) < _NUM_DISTRACTORS:
        return chosen
    asked = [int(category[pair.source]), int(category[pair.target])]
    for candidate in rng.permutation(candidates).tolist():
        if may_meet[candidate, [*asked, *chosen]].all():
            chosen.append(candidate)
    return chosen[:_NUM_DISTRACTORS]


def shown_categories(evidence: SetEvidence, pair: Pair, axis: Axis) -> NDArray[np.int64]:
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


def exchangeable_categories(evidence: SetEvidence, pair: Pair, axis: Axis) -> NDArray[np.int64]:
    """Those of them that could be the target of the opposite question: absent here, and the only one seen elsewhere."""
    pairs, category = evidence.pairs, evidence.scene.category_index
    same_view = (pairs.position == pair.position) & (pairs.source == pair.source)
    candidates = category[pairs.target[same_view & (pairs.signs[:, axis.index] == -pair.signs[axis.index])]]
    offers = evidence.scene.offers_all((axis,))[candidates, category[pair.source]]
    return np.unique(candidates[offers])


OPTIONS = {"shown": shown_categories, "exchangeable": exchangeable_categories}
"""By `Rules.attribute_options`."""

TASK = Task("attribute", ("obj_attribute_occ_lr", "obj_attribute_occ_ab", "obj_attribute_occ_fb"), propose)
