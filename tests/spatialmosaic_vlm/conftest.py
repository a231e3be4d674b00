"""Models of a few thousand random weights, with every part of the real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, SiglipImageProcessor

from spatialmosaic_vlm import (
    SpatialMosaicConfig,
    SpatialMosaicForConditionalGeneration,
    SpatialMosaicProcessor,
    VGGTEncoderConfig,
)

SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>")
VISION = {
    "model_type": "siglip_vision_model",
    "hidden_size": 24,
    "intermediate_size": 32,
    "patch_size": 14,
    "image_size": 42,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vision_use_head": False,
}
GEOMETRY = {
    "model_type": "vggt_encoder",
    "image_size": 56,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_patch_layers": 1,
    "num_attention_heads": 2,
}
TEXT = {
    "model_type": "qwen2",
    "vocab_size": 264,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 256,
    "eos_token_id": 258,
    "pad_token_id": 256,
}


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny tensors gain nothing from threads, and tests run in parallel."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_tokenizer() -> Callable[..., PreTrainedTokenizerFast]:
    """Makes a tokenizer of bytes and special tokens; `extra` special tokens come last."""

    def make(extra: tuple[str, ...] = SPECIAL_TOKENS) -> PreTrainedTokenizerFast:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens(list(extra))
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="<|endoftext|>", eos_token="<|im_end|>", padding_side="left"
        )

    return make


@pytest.fixture(scope="session")
def make_config() -> Callable[..., SpatialMosaicConfig]:
    """Makes a tiny configuration; keyword arguments replace parts of it."""

    def make(**changes: Any) -> SpatialMosaicConfig:
        parts = {"vision_config": VISION, "geometry_config": GEOMETRY, "text_config": TEXT}
        defaults: dict[str, Any] = {"image_token_index": 259, "fusion_num_heads": 4}
        return SpatialMosaicConfig(**(defaults | parts | changes))

    return make


@pytest.fixture(scope="session")
def make_model(
    make_config: Callable[..., SpatialMosaicConfig],
) -> Callable[..., SpatialMosaicForConditionalGeneration]:
    """Makes a tiny model whose random weights are large enough for every part to matter."""

    def make(**changes: Any) -> SpatialMosaicForConditionalGeneration:
        torch.manual_seed(0)
        model = SpatialMosaicForConditionalGeneration(make_config(**changes)).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
        return model

    return make


@pytest.fixture(scope="session")
def make_processor(
    make_tokenizer: Callable[..., PreTrainedTokenizerFast], make_config: Callable[..., SpatialMosaicConfig]
) -> Callable[..., SpatialMosaicProcessor]:
    def make(**changes: Any) -> SpatialMosaicProcessor:
        defaults: dict[str, Any] = {"tokens_per_view": make_config().tokens_per_view, "geometry_size": 56}
        image_processor = SiglipImageProcessor(size={"height": 42, "width": 42})
        return SpatialMosaicProcessor(image_processor, make_tokenizer(), **(defaults | changes))

    return make


@pytest.fixture(scope="session")
def model(make_model: Callable[..., SpatialMosaicForConditionalGeneration]) -> SpatialMosaicForConditionalGeneration:
    """The tiny model. Shared: do not change it."""
    return make_model()


@pytest.fixture(scope="session")
def processor(make_processor: Callable[..., SpatialMosaicProcessor]) -> SpatialMosaicProcessor:
    return make_processor()


@pytest.fixture(scope="session")
def picture() -> Callable[..., Image.Image]:
    """Makes a random picture of a width and height."""

    def make(seed: int, width: int = 64, height: int = 48) -> Image.Image:
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        return Image.fromarray(pixels)

    return make


@pytest.fixture(scope="session")
def conversation() -> Callable[[list[Image.Image], str], list[dict[str, Any]]]:
    """Makes the messages that ask a question about pictures."""

    def make(pictures: list[Image.Image], question: str) -> list[dict[str, Any]]:
        images = [{"type": "image", "image": picture} for picture in pictures]
        return [{"role": "user", "content": [*images, {"type": "text", "text": question}]}]

    return make


@pytest.fixture(scope="session")
def inputs(
    processor: SpatialMosaicProcessor,
    picture: Callable[..., Image.Image],
    conversation: Callable[..., list[dict[str, Any]]],
) -> dict[str, torch.Tensor]:
    """Two samples, of two views and of one. Shared: do not change them."""
    return dict(
        processor.apply_chat_template(
            [conversation([picture(1), picture(2)], "Which?"), conversation([picture(3)], "How many?")],
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            add_generation_prompt=True,
            processor_kwargs={"padding": True},
        )
    )


@pytest.fixture(scope="session")
def folder(
    model: SpatialMosaicForConditionalGeneration,
    processor: SpatialMosaicProcessor,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The tiny model and its processor, saved."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_vggt() -> Callable[..., VGGTEncoderConfig]:
    """The configuration behind the golden numbers."""

    def make(**changes: Any) -> VGGTEncoderConfig:
        defaults: dict[str, Any] = {
            "image_size": 70,
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_patch_layers": 2,
            "num_attention_heads": 4,
        }
        return VGGTEncoderConfig(**(defaults | changes))

    return make
