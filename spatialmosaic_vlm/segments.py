"""Segments of one long row: how views and samples of different sizes share a batch without padding."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn


def eager_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attend in plain matrix products; the signature is that of transformers' attention interface.

    Args:
        module: The module that attends; unused but for its training mode.
        query: Shape (batch, heads, queries, head width).
        key: Shape (batch, heads, keys, head width).
        value: Shape (batch, heads, keys, head width).
        attention_mask: Added to the scores, or None.
        scaling: Factor of the scores.
        dropout: Share of the weights that is dropped in training.
        **kwargs: What other implementations need.

    Returns:
        Outputs (batch, queries, heads, head width) and weights (batch, heads, queries, keys).
    """
    scores = query @ key.transpose(-1, -2) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


def segment_attention(
    attend: Callable[..., Any],
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    query_lengths: list[int],
    key_lengths: list[int],
) -> torch.Tensor:
    """Let the queries of segment i attend to the keys of segment i and to no others.

    Segments of one length run as a batch. Others run one after another, or at once where the attention implementation
    knows segments (flash attention).

    Args:
        attend: Attention function of transformers' interface.
        module: Has `config`, `scaling`, `is_causal` and `num_key_value_groups`, as transformers' interface asks.
        query: Shape (all queries, heads, head width), the segments one after another.
        key: Shape (all keys, heads, head width).
        value: Shape (all keys, heads, head width).
        query_lengths: Queries of each segment.
        key_lengths: Keys of each segment.

    Returns:
        Shape (all queries, heads * head width).
    """
    implementation: str | None = module.config._attn_implementation  # type: ignore[union-attr, assignment]
    common = {"attention_mask": None, "dropout": 0.0, "scaling": module.scaling, "is_causal": False}

    if len(set(query_lengths)) == 1 and len(set(key_lengths)) == 1:
        batch = (t.unflatten(0, (len(query_lengths), -1)).transpose(1, 2) for t in (query, key, value))
        output: torch.Tensor = attend(module, *batch, **common)[0].flatten(0, 1)
    elif implementation and "flash" in implementation:
        row = (t.transpose(0, 1)[None] for t in (query, key, value))
        bounds = {
            "cu_seq_lens_q": _bounds(query_lengths, query.device),
            "cu_seq_lens_k": _bounds(key_lengths, query.device),
            "max_length_q": max(query_lengths),
            "max_length_k": max(key_lengths),
        }
        output = attend(module, *row, **common, **bounds)[0][0]
    else:
        segments = zip(query.split(query_lengths), key.split(key_lengths), value.split(key_lengths), strict=True)
        output = torch.cat([attend(module, *(t.transpose(0, 1)[None] for t in s), **common)[0][0] for s in segments])
    return output.flatten(1)


def _bounds(lengths: list[int], device: torch.device) -> torch.Tensor:
    """Where segments begin and end, as flash attention wants it: (segments + 1,), int32, from 0."""
    counts = torch.tensor([0, *lengths], device=device, dtype=torch.int32)
    return counts.cumsum(0, dtype=torch.int32)


def view_counts(num_views: torch.Tensor | Sequence[int], total: int) -> list[int]:
    """Read how many views each sample has.

    Args:
        num_views: Views of each sample.
        total: Views of all samples.

    Returns:
        `num_views` as integers.

    Raises:
        ValueError: A count is negative, or they do not add up to `total`.
    """
    counts = num_views.tolist() if isinstance(num_views, torch.Tensor) else [int(count) for count in num_views]
    if sum(counts) != total or any(count < 0 for count in counts):
        raise ValueError(
            f"Expected num_views to share out the {total} views of pixel_values; "
            f"got {counts}, which add up to {sum(counts)}."
        )
    return counts


def grouped(values: list[int], counts: list[int]) -> list[list[int]]:
    """Cut a list into pieces of the given lengths."""
    rest = iter(values)
    return [[next(rest) for _ in range(count)] for count in counts]


__all__ = ["eager_attention_forward", "grouped", "segment_attention", "view_counts"]
