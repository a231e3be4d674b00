"""From encoder tokens to language model tokens: fusion with geometry, projection, pooling."""

import math

import torch
from torch import nn
from transformers.activations import ACT2FN
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .configuration_spatial_mosaic import SpatialMosaicConfig
from .segments import eager_attention_forward, segment_attention


class SpatialMosaicFusion(nn.Module):
    """Visual tokens query geometry tokens (paper, Eq. 8), with the norms, output projection and residual of the code."""

    def __init__(self, config: SpatialMosaicConfig):
        super().__init__()
        self.config = config
        visual, geometric = config.vision_config.hidden_size, config.geometry_config.output_size
        self.head_dim = visual // config.fusion_num_heads
        self.scaling = self.head_dim**-0.5
        self.is_causal = False
        self.num_key_value_groups = 1
        self.query_norm, self.geometry_norm = nn.LayerNorm(visual), nn.LayerNorm(geometric)
        self.q_proj = nn.Linear(visual, visual)
        self.k_proj = nn.Linear(geometric, visual)
        self.v_proj = nn.Linear(geometric, visual)
        self.o_proj = nn.Linear(visual, visual)
        self.out_norm = nn.LayerNorm(visual)
        self.dropout = nn.Dropout(config.fusion_dropout)
        self.gate = nn.Parameter(torch.zeros(1)) if config.fusion_gate else None

    def forward(
        self, visual: torch.Tensor, geometry: torch.Tensor, visual_lengths: list[int], geometry_lengths: list[int]
    ) -> torch.Tensor:
        """Add to each visual token what it finds in the geometry of its segment, a view or a sample.

        Args:
            visual: Shape (visual tokens of all views, vision width).
            geometry: Shape (geometry tokens of all views, geometry width).
            visual_lengths: Visual tokens of each segment.
            geometry_lengths: Geometry tokens of each segment.

        Returns:
            As `visual`.
        """
        q, memory = self.q_proj(self.query_norm(visual)), self.geometry_norm(geometry)
        q, k, v = (t.unflatten(-1, (-1, self.head_dim)) for t in (q, self.k_proj(memory), self.v_proj(memory)))
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, eager_attention_forward)
        attended = segment_attention(attend, self, q, k, v, visual_lengths, geometry_lengths)
        branch = self.dropout(self.out_norm(self.o_proj(attended)))
        return visual + (branch if self.gate is None else self.gate.tanh() * branch)


class SpatialMosaicProjector(nn.Module):
    """Two linear layers from the width of the vision tower to that of the language model."""

    def __init__(self, config: SpatialMosaicConfig):
        super().__init__()
        self.linear_1 = nn.Linear(config.vision_config.hidden_size, config.text_config.hidden_size)
        self.act = ACT2FN[config.projector_hidden_act]
        self.linear_2 = nn.Linear(config.text_config.hidden_size, config.text_config.hidden_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Change the last dimension."""
        return self.linear_2(self.act(self.linear_1(x)))


def pool_views(x: torch.Tensor, stride: int) -> torch.Tensor:
    """Shrink the square of tokens of each view.

    Args:
        x: Shape (views, side * side, width), row by row.
        stride: Factor by which the side shrinks, rounded up; 1 keeps it.

    Returns:
        Shape (views, rows * rows, width).
    """
    if stride == 1:
        return x
    side = math.isqrt(x.shape[1])
    rows = -(-side // stride)
    square = x.unflatten(1, (side, side)).permute(0, 3, 1, 2)
    return nn.functional.interpolate(square, size=(rows, rows), mode="bilinear").permute(0, 2, 3, 1).flatten(1, 2)


def end_rows(x: torch.Tensor, newline: torch.Tensor) -> torch.Tensor:
    """Put a newline token (width,) behind each row of the square of tokens of each view.

    Turns (views, rows * rows, width) into (views, rows * (rows + 1), width).
    """
    rows = math.isqrt(x.shape[1])
    square = x.unflatten(1, (rows, rows))
    return torch.cat([square, newline.to(x).expand(*square.shape[:2], 1, -1)], dim=2).flatten(1, 2)


__all__ = ["SpatialMosaicFusion", "SpatialMosaicProjector", "end_rows", "pool_views"]
