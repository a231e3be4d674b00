"""Several questions about the same views in one row: the views once, then each question as a branch of its own.

    prefix: system text, views, what the questions share | branch 1: question, answer | branch 2: question, answer | ...

A token of a branch sees the prefix and its own branch; positions restart behind the prefix. So each branch computes what
its question computes alone, and the views are encoded and read once.
"""

from collections.abc import Callable

import torch
from transformers import PreTrainedConfig
from transformers.masking_utils import create_causal_mask


def branch_mask(
    config: PreTrainedConfig,
    inputs_embeds: torch.Tensor,
    attention_mask: torch.Tensor | None,
    branch_ids: torch.Tensor,
) -> torch.Tensor:
    """Say what sees what in rows of branches, in the form that the attention implementation takes.

    Args:
        config: Of the language model.
        inputs_embeds: Shape (batch, tokens, text width).
        attention_mask: Shape (batch, tokens); 0 where there is padding. None where there is none.
        branch_ids: Shape (batch, tokens); 0 in the prefix, the number of the branch behind it.

    Returns:
        Shape (batch, 1, tokens, tokens), or flex attention's block mask.

    Raises:
        ValueError: The attention implementation takes no mask of its own, as flash attention does not.
    """
    implementation = config._attn_implementation or ""
    if "flash" in implementation:
        raise ValueError(
            f"Expected attention that takes a mask (sdpa, flex_attention or eager) for several questions in a row, got "
            f"{implementation}. Set attn_implementation, or questions_per_set to 1."
        )
    mask = create_causal_mask(
        config, inputs_embeds, attention_mask, past_key_values=None, and_mask_function=_own_branch(branch_ids)
    )
    assert mask is not None
    return mask


def _own_branch(branch_ids: torch.Tensor) -> Callable[..., torch.Tensor]:
    def sees(batch: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return (branch_ids[batch, key] == 0) | (branch_ids[batch, key] == branch_ids[batch, query])

    return sees


__all__ = ["branch_mask"]
