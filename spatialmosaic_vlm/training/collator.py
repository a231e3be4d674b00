"""From rows to batches: the views once a row, the questions on them as branches behind a shared prefix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..processing_spatial_mosaic import SpatialMosaicProcessor

_IGNORED = -100
"""Label of a token that is not learnt."""


@dataclass(frozen=True)
class Tokens:
    """A conversation as tokens."""

    ids: list[int]
    is_answer: list[bool]
    """What the loss is computed on: the answer, with the token that ends it."""


@dataclass(frozen=True)
class Row:
    """One row of a batch, before padding; all lists have one entry a token."""

    ids: list[int]
    labels: list[int]
    positions: list[int]
    branches: list[int]
    """0 in the prefix, the number of the question behind it."""


def tokenize(processor: SpatialMosaicProcessor, conversations: Sequence[list[dict[str, Any]]]) -> list[Tokens]:
    """Write conversations as tokens, each image as the placeholders of a view; as the processor does with pictures.

    Args:
        processor: Of the model.
        conversations: Messages as `prompting.messages` writes them, with answers.

    Returns:
        One entry a conversation.
    """
    encoded = processor.tokenizer.apply_chat_template(
        list(conversations),
        chat_template=processor.chat_template,
        tokenize=True,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    masks = encoded["assistant_masks"]
    return [_with_views(ids, mask, processor) for ids, mask in zip(encoded["input_ids"], masks, strict=True)]


def _with_views(ids: list[int], mask: list[int], processor: SpatialMosaicProcessor) -> Tokens:
    repeats = [processor.tokens_per_view if token == processor.image_token_id else 1 for token in ids]
    return Tokens(
        [token for token, count in zip(ids, repeats, strict=True) for _ in range(count)],
        [bool(answer) for answer, count in zip(mask, repeats, strict=True) for _ in range(count)],
    )


def share_prefix(questions: Sequence[Tokens]) -> Row:
    """Lay questions about the same views in one row: what they begin with once, the rest of each as a branch.

    The prefix ends before any answer, so the first token of a branch, which in the row follows another branch, is never
    learnt.
    """
    shared = _shared_length(questions)
    ids, labels = questions[0].ids[:shared], [_IGNORED] * shared
    positions, branches = list(range(shared)), [0] * shared
    for number, question in enumerate(questions, 1):
        rest = question.ids[shared:]
        ids += rest
        answers = question.is_answer[shared:]
        labels += [token if answer else _IGNORED for token, answer in zip(rest, answers, strict=True)]
        positions += range(shared, shared + len(rest))
        branches += [number] * len(rest)
    return Row(ids, labels, positions, branches)


def _shared_length(questions: Sequence[Tokens]) -> int:
    before_answers = min(question.is_answer.index(True) for question in questions) - 1
    columns = zip(*(question.ids[:before_answers] for question in questions), strict=True)
    return next((place for place, tokens in enumerate(columns) if len(set(tokens)) > 1), before_answers)


@dataclass
class FrameSetCollator:
    """Makes batches of rows as `Records.rows` reads them.

    A batch holds what the processor returns for the views, `input_ids`, `attention_mask` and `labels`, padded on the right,
    and, where a row has several questions, `position_ids` and `branch_ids`.
    """

    processor: SpatialMosaicProcessor

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Collate. Nothing is cut off."""
        conversations = [conversation for row in rows for conversation in row["conversations"]]
        questions = iter(tokenize(self.processor, conversations))
        laid_out = [share_prefix([next(questions) for _ in row["conversations"]]) for row in rows]
        views = self.processor(images=[row["images"] for row in rows], return_tensors="pt")
        pad = self.processor.tokenizer.pad_token_id
        batch = {
            "input_ids": _padded([row.ids for row in laid_out], pad),
            "attention_mask": _padded([[1] * len(row.ids) for row in laid_out], 0),
            "labels": _padded([row.labels for row in laid_out], _IGNORED),
        }
        if any(len(row["conversations"]) > 1 for row in rows):
            batch["position_ids"] = _padded([row.positions for row in laid_out], 0)
            batch["branch_ids"] = _padded([row.branches for row in laid_out], 0)
        return dict(views) | batch


def _padded(rows: list[list[int]], value: int) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [value] * (width - len(row)) for row in rows])
