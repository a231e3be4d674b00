"""Where training starts: a checkpoint or a tiny random model, its processor, and which of its weights train."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from peft import LoraConfig
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoProcessor
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

from ..configuration_spatial_mosaic import SpatialMosaicConfig
from ..modeling_spatial_mosaic import SpatialMosaicForConditionalGeneration
from ..processing_spatial_mosaic import SpatialMosaicProcessor
from ..tiny import write_tiny_checkpoint
from .arguments import ModelArguments

logger = logging.getLogger(__name__)

PARTS = {
    "vision_tower": "model.vision_tower",
    "geometry_encoder": "model.geometry_encoder",
    "fusion": "model.fusion",
    "multi_modal_projector": "model.multi_modal_projector",
    "language_model": "model.language_model",
    "lm_head": "lm_head",
}
"""What a recipe calls the parts, and where they are in the model."""


def random_start(arguments: ModelArguments, run_folder: Path, texts: Iterable[str], seed: int) -> str:
    """Write the tiny random model that a recipe asks for below the run folder, once, and return the folder.

    It is a checkpoint like any other: a resumed run and the merged export start from the same weights.

    Raises:
        ValueError: The weights would be shared out over processes before they exist.
    """
    if is_deepspeed_zero3_enabled():
        raise ValueError(
            "A random model cannot begin under ZeRO-3; train a step of it without, and name the folder start of that run "
            "as model_name_or_path."
        )
    folder = run_folder / "start"
    if not folder.is_dir():
        assert isinstance(arguments.random_model, dict)
        partial = folder.with_name("start.partial")
        shutil.rmtree(partial, ignore_errors=True)
        write_tiny_checkpoint(partial, texts, arguments.random_model, seed=seed)
        partial.rename(folder)
    return str(folder.resolve())


def load_start(
    arguments: ModelArguments, source: str
) -> tuple[SpatialMosaicForConditionalGeneration, SpatialMosaicProcessor]:
    """Load model and processor, and refuse what does not fit together.

    Raises:
        ValueError: The checkpoint is of another kind, lacks weights, has weights of other sizes, or its processor makes
            other inputs than the model takes.
    """
    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise ValueError(f"{source} is no checkpoint: {error}") from error
    if not isinstance(config, SpatialMosaicConfig):
        raise ValueError(
            f"{source} is a {config.model_type}, not a SpatialMosaic checkpoint; make one of it with "
            f"`spatialmosaic-convert --source {source} --out START`, and train that."
        )
    options: dict[str, Any] = {"dtype": arguments.dtype}
    if arguments.attn_implementation:
        options["attn_implementation"] = arguments.attn_implementation
    try:
        model, report = SpatialMosaicForConditionalGeneration.from_pretrained(
            source, output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
    except (ImportError, SafetensorError) as error:
        raise ValueError(f"{source} cannot be loaded: {error}") from error
    _refuse_misfits(source, report)
    try:
        processor = AutoProcessor.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise ValueError(f"{source} holds no processor: {error}") from error
    _refuse_other_inputs(source, config, processor)
    return model, processor


def _refuse_misfits(source: str, report: dict[str, Any]) -> None:
    """Weights that a checkpoint lacks would silently be random."""
    mismatched = [entry if isinstance(entry, str) else entry[0] for entry in report["mismatched_keys"]]
    for names, fault in (
        (mismatched, "have another size than its config.json says"),
        (report["missing_keys"], "are missing"),
    ):
        if names:
            raise ValueError(
                f"The weights in {source} do not fit its configuration: {len(names)} {fault}, such as {min(names)}. "
                "Make the checkpoint again with `spatialmosaic-convert`."
            )


def _refuse_other_inputs(source: str, config: SpatialMosaicConfig, processor: Any) -> None:
    if not isinstance(processor, SpatialMosaicProcessor):
        raise ValueError(
            f"{source} holds no SpatialMosaic processor; make the checkpoint with `spatialmosaic-convert`."
        )
    geometry = None if config.geometry_config is None else "geometry"
    pairs = {
        "tokens of a view": (processor.tokens_per_view, config.tokens_per_view),
        "placeholder token": (processor.image_token_id, config.image_token_id),
        "geometry": (None if processor.geometry_size is None else "geometry", geometry),
    }
    for what, (theirs, ours) in pairs.items():
        if theirs != ours:
            raise ValueError(
                f"The processor in {source} does not fit its model: {what} {theirs} against {ours}. "
                "Make the checkpoint again with `spatialmosaic-convert`."
            )


def trained_in_full(arguments: ModelArguments, model: nn.Module) -> list[str]:
    """Name the parts whose every weight trains, of those that the model has.

    Raises:
        ValueError: A part is unknown, or none is left and there is no adapter.
    """
    unknown = [name for name in arguments.train_parts if name not in PARTS]
    if unknown:
        raise ValueError(f"train_parts holds {', '.join(unknown)}; the parts are {', '.join(PARTS)}.")
    parts = [name for name in arguments.train_parts if _part(model, name) is not None]
    if arguments.lora_r and {"language_model", "lm_head"} & set(parts):
        raise ValueError(
            "The language model trains either in full or by an adapter: set lora_r to 0, or shorten train_parts."
        )
    if not parts and not arguments.lora_r:
        raise ValueError("Nothing would train: lora_r is 0, and the model has none of the train_parts.")
    return parts


def choose_trained(arguments: ModelArguments, model: nn.Module) -> LoraConfig | None:
    """Say what trains: the adapter's configuration, or None after freezing all other parts.

    Raises:
        ValueError: A part is unknown, or nothing would train.
    """
    parts = trained_in_full(arguments, model)
    if arguments.lora_r:
        return LoraConfig(
            task_type="CAUSAL_LM",
            r=arguments.lora_r,
            lora_alpha=arguments.lora_alpha,
            lora_dropout=arguments.lora_dropout,
            target_modules=arguments.lora_target_modules,
            modules_to_save=parts or None,
        )
    model.requires_grad_(False)
    for name in parts:
        part = _part(model, name)
        assert part is not None
        part.requires_grad_(True)
    return None


def leaves_weights_unused(arguments: ModelArguments) -> bool:
    """Tell whether weights train that no loss depends on: those of an encoder behind the layer that is read."""
    return not {"vision_tower", "geometry_encoder"}.isdisjoint(arguments.train_parts)


def _part(model: nn.Module, name: str) -> nn.Module | None:
    part: Any = model
    for step in PARTS[name].split("."):
        part = getattr(part, step)
    return part
