"""Sentences come back as what they were made of."""

from __future__ import annotations

import pytest
from datasets import load_dataset

from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build
from spatialmosaic_builder.reading import Statement, parse_option, parse_question
from spatialmosaic_builder.rules import PROFILES
from spatialmosaic_builder.scans.labels import plural
from spatialmosaic_builder.tasks import wording


@pytest.mark.parametrize("profile", PROFILES)
def test_every_sentence_of_a_dataset_is_read(sample_root, tmp_path, profile):
    build(BuildConfig(sample_root, tmp_path / "spatialmosaic", profile=profile, size="600", num_proc=1))
    for record in load_dataset(str(tmp_path / "spatialmosaic"), profile, split="train"):
        asked = parse_question(record["task"], record["question"])
        assert asked is not None, record["question"]
        assert asked.frame == record["query_frame"]
        if record["source"]:
            tag = record["source"]["position"]
            assert (asked.source, asked.tag) == (record["source"]["category"], tag and tuple(tag))
        if record["task"] != "attribute":
            assert asked.category in (record["category"], plural(record["category"]))
        for option in record["options"]:
            assert parse_option(record["task"], option[3:]) is not None, option


@pytest.mark.parametrize("relation", wording.RELATION_PHRASES)
def test_relations_come_back(relation):
    option = wording.relation_option(relation, "chair (217, 122)")
    said = parse_option("spatial_relation", option)
    assert said == Statement(source="chair", tag=(217, 122), relations=(relation,))
    question = wording.EXISTENCE.format(
        frame=3, is_="are", target="blinds", relation=wording.RELATION_PHRASES[relation], source="tv (7, 0)"
    )
    asked = parse_question("existence", f"{question} A note.")
    assert asked == Statement("blinds", "tv", (7, 0), (relation,), frame=3, note="A note.")


def test_options_come_back():
    assert parse_option("best_view", "3 tv stand(s); Frame 4") == Statement("tv stand", count=3, frame=4)
    assert parse_option("localization", "Yes; (91, 218)") == Statement(point=(91, 218), is_yes=True)
    assert parse_option("localization", "No") == Statement(is_yes=False)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("count", "How many chairs do you see?"),
        ("best_view", wording.LITERAL["best_view"].format(category="chair").replace("chair(s).", "table(s).")),
        ("attribute", "In Frame one, which object appears higher than the rug in this viewpoint?"),
        ("no task", wording.LITERAL["count"].format(category="chair")),
    ],
)
def test_what_has_no_form_of_the_task_is_not_read(task, text):
    assert parse_question(task, text) is None
    assert parse_option("count", "3 chairs") is None
