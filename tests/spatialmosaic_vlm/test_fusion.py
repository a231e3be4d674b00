"""Fusion, projection and pooling against other ways to write them down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AttentionInterface

from spatialmosaic_vlm import SpatialMosaicConfig
from spatialmosaic_vlm.fusion import SpatialMosaicFusion, end_rows, pool_views

Config = Callable[..., SpatialMosaicConfig]
ROUNDING = 1e-5


@pytest.fixture
def fusion(make_config: Config) -> SpatialMosaicFusion:
    torch.manual_seed(0)
    fusion = SpatialMosaicFusion(make_config()).eval()
    for parameter in fusion.parameters():
        nn.init.normal_(parameter, std=0.3)
    return fusion


def as_multihead_attention(fusion: SpatialMosaicFusion) -> nn.MultiheadAttention:
    """The same attention as PyTorch's own module, with projections of its own."""
    attention = nn.MultiheadAttention(24, 4, kdim=32, vdim=32, batch_first=True)
    with torch.no_grad():
        for part in "qkv":
            getattr(attention, f"{part}_proj_weight").copy_(getattr(fusion, f"{part}_proj").weight)
        attention.in_proj_bias.copy_(torch.cat([fusion.q_proj.bias, fusion.k_proj.bias, fusion.v_proj.bias]))
        attention.out_proj.load_state_dict(fusion.o_proj.state_dict())
    return attention


def test_equals_multihead_attention_view_by_view(fusion: SpatialMosaicFusion) -> None:
    visual, geometry = torch.randn(3, 9, 24), torch.randn(3, 17, 32)
    query, memory = fusion.query_norm(visual), fusion.geometry_norm(geometry)
    attended, _ = as_multihead_attention(fusion)(query, memory, memory)
    expected = visual + fusion.out_norm(attended)
    ours = fusion(visual.flatten(0, 1), geometry.flatten(0, 1), [9] * 3, [17] * 3)
    torch.testing.assert_close(ours.view_as(visual), expected, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_unequal_segments_equal_each_alone(fusion: SpatialMosaicFusion, implementation: str) -> None:
    fusion.config._attn_implementation = implementation
    visual, geometry = torch.randn(27, 24), torch.randn(40, 32)
    together = fusion(visual, geometry, [9, 18], [10, 30])
    alone = [fusion(visual[:9], geometry[:10], [9], [10]), fusion(visual[9:], geometry[10:], [18], [30])]
    torch.testing.assert_close(together, torch.cat(alone), atol=ROUNDING, rtol=0)


def test_order_of_geometry_tokens_does_not_matter(fusion: SpatialMosaicFusion) -> None:
    visual, geometry = torch.randn(9, 24), torch.randn(17, 32)
    flipped = fusion(visual, geometry.flip(0), [9], [17])
    torch.testing.assert_close(fusion(visual, geometry, [9], [17]), flipped, atol=ROUNDING, rtol=0)


def test_a_closed_gate_leaves_the_visual_tokens(make_config: Config) -> None:
    fusion = SpatialMosaicFusion(make_config(fusion_gate=True))
    visual = torch.randn(9, 24)
    assert torch.equal(fusion(visual, torch.randn(17, 32), [9], [17]), visual)


def test_dropout_spares_the_residual(make_config: Config) -> None:
    fusion = SpatialMosaicFusion(make_config(fusion_dropout=1.0)).train()
    visual = torch.randn(9, 24)
    assert torch.equal(fusion(visual, torch.randn(17, 32), [9], [17]), visual)


def test_pooling_is_bilinear_with_a_newline_after_each_row() -> None:
    x, newline = torch.randn(2, 25, 6), torch.randn(6)
    pooled = end_rows(pool_views(x, 2), newline).view(2, 3, 4, 6)
    assert torch.equal(pooled[:, :, 3], newline.expand(2, 3, 6))
    # 5 -> 3: output centres lie at 1/3, 2 and 11/3 of the input's rows and columns.
    grid = x.view(2, 5, 5, 6)
    torch.testing.assert_close(pooled[:, 1, 1], grid[:, 2, 2], atol=ROUNDING, rtol=0)
    rows = grid[:, 0] * 2 / 3 + grid[:, 1] / 3
    torch.testing.assert_close(pooled[:, 0, 0], rows[:, 0] * 2 / 3 + rows[:, 1] / 3, atol=ROUNDING, rtol=0)


def test_a_stride_of_one_changes_nothing() -> None:
    x = torch.randn(2, 9, 6)
    assert torch.equal(pool_views(x, 1), x)


def test_flash_attention_is_told_the_segments(fusion: SpatialMosaicFusion) -> None:
    """Flash attention itself needs a GPU; this stands in its place and reads the same arguments."""

    def by_bounds(module: nn.Module, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *_: Any, **how: Any) -> Any:
        assert how["cu_seq_lens_q"].dtype == how["cu_seq_lens_k"].dtype == torch.int32
        assert (how["max_length_q"], how["max_length_k"]) == (18, 30)
        queries, keys = how["cu_seq_lens_q"].tolist(), how["cu_seq_lens_k"].tolist()
        assert (queries, keys) == ([0, 9, 27], [0, 10, 40])
        parts = [
            nn.functional.scaled_dot_product_attention(
                q[..., a:b, :], k[..., c:d, :], v[..., c:d, :], scale=how["scaling"]
            )
            for a, b, c, d in zip(queries, queries[1:], keys, keys[1:], strict=False)
        ]
        return torch.cat(parts, dim=2).transpose(1, 2), None

    AttentionInterface.register("flash_stand_in", by_bounds)
    visual, geometry = torch.randn(27, 24), torch.randn(40, 32)
    expected = fusion(visual, geometry, [9, 18], [10, 30])
    fusion.config._attn_implementation = "flash_stand_in"
    torch.testing.assert_close(fusion(visual, geometry, [9, 18], [10, 30]), expected, atol=ROUNDING, rtol=0)
