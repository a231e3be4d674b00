"""SpatialMosaicVLM in transformers: questions about several views of a room, answered with VGGT's geometry tokens.

    images, prompt -- processing_spatial_mosaic --> pixels for both encoders, token ids
    views          -- vision tower ------------+--> view tokens
                   -- modeling_vggt -----------+    fused with geometry (fusion), projected, pooled
    tokens         -- modeling_spatial_mosaic --> language model --> answer
    checkpoints    -- convert ------------------> a folder that from_pretrained loads
    records        -- train, training ----------> trained weights

Importing this package makes AutoConfig, AutoModel, AutoModelForImageTextToText and AutoProcessor know it.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .registration import register

if TYPE_CHECKING:
    from .chat_templates import chat_template
    from .configuration_spatial_mosaic import SpatialMosaicConfig
    from .configuration_vggt import VGGTEncoderConfig
    from .modeling_spatial_mosaic import SpatialMosaicForConditionalGeneration, SpatialMosaicModel
    from .modeling_vggt import VGGTEncoderModel
    from .processing_spatial_mosaic import SpatialMosaicProcessor

_HOME = {
    "SpatialMosaicConfig": "configuration_spatial_mosaic",
    "SpatialMosaicForConditionalGeneration": "modeling_spatial_mosaic",
    "SpatialMosaicModel": "modeling_spatial_mosaic",
    "SpatialMosaicProcessor": "processing_spatial_mosaic",
    "VGGTEncoderConfig": "configuration_vggt",
    "VGGTEncoderModel": "modeling_vggt",
    "chat_template": "chat_templates",
}
"""Where the public names live: they are imported on first use, so that `--help` does not wait for PyTorch."""

__all__ = [
    "SpatialMosaicConfig",
    "SpatialMosaicForConditionalGeneration",
    "SpatialMosaicModel",
    "SpatialMosaicProcessor",
    "VGGTEncoderConfig",
    "VGGTEncoderModel",
    "chat_template",
]

if find_spec("torch") is None or find_spec("transformers") is None:
    raise ImportError("The model needs PyTorch and transformers: pip install 'spatialmosaic[vlm]'.")
register()


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOME[name]}", __name__), name)
