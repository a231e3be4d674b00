"""Placeholder tokens in the text against the views that replace them: every mismatch is an error with both numbers."""

from collections.abc import Sequence
from itertools import accumulate

import torch

# TRL recognises a prompt that was cut off by these words.
MISMATCH = "Image features and image tokens do not match"


def views_by_row(
    input_ids: torch.Tensor,
    num_views: torch.Tensor | Sequence[int] | None,
    image_token_id: int,
    tokens_per_view: int,
    may_share_rows: bool = False,
) -> list[int]:
    """Count the views of each row by its placeholders, or check given counts against them.

    Args:
        input_ids: Shape (batch, tokens).
        num_views: Views of each sample, or None.
        image_token_id: The placeholder.
        tokens_per_view: Placeholders of one view.
        may_share_rows: Whether a row may hold several samples, one after another.

    Returns:
        Views of each sample.

    Raises:
        ValueError: A row has no whole number of views, or not the given one.
    """
    rows = (input_ids == image_token_id).sum(-1).tolist()
    if num_views is None:
        if any(count % tokens_per_view for count in rows):
            raise ValueError(
                f"{MISMATCH}: each view takes {tokens_per_view} placeholder tokens, but the rows of input_ids have "
                f"{rows}. Truncation must not cut them off."
            )
        return [count // tokens_per_view for count in rows]
    counts = [int(count) for count in num_views]
    wanted = [count * tokens_per_view for count in counts]
    if wanted != rows and not (may_share_rows and _fills(wanted, rows)):
        raise ValueError(
            f"{MISMATCH}: the views of the samples need {wanted} placeholder tokens ({tokens_per_view} each), but the "
            f"rows of input_ids have {rows}. Truncation must not cut them off."
        )
    return counts


def _fills(pieces: list[int], rows: list[int]) -> bool:
    """Whether pieces, one after another, fill rows without one that crosses from a row to the next."""
    return sum(pieces) == sum(rows) and {0, *accumulate(pieces)}.issuperset(accumulate(rows))


def refuse_placeholders(input_ids: torch.Tensor, image_token_id: int) -> None:
    """Refuse placeholders that no view will replace.

    Raises:
        ValueError: There are any.
    """
    count = int((input_ids == image_token_id).sum())
    if count:
        raise ValueError(f"{MISMATCH}: tokens: {count}, features: 0. Expected pixel_values beside the placeholders.")


def check_packing(
    position_ids: torch.Tensor | None, attention_mask: torch.Tensor | None, use_cache: bool, views_are_counted: bool
) -> None:
    """Refuse rows of several samples that would see each other.

    Args:
        position_ids: Shape (batch, tokens); they restart where a sample begins.
        attention_mask: Shape (batch, tokens), or any other kind, which says what sees what by itself.
        use_cache: Whether the language model will keep a cache.
        views_are_counted: Whether the views of each sample are known, or there are none.

    Raises:
        ValueError: The language model or the geometry encoder would mix the samples.
    """
    if position_ids is None or position_ids.ndim != 2 or position_ids.shape[1] == 1:
        return
    restarts = position_ids[:, 1:] < position_ids[:, :-1]
    if attention_mask is not None:
        if not isinstance(attention_mask, torch.Tensor) or attention_mask.ndim != 2:
            return
        is_real = attention_mask[:, -position_ids.shape[1] :].bool()
        restarts = restarts & is_real[:, 1:] & is_real[:, :-1]
    if not bool(restarts.any()):
        return
    if attention_mask is not None:
        raise ValueError(
            "Expected no attention_mask with several samples in one row (position_ids restart): "
            "with one of shape (batch, tokens) the language model does not keep them apart."
        )
    if use_cache:
        raise ValueError(
            "Expected use_cache=False with several samples in one row (position_ids restart): "
            "with a cache the language model does not keep them apart."
        )
    if not views_are_counted:
        raise ValueError("Expected num_views with several samples in one row: geometry must not mix samples.")


__all__ = ["MISMATCH", "check_packing", "refuse_placeholders", "views_by_row"]
