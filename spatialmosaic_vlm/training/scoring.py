"""Which answers a model gives, without generating them: for experiments while training; benchmarks are run by `eval`."""

from __future__ import annotations

from typing import Any

import torch

from ..processing_spatial_mosaic import SpatialMosaicProcessor
from .collator import FrameSetCollator
from .records import Records

_IGNORED = -100


@torch.no_grad()
def right_answers(
    model: Any, processor: SpatialMosaicProcessor, records: Records, questions_per_set: int = 8, batch_size: int = 8
) -> list[bool]:
    """Tell which records a model answers word for word.

    An answer counts if each of its tokens, its end among them, is the most likely one behind the tokens before it: greedy
    decoding then writes exactly this answer.

    Args:
        model: Of this package, with its adapter or without.
        processor: Of the model.
        records: What is asked.
        questions_per_set: Questions that share a row.
        batch_size: Rows of a batch.

    Returns:
        One entry a record, in the order of `records.table`.
    """
    model.eval()
    rows, collate = records.rows(questions_per_set), FrameSetCollator(processor)
    right = [False] * len(records.table)
    for start in range(0, len(rows), batch_size):
        some = [rows[place] for place in range(start, min(start + batch_size, len(rows)))]
        batch = {name: value.to(model.device) for name, value in collate(some).items()}
        labels, branches = batch.pop("labels"), batch.get("branch_ids")
        best = model(**batch, use_cache=False).logits.argmax(-1)
        is_wrong = (labels[:, 1:] != _IGNORED) & (labels[:, 1:] != best[:, :-1])
        for place, row in enumerate(some):
            for number, record in enumerate(row["records"], 1):
                mine = is_wrong[place] if branches is None else is_wrong[place] & (branches[place, 1:] == number)
                right[record] = not bool(mine.any())
    return right
