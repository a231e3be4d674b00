from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spatialmosaic_builder.evidence import SceneEvidence, SetEvidence
from spatialmosaic_builder.schema import Skip
from spatialmosaic_builder.tasks import size

BOX = (100, 200, 140, 260)


def proposed(evidence, seed=0):
    return list(size.propose(evidence, "obj_size_occ_na", np.random.default_rng(seed)))


def with_lengths(evidence, lengths):
    """Give the first instance a box of other side lengths."""
    annotations = evidence.scene.annotations
    first = annotations.instances[0]
    first = replace(first, box=replace(first.box, lengths=lengths))
    scene = SceneEvidence(replace(annotations, instances=(first, *annotations.instances[1:])), evidence.rules)
    return SetEvidence(scene, evidence.frame_set)


@pytest.mark.parametrize("lengths", [(1.234, 0.5, 0.1), (0.1, 1.234, 0.5), (0.5, 0.1, 1.234)])
def test_size_is_the_longest_side_in_centimetres(evidence_of, thing, lengths):
    (draft,) = proposed(with_lengths(evidence_of([thing("blinds", seen={1: BOX})]), lengths))
    assert draft.question == "What is the length in centimeters of the longest side of the blinds?"
    assert draft.answer == "123"
    assert draft.answer_band == pytest.approx((123.4 * 0.98, 123.4 * 1.02))
    assert draft.query_frame is None
    assert draft.target.instance_id == 1


def test_a_small_size_has_a_band_of_two_centimetres(evidence_of, thing):
    (draft,) = proposed(evidence_of([thing("mug", seen={1: BOX}, size=0.2)]))
    assert draft.answer == "20"
    assert draft.answer_band == pytest.approx((18, 22))


def test_size_needs_the_only_one_of_its_category(evidence_of, thing):
    mug, twin = thing("mug", seen={0: BOX}), thing("mug", seen={1: BOX})
    assert proposed(evidence_of([mug, twin])) == []
    assert len(proposed(evidence_of([mug, thing("mug")]))) == 1


def test_tiny_and_unseen_objects_have_no_size(evidence_of, thing):
    for spoilt in (thing("mug"), thing("mug", seen={0: BOX}, num_vertices=49), thing("wall", seen={0: BOX})):
        assert proposed(evidence_of([spoilt])) == []


def test_what_is_shorter_than_ten_centimetres_is_skipped(evidence_of, thing):
    (skipped,) = proposed(evidence_of([thing("mug", seen={1: BOX}, size=0.09)]))
    assert isinstance(skipped, Skip)
