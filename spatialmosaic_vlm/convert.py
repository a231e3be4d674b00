"""Builds a starting checkpoint: a pretrained vision-language model, VGGT, and a new or imported fusion.

LLaVA checkpoint, or vision tower and language model --> layouts --> configuration, renamed weights
VGGT checkpoint ----------------------------------------------> geometry encoder
the authors' weights ------------------------> authors_weights --> fusion, projector
all of it -----------------------------------------------------> a folder that from_pretrained loads
"""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .layouts import Layout

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConvertConfig:
    """What the checkpoint is built from. Sources are folders or names on the Hub."""

    out: Path
    """Folder to write; it must not exist."""
    source: str | None = None
    """A vision-language model: lmms-lab/LLaVA-Video-7B-Qwen2, llava-hf/llava-onevision-qwen2-*, or
    llava-hf/LLaVA-NeXT-Video-7B-hf."""
    vision: str | None = None
    """Instead of a source: a vision tower, such as google/siglip-so400m-patch14-384 ..."""
    text: str | None = None
    """... and a language model, such as Qwen/Qwen2-7B-Instruct; the projector is then new."""
    geometry: str | None = "facebook/VGGT-1B"
    """The geometry encoder; None builds a model without geometry."""
    fusion: Path | None = None
    """Trained weights of the authors (non_lora_trainables.bin): fusion and, where it holds one, projector."""
    fusion_scope: Literal["view", "sample"] = "view"
    """Whether view tokens attend to the geometry of their view (the authors' code) or of all views (the paper)."""
    fusion_gate: bool = False
    """Whether a gate, closed at first, lets training start from the behaviour of the source."""
    geometry_resize: Literal["stretch", "keep", "pad"] = "stretch"
    """How images are brought to the size of the geometry encoder."""
    frame_labels: bool = True
    """Whether prompts announce each image as the questions call it, "Frame 1"."""
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    """Type of the weights."""
    max_shard_size: str = "5GB"
    """Largest file of weights."""
    seed: int = 0
    """Seed of the weights that are new."""


def convert(config: ConvertConfig) -> Path:
    """Build the checkpoint.

    Args:
        config: Sources and choices; written beside the weights as conversion.json.

    Returns:
        The folder, with model, processor and the code that loads both.

    Raises:
        FileExistsError: The folder exists.
        FileNotFoundError: There is no file of fusion weights.
        ValueError: Sources that do not make a model; says which and why.
    """
    if config.out.exists():
        raise FileExistsError(f"{config.out} exists; name another folder or remove it.")
    given = [config.source is not None, config.vision is not None, config.text is not None]
    if given not in ([True, False, False], [False, True, True]):
        raise ValueError("Expected either a source, or a vision tower and a language model (--vision and --text).")
    if config.fusion is not None and config.geometry is None:
        raise ValueError("Expected a geometry encoder for the fusion weights; without one there is no fusion.")
    if config.fusion is not None and not config.fusion.is_file():
        raise FileNotFoundError(f"Expected the authors' weights in {config.fusion}; there is no such file.")

    import torch

    from .layouts import build_processor, read_layout

    torch.manual_seed(config.seed)
    layout = read_layout(config)
    processor = build_processor(config, layout)
    model = _load_weights(config, layout)
    if len(processor.tokenizer) > model.config.text_config.vocab_size:
        model.resize_token_embeddings(len(processor.tokenizer))
    model.config.image_token_index = processor.image_token_id
    _set_generation(model, processor.tokenizer, layout.answer_end)

    partial = config.out.with_name(f"{config.out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        model.save_pretrained(partial, max_shard_size=config.max_shard_size)
        processor.save_pretrained(partial)
        choices = json.dumps(dataclasses.asdict(config), default=str, indent=2)
        (partial / "conversion.json").write_text(f"{choices}\n", encoding="utf-8")
        partial.rename(config.out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return config.out


def _load_weights(config: ConvertConfig, layout: Layout) -> Any:
    """Load the source's weights under our names, then the parts that it lacks."""
    import torch
    from transformers import AutoModel

    from .authors_weights import load_authors_weights
    from .modeling_spatial_mosaic import SpatialMosaicForConditionalGeneration
    from .modeling_vggt import VGGTEncoderModel

    dtype = getattr(torch, config.dtype)
    source = config.source or config.text
    model, report = SpatialMosaicForConditionalGeneration.from_pretrained(
        source, config=layout.config, key_mapping=layout.key_mapping, dtype=dtype, output_loading_info=True
    )
    # Otherwise saving would rename the weights back, and a plain from_pretrained would find none of them.
    model._weight_conversions = None
    _refuse_gaps(report, source, new_parts=layout.new_parts)
    parts = (
        ("vision_tower", AutoModel, config.vision, layout.config.vision_config),
        ("geometry_encoder", VGGTEncoderModel, config.geometry, layout.config.geometry_config),
    )
    for name, kind, part_source, part_config in parts:
        if part_source is not None:
            part, report = kind.from_pretrained(part_source, config=part_config, dtype=dtype, output_loading_info=True)
            _refuse_gaps(report, part_source)
            setattr(model.model, name, part)
    if config.fusion is not None:
        load_authors_weights(model.model, config.fusion)
    return model


def _refuse_gaps(report: dict[str, Any], source: str | None, new_parts: tuple[str, ...] = ()) -> None:
    lacking = sorted(name for name in report["missing_keys"] if not name.startswith(new_parts))
    if lacking:
        raise ValueError(
            f"Expected all weights of the model in {source}; {len(lacking)} are missing, such as {lacking[0]}."
        )


def _set_generation(model: Any, tokenizer: Any, answer_end: str) -> None:
    """Let answers end where the prompt's format says, whatever the source's defaults."""
    end = tokenizer.convert_tokens_to_ids(answer_end)
    known = model.generation_config.eos_token_id
    known = known if isinstance(known, list) else [known]
    model.generation_config.eos_token_id = list(dict.fromkeys(i for i in (end, *known) if i is not None))
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    # Sampling is a choice of whoever asks; the source's settings for chats do not fit short answers.
    for name in ("temperature", "top_p", "top_k", "repetition_penalty"):
        setattr(model.generation_config, name, None)
    model.generation_config.do_sample = False
