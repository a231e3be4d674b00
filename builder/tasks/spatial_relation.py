"""Spatial relation: where is the target relative to the source, as the query frame's camera sees it? (Sec. 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..evidence import SetEvidence
from ..relations import AXES, Axis
from ..schema import Skip
from . import wording
from .naming import with_coordinate_note
from .pairs import Pair, axis_of, balance_text, sample_pairs
from .task import Balance, Draft, Task, skip


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask for the relation in a query frame; the options tell relations on the asked axis and on others."""
    axis = axis_of(question_type)
    scheme = OPTIONS[evidence.rules.spatial_options]
    for pair in sample_pairs(evidence, scheme.decided(axis), rng):
        if isinstance(pair, Skip):
            yield pair
            continue
        options = scheme.lay_out(evidence, pair, axis, rng)
        if isinstance(options, Skip):
            yield options
            continue
        question = wording.SPATIAL_RELATION.format(
            frame=pair.position + 1,
            does=wording.verb_do(pair.target_ref.category),
            target=pair.target_ref.category,
            source=pair.source_phrase,
        )
        yield Draft(
            question=with_coordinate_note(evidence, question, pair.source_ref),
            answer=options.answer,
            distractors=options.distractors,
            category=pair.target_ref.category,
            targets=np.array([pair.target]),
            query_frame=pair.position + 1,
            source=pair.source_ref,
            target=pair.target_ref,
            relation=pair.relation(axis),
            balance=options.balance,
        )


@dataclass(frozen=True, slots=True)
class Options:
    """The right relation and the wrong ones, as the question shows them."""

    answer: str
    distractors: tuple[str, ...]
    balance: Balance


def opposites(evidence: SetEvidence, pair: Pair, axis: Axis, rng: np.random.Generator) -> Options | Skip:
    """The truth on the asked axis against the opposite of the truth on all three axes."""
    wrong = [wording.OPPOSITES[pair.relation(other)] for other in AXES]
    return Options(
        wording.relation_option(pair.relation(axis), pair.source_phrase),
        tuple(wording.relation_option(relation, pair.source_phrase) for relation in wrong),
        Balance(),
    )


def composite(evidence: SetEvidence, pair: Pair, axis: Axis, rng: np.random.Generator) -> Options | Skip:
    """The four combinations of relations on the asked axis and on another one."""
    category = evidence.scene.category_index
    target, source = category[pair.target], category[pair.source]
    others = [
        other
        for other in AXES
        if other is not axis and pair.signs[other.index] and evidence.scene.offers_all((axis, other))[target, source]
    ]
    if not others:
        return skip("the scene does not offer all relations of these categories on two axes")
    axes = (axis, others[rng.integers(len(others))])
    truth = tuple(pair.relation(a) for a in axes)
    combinations = product(*((relation, wording.OPPOSITES[relation]) for relation in truth))
    answer, *wrong = (wording.composite_option(c, pair.source_ref.category, pair.source_phrase) for c in combinations)
    return Options(answer, tuple(wrong), balance_text(evidence.rules, pair, axes))


@dataclass(frozen=True, slots=True)
class Scheme:
    """How the options are made."""

    decided: Callable[[Axis], tuple[Axis, ...]]
    """Axes on which the relation must be decided, given the asked one."""
    lay_out: Callable[[SetEvidence, Pair, Axis, np.random.Generator], Options | Skip]


OPTIONS = {"opposites": Scheme(lambda _: AXES, opposites), "composite": Scheme(lambda axis: (axis,), composite)}
"""By `Rules.spatial_options`."""

TASK = Task("spatial_relation", ("obj_spatial_occ_lr", "obj_spatial_occ_ab", "obj_spatial_occ_fb"), propose)
