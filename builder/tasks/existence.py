"""Existence: is the target in a given relation to the source, as the query frame's camera sees it? (App. D)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..evidence import SetEvidence
from ..rules import Rules
from ..schema import Skip
from . import wording
from .naming import with_coordinate_note
from .pairs import Pair, axis_of, sample_pairs, text_group
from .task import Balance, Draft, Task


def propose(evidence: SetEvidence, question_type: str, rng: np.random.Generator) -> Iterator[Draft | Skip]:
    """Ask the true relation (Yes) or its opposite (No) on a decided axis."""
    axis = axis_of(question_type)
    for pair in sample_pairs(evidence, (axis,), rng):
        if isinstance(pair, Skip):
            yield pair
            continue
        relation = pair.relation(axis)
        is_true = bool(rng.integers(2))
        asked = relation if is_true else wording.OPPOSITES[relation]
        question = wording.EXISTENCE.format(
            frame=pair.position + 1,
            is_=wording.verb_be(pair.target_ref.category),
            target=pair.target_ref.category,
            relation=wording.RELATION_PHRASES[asked],
            source=pair.source_phrase,
        )
        yield Draft(
            question=with_coordinate_note(evidence, question, pair.source_ref),
            answer=wording.YES if is_true else wording.NO,
            distractors=(wording.NO if is_true else wording.YES,),
            category=pair.target_ref.category,
            targets=np.array([pair.target]),
            balance=BALANCES[evidence.rules.balance](evidence.rules, pair, asked, is_true),
            query_frame=pair.position + 1,
            source=pair.source_ref,
            target=pair.target_ref,
            relation=relation,
        )


def balance_polarity(rules: Rules, pair: Pair, asked: str, is_true: bool) -> Balance:
    """Let Yes and No be equally frequent in a scene."""
    return Balance(side=int(not is_true), num_sides=2)


def balance_text(rules: Rules, pair: Pair, asked: str, is_true: bool) -> Balance:
    """Let each Yes meet a No about the same two categories and the same relation: a view flip."""
    return Balance(text_group(rules, pair, asked), side=int(not is_true), num_sides=2)


BALANCES = {"polarity": balance_polarity, "text": balance_text}
"""By `Rules.balance`."""

TASK = Task("existence", ("obj_existence_occ_lr", "obj_existence_occ_ab", "obj_existence_occ_fb"), propose)
