"""Recipes: each is read, says what was published, and baselines differ from it by configuration only."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from peft import get_peft_model

from spatialmosaic_vlm import SpatialMosaicConfig, SpatialMosaicForConditionalGeneration
from spatialmosaic_vlm.training.arguments import RECIPES, parse_arguments
from spatialmosaic_vlm.training.header import count_weights
from spatialmosaic_vlm.training.start import choose_trained

NAMES = sorted(path.stem for path in RECIPES.glob("*.yaml"))
# The machine that reads a recipe need not have what it asks for.
HERE = ["--use_cpu", "true", "--bf16", "false"]
PUBLISHED = {
    "geometry_config": {"model_type": "vggt_encoder"},
    "text_config": {
        "model_type": "qwen2",
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
    },
}
"""The published model: SigLIP so400m without its last layer, VGGT-1B, Qwen2-7B."""


def resolved(name: str) -> dict[str, object]:
    data, model, training = parse_arguments(["--config", name, *HERE])
    return asdict(data) | asdict(model) | training.to_dict()


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_is_read_and_resolved(name):
    recipe = yaml.safe_load((RECIPES / f"{name}.yaml").read_text(encoding="utf-8"))
    settings = resolved(name)
    assert {key: settings[key] for key in recipe if key not in ("bf16", "use_cpu")} == {
        key: value for key, value in recipe.items() if key not in ("bf16", "use_cpu")
    }
    assert settings["report_to"] == ["tensorboard"]
    assert settings["max_length"] is None


def test_the_published_recipe_is_the_published_one():
    settings = resolved("spatialmosaic_7b")
    published = {"learning_rate": 2e-5, "weight_decay": 0.0, "warmup_steps": 0.03, "num_train_epochs": 5}
    adapter = {"lora_r": 128, "lora_alpha": 256, "lora_dropout": 0.05}
    parts = {"train_parts": ["fusion", "multi_modal_projector"], "lr_scheduler_type": "cosine", "dtype": "bfloat16"}
    wanted = published | adapter | parts
    assert {name: settings[name] for name in wanted} == wanted
    recipe = yaml.safe_load((RECIPES / "spatialmosaic_7b.yaml").read_text(encoding="utf-8"))
    assert recipe["bf16"] is True


@pytest.mark.parametrize(
    ("name", "changes", "fusion"),
    [
        ("spatialmosaic_7b", {}, 7_386_112),
        ("spatialmosaic_7b_no_geometry", {"geometry_config": None}, 0),
        ("spatialmosaic_7b_sample_scope", {"fusion_scope": "sample"}, 7_386_112),
    ],
)
def test_at_the_published_size_the_published_parts_train(name, changes, fusion):
    arguments = parse_arguments(["--config", name, *HERE])[1]
    with torch.device("meta"):
        model = SpatialMosaicForConditionalGeneration(SpatialMosaicConfig(**(PUBLISHED | changes)))
        trained = get_peft_model(model, choose_trained(arguments, model))
    parts = count_weights(trained)
    adapted = {path.rpartition(".lora_A")[0] for path, _ in trained.named_parameters() if ".lora_A." in path}
    assert len(adapted) == 28 * 7
    assert all(".language_model.layers." in path for path in adapted)
    assert {part: counts["trained"] for part, counts in parts.items() if counts["trained"]} == {
        part: number
        for part, number in (
            ("fusion", fusion),
            ("multi_modal_projector", 16_980_992),
            ("language_model", 322_961_408),
        )
        if number
    }
    assert parts["vision_tower"]["frozen"] == 397_747_744
    assert parts["language_model"]["frozen"] == 7_070_619_136
    assert parts.get("geometry_encoder", {"frozen": 0})["frozen"] == (909_111_296 if fusion else 0)


@pytest.mark.parametrize("name", ["no_geometry", "sample_scope"])
def test_baselines_differ_by_their_checkpoint_only(name):
    ours, theirs = resolved("spatialmosaic_7b"), resolved(f"spatialmosaic_7b_{name}")
    assert {key for key in ours if ours[key] != theirs[key]} <= {"model_name_or_path", "output_dir", "logging_dir"}


def test_the_command_line_wins_over_the_recipe():
    _, _, training = parse_arguments(["--config", "recipes/tiny_cpu.yaml", "--learning_rate", "0.5"])
    assert training.learning_rate == 0.5
    assert training.output_dir == "runs/tiny_cpu"


def test_report_to_is_honoured():
    assert parse_arguments(["--config", "tiny_cpu", "--report_to", "none"])[2].report_to == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("no_such_recipe", r"none of the recipes .*spatialmosaic_7b.*tiny_cpu"),
        ("random_model: {}\nlearning_rat: 1", "learning_rat"),
        ("random_model: {}\nmodel_name_or_path: x", "exactly one of model_name_or_path and random_model"),
        ("random_model: {}\nassistant_only_loss: false", "assistant_only_loss must be true"),
        ("random_model: {geometry_confg: null}", "random_model holds geometry_confg, which SpatialMosaicConfig"),
        ("random_model: '{fusion_scope'", "random_model is no JSON"),
        ("random_model: '[1]'", "random_model takes an object"),
        ("random_model: {}\nreport_to: no_such_tracker", "report_to names no_such_tracker, which is not installed"),
        ("random_model: {}\ndataloader_persistent_workers: true", "dataloader_persistent_workers must be false"),
        ("random_model: {}\nquestions_per_set: 0", "questions_per_set takes a positive number"),
        ("a: [", "no YAML"),
    ],
)
def test_a_wrong_recipe_is_refused_in_a_sentence(line, sentence, tmp_path):
    recipe: Path | str = line
    if ":" in line:
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(f"{line}\nuse_cpu: true\nbf16: false\n", encoding="utf-8")
    with pytest.raises((ValueError, FileNotFoundError), match=sentence):
        parse_arguments(["--config", str(recipe)])


@pytest.mark.parametrize("path", sorted((RECIPES / "accelerate").glob("*.yaml")), ids=lambda path: path.stem)
def test_accelerate_reads_every_launch_file(path):
    config = load_config_from_file(str(path))
    stages = {"one_gpu": None, "zero2": 2, "zero3": 3, "zero2_cpu": 2}
    assert config.num_processes == {"one_gpu": 1, "zero2_cpu": 2}.get(path.stem, 8)
    assert getattr(config, "deepspeed_config", {}).get("zero_stage") == stages[path.stem]
