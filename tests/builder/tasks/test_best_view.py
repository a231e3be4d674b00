from __future__ import annotations

import numpy as np

from spatialmosaic_builder.schema import Skip
from spatialmosaic_builder.tasks import best_view

SMALL, LARGE = (100, 100, 110, 110), (300, 300, 400, 400)


def drafts_of(evidence, seed=0):
    return list(best_view.propose(evidence, "bestview_count_occ", np.random.default_rng(seed)))


def test_more_instances_beat_more_pixels(evidence_of, thing):
    chairs = [thing("chair", seen={0: LARGE, 2: SMALL}), thing("chair", seen={2: SMALL})]
    (draft,) = drafts_of(evidence_of(chairs))
    assert draft.answer == "2 chair(s); Frame 3"


def test_ties_go_to_the_larger_area(evidence_of, thing):
    (draft,) = drafts_of(evidence_of([thing("chair", seen={0: SMALL, 1: LARGE})]))
    assert draft.answer == "1 chair(s); Frame 2"


def test_a_full_tie_is_skipped(evidence_of, thing):
    (skipped,) = drafts_of(evidence_of([thing("chair", seen={0: SMALL, 1: SMALL})]))
    assert isinstance(skipped, Skip)


def test_wrong_pairs_differ_from_the_key_and_each_other(evidence_of, thing):
    evidence = evidence_of([thing("chair", seen={0: SMALL, 1: LARGE})], num_frames=2)
    for seed in range(40):
        (draft,) = drafts_of(evidence, seed)
        assert len({draft.answer, *draft.distractors}) == 4
        for text in draft.distractors:
            number, rest = text.split(" ", 1)
            assert int(number) >= 1
            assert rest in ("chair(s); Frame 1", "chair(s); Frame 2")
