"""The path from pictures to answers carries what is to be learnt: a small model learns strict questions by heart."""

from __future__ import annotations

import pytest
from transformers import AutoModelForImageTextToText, AutoProcessor

from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build
from spatialmosaic_vlm.train import train
from spatialmosaic_vlm.training.arguments import parse_arguments
from spatialmosaic_vlm.training.records import read_records
from spatialmosaic_vlm.training.scoring import right_answers


@pytest.mark.slow
def test_a_small_model_learns_strict_questions_by_heart_from_their_pictures(rooms, tmp_path):
    questions, run = tmp_path / "spatialmosaic", tmp_path / "run"
    build(BuildConfig(rooms, questions, profile="strict", size="120", num_proc=1))
    data = ["--dataset", str(questions), "--image_root", str(rooms), "--output_dir", str(run)]
    arguments = parse_arguments(["--config", "overfit_cpu", *data])
    train(arguments)
    records = read_records(arguments[0], "train", None)
    model = AutoModelForImageTextToText.from_pretrained(run / "model")
    processor = AutoProcessor.from_pretrained(run / "model")
    right = right_answers(model, processor, records)
    assert len(set(records.table["question_type"])) >= 8
    assert sum(right) >= 0.98 * len(right)

    # The same question about another view has the other answer: nobody answers both without looking.
    table = records.table
    asked: dict[str, list[int]] = {}
    for place, (kind, question) in enumerate(zip(table["question_type"], table["question"], strict=True)):
        if kind.startswith("obj_existence"):
            asked.setdefault(question.split(", ", 1)[1], []).append(place)
    pairs = [places for places in asked.values() if len({table["ground_truth"][place] for place in places}) == 2]
    assert len(pairs) >= 3
    assert all(right[place] for places in pairs for place in places)
