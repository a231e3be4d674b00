"""SpatialMosaic-Bench: 2 to 5 views that overlap little, twelve question types with options and five without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from spatialmosaic_builder.prompting import messages

from ..errors import EvalError
from ..question import Benchmark, Question, Row
from ..spatialmosaic_accuracy.scoring import QUESTION_TYPES, averages
from .pictures import open_picture
from .tables import read_table

COLUMNS = (
    *(
        "id",
        "profile",
        "scene_name",
        "task",
        "question_type",
        "frames",
        "image_paths",
        "query_frame",
        "question",
        "options",
    ),
    *("mc_answer", "answer_index", "ground_truth", "answer_type", "bbox_2d_diag", "relation", "source", "target"),
    *("occ_level", "overlap_level", "vis_level", "gt_scenario"),
)
"""What is read of a record."""

LEVELS = {
    "vis_level": ("Fully Visible", "Partially Visible"),
    "gt_scenario": ("Full Coverage", "Partial Coverage"),
    "visibility_coverage": (
        "Fully Visible, Full Coverage",
        "Fully Visible, Partial Coverage",
        "Partially Visible, Full Coverage",
        "Partially Visible, Partial Coverage",
    ),
    "occ_level": ("low", "medium", "high", "extreme"),
    "overlap_level": ("low", "medium", "high"),
    "num_frames": ("2", "3", "4", "5"),
}
"""Breakdowns with their levels, easy ones first; `visibility_coverage` is the product of the first two."""


def read(data: str, config: str, split: str) -> pa.Table:
    """Read the records of a split.

    Raises:
        EvalError: there are none, or they lack columns.
    """
    table = read_table(data, config, split)
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise EvalError(
            f"{data} lacks the columns {', '.join(missing)}; pass a dataset that `spatialmosaic build` wrote, or its "
            "export as jsonl or parquet."
        )
    return table.select(list(COLUMNS))


def question_of(row: Row) -> Question:
    """What scoring needs of a record."""
    is_choice = bool(row["options"])
    diagonal = row["bbox_2d_diag"]
    return Question(
        id=row["id"],
        question_type=row["question_type"],
        scene_name=row["scene_name"],
        text=row["question"],
        options=tuple(row["options"] or ()),
        reference=(row["mc_answer"] if is_choice else row["ground_truth"]) or "",
        bbox_2d_diag=None if diagonal is None else float(diagonal),
        levels={
            "vis_level": row["vis_level"],
            "gt_scenario": row["gt_scenario"],
            "visibility_coverage": f"{row['vis_level']}, {row['gt_scenario']}",
            "occ_level": row["occ_level"],
            "overlap_level": row["overlap_level"],
            "num_frames": str(len(row["frames"])),
        },
    )


def _num_views(table: pa.Table) -> list[int]:
    counts: list[int] = pc.list_value_length(table["frames"]).to_pylist()
    return counts


def _query_views(table: pa.Table) -> list[int | None]:
    return [None if frame is None else frame - 1 for frame in table["query_frame"].to_pylist()]


def _messages(row: Row, images: Sequence[Any] | None, shown: Sequence[int]) -> list[dict[str, Any]]:
    return messages(row, images, shown=shown)


def _load_views(row: Row, image_root: Path, views: Sequence[int]) -> list[Image.Image]:
    return [open_picture(row["id"], image_root / row["image_paths"][k]) for k in views]


def _missing_pictures(table: pa.Table, image_root: Path) -> Iterator[tuple[str, Path]]:
    seen: dict[str, bool] = {}
    for name, paths in zip(table["id"].to_pylist(), table["image_paths"].to_pylist(), strict=True):
        for path in paths:
            if path not in seen:
                seen[path] = (image_root / path).is_file()
            if not seen[path]:
                yield name, image_root / path


def _averages(
    means: Mapping[str, float], chances: Mapping[str, float], micro: float | None
) -> dict[str, float | None]:
    return averages(means, chances, micro)


_EXAMPLE: dict[str, Any] = {
    "id": "example",
    "frames": ["frame_000110", "frame_000020"],
    "question": "In Frame 2, is the lamp to the left of the bed in this viewpoint?",
    "options": ["A. Yes", "B. No"],
    "answer_type": "choice",
}

BENCHMARK = Benchmark(
    name="spatialmosaic",
    title="SpatialMosaic-Bench",
    question_types=QUESTION_TYPES,
    read=read,
    question_of=question_of,
    num_views=_num_views,
    query_views=_query_views,
    messages=_messages,
    load_views=_load_views,
    missing_pictures=_missing_pictures,
    averages=_averages,
    levels=LEVELS,
    example=_EXAMPLE,
)
