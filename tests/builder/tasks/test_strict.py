"""What the strict profile asks for beyond the paper's, on hand-made rooms and on a sample room."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from spatialmosaic_builder.evidence import SceneEvidence, SetEvidence
from spatialmosaic_builder.frame_sets import is_linked, sample_frame_sets
from spatialmosaic_builder.rules import PROFILES, STRICT
from spatialmosaic_builder.schema import Skip
from spatialmosaic_builder.tasks import QUESTION_TYPES
from spatialmosaic_builder.tasks.best_view import best_frame
from spatialmosaic_builder.tasks.centres import offer_object_centres
from spatialmosaic_builder.tasks.count import consecutive_options

BOX = (100, 200, 140, 260)
FAR_BOX = (500, 200, 540, 260)
SPECK = (300, 300, 310, 310)
"""100 of 691,200 pixels, 0.014 %: neither 0.05 % nor 0.005 %."""
ONE_SIDED = replace(STRICT, drop_one_sided_pairs=False)


def drafts(evidence, question_type, seed=0):
    proposed = QUESTION_TYPES[question_type].propose(evidence, question_type, np.random.default_rng(seed))
    return [draft for draft in proposed if not isinstance(draft, Skip)]


class TestVisibility:
    def test_a_speck_is_neither_visible_nor_absent(self, evidence_of, thing):
        evidence = evidence_of([thing("mug", seen={0: BOX, 1: SPECK})], rules=STRICT)
        assert evidence.is_visible[:, 0].tolist() == [True, False, False]
        assert evidence.is_absent[:, 0].tolist() == [False, False, True]

    def test_its_category_is_not_asked_about(self, evidence_of, thing):
        things = [thing("mug", seen={0: BOX}), thing("mug", seen={1: BOX, 2: SPECK}), thing("vase", seen={1: BOX})]
        for question_type in ("obj_count_occ", "bestview_count_occ", "obj_localization_occ"):
            assert {d.category for d in drafts(evidence_of(things, rules=STRICT), question_type)} <= {"vase"}

    def test_it_is_no_target_in_that_frame(self, evidence_of, thing):
        things = [thing("table", seen={0: BOX}), thing("lamp", (-1.0, 0, 3), seen={0: SPECK, 1: BOX})]
        evidence = evidence_of(things, rules=ONE_SIDED)
        assert not [d for d in drafts(evidence, "obj_existence_occ_lr") if d.query_frame == 1]
        things[1].seen = {1: BOX}
        assert [d for d in drafts(evidence_of(things, rules=ONE_SIDED), "obj_existence_occ_lr") if d.query_frame == 1]

    def test_a_source_beside_an_uncertain_twin_is_tagged(self, evidence_of, thing):
        things = [
            *(thing("table", seen={0: BOX}), thing("table", (3.0, 0, 3), seen={0: SPECK})),
            thing("lamp", (-1.0, 0, 3), seen={1: BOX}),
        ]
        (draft,) = drafts(evidence_of(things, rules=ONE_SIDED), "obj_existence_occ_lr")
        assert draft.source.position == (125, 319)
        assert draft.question.endswith("Coordinates run from 0 to 1000 in x and y.")


class TestRelations:
    @pytest.mark.parametrize(
        ("suffix", "centre", "is_decided"),
        [
            ("lr", (0.30, 0, 3), False),  # 10 cm apart
            ("lr", (0.40, 0, 3), True),  # 20 cm apart
            ("lr", (1.5, 0, 12), False),  # further right, but its bearing is that of the source's right side
            ("fb", (2.5, 0, 3.4), True),
            ("fb", (0, 0, 3.3), False),
            ("fb", (3.5, 0, 2.6), False),  # nearer along the axis, farther away
            ("ab", (0, 0.5, 3), True),
        ],
    )
    def test_margin_and_what_the_eye_says(self, evidence_of, thing, suffix, centre, is_decided):
        things = [thing("table", (0.4, 0, 3) if centre[2] == 12 else (0, 0, 3), seen={0: BOX})]
        things.append(thing("lamp", centre, seen={1: BOX}))
        index = ("lr", "ab", "fb").index(suffix)
        annotations = evidence_of(things).scene.annotations
        # Cameras look along world z here, so let the room's up be the image's.
        turned = [replace(f, cam_from_world=X_DOWN @ np.eye(4)) for f in annotations.frames]
        boxes = tuple(turn(box) for box in annotations.tight_boxes)
        instances = tuple(replace(i, box=box) for i, box in zip(annotations.instances, boxes, strict=True))
        annotations = replace(annotations, frames=tuple(turned), instances=instances, tight_boxes=boxes)
        signs = SceneEvidence(annotations, STRICT).relations.signs(0, np.array([1]), np.array([0]))
        assert bool(signs[0, index]) == is_decided

    def test_what_is_behind_the_camera_is_no_target(self, evidence_of, thing):
        evidence = evidence_of([thing("table"), thing("lamp", (-2.0, 0, 0.15))], rules=STRICT)
        assert not evidence.scene.relations.signs(0, np.array([1]), np.array([0])).any()


X_DOWN = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], np.float64)
"""A level camera in a room whose z is up: image down is world -z, forward is world y."""


def turn(box):
    centre = np.linalg.inv(X_DOWN)[:3, :3] @ box.centroid
    return replace(box, centroid=tuple(centre.tolist()))


class TestOptions:
    @pytest.mark.parametrize("key", [1, 2, 3, 4, 9])
    def test_counts_are_four_consecutive_integers(self, key):
        for seed in range(20):
            wrong, balance = consecutive_options(key, "chair", np.random.default_rng(seed))
            window = sorted([key, *wrong])
            assert window == list(range(window[0], window[0] + 4))
            assert window[0] >= 1
            assert window[balance.side] == key

    def test_best_view_offers_a_grid(self, evidence_of, thing):
        things = [thing("mug", seen={0: BOX, 1: FAR_BOX}), thing("mug", seen={1: BOX})]
        (draft,) = drafts(evidence_of(things, rules=STRICT), "bestview_count_occ")
        pairs = [re.fullmatch(r"(\d) mugs?; Frame (\d)", o).groups() for o in (draft.answer, *draft.distractors)]
        assert len(set(pairs)) == 4
        assert len({count for count, _ in pairs}) == len({frame for _, frame in pairs}) == 2
        assert {frame for _, frame in pairs} == {"1", "2"}, "the other frame shows mugs too"

    def test_best_view_needs_a_lead(self, evidence_of, thing):
        for width, expected in ((48, None), (60, 1)):
            things = [thing("mug", seen={0: BOX, 1: (100, 200, 100 + width, 260)})]
            evidence = evidence_of(things, rules=STRICT)
            assert best_frame(evidence, np.array([0])) == expected

    def test_any_of_the_centres_could_be_the_key(self, evidence_of, thing):
        boxes = [BOX, FAR_BOX, (800, 500, 840, 560), (102, 202, 140, 260)]
        things = [thing(f"thing {k}", seen={0: box}) for k, box in enumerate(boxes)]
        things += [thing("mug", seen={0: (900, 50, 930, 80)}), thing("mug", seen={0: (950, 50, 980, 80)})]
        things += [thing("lamp", seen={1: BOX})]
        lamp = len(things) - 1
        evidence = evidence_of(things, rules=STRICT)
        place = {evidence.scene.question_centre(0, k): k for k in range(6)}
        targets = Counter()
        for seed in range(30):
            for case, centres in offer_object_centres(evidence, np.random.default_rng(seed)):
                if case.position > 0:
                    assert centres is None, "the others show one object or none"
                    continue
                offered = [place[centre] for centre in centres]
                # Things 0 and 3 are too close, and there are two mugs.
                assert sorted(offered) in ([0, 1, 2], [1, 2, 3])
                if case.is_there:
                    assert offered[0] == case.target
                    targets[case.target] += 1
                else:
                    assert case.target == lamp
        assert set(targets) == {0, 1, 2, 3}
        assert targets[1] / targets.total() == pytest.approx(1 / 3, abs=0.05)

    def test_spatial_relation_offers_four_combinations(self, evidence_of, thing):
        """Two frames see the lamp from either side: here by two lamps, of which each set shows one."""
        options = []
        for seed in range(30):
            for evidence in self.all_round(evidence_of, thing):
                options += [(d.answer, *d.distractors) for d in drafts(evidence, "obj_spatial_occ_lr", seed)]
        assert options
        for texts in options:
            assert len(set(texts)) == 4
            assert all(re.search(r" the (table|lamp) and .* it\.$", text) for text in texts)
            assert sum(text.startswith("To the left of") for text in texts) == 2

    def all_round(self, evidence_of, thing):
        places = [(x, 0, z) for x in (-3.0, 3.0) for z in (2.0, 9.0)]
        things = [thing("table", (0, 0, 5), seen={0: BOX})]
        things += [thing("lamp", place, seen={k + 1: BOX}) for k, place in enumerate(places)]
        whole = evidence_of(things, num_frames=5, rules=STRICT)
        return [SetEvidence(whole.scene, replace(whole.frame_set, frames=(0, k))) for k in range(1, 5)]

    def test_one_sided_pairs_are_dropped(self, evidence_of, thing):
        things = [thing("table", (0, 0, 5), seen={0: BOX}), thing("lamp", (-3.0, 0, 5), seen={1: BOX})]
        assert drafts(evidence_of(things, rules=STRICT), "obj_existence_occ_lr") == []
        assert drafts(evidence_of(things, rules=ONE_SIDED), "obj_existence_occ_lr")

    def test_a_category_and_one_that_names_it_never_meet(self, evidence_of, thing):
        things = [thing("cabinet", seen={0: BOX}), thing("kitchen cabinet", (-1.0, 0, 3), seen={1: BOX})]
        assert drafts(evidence_of(things, rules=ONE_SIDED), "obj_existence_occ_lr") == []


@pytest.fixture(scope="module")
def scene(sample_annotations):
    return SceneEvidence(sample_annotations, STRICT)


def test_links_lead_from_each_frame_of_a_set_to_every_other(sample_annotations):
    sets = sample_frame_sets(sample_annotations, STRICT, 200, seed=0)
    assert {len(s.frames) for s in sets} == {2, 3, 4, 5}
    assert all(is_linked(sample_annotations.overlap, s.frames, 0.01) for s in sets)
    pairs = np.kron(np.eye(2), np.ones((2, 2))).astype(np.float32)
    chain = np.eye(4, dtype=np.float32) + np.eye(4, k=1, dtype=np.float32) + np.eye(4, k=-1, dtype=np.float32)
    assert not is_linked(pairs, (0, 1, 2, 3), 0.01)
    assert is_linked(chain, (3, 0, 2, 1), 0.01)


def test_sentences_are_grammatical(sample_annotations, scene):
    sets = sample_frame_sets(sample_annotations, STRICT, 40, seed=1)
    texts = []
    for frame_set in sets:
        evidence = SetEvidence(scene, frame_set)
        for question_type in ("obj_count_occ", "bestview_count_occ", "obj_localization_occ"):
            for draft in islice(drafts(evidence, question_type), 5):
                texts += [draft.question, draft.answer, *draft.distractors]
    assert texts
    assert not [text for text in texts if "(s)" in text or "a(n)" in text]
    assert not [text for text in texts if re.search(r"\b1 \w+s;", text) and not re.search("1 \\w*(ss|us|is)", text)]
    assert not [text for text in texts if "headphones are" in text], "they have no singular to be counted in"


def test_wrong_attributes_could_be_targets(sample_annotations, scene):
    category = scene.category_index
    found = 0
    for frame_set in sample_frame_sets(sample_annotations, STRICT, 60, seed=2):
        evidence = SetEvidence(scene, frame_set)
        targets = {scene.categories[category[k]] for k in evidence.pairs.target}
        for draft in drafts(evidence, "obj_attribute_occ_lr"):
            found += 1
            assert set(draft.distractors) <= targets
    assert found


def test_the_profiles_differ_in_rules_alone():
    assert list(PROFILES) == ["paper", "strict"]
    assert all(rules.profile == name for name, rules in PROFILES.items())


class TestTags:
    """What a frame does not show lies mostly below what stands at its top, so a tag is part of what a text gives away."""

    @pytest.fixture
    def groups_of(self, evidence_of, thing):
        """Groups of the questions about a lamp and one of two tables, which stands in a box of pixels."""

        def groups(question_type, *boxes):
            found = set()
            for box in boxes:
                things = [thing("table", seen={0: box}), thing("table", (3.0, 0, 3), seen={0: SPECK})]
                things.append(thing("lamp", (-1.0, 1.0, 5.0), seen={1: BOX}))
                rules = replace(ONE_SIDED, use_tight_boxes=False)
                found |= {d.balance.group for d in drafts(evidence_of(things, rules=rules), question_type, seed=3)}
            return found

        return groups

    @pytest.mark.parametrize("question_type", ["obj_existence_occ_lr", "obj_existence_occ_ab", "obj_existence_occ_fb"])
    def test_sources_at_different_heights_are_balanced_apart(self, groups_of, question_type):
        top, foot = (10, 20, 50, 80), (10, 500, 50, 560)
        assert len(groups_of(question_type, top)) == 1
        assert len(groups_of(question_type, top, foot)) == 2

    def test_sources_at_one_height_are_balanced_together(self, groups_of):
        assert len(groups_of("obj_existence_occ_lr", (10, 200, 50, 260), (900, 210, 940, 270))) == 1
