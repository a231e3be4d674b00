"""What a run leaves behind: the trained weights, and a merged model that `from_pretrained` loads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from peft import PeftConfig, PeftModel
from transformers import AutoProcessor

from ..modeling_spatial_mosaic import SpatialMosaicForConditionalGeneration


def export_merged(adapter: Path, out: Path) -> Path:
    """Add an adapter, and the parts that were trained in full beside it, to the model that they were trained on.

    Args:
        adapter: Folder of a run's adapter, or one of its checkpoints.
        out: Folder to write; replaced if it exists.

    Returns:
        `out`, with model, processor and the code that loads both.

    Raises:
        FileNotFoundError: The folder holds no adapter.
    """
    if not (adapter / "adapter_config.json").is_file():
        raise FileNotFoundError(
            f"{adapter} holds no adapter; pass the folder `adapter` of a run, or one of its checkpoints. Runs with "
            "lora_r 0 write whole models."
        )
    base = PeftConfig.from_pretrained(str(adapter)).base_model_name_or_path
    model = SpatialMosaicForConditionalGeneration.from_pretrained(base, dtype="auto")
    merged = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    merged.save_pretrained(partial)
    AutoProcessor.from_pretrained(base).save_pretrained(partial)
    keep_origin(Path(base), partial)
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return out


def keep_origin(base: Path, out: Path) -> None:
    """Write beside a trained model what its parts were before, so that a run that goes on from it knows their licences."""
    file = base / "conversion.json"
    if file.is_file():
        origin = json.loads(file.read_text(encoding="utf-8")) | {"trained_since": True}
        (out / file.name).write_text(json.dumps(origin, indent=2), encoding="utf-8")
