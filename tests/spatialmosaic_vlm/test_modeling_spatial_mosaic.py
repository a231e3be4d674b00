"""The whole model: samples keep to themselves, parts can be exchanged, wrong inputs are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from PIL import Image
from torch import nn
from transformers import BatchFeature, Trainer, TrainingArguments

from spatialmosaic_vlm import SpatialMosaicConfig, SpatialMosaicForConditionalGeneration, SpatialMosaicProcessor

Model = SpatialMosaicForConditionalGeneration
ROUNDING = 1e-5
CLIP = {
    "model_type": "clip_vision_model",
    "hidden_size": 24,
    "intermediate_size": 32,
    "patch_size": 14,
    "image_size": 42,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
}
LLAMA = {
    "model_type": "llama",
    "vocab_size": 264,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


@pytest.fixture(scope="module")
def samples(
    picture: Callable[..., Image.Image], conversation: Callable[..., list[dict[str, Any]]]
) -> list[list[dict[str, Any]]]:
    """Three questions about 2, 3 and 1 views, of different shapes."""
    return [
        conversation([picture(1), picture(2, 30, 60)], "Which?"),
        conversation([picture(3), picture(4), picture(5, 90, 30)], "How many chairs are visible?"),
        conversation([picture(6)], "Is there a lamp in Frame 1?"),
    ]


@pytest.fixture(scope="module")
def encode(processor: SpatialMosaicProcessor) -> Callable[..., BatchFeature]:
    def run(samples: list[list[dict[str, Any]]], using: SpatialMosaicProcessor = processor) -> BatchFeature:
        return using.apply_chat_template(
            samples,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            add_generation_prompt=True,
            processor_kwargs={"padding": True},
        )

    return run


def logits(model: Model, inputs: BatchFeature, row: int) -> torch.Tensor:
    """Scores of the real tokens of one row."""
    with torch.no_grad():
        out = model(**inputs).logits[row]
    return out[inputs["attention_mask"][row].bool()]


@pytest.mark.parametrize("scope", ["view", "sample"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("resize", ["stretch", "keep"])
def test_a_batch_equals_its_samples(
    make_model: Callable[..., Model],
    make_processor: Callable[..., SpatialMosaicProcessor],
    samples: list[Any],
    encode: Callable[..., BatchFeature],
    scope: str,
    side: str,
    resize: str,
) -> None:
    model, processor = make_model(fusion_scope=scope), make_processor(geometry_resize=resize)
    processor.tokenizer.padding_side = side
    batch = encode(samples, processor)
    for row, sample in enumerate(samples):
        alone = logits(model, encode([sample], processor), 0)
        torch.testing.assert_close(logits(model, batch, row), alone, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("scope", ["view", "sample"])
def test_a_sample_depends_on_no_bit_of_its_neighbours(
    make_model: Callable[..., Model], samples: list[Any], encode: Callable[..., BatchFeature], scope: str
) -> None:
    model = make_model(fusion_scope=scope)
    batch = encode(samples)
    before = logits(model, batch, 0)
    batch["pixel_values"][2:] *= -1
    batch["geometry_pixel_values"][2:] = 1 - batch["geometry_pixel_values"][2:]
    batch["input_ids"][1:, -5:-1] = 70
    assert torch.equal(logits(model, batch, 0), before)
    assert not torch.equal(logits(model, batch, 1), before)


def test_geometry_and_its_order_matter(model: Model, samples: list[Any], encode: Callable[..., BatchFeature]) -> None:
    inputs = encode(samples[1:2])
    before = logits(model, inputs, 0)[-1]
    inputs["geometry_pixel_values"] = inputs["geometry_pixel_values"].flip(0)
    assert (logits(model, inputs, 0)[-1] - before).abs().max() > 1e-3


def test_sample_scope_sees_the_geometry_of_other_views(
    make_model: Callable[..., Model], samples: list[Any], encode: Callable[..., BatchFeature]
) -> None:
    inputs = encode(samples[:1])
    features = torch.randn(2, 17, 32)
    changed = features.clone()
    changed[1] += 1
    first_view = {}
    for scope in ("view", "sample"):
        model = make_model(fusion_scope=scope).model
        with torch.no_grad():
            tokens = [
                model.get_image_features(inputs["pixel_values"], num_views=[2], geometry_features=given).pooler_output
                for given in (features, changed)
            ]
        first_view[scope] = torch.equal(tokens[0][0], tokens[1][0])
    assert first_view == {"view": True, "sample": False}


def test_views_are_counted_where_num_views_is_missing(
    model: Model, samples: list[Any], encode: Callable[..., BatchFeature]
) -> None:
    inputs = encode(samples)
    expected = logits(model, inputs, 1)
    del inputs["num_views"]
    assert torch.equal(logits(model, inputs, 1), expected)


def test_geometry_tokens_can_be_given(model: Model, samples: list[Any], encode: Callable[..., BatchFeature]) -> None:
    inputs = encode(samples)
    expected = logits(model, inputs, 1)
    with torch.no_grad():
        encoded = model.model.geometry_encoder(inputs.pop("geometry_pixel_values"), num_views=inputs["num_views"])
    inputs["geometry_features"] = torch.cat([encoded.camera_tokens, encoded.patch_tokens], dim=1)
    torch.testing.assert_close(logits(model, inputs, 1), expected, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("scope", ["view", "sample"])
def test_several_samples_in_one_row_equal_each_alone(
    make_model: Callable[..., Model], samples: list[Any], encode: Callable[..., BatchFeature], scope: str
) -> None:
    model = make_model(fusion_scope=scope)
    batch = encode(samples)
    kept = batch["attention_mask"].bool()
    packed = {
        "input_ids": batch["input_ids"][kept][None],
        "position_ids": torch.cat([torch.arange(n) for n in kept.sum(-1).tolist()])[None],
        **{name: batch[name] for name in ("pixel_values", "geometry_pixel_values", "num_views")},
    }
    with torch.no_grad():
        row = model(**packed, use_cache=False).logits[0]
    expected = torch.cat([logits(model, batch, i) for i in range(3)])
    torch.testing.assert_close(row, expected, atol=ROUNDING, rtol=0)
    with pytest.raises(ValueError, match="use_cache=False"):
        model(**packed)
    with pytest.raises(ValueError, match="Expected no attention_mask"):
        model(**packed, use_cache=False, attention_mask=torch.ones_like(packed["input_ids"]))
    del packed["num_views"]
    with pytest.raises(ValueError, match="num_views"):
        model(**packed, use_cache=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"vision_config": CLIP, "vision_feature_layer": -2, "vision_feature_select_strategy": "default"},
        {"text_config": LLAMA},
        {"geometry_config": None},
        {"geometry_features": "camera"},
        {"geometry_features": "patch", "fusion_scope": "sample"},
        {"spatial_pool_stride": 1, "newline_position": "none"},
        {"fusion_gate": True},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_parts_can_be_exchanged(
    make_model: Callable[..., Model],
    make_processor: Callable[..., SpatialMosaicProcessor],
    samples: list[Any],
    encode: Callable[..., BatchFeature],
    changes: dict[str, Any],
) -> None:
    model = make_model(**changes)
    geometry_size = None if model.config.geometry_config is None else 56
    processor = make_processor(tokens_per_view=model.config.tokens_per_view, geometry_size=geometry_size)
    batch = encode(samples, processor)
    assert ("geometry_pixel_values" in batch) == (geometry_size is not None)
    alone = logits(model, encode(samples[:1], processor), 0)
    torch.testing.assert_close(logits(model, batch, 0), alone, atol=ROUNDING, rtol=0)
    out = model(**batch, labels=batch["input_ids"])
    assert out.loss.isfinite()


def test_text_alone_needs_no_views(model: Model, processor: SpatialMosaicProcessor) -> None:
    inputs = processor(text=["How many chairs?", "Yes"], padding=True, return_tensors="pt")
    assert model(**inputs).logits.shape[:2] == inputs["input_ids"].shape


def test_a_batch_may_hold_samples_without_views(
    model: Model, samples: list[Any], encode: Callable[..., BatchFeature], conversation: Callable[..., Any]
) -> None:
    batch = encode([conversation([], "Which?"), samples[0]])
    assert batch["num_views"].tolist() == [0, 2]
    alone = logits(model, encode(samples[:1]), 0)
    torch.testing.assert_close(logits(model, batch, 1), alone, atol=ROUNDING, rtol=0)


def test_frozen_encoders_stay_in_evaluation_and_get_no_gradient(
    make_model: Callable[..., Model], samples: list[Any], encode: Callable[..., BatchFeature]
) -> None:
    model = make_model()
    inner = model.model
    for encoder in (inner.vision_tower, inner.geometry_encoder):
        encoder.requires_grad_(False)
    model.train()
    assert not inner.vision_tower.training
    assert not inner.geometry_encoder.training
    assert inner.fusion.training
    inputs = encode(samples)
    model(**inputs, labels=inputs["input_ids"]).loss.backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == ("vision_tower" in name or "geometry_encoder" in name), name


def test_a_trainer_predicts_scores_alone(
    make_model: Callable[..., Model], samples: list[Any], encode: Callable[..., BatchFeature], tmp_path: Path
) -> None:
    model = make_model()
    arguments = TrainingArguments(tmp_path, use_cpu=True, report_to=[], remove_unused_columns=False, disable_tqdm=True)

    def collate(rows: list[Any]) -> dict[str, torch.Tensor]:
        batch = encode(rows)
        return dict(batch) | {"labels": batch["input_ids"]}

    predicted = Trainer(model, arguments, data_collator=collate).predict(samples).predictions
    expected = model(**encode(samples)).logits.detach().numpy()
    assert isinstance(predicted, np.ndarray)
    np.testing.assert_allclose(predicted, expected, atol=ROUNDING)


def test_the_full_size_is_the_published_one() -> None:
    text = {
        "model_type": "qwen2",
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
    }
    config = SpatialMosaicConfig(text_config=text, geometry_config={"model_type": "vggt_encoder"})
    assert config.tokens_per_view == 210
    with torch.device("meta"):
        model = SpatialMosaicForConditionalGeneration(config)

    def millions(module: nn.Module) -> float:
        return round(sum(p.numel() for p in module.parameters()) / 1e6, 1)

    inner = model.model
    assert [millions(part) for part in (inner.vision_tower, inner.geometry_encoder)] == [397.7, 909.1]
    assert [millions(part) for part in (inner.fusion, inner.multi_modal_projector)] == [7.4, 17.0]
    assert millions(model) == pytest.approx(8947, abs=0.5)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda b: b.update(num_views=torch.tensor([3, 2, 1])), r"do not match.*\[18, 12, 6\].*\[12, 18, 6\]"),
        (lambda b: b.update(num_views=torch.tensor([5, 1])), r"do not match.*\[30, 6\].*\[12, 18, 6\]"),
        (lambda b: b.update(num_views=[2, 1, 2, 1]), r"do not match.*\[12, 6, 12, 6\].*\[12, 18, 6\]"),
        (lambda b: b.pop("pixel_values"), "do not match: tokens: 36, features: 0"),
        (lambda b: b.update(pixel_values=b["pixel_values"][:5]), r"share out the 5 views.*add up to 6"),
        (lambda b: b.update(input_ids=b["input_ids"][:, :60]), "Image features and image tokens do not match"),
        (lambda b: b.pop("geometry_pixel_values"), r"geometry_pixel_values for each of the 6 views.*got none"),
        (
            lambda b: b.update(geometry_pixel_values=b["geometry_pixel_values"][1:]),
            r"geometry_pixel_values for each of the 6 views.*got 5",
        ),
        (lambda b: b.update(geometry_features=torch.zeros(4, 17, 32)), r"geometry_features for each of the 6.*got 4"),
        (lambda b: b.update(pixel_values=b["pixel_values"][..., :28]), "of 42 x 42.*got 42 x 28"),
        (
            lambda b: b.update(geometry_pixel_values=b["geometry_pixel_values"][..., :50]),
            "multiples of 14.*got 56 x 50",
        ),
        (lambda b: b.update(inputs_embeds=torch.zeros(3, 9, 32)), "exactly one of input_ids and inputs_embeds"),
    ],
)
def test_wrong_inputs_are_named_with_both_numbers(
    model: Model,
    samples: list[Any],
    encode: Callable[..., BatchFeature],
    spoil: Callable[[Any], Any],
    message: str,
) -> None:
    inputs = dict(encode(samples))
    spoil(inputs)
    if inputs["input_ids"].shape != inputs["attention_mask"].shape:
        inputs["attention_mask"] = inputs["attention_mask"][:, : inputs["input_ids"].shape[1]]
    with pytest.raises(ValueError, match=message):
        model(**inputs)


def test_geometry_never_guesses_which_views_belong_together(
    model: Model, samples: list[Any], encode: Callable[..., BatchFeature]
) -> None:
    inputs = encode(samples)
    with pytest.raises(ValueError, match=r"Expected num_views.*beside 6 views"):
        model.get_image_features(inputs["pixel_values"], inputs["geometry_pixel_values"])


def test_samples_that_share_rows_end_where_rows_end(
    model: Model, samples: list[Any], encode: Callable[..., BatchFeature]
) -> None:
    inputs = dict(encode(samples)) | {"position_ids": torch.arange(encode(samples)["input_ids"].shape[1])[None]}
    model(**inputs | {"num_views": [1, 1, 3, 1]})
    with pytest.raises(ValueError, match=r"do not match.*\[18, 12, 6\].*\[12, 18, 6\]"):
        model(**inputs | {"num_views": [3, 2, 1]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fusion_num_heads": 5}, "divide the width of the vision tower, 24; got 5"),
        ({"fusion_num_heads": 0}, "divide the width of the vision tower, 24; got 0"),
        ({"fusion_scope": "scene"}, r"fusion_scope.*\n.*one of \('view', 'sample'\), got scene"),
        ({"geometry_features": "register"}, "one of .*got register"),
        ({"spatial_pool_stride": 0}, "at least 1, got 0"),
        ({"geometry_config": {"model_type": "qwen2"}}, "vggt_encoder, got 'qwen2'"),
        ({"vision_config": CLIP}, 'vision_feature_select_strategy="default"'),
    ],
)
def test_wrong_configurations_are_named(
    make_model: Callable[..., Model],
    samples: list[Any],
    encode: Callable[..., BatchFeature],
    changes: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises((ValueError, StrictDataclassError), match=message):
        make_model(**changes)(**encode(samples))


def test_each_part_takes_its_own_attention(
    make_model: Callable[..., Model], samples: list[Any], encode: Callable[..., BatchFeature]
) -> None:
    model, inputs = make_model(), encode(samples)
    expected = logits(model, inputs, 1)
    model.set_attn_implementation({"geometry_config": "eager", "text_config": "sdpa"})
    assert model.model.geometry_encoder.frame_blocks[0].attn.config._attn_implementation == "eager"
    assert model.model.language_model.config._attn_implementation == "sdpa"
    torch.testing.assert_close(logits(model, inputs, 1), expected, atol=ROUNDING, rtol=0)
    model.set_attn_implementation("eager")
    assert model.model.fusion.config._attn_implementation == "eager"
    torch.testing.assert_close(logits(model, inputs, 1), expected, atol=ROUNDING, rtol=0)
