"""The promises of all tasks, on a sample room."""

from __future__ import annotations

import re
from itertools import islice

import numpy as np
import pytest

from spatialmosaic_builder.evidence import SceneEvidence, SetEvidence
from spatialmosaic_builder.frame_sets import sample_frame_sets
from spatialmosaic_builder.rules import PROFILES
from spatialmosaic_builder.schema import Skip
from spatialmosaic_builder.tasks import QUESTION_TYPES, TASKS
from spatialmosaic_builder.tasks.task import Balance

NUM_OPTIONS = {"existence": 2}
ANSWERS = {
    "obj_count_occ_na": r"[1-9]\d*",
    "obj_localization_occ_na": r"\(\d+, \d+\)",
    "obj_distance_occ_na": r"\d+\.\d\d",
    "obj_obj_distance_occ_na": r"\d+\.\d\d",
    "obj_size_occ_na": r"[1-9]\d*",
}
"""What the answer of a question without options looks like."""


NOT_OFFERED = {("strict", "obj_attribute_occ_ab"), ("strict", "obj_attribute_occ_fb")}
"""The sample room has too few views with three objects, each seen elsewhere, on both sides of a source."""


@pytest.fixture(scope="module", params=PROFILES.values(), ids=PROFILES)
def evidences(request, sample_annotations):
    scene = SceneEvidence(sample_annotations, request.param)
    sets = sample_frame_sets(sample_annotations, request.param, 40, seed=0)
    return [SetEvidence(scene, frame_set) for frame_set in sets]


def proposals(evidences, question_type, seed=0):
    task = QUESTION_TYPES[question_type]
    for k, evidence in enumerate(evidences):
        rng = np.random.default_rng([seed, k])
        for draft in islice(task.propose(evidence, question_type, rng), 20):
            yield evidence, draft


def test_the_seventeen_question_types_of_the_authors():
    suffixes = ("lr", "ab", "fb")
    expected = {"obj_count_occ", "bestview_count_occ", "obj_localization_occ"}
    expected |= {f"obj_{kind}_occ_{s}" for kind in ("existence", "attribute", "spatial") for s in suffixes}
    expected |= {f"obj_{kind}_occ_na" for kind in ("count", "localization", "distance", "obj_distance", "size")}
    assert set(QUESTION_TYPES) == expected
    assert [task.name for task in TASKS.values()] == list(TASKS)


@pytest.mark.parametrize("question_type", QUESTION_TYPES)
def test_drafts_are_well_formed(evidences, question_type):
    drafts = [(e, d) for e, d in proposals(evidences, question_type) if not isinstance(d, Skip)]
    rules = evidences[0].rules
    assert bool(drafts) != ((rules.profile, question_type) in NOT_OFFERED), "the sample room offers no such question"
    for evidence, draft in drafts:
        options = [draft.answer, *draft.distractors]
        num_options = 1 if question_type in ANSWERS else NUM_OPTIONS.get(QUESTION_TYPES[question_type].name, 4)
        assert len(set(options)) == len(options) == num_options
        assert draft.query_frame is None or 1 <= draft.query_frame <= evidence.num_frames
        assert "frame_" not in draft.question
        has_coordinates = "(" in draft.question.replace("(s)", "").replace("a(n)", "")
        has_coordinates |= any("(" in option.replace("(s)", "") for option in options if "," in option)
        assert draft.question.endswith(rules.coordinate_note) == has_coordinates
        assert len(draft.targets) >= 1
        assert evidence.scene.is_usable[draft.targets].all()
        assert evidence.is_covered[draft.targets].all()
        if QUESTION_TYPES[question_type].question_types[0].endswith("_lr"):
            target = draft.targets[0]
            assert evidence.is_absent[draft.query_frame - 1, target]
            assert draft.source.category != draft.target.category == draft.category


@pytest.mark.parametrize("question_type", QUESTION_TYPES)
def test_answers_have_the_form_of_their_type(evidences, question_type):
    for _, draft in proposals(evidences, question_type):
        if isinstance(draft, Skip):
            continue
        if question_type not in ANSWERS:
            assert (draft.answer_type, draft.answer_band) == ("choice", None)
            continue
        assert re.fullmatch(ANSWERS[question_type], draft.answer)
        assert draft.balance == Balance()
        if question_type == "obj_localization_occ_na":
            assert draft.answer_type == "point"
            assert draft.answer_band is None
            assert draft.bbox_2d_diag > 0
        else:
            low, high = draft.answer_band
            assert draft.answer_type == "number"
            assert low <= float(draft.answer) <= high


@pytest.mark.parametrize("question_type", QUESTION_TYPES)
def test_same_seed_same_drafts(evidences, question_type):
    def texts(seed):
        return [
            draft.reason if isinstance(draft, Skip) else (draft.question, draft.answer, draft.distractors)
            for _, draft in proposals(evidences, question_type, seed)
        ]

    assert texts(1) == texts(1)
    if (evidences[0].rules.profile, question_type) not in NOT_OFFERED:
        assert texts(1) != texts(2)
