"""The geometry encoders that a SpatialMosaic model can have, and how their tokens are read."""

from typing import Any

import torch
from transformers import PreTrainedConfig
from transformers.modeling_utils import PreTrainedModel

from .modeling_vggt import VGGTEncoderModel

# By model type, not by configuration class: code that is loaded from the Hub may exist twice in one process.
GEOMETRY_ENCODERS = {"vggt_encoder": VGGTEncoderModel}


def build_geometry_encoder(config: PreTrainedConfig) -> PreTrainedModel:
    """Build the geometry encoder that a configuration describes, with random weights.

    An encoder takes `pixel_values` in [0, 1], `num_views` and `image_sizes`, and returns `camera_tokens`,
    `patch_tokens` and `patch_mask` as `VGGTEncoderOutput` describes them; its configuration has an `output_size`.

    Raises:
        ValueError: No encoder is known for the configuration's `model_type`.
    """
    if config.model_type not in GEOMETRY_ENCODERS:
        known = ", ".join(sorted(GEOMETRY_ENCODERS))
        raise ValueError(f"Expected a geometry encoder of type {known}, got {config.model_type!r}.")
    return GEOMETRY_ENCODERS[config.model_type]._from_config(config)


def geometry_row(outputs: Any, features: str) -> tuple[torch.Tensor, list[int]]:
    """Lay the geometry tokens of all views in a row, without padding.

    Args:
        outputs: What the encoder returned, such as a `VGGTEncoderOutput`.
        features: Which tokens: `all` (camera first, then patches), `patch` or `camera`.

    Returns:
        Tokens (tokens of all views, width), and how many each view has.
    """
    camera, patches, mask = outputs.camera_tokens, outputs.patch_tokens, outputs.patch_mask
    counts = [patches.shape[1]] * len(patches) if mask is None else mask.sum(-1).tolist()
    if features == "camera":
        return camera.flatten(0, 1), [1] * len(camera)
    rows = [view[:count] for view, count in zip(patches, counts, strict=True)]
    if features == "all":
        rows = [torch.cat(view) for view in zip(camera, rows, strict=True)]
    return torch.cat(rows), [len(row) for row in rows]


__all__ = ["GEOMETRY_ENCODERS", "build_geometry_encoder", "geometry_row"]
