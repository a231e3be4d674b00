"""Saved folders load through the Auto classes, with this package and without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText, AutoProcessor

from spatialmosaic_vlm import (
    SpatialMosaicConfig,
    SpatialMosaicForConditionalGeneration,
    SpatialMosaicModel,
    SpatialMosaicProcessor,
    VGGTEncoderConfig,
    VGGTEncoderModel,
)

Model = SpatialMosaicForConditionalGeneration

SHADOWED_FILES = {
    "branches.py",
    "chat_templates.py",
    "configuration_spatial_mosaic.py",
    "configuration_vggt.py",
    "fusion.py",
    "geometry_encoders.py",
    "modeling_spatial_mosaic.py",
    "modeling_vggt.py",
    "placeholders.py",
    "processing_spatial_mosaic.py",
    "segments.py",
}


def test_what_is_saved_comes_back_bit_for_bit(model: Model, folder: Path, inputs: dict[str, torch.Tensor]) -> None:
    loaded, report = AutoModelForImageTextToText.from_pretrained(folder, output_loading_info=True)
    assert type(loaded) is Model
    assert not any(report[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    with torch.no_grad():
        assert torch.equal(loaded.eval()(**inputs).logits, model(**inputs).logits)
    assert (folder / "model.safetensors").exists()


def test_auto_model_gives_the_model_without_head(model: Model, folder: Path, inputs: dict[str, torch.Tensor]) -> None:
    base = AutoModel.from_pretrained(folder).eval()
    assert type(base) is SpatialMosaicModel
    with torch.no_grad():
        assert torch.equal(base(**inputs).last_hidden_state, model.model(**inputs).last_hidden_state)


def test_the_model_without_head_can_be_saved_and_loaded(model: Model, tmp_path: Path) -> None:
    model.model.save_pretrained(tmp_path)
    loaded, report = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, model.model.state_dict()[name]), name


def test_shards_and_half_precision(model: Model, tmp_path: Path, inputs: dict[str, torch.Tensor]) -> None:
    model.save_pretrained(tmp_path, max_shard_size="30KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        expected = model(**inputs).logits
        assert torch.equal(loaded(**inputs).logits, expected)
        half = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype=torch.bfloat16).eval()
        assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
        rough = half(**inputs).logits
    assert (rough - expected).norm() / expected.norm() < 0.05


def test_tied_embeddings_stay_tied(
    make_model: Callable[..., Model], make_config: Callable[..., Any], tmp_path: Path
) -> None:
    text = make_config().text_config.to_dict() | {"tie_word_embeddings": True}
    model = make_model(text_config=text)
    assert model.config.tie_word_embeddings
    model.save_pretrained(tmp_path)
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path)
    assert loaded.lm_head.weight is loaded.get_input_embeddings().weight
    assert torch.equal(loaded.lm_head.weight, model.lm_head.weight)


def test_configuration_and_processor_come_back(folder: Path, model: Model) -> None:
    config = AutoConfig.from_pretrained(folder)
    assert type(config) is SpatialMosaicConfig
    assert type(config.geometry_config) is VGGTEncoderConfig
    assert config.to_diff_dict() == model.config.to_diff_dict()
    assert type(AutoProcessor.from_pretrained(folder)) is SpatialMosaicProcessor


def test_a_model_without_geometry_comes_back(make_model: Callable[..., Model], tmp_path: Path) -> None:
    make_model(geometry_config=None).save_pretrained(tmp_path)
    assert AutoModelForImageTextToText.from_pretrained(tmp_path).model.geometry_encoder is None


def test_the_encoder_alone_comes_back(tiny_vggt: Callable[..., VGGTEncoderConfig], tmp_path: Path) -> None:
    encoder = VGGTEncoderModel(tiny_vggt()).eval()
    encoder.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path).eval()
    assert type(loaded) is VGGTEncoderModel
    pixels = torch.rand(2, 3, 42, 56)
    with torch.no_grad():
        assert torch.equal(loaded(pixels).last_hidden_state, encoder(pixels).last_hidden_state)


def test_a_saved_folder_names_four_auto_classes_and_holds_their_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["auto_map"] == {
        "AutoConfig": "configuration_spatial_mosaic.SpatialMosaicConfig",
        "AutoModel": "modeling_spatial_mosaic.SpatialMosaicModel",
        "AutoModelForImageTextToText": "modeling_spatial_mosaic.SpatialMosaicForConditionalGeneration",
    }
    processor = json.loads((folder / "processor_config.json").read_text(encoding="utf-8"))
    assert processor["auto_map"] == {"AutoProcessor": "processing_spatial_mosaic.SpatialMosaicProcessor"}
    assert {file.name for file in folder.glob("*.py")} == SHADOWED_FILES


def test_a_process_without_the_package_loads_the_folder(
    folder: Path, model: Model, inputs: dict[str, torch.Tensor], processor: SpatialMosaicProcessor, tmp_path: Path
) -> None:
    torch.save(inputs, tmp_path / "inputs.pt")
    script, out = Path(__file__).with_name("load_and_answer.py"), tmp_path / "out.pt"
    done = subprocess.run(
        [sys.executable, script, "without", folder, tmp_path / "inputs.pt", out],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr
    results = torch.load(out)
    names = ["SpatialMosaicConfig", "SpatialMosaicForConditionalGeneration", "SpatialMosaicModel"]
    assert results["classes"] == [*names, "SpatialMosaicProcessor"]
    assert set(results["modules"]) == {"transformers_modules"}
    with torch.no_grad():
        assert torch.equal(results["logits"], model(**inputs).logits)
        assert torch.equal(results["hidden"], model.model(**inputs).last_hidden_state)
        assert torch.equal(results["answer"], model.generate(**inputs, max_new_tokens=4, do_sample=False))
    assert results["prompt"] == processor(text="How many?")["input_ids"]
    again = json.loads(Path(f"{out}-again/config.json").read_text(encoding="utf-8"))
    assert set(again["auto_map"]) == {"AutoConfig", "AutoModel", "AutoModelForImageTextToText"}
    assert {file.name for file in Path(f"{out}-again").glob("*.py")} == SHADOWED_FILES - {
        "chat_templates.py",
        "processing_spatial_mosaic.py",
    }
