"""Our models in transformers' own tests of models; run by `test_upstream_suite.py`, which fetches those tests.

Every test that is skipped here says why. Samples have one view each, so that rows of `pixel_values` are samples: the
suite cuts batches by rows.
"""

from __future__ import annotations

import copy
import unittest
from typing import Any

import torch
from transformers_tests import test_modeling_common as upstream

from spatialmosaic_vlm import (
    SpatialMosaicConfig,
    SpatialMosaicForConditionalGeneration,
    SpatialMosaicModel,
    VGGTEncoderConfig,
    VGGTEncoderModel,
)

# The suite asks these tables which classes have no loss, and which want labels.
upstream.MODEL_MAPPING_NAMES["spatial_mosaic"] = "SpatialMosaicModel"
upstream.MODEL_MAPPING_NAMES["vggt_encoder"] = "VGGTEncoderModel"
upstream.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES["spatial_mosaic"] = "SpatialMosaicForConditionalGeneration"

BATCH = 3
IMAGE_TOKEN = 5
ONE_VIEW_EACH = torch.ones(BATCH, dtype=torch.long)


def random_pixels(side: int) -> torch.Tensor:
    return torch.rand(BATCH, 3, side, side, device=upstream.torch_device)


class VGGTEncoderTester:
    """A tiny encoder and its inputs."""

    hidden_size = 32  # of the output: within the view, and across views
    num_hidden_layers = 2
    expected_num_hidden_layers = 2  # the input of the first pair is not among the outputs
    seq_length = encoder_seq_length = 5 + 9
    is_training = True
    batch_size = BATCH

    def __init__(self, parent: Any):
        self.parent = parent

    def get_config(self) -> VGGTEncoderConfig:
        return VGGTEncoderConfig(
            image_size=42, hidden_size=16, num_hidden_layers=2, num_patch_layers=1, num_attention_heads=2
        )

    def prepare_config_and_inputs_for_common(self) -> tuple[VGGTEncoderConfig, dict[str, Any]]:
        return self.get_config(), {"pixel_values": random_pixels(42), "num_views": ONE_VIEW_EACH}


class VGGTEncoderTest(upstream.ModelTesterMixin, unittest.TestCase):
    all_model_classes = (VGGTEncoderModel,)
    has_attentions = False  # attention maps across all views would be large, and nobody reads them
    test_resize_embeddings = False

    def setUp(self) -> None:
        self.model_tester = VGGTEncoderTester(self)

    @unittest.skip("The input embeddings are a convolution.")
    def test_model_get_set_embeddings(self) -> None: ...

    @unittest.skip("The encoder has no inputs_embeds.")
    def test_inputs_embeds(self) -> None: ...

    @unittest.skip("The output of a pair is put together for its reader; the next pair goes on from one half of it.")
    def test_retain_grad_hidden_states_attentions(self) -> None: ...


class SpatialMosaicTester:
    """A tiny model and its inputs."""

    hidden_size = 32
    num_hidden_layers = 2
    num_attention_heads = 4
    seq_length = encoder_seq_length = 6 + 7
    is_training = True
    batch_size = BATCH

    def __init__(self, parent: Any):
        self.parent = parent

    def get_config(self) -> SpatialMosaicConfig:
        return SpatialMosaicConfig(
            vision_config={
                "model_type": "siglip_vision_model",
                "hidden_size": 24,
                "intermediate_size": 32,
                "patch_size": 14,
                "image_size": 42,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "vision_use_head": False,
            },
            geometry_config=VGGTEncoderTester(None).get_config().to_dict(),
            text_config={
                "model_type": "qwen2",
                "vocab_size": 99,
                "hidden_size": 32,
                "intermediate_size": 48,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_key_value_heads": 2,
                "max_position_embeddings": 64,
                "bos_token_id": 0,
                "eos_token_id": 1,
                "pad_token_id": 2,
            },
            image_token_index=IMAGE_TOKEN,
            fusion_num_heads=4,
        )

    def prepare_config_and_inputs_for_common(self) -> tuple[SpatialMosaicConfig, dict[str, Any]]:
        config = self.get_config()
        ids = torch.randint(IMAGE_TOKEN + 1, 99, (BATCH, self.seq_length), device=upstream.torch_device)
        ids[:, 1 : 1 + config.tokens_per_view] = IMAGE_TOKEN
        return config, {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "pixel_values": random_pixels(42),
            "geometry_pixel_values": random_pixels(42),
            "num_views": ONE_VIEW_EACH,
        }


class SpatialMosaicTest(upstream.ModelTesterMixin, unittest.TestCase):
    all_model_classes = (SpatialMosaicModel, SpatialMosaicForConditionalGeneration)
    _is_composite = True
    test_all_params_have_gradient = False  # view tokens are read in front of the vision tower's last norm

    def setUp(self) -> None:
        self.model_tester = SpatialMosaicTester(self)

    def _prepare_for_class(
        self, inputs_dict: dict[str, Any], model_class: type, return_labels: bool = False
    ) -> dict[str, Any]:
        inputs = copy.deepcopy(inputs_dict)
        if return_labels and model_class is SpatialMosaicForConditionalGeneration:
            inputs["labels"] = inputs["input_ids"].clone()
        return inputs

    def _image_features_prepare_config_and_inputs(self) -> tuple[SpatialMosaicConfig, dict[str, Any]]:
        config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
        views = ("pixel_values", "geometry_pixel_values", "num_views")
        return config, {name: inputs[name] for name in views}

    @unittest.skip("The source distribution lacks the tests of generation; test_generation.py stands for them.")
    def test_generation_tester_mixin_inheritance(self) -> None: ...
