from __future__ import annotations

import re

import numpy as np
import pytest

from spatialmosaic_builder.schema import Skip
from spatialmosaic_builder.tasks import localization

BOX = (100, 200, 140, 260)
"""Centre (120, 230) of 960 x 720: (65, 165) of 518 x 518."""


def drafts_of(evidence, seed=0):
    proposed = localization.propose(evidence, "obj_localization_occ", np.random.default_rng(seed))
    return {draft.query_frame: draft for draft in proposed if not isinstance(draft, Skip)}


def points_of(texts):
    return [tuple(map(int, re.fullmatch(r"Yes; \((\d+), (\d+)\)", text).groups())) for text in texts]


def test_yes_gives_the_centre_of_the_visible_box(evidence_of, thing):
    draft = drafts_of(evidence_of([thing("mug", seen={1: BOX})]))[2]
    assert draft.question == (
        "Is there a(n) mug in Frame 2? If so, what is the bounding box center coordinates? "
        "Coordinates are pixels of the image resized to 518 x 518."
    )
    assert draft.answer == "Yes; (65, 165)"
    assert draft.bbox_2d == BOX
    assert draft.bbox_2d_diag == pytest.approx(np.hypot(40 * 518 / 960, 60 * 518 / 720))
    assert draft.distractors.count("No") == 1


def test_no_where_only_another_frame_shows_it(evidence_of, thing):
    draft = drafts_of(evidence_of([thing("mug", seen={1: BOX})]))[1]
    assert draft.answer == "No"
    assert len(points_of(draft.distractors)) == 3
    assert draft.target.instance_id == 1
    assert draft.bbox_2d is None


def test_wrong_centres_are_inside_and_apart(evidence_of, thing):
    large = (300, 200, 700, 600)
    evidence = evidence_of([thing("mug", seen={1: BOX}), thing("sofa", seen={0: large})])
    for seed in range(30):
        for draft in drafts_of(evidence, seed).values():
            points = points_of(text for text in (draft.answer, *draft.distractors) if text != "No")
            assert all(0 <= x < 518 and 0 <= y < 518 for x, y in points)
            apart = max(0.25 * (draft.bbox_2d_diag or 0), 20)
            gaps = [np.hypot(a[0] - b[0], a[1] - b[1]) for k, a in enumerate(points) for b in points[:k]]
            assert min(gaps) >= apart


def test_two_in_sight_are_not_asked_about(evidence_of, thing):
    mugs = [thing("mug", seen={1: BOX}), thing("mug", seen={1: (500, 200, 540, 260)})]
    assert 2 not in drafts_of(evidence_of(mugs))


def test_a_handful_of_pixels_has_no_box_to_ask_for(evidence_of, thing):
    assert 2 not in drafts_of(evidence_of([thing("mug", seen={1: (100, 100, 104, 104)})]))


def test_without_options_only_what_is_there_is_asked_for(evidence_of, thing):
    evidence = evidence_of([thing("mug", seen={1: BOX})])
    (draft,) = localization.propose(evidence, "obj_localization_occ_na", np.random.default_rng(0))
    with_options = drafts_of(evidence)[2]
    assert draft.question == with_options.question
    assert (draft.answer, draft.answer_type, draft.distractors) == ("(65, 165)", "point", ())
    assert (draft.bbox_2d, draft.bbox_2d_diag) == (with_options.bbox_2d, with_options.bbox_2d_diag)
