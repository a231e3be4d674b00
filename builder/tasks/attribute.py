"""Attribute: which object is in a given relation to the source? (App. D)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evidence import SetEvidence
from ..relations import Axis
from ..schema import Skip
from . import wording
from .naming import with_coordinate_note
from .pairs import Pair, axis_of, decided_pairs, pair_at, sample_pairs
from .task import Balance, Draft, Task, skip

_NUM_DISTRACTORS = 3
_MAX_VIEWS = 40
"""Views of a source looked at per question type and frame set; two questions are wanted."""
_TOO_FEW = "fewer than three categories stand in the opposite relation"


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask for the category that stands in the target's relation; wrong ones stand wholly in the opposite one."""
    axis = axis_of(question_type)
    for choice in OPTIONS[evidence.rules.attribute_options](evidence, axis, rng):
        if isinstance(choice, Skip):
            yield choice
            continue
        pair, relation = choice.pair, choice.pair.relation(axis)
        question = wording.ATTRIBUTE.format(
            frame=pair.position + 1, relation=wording.RELATION_PHRASES[relation], source=pair.source_phrase
        )
        yield Draft(
            question=with_coordinate_note(evidence, question, pair.source_ref),
            answer=pair.target_ref.category,
            distractors=tuple(evidence.scene.categories[k] for k in choice.wrong),
            category=pair.target_ref.category,
            targets=np.array([pair.target]),
            query_frame=pair.position + 1,
            source=pair.source_ref,
            target=pair.target_ref,
            relation=relation,
            balance=choice.balance,
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """The target, and three categories that stand opposite to it."""

    pair: Pair
    wrong: list[int]
    balance: Balance


def shown_choices(evidence: SetEvidence, axis: Axis, rng: np.random.Generator) -> Iterator[Choice | Skip]:
    """Draw a target, harder ones earlier, and categories that the set shows."""
    opposed: dict[tuple[int, int, str], NDArray[np.int64]] = {}
    for pair in sample_pairs(evidence, (axis,), rng):
        if isinstance(pair, Skip):
            yield pair
            continue
        key = (pair.position, pair.source, pair.relation(axis))
        if key not in opposed:
            opposed[key] = shown_categories(evidence, pair, axis)
        if len(opposed[key]) < _NUM_DISTRACTORS:
            yield skip(_TOO_FEW)
        else:
            yield Choice(pair, rng.permutation(opposed[key])[:_NUM_DISTRACTORS].tolist(), Balance())


def exchangeable_choices(evidence: SetEvidence, axis: Axis, rng: np.random.Generator) -> Iterator[Choice | Skip]:
    """Draw a view of a source, one of its two sides, a target on that side, and categories from the other.

    All four could be the target, and either side has enough for the opposite question. So in every view each category is
    wrong three times as often as right: how often it is offered tells nothing.
    """
    views: dict[tuple[int, int], list[int]] = {}
    pairs = evidence.pairs
    for k in decided_pairs(evidence, (axis,)).tolist():
        views.setdefault((int(pairs.position[k]), int(pairs.source[k])), []).append(k)
    order = list(views.values())
    for number in rng.permutation(len(order))[:_MAX_VIEWS]:
        members = _that_may_meet(evidence, rng.permutation(order[number]).tolist())
        sides = [[k for k in members if pairs.signs[k, axis.index] == sign] for sign in (-1, 1)]
        if min(map(len, sides)) < _NUM_DISTRACTORS:
            yield skip(_TOO_FEW)
            continue
        own = int(rng.integers(2))
        pair = pair_at(evidence, sides[own][0])
        if isinstance(pair, Skip):
            yield pair
            continue
        wrong = evidence.scene.category_index[pairs.target[sides[1 - own][:_NUM_DISTRACTORS]]].tolist()
        offered = [pair.target_ref.category, *(evidence.scene.categories[k] for k in wrong)]
        balance = Balance(side=own, num_sides=2, contest=tuple(offered), once=" | ".join(sorted(offered)))
        yield Choice(pair, wrong, balance)


def _that_may_meet(evidence: SetEvidence, members: list[int]) -> list[int]:
    """Leave out pairs whose target's category names that of an earlier one, or is named by it."""
    category, may_meet = evidence.scene.category_index[evidence.pairs.target], evidence.scene.may_meet
    kept: list[int] = []
    for k in members:
        if may_meet[category[k], category[kept]].all():
            kept.append(k)
    return kept


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


OPTIONS = {"shown": shown_choices, "exchangeable": exchangeable_choices}
"""By `Rules.attribute_options`."""

TASK = Task("attribute", ("obj_attribute_occ_lr", "obj_attribute_occ_ab", "obj_attribute_occ_fb"), propose)
