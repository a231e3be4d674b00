"""Imports what the authors' training saved beside its adapter: fusion and projector.

Their attention has two linear layers in a row for queries, keys, values and outputs, with nothing in between. Two such
layers are one: W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2).
"""

from __future__ import annotations

import logging
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

logger = logging.getLogger(__name__)

_NORMS = {"query_norm": "clip_norm", "geometry_norm": "spatial_encoder_norm", "out_norm": "out_norm"}
_PROJECTIONS = {
    "q_proj": "clip_query_proj",
    "k_proj": "spatial_encoder_key_proj",
    "v_proj": "spatial_encoder_value_proj",
}
_PROJECTOR = {"linear_1": "0", "linear_2": "2"}

State = dict[str, torch.Tensor]


def load_authors_weights(model: Any, file: Path) -> None:
    """Set fusion and, where the file holds one, projector of a `SpatialMosaicModel`.

    Args:
        model: The model, with geometry.
        file: PyTorch or safetensors file, as their training writes it.

    Raises:
        ValueError: The file cannot be read, or holds no fusion, or one of another size.
    """
    state = _read(file)
    fusion = merge_fusion(_part(state, "fusion_block."), file)
    _load(model.fusion, fusion, file)
    projector = _part(state, "mm_projector.")
    if projector:
        renamed = {
            f"{ours}.{kind}": projector[f"{theirs}.{kind}"]
            for ours, theirs in _PROJECTOR.items()
            for kind in ("weight", "bias")
        }
        _load(model.multi_modal_projector, renamed, file)
    else:
        logger.warning("%s holds no projector; that of the source stays.", file)


def merge_fusion(theirs: State, file: Path) -> State:
    """Turn the weights of their fusion block into those of `SpatialMosaicFusion`, exactly.

    Args:
        theirs: Weights by their names inside the block.
        file: Where they come from, for messages.

    Raises:
        ValueError: A weight is missing.
    """
    try:
        merged = {
            f"{ours}.{kind}": theirs[f"{name}.{kind}"] for ours, name in _NORMS.items() for kind in ("weight", "bias")
        }
        weights = theirs["cross_attention.in_proj_weight"].chunk(3)
        biases = theirs["cross_attention.in_proj_bias"].chunk(3)
        for (ours, name), weight, bias in zip(_PROJECTIONS.items(), weights, biases, strict=True):
            merged |= _one_after_another(ours, theirs[f"{name}.weight"], theirs[f"{name}.bias"], weight, bias)
        inner, outer = "cross_attention.out_proj", "out_proj"
        merged |= _one_after_another(
            "o_proj",
            theirs[f"{inner}.weight"],
            theirs[f"{inner}.bias"],
            theirs[f"{outer}.weight"],
            theirs[f"{outer}.bias"],
        )
    except KeyError as error:
        raise ValueError(f"Expected the authors' fusion_block in {file}; {error.args[0]} is missing.") from None
    return merged


def _one_after_another(
    name: str, weight: torch.Tensor, bias: torch.Tensor, next_weight: torch.Tensor, next_bias: torch.Tensor
) -> State:
    """Two linear layers as one, in float64: the model rounds to its own type."""
    second = next_weight.double()
    return {
        f"{name}.weight": second @ weight.double(),
        f"{name}.bias": second @ bias.double() + next_bias.double(),
    }


def _read(file: Path) -> State:
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        state: State = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, SafetensorError, UnpicklingError) as error:
        raise ValueError(f"Expected weights of PyTorch or safetensors in {file}; they cannot be read.") from error
    return state


def _part(state: State, name: str) -> State:
    """The weights below a module, without what stands in front of its name."""
    return {key.split(name, 1)[1]: value for key, value in state.items() if name in key}


def _load(module: torch.nn.Module, state: State, file: Path) -> None:
    own = module.state_dict()
    for name, value in state.items():
        if own[name].shape != value.shape:
            raise ValueError(
                f"Expected {name} of shape {tuple(own[name].shape)} in {file}, got {tuple(value.shape)}: "
                "the weights belong to another vision tower or geometry encoder."
            )
    module.load_state_dict(state, strict=False)  # a gate has no counterpart
