"""The card's licences: a model that contains VGGT-1B is non-commercial, one without says whose terms its questions have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from spatialmosaic_vlm.training.card import model_card
from spatialmosaic_vlm.training.export import keep_origin

CONVERSION = {
    "source": "lmms-lab/LLaVA-Video-7B-Qwen2",
    "vision": None,
    "text": None,
    "geometry": "facebook/VGGT-1B",
    "fusion": None,
    "fusion_scope": "view",
    "fusion_gate": False,
    "geometry_resize": "stretch",
    "frame_labels": True,
}


@pytest.fixture
def card(tmp_path: Path):
    """Writes the card of a run that started from a converted checkpoint."""

    def write(
        kind: Any = "merged", unknown: bool = False, random: bool = False, **conversion: Any
    ) -> tuple[dict[str, Any], str]:
        start = tmp_path / "start-7b"
        start.mkdir(exist_ok=True)
        choices = CONVERSION | conversion
        if not (unknown or random):
            (start / "conversion.json").write_text(json.dumps(choices), encoding="utf-8")
        parts = {"fusion": {"trained": 7, "frozen": 0}, "language_model": {"trained": 3, "frozen": 70}}
        if choices["geometry"]:
            parts["geometry_encoder"] = {"trained": 0, "frozen": 9}
        training = dict.fromkeys(
            ("learning_rate", "weight_decay", "lr_scheduler_type", "warmup_steps", "num_train_epochs", "bf16", "seed")
        )
        header = {
            "start": str(start),
            "effective_batch": {"rows": 256, "mean_questions": 2048.0, "processes": 8},
            "data": {"records": 200000, "scenes": 679, "skipped": {"num_records": 0}},
            "parts": parts,
            "hardware": "8 x NVIDIA H200",
            "config": {
                "data": {
                    "dataset": "me/spatialmosaic",
                    "profile": "paper",
                    "train_split": "train",
                    "questions_per_set": 8,
                    "question_types": None,
                },
                "model": {
                    "train_parts": ["fusion"],
                    "lora_r": 128,
                    "lora_alpha": 256,
                    "lora_dropout": 0.05,
                    "dtype": "auto",
                    "random_model": {} if random else None,
                },
                "training": training | {"max_steps": -1},
            },
        }
        (tmp_path / "run.json").write_text(json.dumps(header), encoding="utf-8")
        text = model_card(tmp_path, kind, "me/mosaic")
        return yaml.safe_load(text.split("---")[1]), text

    return write


def test_a_model_that_contains_vggt_1b_is_non_commercial(card):
    data, text = card()
    assert data["license"] == "cc-by-nc-4.0"
    assert "| geometry encoder | `facebook/VGGT-1B` | CC BY-NC 4.0: non-commercial |" in text
    assert "| vision tower, projector, language model | `lmms-lab/LLaVA-Video-7B-Qwen2` | Apache-2.0 |" in text
    assert "therefore non-commercial" in text
    assert "8 x NVIDIA H200, 8 processes" in text


@pytest.mark.parametrize("geometry", ["facebook/VGGT-1B-Commercial", None])
def test_a_model_without_it_has_the_terms_of_its_questions(card, geometry):
    data, text = card(geometry=geometry)
    assert data["license_name"] == "scannetpp-terms-of-use"
    assert "therefore non-commercial" not in text
    assert "non-commercial research" in text


def test_a_geometry_encoder_that_is_not_known_counts_as_non_commercial(card):
    assert card(geometry="somebody/vggt-tuned")[0]["license"] == "cc-by-nc-4.0"


def test_a_start_that_says_nothing_of_its_geometry_encoder_counts_as_non_commercial(card):
    data, text = card(unknown=True)
    assert data["license"] == "cc-by-nc-4.0"
    assert "| geometry encoder | `start-7b` | see there |" in text
    assert card(unknown=True, geometry=None)[0]["license_name"] == "scannetpp-terms-of-use"
    assert card(random=True)[0]["license_name"] == "scannetpp-terms-of-use"


def test_a_trained_model_that_is_trained_further_keeps_its_licences(card, tmp_path):
    card()
    keep_origin(tmp_path / "start-7b", tmp_path)
    (tmp_path / "conversion.json").replace(tmp_path / "start-7b" / "conversion.json")
    text = model_card(tmp_path, "merged", "me/mosaic")
    assert "| geometry encoder | `facebook/VGGT-1B` | CC BY-NC 4.0: non-commercial |" in text
    assert "spatialmosaic-convert" not in model_card(tmp_path, "adapter", "me/mosaic")


def test_an_adapter_says_what_it_is_of_use_with_and_how_to_make_that(card, tmp_path):
    data, text = card("adapter")
    assert data["library_name"] == "peft"
    assert "hold no weights of VGGT" in text
    assert "spatialmosaic-convert --source lmms-lab/LLaVA-Video-7B-Qwen2 --geometry facebook/VGGT-1B" in text
    assert str(tmp_path) not in text
    assert "--geometry None" in card("adapter", geometry=None)[1]
