"""VSTI-Bench (VLM-3R): 32 frames of a video, nine question types in five tasks, used zero-shot (the paper's Table 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from ..errors import EvalError
from ..question import Benchmark, Question, Row
from ..spatialmosaic_accuracy.scoring import QuestionType, task_means
from .pictures import open_picture
from .tables import read_table

NUM_FRAMES = 32
"""Frames of a video that are shown, equally far apart from the first to the last."""
QUESTION_TYPES: dict[str, QuestionType] = {
    "camera_obj_abs_dist": QuestionType("absolute_distance", "number", "m"),
    "camera_displacement": QuestionType("displacement", "number", "m"),
    "camera_movement_direction": QuestionType("movement_direction", "choice"),
    **{f"obj_obj_relative_pos_{axis}": QuestionType("relative_position", "choice") for axis in ("nf", "lr", "ud")},
    **{f"camera_obj_rel_dist_v{k}": QuestionType("relative_distance", "choice") for k in (1, 2, 3)},
}
"""Nine question types in five tasks, in the order of the paper's Table 4."""
COLUMNS = ("id", "scene_name", "question_type", "question", "options", "ground_truth", "mc_answer")
_PLACES = ("dataset", "video_path", "frame_indices")
"""What is read where it is there: it says where the frames are."""
_VARIANTS = {f"camera_movement_direction_v{k}": "camera_movement_direction" for k in (1, 2, 3)}
"""Names that the generators give to types which the published set merges."""
_PREFIX = "These are frames of a video."
_ASKS_FOR = {
    "choice": "Answer with the option's letter from the given choices directly.",
    "number": "Please answer the question using a single word or phrase.",
}
_VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".mov")


def read(data: str, config: str, split: str) -> pa.Table:
    """Read the records of a split.

    Raises:
        EvalError: there are none, or they lack columns.
    """
    table = read_table(data, config, split)
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise EvalError(f"{data} lacks the columns {', '.join(missing)}; pass the records of VSTI-Bench.")
    return table.select([*COLUMNS, *(name for name in _PLACES if name in table.column_names)])


def _type_name(row: Row) -> str:
    name: str = row["question_type"]
    return _VARIANTS.get(name, name)


def _kind(row: Row) -> str:
    of_type = QUESTION_TYPES.get(_type_name(row))
    return "choice" if of_type is None else of_type.kind


def _options(row: Row) -> tuple[str, ...]:
    """Options of a choice; numbers carry some too, which are not shown."""
    return tuple(row["options"] or ()) if _kind(row) == "choice" else ()


def question_of(row: Row) -> Question:
    """What scoring needs of a record."""
    is_choice = _kind(row) == "choice"
    return Question(
        id=str(row["id"]),
        question_type=_type_name(row),
        scene_name=str(row["scene_name"]),
        text=row["question"],
        options=_options(row),
        reference=str(row["mc_answer"] if is_choice else row["ground_truth"]),
        bbox_2d_diag=None,
        levels={"num_options": str(len(_options(row))) if is_choice else None},
    )


def messages(row: Row, images: Sequence[Any] | None, shown: Sequence[int]) -> list[dict[str, Any]]:
    """Write the prompt in the words of the published evaluation: frames, then the question; frames have no names."""
    pictures = [
        {"type": "image"} if images is None else {"type": "image", "image": images[k]} for k in range(len(shown))
    ]
    kind, offered = _kind(row), list(_options(row))
    lines = [
        *([_PREFIX] if pictures else []),
        row["question"],
        *(["Options:", *offered] if offered else []),
        _ASKS_FOR[kind],
    ]
    return [{"role": "user", "content": [*pictures, {"type": "text", "text": "\n".join(lines)}]}]


def averages(means: Mapping[str, float], chances: Mapping[str, float], micro: float | None) -> dict[str, float | None]:
    """Both averages that are in use, by name, and the plain mean over records.

    Returns:
        `macro9`: mean over question types, as the official code averages; `macro5`: mean over five tasks, as the tables
        of papers do; `micro`; `kappa3`: mean over the three tasks with options of (score - chance) / (1 - chance).
    """
    kappas = {name: (means[name] - chance) / (1 - chance) for name, chance in chances.items()}
    tasks, kappa_tasks = task_means(means, QUESTION_TYPES), task_means(kappas, QUESTION_TYPES)
    return {
        "macro5": sum(tasks.values()) / len(tasks) if tasks else None,
        "macro9": sum(means.values()) / len(means) if means else None,
        "kappa3": sum(kappa_tasks.values()) / len(kappa_tasks) if kappa_tasks else None,
        "micro": micro,
    }


def frame_places(num_frames: int) -> list[int]:
    """Which frames of a video are shown, counted from 0: `Frame k of 32` is the k-th of them."""
    return np.linspace(0, num_frames - 1, NUM_FRAMES).astype(int).tolist()


def _source(row: Row, image_root: Path) -> Path | None:
    """The video of a record, or the folder with its 32 frames; None where neither is there."""
    named = [row["video_path"]] if row.get("video_path") else []
    for name in (*named, *(f"{row['scene_name']}{suffix}" for suffix in _VIDEO_SUFFIXES)):
        for parent in (image_root, image_root / str(row.get("dataset") or "")):
            if (parent / name).is_file():
                return parent / name
    folder = image_root / str(row["scene_name"])
    return folder if folder.is_dir() else None


def _load_views(row: Row, image_root: Path, views: Sequence[int]) -> list[Image.Image]:
    source = _source(row, image_root)
    if source is None:
        raise EvalError(f"Record {row['id']}: the video of scene {row['scene_name']} is missing below {image_root}.")
    if source.is_dir():
        pictures = sorted(path for path in source.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        if not pictures:
            raise EvalError(f"Record {row['id']}: {source} holds no pictures.")
        places = frame_places(len(pictures))
        return [open_picture(str(row["id"]), pictures[places[k]]) for k in views]
    frames = _video_frames(str(row["id"]), source)
    return [frames[k] for k in views]


def _video_frames(record: str, path: Path) -> list[Image.Image]:
    """The 32 frames of a video that are shown; the count is that of the decoded frames, as containers err."""
    try:
        import av
    except ImportError as error:
        raise EvalError("Videos need PyAV: pip install 'spatialmosaic[video]'.") from error
    try:
        with av.open(str(path)) as container:
            num_frames = sum(1 for _ in container.decode(video=0))
        wanted = frame_places(num_frames)
        kept: dict[int, Image.Image] = {}
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in wanted:
                    kept[number] = Image.fromarray(frame.to_ndarray(format="rgb24"))
        return [kept[place] for place in wanted]
    except (av.FFmpegError, IndexError, KeyError, ValueError) as error:
        raise EvalError(f"Record {record}: {path} is no whole video ({error}); download it again.") from error


def _missing_pictures(table: pa.Table, image_root: Path) -> Iterator[tuple[str, Path]]:
    seen = set()
    for row in table.to_pylist():
        if row["scene_name"] not in seen:
            seen.add(row["scene_name"])
            if _source(row, image_root) is None:
                yield str(row["id"]), image_root / (row.get("video_path") or f"{row['scene_name']}.mp4")


_EXAMPLE: dict[str, Any] = {
    "id": "example",
    "frames": [None] * NUM_FRAMES,
    "question_type": "obj_obj_relative_pos_lr",
    "question": "In Frame 3 of 32, is the lamp to the left or right of the bed?",
    "options": ["A. Left", "B. Right"],
}

BENCHMARK = Benchmark(
    name="vsti",
    title="VSTI-Bench",
    question_types=QUESTION_TYPES,
    read=read,
    question_of=question_of,
    num_views=lambda table: [NUM_FRAMES] * len(table),
    query_views=lambda table: [None] * len(table),
    messages=messages,
    load_views=_load_views,
    missing_pictures=_missing_pictures,
    averages=averages,
    levels={"num_options": ("2", "3", "4")},
    example=_EXAMPLE,
)
