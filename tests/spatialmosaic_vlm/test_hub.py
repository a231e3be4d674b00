"""What push_to_hub wrote comes back through the Auto classes by its name on the Hub."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from spatialmosaic_vlm import SpatialMosaicForConditionalGeneration

from ..hub_server import HubServer

PUSH = """
import sys
import spatialmosaic_vlm
from transformers import AutoModelForImageTextToText, AutoProcessor

folder, name, max_shard_size = sys.argv[1:]
AutoModelForImageTextToText.from_pretrained(folder).push_to_hub(name, max_shard_size=max_shard_size)
AutoProcessor.from_pretrained(folder).push_to_hub(name)
"""


@pytest.mark.parametrize("max_shard_size", ["5GB", "30KB"])
def test_a_pushed_model_loads_by_its_name_with_the_package_and_without(
    hub: HubServer,
    max_shard_size: str,
    model: SpatialMosaicForConditionalGeneration,
    folder: Path,
    inputs: dict[str, torch.Tensor],
    tmp_path: Path,
) -> None:
    run(hub, tmp_path / "pusher", "-c", PUSH, folder, "tester/tiny", max_shard_size)
    pushed = hub.files("models", "tester/tiny")
    weights = [name for name in pushed if name.endswith(".safetensors")]
    assert len(weights) == 1 if max_shard_size == "5GB" else len(weights) > 2
    assert {"config.json", "processor_config.json", "tokenizer.json", "modeling_spatial_mosaic.py"} <= set(pushed)

    torch.save(inputs, tmp_path / "inputs.pt")
    for package in ("with", "without"):
        script, out = Path(__file__).with_name("load_and_answer.py"), tmp_path / f"{package}.pt"
        run(hub, tmp_path / package, script, package, "tester/tiny", tmp_path / "inputs.pt", out)
        results = torch.load(out)
        assert results["classes"] == [
            "SpatialMosaicConfig",
            "SpatialMosaicForConditionalGeneration",
            "SpatialMosaicModel",
            "SpatialMosaicProcessor",
        ]
        assert set(results["modules"]) == {"spatialmosaic_vlm" if package == "with" else "transformers_modules"}
        with torch.no_grad():
            assert torch.equal(results["logits"], model(**inputs).logits)
            assert torch.equal(results["hidden"], model.model(**inputs).last_hidden_state)


def run(hub: HubServer, home: Path, *arguments: object) -> None:
    """Run Python with a cache of its own: what it finds, it got from the Hub."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=os.environ | hub.environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
