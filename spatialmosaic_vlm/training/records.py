"""From a dataset to rows: the views of one frame set, and questions about them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, load_dataset

import spatialmosaic_builder  # noqa: F401  (load_dataset knows the name `spatialmosaic` from here on)
from spatialmosaic_builder import attach_images
from spatialmosaic_builder.prompting import messages

from .arguments import DataArguments

logger = logging.getLogger(__name__)

_COLUMNS = ("id", "frames", "question", "options", "mc_answer", "ground_truth", "answer_type")
"""What a prompt is written from."""
_SAMPLED = 2000
"""Records that tell the vocabulary."""
_NAMED = 3
"""Missing pictures that a sentence names."""


@dataclass(frozen=True)
class Skipped:
    """Records that cannot be learnt."""

    num_records: int = 0
    num_images: int = 0
    examples: tuple[str, ...] = ()
    """`record: picture` of a few of them."""


@dataclass(frozen=True)
class Records:
    """The records that are learnt, and what was left out."""

    table: Dataset
    """With the column `images`."""
    skipped: Skipped

    def rows(self, questions_per_set: int) -> Dataset:
        """Group the records by frame set.

        Args:
            questions_per_set: Most questions in a row.

        Returns:
            Rows that are made when they are read: `records`, positions in `table`; `images`, the views in order;
            `conversations`, one a record, as `prompting.messages` writes them; `messages`, the first of these, by
            which TRL sees that they are such.
        """
        rows = Dataset.from_dict({"records": group_by_views(_picture_lists(self.table), questions_per_set)})
        return rows.with_transform(_ReadRows(self.table))


def read_records(arguments: DataArguments, split: str, limit: int | None) -> Records:
    """Load a split and attach the pictures.

    Raises:
        FileNotFoundError: There is no such dataset, or no picture under the image root.
        ValueError: Columns or records are missing, or pictures are and `on_missing_image` says `error`.
    """
    table = _load(arguments, split)
    lacking = [name for name in (*_COLUMNS, "image_paths", "question_type") if name not in table.column_names]
    if lacking:
        raise ValueError(
            f"{arguments.dataset} is no SpatialMosaic dataset: it lacks the columns {', '.join(lacking)}."
        )
    if arguments.question_types:
        table = _of_types(table, arguments.question_types)
    if limit is not None and limit < len(table):
        # Records lie scene by scene: the first ones would be of a few rooms.
        table = table.select([place * len(table) // limit for place in range(limit)])
    if not len(table):
        raise ValueError(f"{arguments.dataset} holds no record to learn in its split {split}.")
    if arguments.image_root is None:
        raise ValueError(
            "image_root is not set: name the folder that `spatialmosaic prepare-images` filled, or the ScanNet++ root."
        )
    root = Path(arguments.image_root)
    table, skipped = _with_pictures(table, root, arguments.on_missing_image)
    return Records(attach_images(table, root), skipped)


def _load(arguments: DataArguments, split: str) -> Dataset:
    name = arguments.dataset
    options = {"data_dir": arguments.data_dir, "size": arguments.size} if arguments.data_dir else {}
    looks_local = Path(name).is_absolute() or name.startswith(".")
    if looks_local and not Path(name).is_dir():
        raise FileNotFoundError(f"{name} is not a folder; build it with `spatialmosaic build ROOT --out {name}`.")
    try:
        return load_dataset(name, arguments.profile, split=split, **options)
    except (ValueError, OSError, RuntimeError) as error:
        raise ValueError(
            f"The split {split} of {name}, config {arguments.profile}, cannot be loaded: {error}"
        ) from error


def _of_types(table: Dataset, question_types: list[str]) -> Dataset:
    present = table.unique("question_type")
    unknown = sorted(set(question_types) - set(present))
    if unknown:
        raise ValueError(f"The dataset holds no {', '.join(unknown)}; it holds {', '.join(sorted(present))}.")
    kinds = table["question_type"]
    return table.select([place for place, kind in enumerate(kinds) if kind in set(question_types)])


def _with_pictures(table: Dataset, root: Path, policy: str) -> tuple[Dataset, Skipped]:
    """Keep the records all of whose pictures are there."""
    if not root.is_dir():
        raise FileNotFoundError(f"image_root {root} is not a folder.")
    lists = _picture_lists(table)
    flat = lists.flatten()
    unique = pc.unique(flat)
    missing = _missing(root, unique.to_pylist())
    if not missing:
        return table, Skipped()
    if len(missing) == len(unique):
        raise FileNotFoundError(
            f"No picture of the {len(table):,} records lies under {root}; the first is {sorted(missing)[0]}. Make them "
            "with `spatialmosaic prepare-images ROOT --image-root DIR` and pass DIR as image_root."
        )
    is_missing = pc.is_in(flat, value_set=pa.array(sorted(missing), flat.type)).to_numpy(zero_copy_only=False)
    rows = np.unique(pc.list_parent_indices(lists).to_numpy()[is_missing])
    first = table.select(rows[:_NAMED])
    examples = tuple(
        f"{record}: {next(path for path in paths if path in missing)}"
        for record, paths in zip(first["id"], first["image_paths"], strict=True)
    )
    skipped = Skipped(len(rows), len(missing), examples)
    sentence = (
        f"{skipped.num_images:,} pictures are missing under {root}, and {skipped.num_records:,} of {len(table):,} "
        f"records show them, such as {'; '.join(examples)}."
    )
    if policy == "error":
        raise FileNotFoundError(
            f"{sentence} Make them with `spatialmosaic prepare-images`, or set on_missing_image: skip."
        )
    if len(rows) == len(table):
        raise FileNotFoundError(f"{sentence} No record is left.")
    logger.warning("%s They are left out.", sentence)
    return table.select(np.setdiff1d(np.arange(len(table)), rows)), skipped


def _picture_lists(table: Dataset) -> pa.ListArray:
    """The pictures of every record, in the order of the table."""
    return table.select_columns(["image_paths"]).with_format("arrow")[:]["image_paths"].combine_chunks()


def _missing(root: Path, paths: list[str]) -> set[str]:
    """Look every folder through once: a file system answers that far faster than one question a picture."""
    there = set()
    for folder in {path.rpartition("/")[0] for path in paths}:
        if (root / folder).is_dir():
            there |= {f"{folder}/{entry.name}" for entry in (root / folder).iterdir()}
    return {path for path in paths if path not in there}


def group_by_views(picture_lists: pa.ListArray, most: int) -> list[list[int]]:
    """Put records that show the same pictures in the same order together.

    Args:
        picture_lists: The paths of every record's pictures.
        most: Largest group.

    Returns:
        Positions of the records of each group, in the order of the first.
    """
    codes = pc.binary_join(picture_lists, "\n").dictionary_encode().indices.to_pylist()
    groups: dict[int, list[list[int]]] = {}
    for place, code in enumerate(codes):
        of_set = groups.setdefault(code, [[]])
        if len(of_set[-1]) == most:
            of_set.append([])
        of_set[-1].append(place)
    return sorted(group for of_set in groups.values() for group in of_set)


def prompt_texts(records: Records) -> Iterator[str]:
    """Yield the words that prompts and answers of the first thousands of records are written in."""
    table = records.table.select_columns(list(_COLUMNS))
    for record in table.select(range(min(_SAMPLED, len(table)))):
        for message in messages(record, with_answer=True):
            yield "".join(part["text"] for part in message["content"] if part["type"] == "text")


class _ReadRows:
    """Turns groups of records into views and conversations; a class, so that loader processes can be sent it."""

    def __init__(self, table: Dataset) -> None:
        self.table = table
        self.texts = table.select_columns(list(_COLUMNS))
        self.views = table.select_columns(["id", "image_paths", "images"])

    def __call__(self, batch: dict[str, list[list[int]]]) -> dict[str, list[Any]]:
        rows: dict[str, list[Any]] = {"records": batch["records"], "images": [], "conversations": [], "messages": []}
        for group in batch["records"]:
            conversations = [messages(record, with_answer=True) for record in self.texts.select(group)]
            rows["images"].append(self._images(group[0]))
            rows["conversations"].append(conversations)
            rows["messages"].append(conversations[0])
        return rows

    def _images(self, place: int) -> list[Any]:
        try:
            images: list[Any] = self.views[place]["images"]
        except (OSError, SyntaxError, ValueError) as error:
            record = self.texts[place]["id"]
            raise ValueError(
                f"A picture of record {record} cannot be read ({error}); remove it and run "
                "`spatialmosaic prepare-images` again."
            ) from error
        return images
