"""Checkpoints, templates and limits that do not fit are refused in a sentence, before the first step."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen2Config

from spatialmosaic_vlm.processing_spatial_mosaic import SpatialMosaicProcessor
from spatialmosaic_vlm.train import train
from spatialmosaic_vlm.training.preflight import check_length, check_template
from spatialmosaic_vlm.training.records import prompt_texts
from spatialmosaic_vlm.training.start import choose_trained, load_start, random_start


@pytest.fixture
def checkpoint(start: Path, tmp_path: Path) -> Path:
    """A copy of the starting checkpoint that a test may damage."""
    return Path(shutil.copytree(start, tmp_path / "checkpoint"))


@pytest.fixture
def load(arguments, checkpoint, tmp_path):
    return lambda: load_start(arguments(tmp_path)[1], str(checkpoint))


def edit(path: Path, **changes: object) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | changes), encoding="utf-8")


def test_the_undamaged_checkpoint_is_taken(load):
    model, processor = load()
    assert processor.tokens_per_view == model.config.tokens_per_view


def test_another_kind_of_checkpoint_is_refused(load, checkpoint):
    Qwen2Config().save_pretrained(checkpoint)
    with pytest.raises(ValueError, match=r"is a qwen2, not a SpatialMosaic checkpoint; .*spatialmosaic-convert"):
        load()


def test_no_checkpoint_at_all_is_refused(arguments, tmp_path):
    with pytest.raises(ValueError, match="is no checkpoint"):
        load_start(arguments(tmp_path)[1], str(tmp_path / "nothing"))


def test_a_checkpoint_that_lacks_weights_is_refused(load, checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    save_file(
        {name: value for name, value in weights.items() if ".fusion." not in name},
        checkpoint / "model.safetensors",
        metadata={"format": "pt"},
    )
    with pytest.raises(ValueError, match=r"do not fit its configuration: \d+ are missing, such as model\.fusion"):
        load()


def test_a_checkpoint_of_other_sizes_is_refused(load, checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    weights["model.multi_modal_projector.linear_1.weight"] = torch.zeros(3, 3)
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"1 have another size than its config.json says, such as model\.multi_modal"):
        load()


def test_half_a_weights_file_is_refused(load, checkpoint):
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ValueError, match="checkpoint cannot be loaded: "):
        load()


def test_attention_that_is_not_installed_is_refused(arguments, checkpoint, tmp_path):
    model = arguments(tmp_path, "--attn_implementation", "flash_attention_2")[1]
    with pytest.raises(ValueError, match=r"FlashAttention2|Flash Attention"):
        load_start(model, str(checkpoint))


def test_half_a_random_start_is_not_taken_for_a_whole_one(arguments, records, tmp_path, monkeypatch):
    model = arguments(tmp_path)[1]
    with monkeypatch.context() as broken:
        broken.setattr(SpatialMosaicProcessor, "save_pretrained", interrupt)
        with pytest.raises(KeyboardInterrupt):
            random_start(model, tmp_path, prompt_texts(records), seed=0)
    assert not (tmp_path / "start").exists()
    load_start(model, random_start(model, tmp_path, prompt_texts(records), seed=0))


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_processor_that_makes_other_inputs_is_refused(load, checkpoint):
    edit(checkpoint / "processor_config.json", tokens_per_view=7)
    with pytest.raises(ValueError, match=r"processor in .* does not fit its model: tokens of a view 7 against 12"):
        load()


def test_a_template_without_the_placeholder_is_refused(records, load, checkpoint):
    template = checkpoint / "chat_template.jinja"
    template.write_text(template.read_text(encoding="utf-8").replace("<image>", ""), encoding="utf-8")
    with pytest.raises(ValueError, match=r"writes 0 placeholder tokens for the \d views"):
        check_template(records, load()[1])


def test_a_template_that_marks_no_answer_is_refused(records, load, checkpoint):
    template = checkpoint / "chat_template.jinja"
    text = template.read_text(encoding="utf-8").replace("{% generation %}", "").replace("{% endgeneration %}", "")
    template.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="does not mark answers"):
        check_template(records, load()[1])


def test_a_limit_below_the_tokens_of_the_views_is_refused(records, tiny_processor):
    most = max(len(frames) for frames in records.table["frames"])
    with pytest.raises(
        ValueError, match=rf"max_length is 20, but {most} views alone take {12 * most} tokens \(12 each\)"
    ):
        check_length(records, tiny_processor, 20)


def test_questions_beyond_the_limit_are_counted(records, tiny_processor):
    with pytest.raises(ValueError, match=r"\d+ of 160 records have more than max_length = 110 tokens"):
        check_length(records, tiny_processor, 110)
    check_length(records, tiny_processor, 1000)
    check_length(records, tiny_processor, None)


def test_parts_that_cannot_train_are_refused(arguments, load, tmp_path):
    model, _ = load()
    for options, sentence in (
        (["--train_parts", "fusion", "head"], "train_parts holds head; the parts are vision_tower"),
        (["--train_parts", "language_model"], "either in full or by an adapter"),
    ):
        with pytest.raises(ValueError, match=sentence):
            choose_trained(arguments(tmp_path, *options)[1], model)


def test_training_refuses_before_it_writes(arguments, tmp_path):
    run = tmp_path / "run"
    with pytest.raises(ValueError, match="max_length is 20"):
        train(arguments(run, "--max_length", "20"))
    assert not list(run.glob("checkpoint-*"))
    assert not (run / "run.json").exists()
