"""Whole runs: what they say, what they leave behind, and that a run that was stopped or shared out is the same run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file
from torch.utils.data import DataLoader
from transformers import AutoModelForImageTextToText, AutoProcessor
from trl import SFTTrainer

from spatialmosaic_vlm.train import main, sentence, train
from spatialmosaic_vlm.training.arguments import RECIPES
from spatialmosaic_vlm.training.checkpoints import is_whole
from spatialmosaic_vlm.training.collator import FrameSetCollator
from spatialmosaic_vlm.training.export import export_merged
from spatialmosaic_vlm.training.header import format_header
from spatialmosaic_vlm.training.records import read_records
from spatialmosaic_vlm.training.trainer import SpatialMosaicTrainer

STEPS = 6
TWO_STEPS = ("--max_steps", "2", "--save_steps", "1", "--export_merged", "false")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}


def losses(run: Path) -> dict[int, float]:
    log = json.loads((run / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
    return {entry["step"]: entry["loss"] for entry in log if "loss" in entry}


@pytest.fixture(scope="module")
def run(arguments, tmp_path_factory) -> Path:
    """An unbroken run of a few steps with a held-out split. Shared: do not change it."""
    folder = tmp_path_factory.mktemp("run") / "unbroken"
    more = ["--max_steps", str(STEPS), "--save_steps", "2", "--eval_split", "test", "--max_eval_records", "8"]
    return train(arguments(folder, *more, "--eval_strategy", "steps", "--eval_steps", "3"))


def test_the_run_folder_says_what_was_trained(run):
    header = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert header["effective_batch"]["rows"] == 2
    assert header["data"]["records"] == 160
    assert header["parts"]["vision_tower"]["trained"] == header["parts"]["geometry_encoder"]["trained"] == 0
    assert header["parts"]["fusion"]["frozen"] == header["parts"]["multi_modal_projector"]["frozen"] == 0
    assert header["parts"]["language_model"]["trained"] > 0
    config = header["config"]
    assert config["model"]["lora_r"] == 16
    assert config["training"]["learning_rate"] == 2e-3
    assert config["data"]["questions_per_set"] == 4
    assert set(header["versions"]) >= {"torch", "transformers", "trl", "peft"}
    screen = format_header(header)
    for line in (
        "effective batch: 2 rows",
        "  learning_rate: 0.002",
        "  weight_decay: 0.0",
        "  lora_r: 16",
        "  profile: paper",
    ):
        assert f"\n{line}" in f"\n{screen}", line
    assert "token" not in screen.split("training:")[1]


def test_a_curve_and_tensorboard_files_lie_beside_the_run(run):
    with Image.open(run / "curve.png") as curve:
        assert curve.format == "PNG"
        assert len(curve.convert("L").getcolors() or ()) > 10
    assert list(run.rglob("events.out.tfevents.*"))
    assert set(losses(run)) == set(range(1, STEPS + 1))


def test_a_checkpoint_holds_what_trains_and_no_more(run):
    weights = load_file(run / f"checkpoint-{STEPS}" / "adapter_model.safetensors")
    kinds = {"lora", "fusion", "multi_modal_projector"}
    assert {kind for name in weights for kind in kinds if kind in name} == kinds
    assert all(any(kind in name for kind in kinds) for name in weights)


def test_the_merged_model_is_the_trained_one(run, records):
    merged = AutoModelForImageTextToText.from_pretrained(run / "merged")
    processor = AutoProcessor.from_pretrained(run / "merged")
    base = AutoModelForImageTextToText.from_pretrained(run / "start")
    batch = FrameSetCollator(processor)([records.rows(1)[0]])
    with torch.no_grad():
        before = base(**batch).logits
        trained = PeftModel.from_pretrained(base, str(run / "adapter"))(**batch).logits
        torch.testing.assert_close(merged(**batch).logits, trained, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(before, trained, atol=1e-3)
    started, ended = load_file(run / "start/model.safetensors"), load_file(run / "merged/model.safetensors")
    frozen = [name for name in started if "vision_tower" in name or "geometry_encoder" in name or "newline" in name]
    assert frozen
    assert all(torch.equal(started[name], ended[name]) for name in frozen)


def test_models_remember_what_they_were_made_of(arguments, start, tmp_path):
    made_of = Path(shutil.copytree(start, tmp_path / "made"))
    (made_of / "conversion.json").write_text('{"geometry": "facebook/VGGT-1B"}', encoding="utf-8")
    data, model, settings = arguments(tmp_path / "run", "--max_steps", "1")
    named = replace(model, random_model=None, model_name_or_path=str(made_of))
    train((data, named, settings))
    full = arguments(tmp_path / "full", "--max_steps", "1")[2]
    train((data, replace(named, lora_r=0), full))
    for folder in ("run/merged", "full/model"):
        origin = json.loads((tmp_path / folder / "conversion.json").read_text(encoding="utf-8"))
        assert origin == {"geometry": "facebook/VGGT-1B", "trained_since": True}


def test_any_checkpoint_can_be_merged(run, tmp_path):
    export_merged(run / "checkpoint-4", tmp_path / "merged")
    assert AutoModelForImageTextToText.from_pretrained(tmp_path / "merged").config.model_type == "spatial_mosaic"
    with pytest.raises(FileNotFoundError, match="holds no adapter"):
        export_merged(run / "start", tmp_path / "other")


def test_frozen_encoders_are_in_evaluation_mode_while_training(arguments, tmp_path, monkeypatch):
    modes = []
    step = SpatialMosaicTrainer.training_step

    def watched(self, model, *args, **kwargs):
        loss = step(self, model, *args, **kwargs)
        inner = model.get_base_model().model
        modes.append([part.training for part in (inner, inner.fusion, inner.vision_tower, inner.geometry_encoder)])
        return loss

    monkeypatch.setattr(SpatialMosaicTrainer, "training_step", watched)
    train(arguments(tmp_path, "--max_steps", "1", "--export_merged", "false"))
    assert modes == [[True, True, False, False]]


def test_recomputing_activations_changes_nothing(arguments, tmp_path):
    options = ["--activation_checkpointing", "true", "--max_steps", "2", "--export_merged", "false"]
    again = train(arguments(tmp_path / "run", *options, "--lr_scheduler_type", "constant"))
    plain = train(arguments(tmp_path / "plain", *options[2:], "--lr_scheduler_type", "constant"))
    assert losses(again) == pytest.approx(losses(plain), rel=1e-6)


def test_frozen_weights_may_be_in_bfloat16(run, arguments, tmp_path):
    options = ["--dtype", "bfloat16", "--bf16", "true", "--max_steps", "1", "--export_merged", "false"]
    again = train(arguments(tmp_path / "run", *options))
    assert losses(again)[1] == pytest.approx(losses(run)[1], rel=5e-3)
    trained = load_file(again / "adapter" / "adapter_model.safetensors")
    assert {weight.dtype for weight in trained.values()} == {torch.float32}


def test_parts_train_in_full_without_an_adapter(arguments, tmp_path):
    options = ["--lora_r", "0", "--train_parts", "language_model", "lm_head", "--max_steps", "2"]
    run = train(arguments(tmp_path / "run", *options))
    started, ended = (load_file(run / name / "model.safetensors") for name in ("start", "model"))
    changed = {name.split(".layers")[0] for name in started if not torch.equal(started[name], ended[name])}
    assert changed == {
        "lm_head.weight",
        "model.language_model",
        "model.language_model.embed_tokens.weight",
        "model.language_model.norm.weight",
    }


def test_a_folder_with_a_run_is_not_overwritten_by_accident(run):
    with pytest.raises(SystemExit, match=r"^error: .* holds the run checkpoint-6 already; pass --resume"):
        main(["--config", "tiny_cpu", "--output_dir", str(run)])


def test_an_adapter_does_not_go_on_with_another_model(run, arguments, start, tmp_path):
    options = ["--resume_from_checkpoint", str(run / "checkpoint-4"), "--max_steps", "5"]
    with pytest.raises(ValueError, match=r"checkpoint-4 was trained on .*start, but the recipe names"):
        train(arguments(tmp_path, *options))
    with pytest.raises(FileNotFoundError, match="is no whole checkpoint"):
        train(arguments(tmp_path, "--resume_from_checkpoint", str(run / "start")))


@pytest.fixture(scope="module")
def ended_run(arguments, tmp_path_factory) -> Path:
    """A run of two steps with a checkpoint of each, and nothing merged. Tests go on with it in turn."""
    return train(arguments(tmp_path_factory.mktemp("ended"), *TWO_STEPS))


def test_a_run_that_has_ended_is_not_trained_further(arguments, ended_run):
    before, adapter = losses(ended_run), ended_run / "adapter" / "adapter_model.safetensors"
    weights = load_file(adapter)
    shutil.rmtree(adapter.parent)  # as if it had been killed before its end
    train(arguments(ended_run, *TWO_STEPS, "--resume_from_checkpoint", "true"))
    assert losses(ended_run) == before
    assert not (ended_run / "checkpoint-3").exists()
    again = load_file(adapter)
    assert all(torch.equal(again[name], value) for name, value in weights.items())


def test_a_checkpoint_that_is_written_again_is_not_whole_meanwhile(arguments, ended_run, monkeypatch):
    assert is_whole(ended_run / "checkpoint-2")

    def full_disk(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(SFTTrainer, "_save_checkpoint", full_disk)
    with pytest.raises(OSError, match="no space"):
        train(arguments(ended_run, *TWO_STEPS, "--resume_from_checkpoint", str(ended_run / "checkpoint-1")))
    assert not is_whole(ended_run / "checkpoint-2")


def test_every_record_is_asked_once_an_epoch(arguments, tmp_path, monkeypatch):
    asked: list[int] = []
    collate = FrameSetCollator.__call__

    def noted(self, rows):
        asked.extend(record for row in rows for record in row["records"])
        return collate(self, rows)

    monkeypatch.setattr(FrameSetCollator, "__call__", noted)
    options = ["--num_train_epochs", "2", "--per_device_train_batch_size", "5", "--gradient_accumulation_steps", "2"]
    train(arguments(tmp_path, *options, "--max_records", "50", "--export_merged", "false"))
    once = list(range(50))
    first, second = asked[: len(once)], asked[len(once) :]
    assert sorted(first) == sorted(second) == once
    assert first != second


def test_what_a_loader_process_could_not_read_is_said_in_a_sentence(arguments, rooms, tmp_path):
    root = tmp_path / "images"
    shutil.copytree(rooms, root)
    data = replace(arguments(tmp_path)[0], image_root=str(root))
    picture = root / read_records(data, "train", None).table[0]["image_paths"][0]
    picture.write_bytes(picture.read_bytes()[:500])
    rows = read_records(data, "train", None).rows(1)
    with pytest.raises(ValueError, match="Traceback") as caught:
        next(iter(DataLoader(rows, num_workers=1, collate_fn=list)))
    assert re.fullmatch(r"A picture of record \w+ cannot be read \(.*\); remove it and run .*", sentence(caught.value))


@pytest.fixture
def command(rooms, questions):
    """Makes the command line of a run in a process of its own."""

    def make(run: Path, *more: str, launcher: tuple[str, ...] = ()) -> list[str]:
        recipe = [] if "--config" in more else ["--config", "tiny_cpu"]
        data = [*recipe, "--dataset", str(questions), "--image_root", str(rooms)]
        quick = ["--questions_per_set", "4", "--logging_steps", "1", "--export_merged", "false"]
        module = ["-m", "spatialmosaic_vlm.train"]
        return [sys.executable, *launcher, *module, *data, *quick, "--output_dir", str(run), *more]

    return make


def finish(command: list[str]) -> None:
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_with_the_same_losses(command, tmp_path):
    # Over the ends of epochs, with a loader process and accumulation, as the recipes for GPUs have them.
    options = ["--per_device_train_batch_size", "2", "--max_steps", "12", "--save_steps", "2", "--max_records", "40"]
    options += ["--gradient_accumulation_steps", "2", "--dataloader_num_workers", "1"]
    options += ["--resume_from_checkpoint", "true"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finish(command(whole, *options))
    first = subprocess.Popen(
        command(broken, *options), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 200
    while not (broken / "checkpoint-6").exists() and time.monotonic() < until:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert not (broken / "trainer_state.json").exists(), "the run ended before it was killed"
    (broken / "checkpoint-99").mkdir()  # as if it had died in the middle of writing one
    finish(command(broken, *options))
    assert losses(broken) == losses(whole)
    assert list(losses(whole)) == list(range(1, 13))


@pytest.mark.slow
@pytest.mark.parametrize("stage", [2, 3])
def test_two_processes_that_share_out_the_training_are_one_process(command, start, stage, tmp_path):
    launch_file = yaml.safe_load((RECIPES / "accelerate" / "zero2_cpu.yaml").read_text(encoding="utf-8"))
    launch_file["deepspeed_config"] |= {"zero_stage": stage, "zero3_save_16bit_model": stage == 3}
    recipe = yaml.safe_load((RECIPES / "tiny_cpu.yaml").read_text(encoding="utf-8"))
    del recipe["random_model"]
    for name, content in (("launch", launch_file), ("recipe", recipe | {"model_name_or_path": str(start)})):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    launch = ("-m", "accelerate.commands.launch", "--config_file", str(tmp_path / "launch.yaml"))
    options = ["--config", str(tmp_path / "recipe.yaml"), "--max_steps", "5", "--lora_dropout", "0"]
    one, two = tmp_path / "one", tmp_path / "two"
    finish(command(one, *options, "--per_device_train_batch_size", "4"))
    shared_out = ["--per_device_train_batch_size", "1", "--gradient_accumulation_steps", "2"]
    shared_out += ["--save_steps", "5", "--export_merged", "true"]
    finish(command(two, *options, *shared_out, launcher=launch))
    assert json.loads((two / "run.json").read_text(encoding="utf-8"))["effective_batch"]["rows"] == 4
    assert list((two / "checkpoint-5").glob("global_step5/*zero_pp_rank_1*optim_states.pt"))
    assert losses(two) == pytest.approx(losses(one), rel=1e-5)
    weights, others = (load_file(run / "adapter" / "adapter_model.safetensors") for run in (one, two))
    assert set(weights) == set(others)
    for name, value in weights.items():
        torch.testing.assert_close(others[name], value, rtol=1e-3, atol=1e-4)
    merged = load_file(two / "merged" / "model.safetensors")
    assert set(merged) == set(load_file(start / "model.safetensors"))


@pytest.mark.slow
def test_encoders_train_in_several_processes(command, start, tmp_path):
    options = ["--lora_r", "0", "--train_parts", "vision_tower", "geometry_encoder", "--max_steps", "3"]
    options += ["--per_device_train_batch_size", "1"]
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    finish(command(tmp_path / "run", *options, launcher=launch))
    assert json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["effective_batch"]["processes"] == 2
    assert list(losses(tmp_path / "run")) == [1, 2, 3]
