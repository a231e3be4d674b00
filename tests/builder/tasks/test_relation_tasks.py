"""What existence, attribute and spatial relation share: which pairs may be asked of, and the truth of relations."""

from __future__ import annotations

import numpy as np
import pytest

from spatialmosaic_builder.schema import Skip
from spatialmosaic_builder.tasks import QUESTION_TYPES

BOX = (100, 200, 140, 260)
"""Centre (120, 230) of 960 x 720: (65, 165) of 518 x 518."""
OTHER_BOX = (500, 200, 540, 260)
NO_PIXEL = (500, 200, 500, 200)
"""Seen by rays through its points, missed by those through the pixels."""


def drafts_of(evidence, question_type, seed=0):
    """Drafts that ask in frame 1, where the table is; the lamp's frame asks about the table in turn."""
    proposed = QUESTION_TYPES[question_type].propose(evidence, question_type, np.random.default_rng(seed))
    return [draft for draft in proposed if not isinstance(draft, Skip) and draft.query_frame == 1]


def table_and(thing, target_centre):
    """A table seen in frame 1, a lamp seen only in frame 2."""
    return [thing("table", seen={0: BOX}), thing("lamp", target_centre, seen={1: BOX})]


@pytest.mark.parametrize(
    ("suffix", "centre", "relation", "phrase"),
    [
        ("lr", (-1.0, 0, 3), "left", "to the left of"),
        ("lr", (1.0, 0, 3), "right", "to the right of"),
        ("ab", (0, -1.0, 3), "higher", "higher than"),
        ("ab", (0, 1.0, 3), "lower", "lower than"),
        ("fb", (0, 0, 2), "closer", "closer to the camera than"),
        ("fb", (0, 0, 4), "farther", "farther from the camera than"),
    ],
)
def test_existence_asks_the_truth_or_its_opposite(evidence_of, thing, suffix, centre, relation, phrase):
    evidence = evidence_of(table_and(thing, centre))
    answers = set()
    for seed in range(20):
        (draft,) = drafts_of(evidence, f"obj_existence_occ_{suffix}", seed)
        assert draft.relation == relation
        assert draft.query_frame == 1
        assert (draft.source.category, draft.target.category) == ("table", "lamp")
        says_truth = draft.question == f"In Frame 1, is the lamp {phrase} the table in this viewpoint?"
        assert draft.answer == ("Yes" if says_truth else "No")
        answers.add(draft.answer)
    assert answers == {"Yes", "No"}


def test_touching_extents_are_undecided(evidence_of, thing):
    evidence = evidence_of(table_and(thing, (0.15, 0, 3)))
    assert drafts_of(evidence, "obj_existence_occ_lr") == []


def test_target_must_be_hidden_here_and_seen_elsewhere(evidence_of, thing):
    table = thing("table", seen={0: BOX})
    left = (-1.0, 0, 3)
    assert drafts_of(evidence_of([table, thing("lamp", left, seen={0: BOX, 1: BOX})]), "obj_existence_occ_lr") == []
    assert drafts_of(evidence_of([table, thing("lamp", left)]), "obj_existence_occ_lr") == []


def test_a_target_that_no_pixel_tells_here_or_gone_is_not_asked_about(evidence_of, thing):
    things = table_and(thing, (-1.0, 0, 3))
    things[1].seen[0] = NO_PIXEL
    assert drafts_of(evidence_of(things), "obj_existence_occ_lr") == []


def test_a_source_whose_twin_no_pixel_tells_here_or_gone_is_tagged(evidence_of, thing):
    things = [*table_and(thing, (-1.0, 0, 3)), thing("table", (3.0, 0, 3), seen={0: NO_PIXEL})]
    (draft,) = drafts_of(evidence_of(things), "obj_existence_occ_lr")
    assert draft.source.position == (65, 165)


def test_target_category_must_have_one_eligible_instance(evidence_of, thing):
    things = [*table_and(thing, (-1.0, 0, 3)), thing("lamp", (1.0, 0, 3), seen={2: BOX})]
    assert drafts_of(evidence_of(things), "obj_existence_occ_lr") == []


def test_source_and_target_are_of_different_categories(evidence_of, thing):
    things = [thing("lamp", seen={0: BOX}), thing("lamp", (-1.0, 0, 3), seen={1: BOX})]
    assert drafts_of(evidence_of(things), "obj_existence_occ_lr") == []


@pytest.mark.parametrize("which", [0, 1])
def test_tiny_instances_are_neither_source_nor_target(evidence_of, thing, which):
    things = table_and(thing, (-1.0, 0, 3))
    things[which].num_vertices = 49
    assert drafts_of(evidence_of(things), "obj_existence_occ_lr") == []


def test_a_source_among_twins_is_tagged(evidence_of, thing):
    things = [*table_and(thing, (-1.0, 0, 3)), thing("table", (3.0, 0, 3), seen={0: OTHER_BOX})]
    drafts = drafts_of(evidence_of(things), "obj_spatial_occ_lr")
    assert drafts == []  # the lamp is level with both tables: two axes are undecided
    things[1].centre = (-1.0, -1.0, 4.0)
    by_source = {draft.source.instance_id: draft for draft in drafts_of(evidence_of(things), "obj_spatial_occ_lr")}
    assert by_source[1].source.position == (65, 165)
    assert by_source[1].question == (
        "In Frame 1, where does the lamp appear in this view relative to the table (65, 165)? "
        "Coordinates are pixels of the image resized to 518 x 518."
    )
    assert by_source[1].answer == "To the left of the table (65, 165)."


def test_spatial_relation_offers_the_opposite_of_each_axis(evidence_of, thing):
    (draft,) = drafts_of(evidence_of(table_and(thing, (-1.0, 1.0, 4.0))), "obj_spatial_occ_ab")
    assert draft.answer == "Lower than the table."
    assert set(draft.distractors) == {
        "To the right of the table.",
        "Higher than the table.",
        "Closer to the camera than the table.",
    }


def test_plural_names_take_plural_verbs(evidence_of, thing):
    things = [thing("table", seen={0: BOX}), thing("blinds", (-1.0, -1.0, 4.0), seen={1: BOX})]
    (draft,) = drafts_of(evidence_of(things), "obj_spatial_occ_lr")
    assert draft.question.startswith("In Frame 1, where do the blinds appear")
    (draft,) = drafts_of(evidence_of(things), "obj_existence_occ_lr")
    assert draft.question.startswith("In Frame 1, are the blinds to the ")


class TestAttribute:
    def room(self, thing, **changes):
        right = [thing(name, (1.0 + k, 0, 3), seen={1: BOX}) for k, name in enumerate(("mug", "box", "vase"))]
        return [*table_and(thing, (-1.0, 0, 3)), *right]

    def asked_of_lamp(self, evidence):
        return [d for d in drafts_of(evidence, "obj_attribute_occ_lr") if d.answer == "lamp"]

    def test_wrong_categories_stand_opposite(self, evidence_of, thing):
        (draft,) = self.asked_of_lamp(evidence_of(self.room(thing)))
        assert draft.question == "In Frame 1, which object appears to the left of the table in this viewpoint?"
        assert set(draft.distractors) == {"mug", "box", "vase"}

    def test_a_category_with_one_instance_on_either_side_is_no_option(self, evidence_of, thing):
        things = [*self.room(thing), thing("vase", (-2.0, 0, 3), seen={2: BOX})]
        assert self.asked_of_lamp(evidence_of(things)) == []

    def test_a_category_that_the_set_does_not_show_is_no_option(self, evidence_of, thing):
        things = self.room(thing)
        things[-1].seen = {}
        assert self.asked_of_lamp(evidence_of(things)) == []

    def test_a_category_that_a_few_points_show_is_no_option(self, evidence_of, thing):
        things = self.room(thing)
        things[-1].num_points = 3
        assert self.asked_of_lamp(evidence_of(things)) == []

    def test_the_sources_category_is_no_option(self, evidence_of, thing):
        things = self.room(thing)
        things[-1].category = "table"
        assert self.asked_of_lamp(evidence_of(things)) == []
