from __future__ import annotations

import numpy as np
import pytest

from spatialmosaic_builder.schema import Skip
from spatialmosaic_builder.tasks import count

BOX = (100, 100, 140, 140)
NO_PIXEL = (100, 100, 100, 100)
"""Seen by rays through its points, missed by those through the pixels: it is small and far away."""


def drafts_of(evidence, seed=0):
    return list(count.propose(evidence, "obj_count_occ", np.random.default_rng(seed)))


def test_an_instance_seen_twice_counts_once(evidence_of, thing):
    evidence = evidence_of([thing("chair", seen={0: BOX, 1: BOX}), thing("chair", seen={1: BOX}), thing("chair")])
    (draft,) = drafts_of(evidence)
    assert draft.question == "How many chair(s) are visible across these frames?"
    assert draft.answer == "2"
    assert draft.targets.tolist() == [0, 1]


def test_wrong_counts_are_near_and_not_negative(evidence_of, thing):
    evidence = evidence_of([thing("chair", seen={0: BOX})])
    seen = set()
    for seed in range(40):
        (draft,) = drafts_of(evidence, seed)
        wrong = [int(text) for text in draft.distractors]
        assert len(set(wrong)) == 3
        assert 1 not in wrong
        seen |= set(wrong)
    assert seen == {0, 2, 3, 4}


def test_a_category_with_a_tiny_instance_in_sight_is_not_counted(evidence_of, thing):
    tiny = thing("chair", seen={1: BOX}, num_vertices=49)
    (skipped,) = drafts_of(evidence_of([thing("chair", seen={0: BOX}), tiny]))
    assert isinstance(skipped, Skip)
    hidden = thing("chair", num_vertices=49)
    (draft,) = drafts_of(evidence_of([thing("chair", seen={0: BOX}), hidden]))
    assert draft.answer == "1"


@pytest.mark.parametrize("num_vertices", [49, 500])
def test_a_category_is_not_counted_where_pixels_are_too_coarse_to_tell(evidence_of, thing, num_vertices):
    doubtful = thing("chair", seen={1: NO_PIXEL}, num_vertices=num_vertices)
    (skipped,) = drafts_of(evidence_of([thing("chair", seen={0: BOX}), doubtful]))
    assert isinstance(skipped, Skip)


def test_what_is_almost_hidden_does_not_count(evidence_of, thing):
    evidence = evidence_of([thing("chair", seen={0: BOX}), thing("chair", seen={0: BOX}, occlusion=0.95)])
    (draft,) = drafts_of(evidence)
    assert draft.answer == "1"


def test_structure_and_oversize_are_no_subjects(evidence_of, thing):
    assert drafts_of(evidence_of([thing("wall", seen={0: BOX}), thing("", seen={0: BOX})])) == []


def test_without_options_the_count_is_exact(evidence_of, thing):
    evidence = evidence_of([thing("chair", seen={0: BOX, 1: BOX}), thing("chair", seen={1: BOX})])
    (draft,) = count.propose(evidence, "obj_count_occ_na", np.random.default_rng(0))
    assert draft.question == "How many chair(s) are visible across these frames?"
    assert (draft.answer, draft.answer_band, draft.distractors) == ("2", (2, 2), ())
