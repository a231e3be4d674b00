"""What can be wrong between records, processor and model is found before the first step, and said in a sentence."""

from __future__ import annotations

from datasets import Dataset

from spatialmosaic_builder.prompting import messages

from ..processing_spatial_mosaic import SpatialMosaicProcessor
from .collator import Tokens, tokenize
from .records import Records

_SPARE = 64
"""Tokens beside the views and the text: the words that the chat template adds."""
_BATCH = 1000


def check_template(records: Records, processor: SpatialMosaicProcessor) -> None:
    """Write the first record as tokens and look for its views and its answer.

    Raises:
        ValueError: The chat template leaves out the placeholder of a view, or does not mark the answer.
    """
    record = records.table.select_columns(_text_columns(records.table))[0]
    tokens = _tokens(processor, [record])[0]
    wanted = len(record["frames"]) * processor.tokens_per_view
    found = tokens.ids.count(processor.image_token_id)
    if found != wanted:
        raise ValueError(
            f"The chat template of the checkpoint writes {found} placeholder tokens for the {len(record['frames'])} views "
            f"of record {record['id']}, which need {wanted}: it must write {processor.image_token} once an image. "
            "`spatialmosaic_vlm.chat_template()` gives one that does."
        )
    if not any(tokens.is_answer):
        raise ValueError(
            "The chat template of the checkpoint does not mark answers with {% generation %}, so there is nothing to "
            "learn; `spatialmosaic_vlm.chat_template()` gives one that does."
        )


def check_length(records: Records, processor: SpatialMosaicProcessor, max_length: int | None) -> None:
    """Look for questions that are longer than allowed. Text is tokenized only where its bytes leave that open.

    Raises:
        ValueError: There are some; says how many, and the longest.
    """
    if max_length is None:
        return
    most_views = max(map(len, records.table["frames"]))
    if max_length <= most_views * processor.tokens_per_view:
        raise ValueError(
            f"max_length is {max_length}, but {most_views} views alone take {most_views * processor.tokens_per_view} "
            f"tokens ({processor.tokens_per_view} each); raise it, or leave it out: nothing is cut off."
        )
    table = records.table.select_columns(_text_columns(records.table))
    longest, too_long = 0, 0
    for start in range(0, len(table), _BATCH):
        unclear = [
            record
            for record in table.select(range(start, min(start + _BATCH, len(table))))
            if not _fits(record, processor, max_length)
        ]
        lengths = [len(tokens.ids) for tokens in _tokens(processor, unclear)] if unclear else []
        too_long += sum(length > max_length for length in lengths)
        longest = max([longest, *lengths])
    if too_long:
        raise ValueError(
            f"{too_long:,} of {len(table):,} records have more than max_length = {max_length} tokens with their views, "
            f"the longest {longest}; raise it, or leave it out: nothing is cut off."
        )


def _fits(record: dict[str, object], processor: SpatialMosaicProcessor, max_length: int) -> bool:
    """Whether a question is short enough even if every byte of its text were a token."""
    content = messages(record, with_answer=True)
    text = "".join(part["text"] for message in content for part in message["content"] if part["type"] == "text")
    views = len(record["frames"])  # type: ignore[arg-type]
    return views * processor.tokens_per_view + len(text.encode()) + _SPARE <= max_length


def _tokens(processor: SpatialMosaicProcessor, records: list[dict[str, object]]) -> list[Tokens]:
    return tokenize(processor, [messages(record, with_answer=True) for record in records])


def _text_columns(table: Dataset) -> list[str]:
    return [name for name in table.column_names if name != "images"]
