"""A tiny random model with every part of the real ones: for smoke runs and experiments on a CPU."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, SiglipImageProcessorPil

from .configuration_spatial_mosaic import SpatialMosaicConfig
from .modeling_spatial_mosaic import SpatialMosaicForConditionalGeneration
from .processing_spatial_mosaic import SpatialMosaicProcessor

SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>")
_VOCABULARY = 1024
_VISION = {
    "model_type": "siglip_vision_model",
    "hidden_size": 64,
    "intermediate_size": 128,
    "patch_size": 14,
    "image_size": 84,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vision_use_head": False,
}
_GEOMETRY = {
    "model_type": "vggt_encoder",
    "image_size": 84,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_patch_layers": 2,
    "num_attention_heads": 4,
}
_TEXT = {
    "model_type": "qwen2",
    "hidden_size": 96,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    # 1 / sqrt(hidden_size): the default is meant for wide models, and an adapter could not make up for it.
    "initializer_range": 0.1,
}


def write_tiny_checkpoint(
    out: Path, texts: Iterable[str], changes: dict[str, Any] | None = None, seed: int = 0
) -> None:
    """Write a random model and its processor, as `from_pretrained` reads them.

    Args:
        out: Folder to write.
        texts: What the tokenizer learns its words from.
        changes: Fields of `SpatialMosaicConfig` that differ from the tiny ones. `vision_config`, `geometry_config` and
            `text_config` name only what changes in them; a `geometry_config` of None leaves geometry out. The
            `vocab_size` of `text_config` is the most that the tokenizer learns.
        seed: Of the weights.
    """
    changes = dict(changes or {})
    tokenizer = _tokenizer(texts, (changes.get("text_config") or {}).get("vocab_size", _VOCABULARY))
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    fields: dict[str, Any] = {"fusion_num_heads": 4, "image_token_index": tokenizer.convert_tokens_to_ids("<image>")}
    for name, part in (("vision_config", _VISION), ("geometry_config", _GEOMETRY), ("text_config", _TEXT)):
        given = changes.pop(name, {})
        fields[name] = None if given is None else part | given
    fields["text_config"] |= {"vocab_size": len(tokenizer), "bos_token_id": None} | ends
    config = SpatialMosaicConfig(**(fields | changes))
    geometry, side = config.geometry_config, config.vision_config.image_size
    processor = SpatialMosaicProcessor(
        SiglipImageProcessorPil(size={"height": side, "width": side}),
        tokenizer,
        tokens_per_view=config.tokens_per_view,
        geometry_size=None if geometry is None else geometry.image_size,
        geometry_patch_size=14 if geometry is None else geometry.patch_size,
    )
    torch.manual_seed(seed)
    model = SpatialMosaicForConditionalGeneration(config)
    model.generation_config.update(**ends, do_sample=False)
    model.save_pretrained(out)
    processor.save_pretrained(out)


def _tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|endoftext|>", eos_token="<|im_end|>", padding_side="left"
    )
