"""Encoder and whole model against the equations, at random sizes, view counts and shapes."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn

from spatialmosaic_vlm import (
    SpatialMosaicConfig,
    SpatialMosaicForConditionalGeneration,
    VGGTEncoderConfig,
    VGGTEncoderModel,
)

from .plain_reference import geometry, part, view_tokens

TOLERANCE = 1e-5  # of the largest value


def randomised(model: nn.Module, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


def assert_close(ours: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(ours.double(), expected, atol=TOLERANCE * expected.abs().max().item(), rtol=0)


def encoder_sizes(choice: random.Random) -> dict[str, int]:
    heads = choice.choice([2, 3, 4])
    return {
        "image_size": 14 * choice.choice([3, 5, 6]),
        "hidden_size": heads * choice.choice([8, 16]),
        "num_hidden_layers": choice.choice([1, 2, 4]),
        "num_patch_layers": choice.choice([1, 3]),
        "num_attention_heads": heads,
        "num_register_tokens": choice.choice([1, 4]),
    }


def samples_of(choice: random.Random, most_patches: int) -> tuple[list[int], list[tuple[int, int]]]:
    """View counts, and the height and width of the views of each sample."""
    counts = [choice.randint(1, 5) for _ in range(choice.randint(1, 4))]
    return counts, [(14 * choice.randint(1, most_patches), 14 * choice.randint(1, most_patches)) for _ in counts]


def each_view(counts: list[int], sizes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [size for size, count in zip(sizes, counts, strict=True) for _ in range(count)]


@pytest.mark.parametrize("seed", range(8))
def test_the_encoder_equals_its_equations(seed: int) -> None:
    choice = random.Random(seed)
    config = VGGTEncoderConfig(**encoder_sizes(choice))
    model = randomised(VGGTEncoderModel(config), seed)
    counts, sizes = samples_of(choice, 6)
    pixels = torch.rand(sum(counts), 3, 84, 84)
    with torch.no_grad():
        ours = model(pixels, num_views=counts, image_sizes=each_view(counts, sizes), output_hidden_states=True)
    state = {name: value.double() for name, value in model.state_dict().items()}
    rows = [layer.split(counts) for layer in ours.hidden_states]
    for sample, (views, (height, width)) in enumerate(zip(pixels.split(counts), sizes, strict=True)):
        expected = geometry(views[..., :height, :width].double(), state, config)
        for layer, tokens in enumerate(expected):
            assert_close(rows[layer][sample][:, : tokens.shape[1]], tokens)
            assert not rows[layer][sample][:, tokens.shape[1] :].any()


@pytest.mark.parametrize("seed", range(8))
def test_the_model_equals_its_equations(seed: int) -> None:
    choice = random.Random(seed)
    is_clip = choice.random() < 0.5
    vision = {
        "model_type": "clip_vision_model" if is_clip else "siglip_vision_model",
        "hidden_size": 36,
        "intermediate_size": 40,
        "patch_size": 14,
        "image_size": 14 * choice.choice([3, 4, 5]),
        "num_hidden_layers": 3,
        "num_attention_heads": 3,
    }
    text = {
        "model_type": choice.choice(["qwen2", "llama"]),
        "vocab_size": 101,
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    config = SpatialMosaicConfig(
        vision_config=vision,
        geometry_config={"model_type": "vggt_encoder", **encoder_sizes(choice)},
        text_config=text,
        image_token_index=100,
        vision_feature_layer=choice.choice([-1, -2]),
        vision_feature_select_strategy="default" if is_clip else "full",
        fusion_num_heads=choice.choice([3, 4, 6]),
        fusion_scope=choice.choice(["view", "sample"]),
    )
    model = randomised(SpatialMosaicForConditionalGeneration(config), seed)
    counts, sizes = samples_of(choice, 5)
    side = vision["image_size"]
    pixels, shown = torch.randn(sum(counts), 3, side, side), torch.rand(sum(counts), 3, 70, 70)
    prompts = [
        torch.cat(
            [torch.full((count * config.tokens_per_view,), 100), torch.randint(0, 100, (choice.randint(2, 20),))]
        )
        for count in counts
    ]
    padding_side = choice.choice(["left", "right"])
    ids, mask = (
        nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_side=padding_side)
        for rows in (prompts, [torch.ones_like(prompt) for prompt in prompts])
    )
    geometry_sizes = torch.tensor(each_view(counts, sizes))
    with torch.no_grad():
        ours = model(ids, pixels, shown, geometry_sizes, torch.tensor(counts), attention_mask=mask).logits
        state = part(model.state_dict(), "model")
        samples = zip(pixels.split(counts), shown.split(counts), sizes, prompts, strict=True)
        for row, (views, images, (height, width), prompt) in enumerate(samples):
            visual = model.model.vision_tower(views, output_hidden_states=True).hidden_states
            visual = visual[config.vision_feature_layer][:, int(is_clip) :].double()
            tokens = view_tokens(visual, images[..., :height, :width].double(), state, config)
            embeddings = model.get_input_embeddings()(prompt)
            embeddings[prompt == 100] = tokens.flatten(0, 1).float()
            hidden = model.model.language_model(inputs_embeds=embeddings[None], use_cache=False).last_hidden_state[0]
            assert_close(ours[row][mask[row].bool()], model.lm_head(hidden).double())
