"""What a run pushes: the merged model and the adapter, each with a card, and nothing of the machine that trained."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from spatialmosaic_vlm.train import train

from ...hub_server import HubServer

LOAD = """
import sys
import spatialmosaic_vlm
from peft import PeftModel
from transformers import AutoModelForImageTextToText, AutoProcessor

merged, adapter, base = sys.argv[1:]
model = AutoModelForImageTextToText.from_pretrained(merged)
processor = AutoProcessor.from_pretrained(merged)
assert processor.tokens_per_view == model.config.tokens_per_view
again = PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained(base), adapter).merge_and_unload()
for (name, one), two in zip(model.state_dict().items(), again.state_dict().values(), strict=True):
    assert (one - two).abs().max() < 1e-6, name
"""


UPLOAD = """
import sys
from huggingface_hub import HfApi

folder, name = sys.argv[1:]
HfApi().create_repo(name, repo_type="dataset")
HfApi().upload_folder(folder_path=folder, repo_id=name, repo_type="dataset")
"""


def run(hub: HubServer, home: Path, *command: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | hub.environment(home) | {"OMP_NUM_THREADS": "1"}
    python = [sys.executable, *map(str, command)]
    return subprocess.run(python, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def command(rooms, tmp_path):
    data = ["--config", "tiny_cpu", "--dataset", "tester/questions", "--image_root", rooms, "--max_steps", "2"]
    folder = ["--output_dir", tmp_path / "run", "--per_device_train_batch_size", "2", "--push_to_hub", "true"]
    return ["-m", "spatialmosaic_vlm.train", *data, *folder]


def test_a_run_on_a_dataset_of_the_hub_pushes_model_and_adapter_with_their_cards(
    hub: HubServer, command, tmp_path, rooms, questions
):
    uploaded = run(hub, tmp_path / "uploader", "-c", UPLOAD, questions, "tester/questions")
    assert uploaded.returncode == 0, uploaded.stderr[-3000:]
    done = run(hub, tmp_path / "home", *command, "--hub_model_id", "tester/rooms")
    assert done.returncode == 0, done.stderr[-3000:]
    merged, adapter = (hub.files("models", name) for name in ("tester/rooms", "tester/rooms-adapter"))
    assert {"README.md", "curve.png", "model.safetensors", "config.json", "processor_config.json"} <= set(merged)
    assert {"README.md", "curve.png", "adapter_model.safetensors", "adapter_config.json"} <= set(adapter)
    for files in (merged, adapter):
        assert "training_args.bin" not in files
        assert not any(
            str(tmp_path).encode() in content or str(rooms).encode() in content for content in files.values()
        )
        card = files["README.md"].decode()
        data = yaml.safe_load(card.split("---")[1])
        assert data["pipeline_tag"] == "image-text-to-text"
        for needed in (
            "160 questions on 1 ScanNet++ scenes, split `train` of `tester/questions`",
            "| learning_rate | 0.002 |",
            "CPU",
            "terms of use",
        ):
            assert needed in card, needed
    assert yaml.safe_load(adapter["README.md"].decode().split("---")[1])["library_name"] == "peft"
    loaded = run(
        hub, tmp_path / "other", "-c", LOAD, "tester/rooms", "tester/rooms-adapter", tmp_path / "run" / "start"
    )
    assert loaded.returncode == 0, loaded.stderr[-3000:]


def test_a_push_that_cannot_succeed_ends_before_training(hub: HubServer, command, tmp_path):
    done = run(hub, tmp_path / "home", *command, "--hub_model_id", "somebody/else", "--hub_token", "wrong")
    assert done.returncode == 1
    assert "does not let somebody/else be written" in done.stderr
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_push_without_a_name_is_refused(arguments, tmp_path):
    with pytest.raises(ValueError, match="push_to_hub needs hub_model_id"):
        train(arguments(tmp_path / "run", "--push_to_hub", "true"))
