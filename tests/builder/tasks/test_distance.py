from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from spatialmosaic_builder.evidence import SceneEvidence, SetEvidence
from spatialmosaic_builder.geometry import rigid_transform
from spatialmosaic_builder.schema import Skip
from spatialmosaic_builder.tasks import distance

BOX = (100, 200, 140, 260)
"""Centre (120, 230) of 960 x 720: (65, 165) of 518 x 518."""
OTHER_BOX = (500, 200, 540, 260)


def proposed(evidence, question_type, seed=0):
    return list(distance.propose(evidence, question_type, np.random.default_rng(seed)))


def from_camera(evidence, seed=0):
    return [d for d in proposed(evidence, "obj_distance_occ_na", seed) if not isinstance(d, Skip)]


def between_objects(evidence, seed=0):
    return [d for d in proposed(evidence, "obj_obj_distance_occ_na", seed) if not isinstance(d, Skip)]


def test_camera_distance_runs_from_the_camera_centre_to_the_box_centre(evidence_of, thing):
    (draft,) = from_camera(evidence_of([thing("mug", (1.0, 2.0, 2.0), seen={1: BOX})]))
    assert draft.question == "In Frame 2, what is the distance in meters between the camera and the mug?"
    assert draft.answer == "3.00"
    assert draft.answer_band == pytest.approx((2.94, 3.06))
    assert draft.query_frame == 2
    assert (draft.source, draft.target.instance_id) == (None, 1)


def test_camera_distance_follows_the_query_frames_camera(evidence_of, thing):
    evidence = evidence_of([thing("mug", (0.0, 0.0, 3.0), seen={1: BOX})])
    annotations = evidence.scene.annotations
    turned = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]])
    moved = rigid_transform(turned, -turned @ [0.0, 4.0, 0.0])
    frames = (*annotations.frames[:1], replace(annotations.frames[1], cam_from_world=moved), *annotations.frames[2:])
    scene = SceneEvidence(replace(annotations, frames=frames), evidence.rules)
    (draft,) = from_camera(SetEvidence(scene, evidence.frame_set))
    assert draft.answer == "5.00"


def test_the_target_of_a_camera_distance_is_visible_in_the_query_frame(evidence_of, thing):
    drafts = from_camera(evidence_of([thing("mug", seen={0: BOX, 2: BOX}), thing("lamp")]))
    assert sorted((d.query_frame, d.category) for d in drafts) == [(1, "mug"), (3, "mug")]


def test_a_target_among_its_like_is_tagged_with_its_place(evidence_of, thing):
    mugs = [thing("mug", seen={1: BOX}), thing("mug", (0, 0, 2), seen={1: OTHER_BOX, 2: BOX})]
    drafts = {(d.query_frame, d.target.instance_id): d for d in from_camera(evidence_of(mugs))}
    assert drafts[2, 1].question == (
        "In Frame 2, what is the distance in meters between the camera and the mug (65, 165)? "
        "Coordinates are pixels of the image resized to 518 x 518."
    )
    assert drafts[2, 1].target.position == (65, 165)
    assert drafts[3, 2].question.endswith("the mug?")
    assert drafts[3, 2].target.position is None


def test_a_target_of_a_handful_of_pixels_cannot_be_told_from_its_like(evidence_of, thing):
    mugs = [thing("mug", seen={1: (100, 100, 104, 104)}), thing("mug", seen={1: OTHER_BOX})]
    assert [d.target.instance_id for d in from_camera(evidence_of(mugs))] == [2]


def test_object_distance_runs_from_box_centre_to_box_centre(evidence_of, thing):
    things = [thing("mug", (0, 0, 3), seen={0: BOX}), thing("lamp", (0.3, 0.4, 3), seen={1: BOX})]
    names = Counter()
    for seed in range(20):
        (draft,) = between_objects(evidence_of(things), seed)
        target, source = draft.target.category, draft.source.category
        names[target] += 1
        assert draft.question == f"What is the distance in meters between the {target} and the {source}?"
        assert {target, source} == {"mug", "lamp"}
        assert draft.answer == "0.50"
        assert draft.answer_band == pytest.approx((0.48, 0.52))
        assert draft.query_frame is None
        assert draft.targets.tolist() == [draft.target.instance_id - 1]
    assert set(names) == {"mug", "lamp"}


def test_a_pair_of_objects_is_asked_about_once(evidence_of, thing):
    things = [thing(name, (x, 0, 3), seen={0: BOX}) for x, name in enumerate(("mug", "lamp", "book", "clock"))]
    drafts = between_objects(evidence_of(things))
    pairs = {frozenset((d.target.instance_id, d.source.instance_id)) for d in drafts}
    assert len(drafts) == len(pairs) == 6


@pytest.mark.parametrize("seen", [{2: OTHER_BOX}, {0: OTHER_BOX}])
def test_object_distance_needs_the_only_one_of_each_category(evidence_of, thing, seen):
    lamp, mug = thing("lamp", (1, 0, 3), seen={1: BOX}), thing("mug", seen={0: BOX})
    assert between_objects(evidence_of([lamp, mug, thing("mug", seen=seen)])) == []
    assert len(between_objects(evidence_of([lamp, mug, thing("mug")]))) == 1


def test_tiny_and_unseen_objects_have_no_distance(evidence_of, thing):
    mug, lamp = thing("mug", (1, 0, 3), seen={0: BOX}), {"category": "lamp", "seen": {0: BOX}}
    for spoilt in (thing("lamp"), thing(**lamp, num_vertices=49), thing(**lamp, occlusion=0.95)):
        evidence = evidence_of([mug, spoilt])
        assert between_objects(evidence) == []
        assert [d.category for d in from_camera(evidence)] == ["mug"]


def test_what_lies_closer_than_ten_centimetres_is_skipped(evidence_of, thing):
    things = [thing("mug", (0, 0, 3), seen={0: BOX}), thing("saucer", (0.09, 0, 3), seen={0: BOX})]
    (skipped,) = proposed(evidence_of(things), "obj_obj_distance_occ_na")
    assert isinstance(skipped, Skip)
