"""Merges the scans' files into the dataset folder: Parquet files a config and split, scene lists, and the card."""

from __future__ import annotations

import itertools
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features
from tqdm import tqdm

from . import contests
from .annotations import FRAMES_SCHEMA, INSTANCES_SCHEMA, VIEWS_SCHEMA
from .balance import Stock, stock_of
from .card import CONFIG_DESCRIPTIONS, card_text, read_builds
from .findings import forget_checks
from .markers import is_whole, marker_name, read_marker
from .merge import finish_records, plan_quotas
from .randomness import digest
from .rules import PROFILES, VisibilityRules
from .schema import RECORD_SCHEMA
from .shards import replace_folder, write_text
from .splits import SPLITS
from .version import BUILDER_VERSION, source_digest

LEVEL_FIELDS = ("overlap_level", "occ_level", "vis_level", "gt_scenario")
"""Diagnostic columns that are counted in the report."""
ROWS_PER_GROUP = 50_000
"""Of the Parquet files: small enough for the Hub's viewer."""
_GROUPS_PER_SHARD = 10

Counts = dict[str, dict[str, dict[str, int]]]
"""Records by column, value and split; `num_frame_sets` counts frame sets under the value `all`."""

ANNOTATION_SCHEMA = pa.schema(
    [
        ("scene_name", pa.string()),
        ("split", pa.string()),
        ("canvas_scale", pa.float32()),
        *FRAMES_SCHEMA,
        *INSTANCES_SCHEMA,
        *[field for field in VIEWS_SCHEMA if field.name not in ("frame", "instance_id")],
    ]
)
"""The `annotations` config: one row an instance and frame, with the frame's camera and the instance's box."""


@dataclass(frozen=True, slots=True)
class DatasetPlan:
    """What goes into the dataset folder."""

    out: Path
    work: Path
    profile: str
    seed: int
    canvas_scale: float
    questions: dict[str, int]
    """Questions wanted, by split."""
    scenes: dict[str, list[str]]
    """Usable scenes, by split."""
    stocks: dict[str, dict[str, Stock]]
    """What each scene offers."""
    keys: dict[str, str]
    """Key of each scene's candidates: they change whenever the records could."""
    annotation_keys: dict[str, str]
    """The same of its annotations."""
    identity: dict[str, Any]
    """The configuration, for the card."""


def write_dataset(plan: DatasetPlan) -> Counts:
    """Write the configs `<profile>` and `annotations`, and the card; does nothing where they are up to date.

    A split without a record has no Parquet file.
    """
    code = source_digest()
    key = digest("records", code, json.dumps(plan.identity), plan.scenes, sorted(plan.keys.items()))
    annotations_key = digest("annotations", code, plan.canvas_scale, plan.scenes, sorted(plan.annotation_keys.items()))
    uneven = _find_uneven(plan)
    stocks = plan.stocks | {scene: stock_of(_candidates(plan, scene, rows)) for scene, rows in uneven.items()}
    quotas = {
        split: plan_quotas({scene: stocks[scene] for scene in plan.scenes[split]}, plan.questions[split], plan.seed)
        for split in SPLITS
    }

    def records(split: str, scene: str) -> pa.Table:
        candidates = _candidates(plan, scene, uneven.get(scene, []))
        return finish_records(candidates, quotas[split][scene], split, plan.seed)

    def annotations(split: str, scene: str) -> pa.Table:
        return annotation_rows(split, scene, plan.canvas_scale, plan.work / "annotations" / scene)

    aside = plan.work / ".writing-dataset"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        counts = _write_config(plan, plan.profile, key, RECORD_SCHEMA, records, aside)
        _write_config(plan, "annotations", annotations_key, ANNOTATION_SCHEMA, annotations, aside)
        if (aside / plan.profile).is_dir():
            forget_checks(plan.work)
        is_new = {name: (aside / name).is_dir() for name in CONFIG_DESCRIPTIONS}
        folders = {name: (aside if is_new[name] else plan.out) / name for name in CONFIG_DESCRIPTIONS}
        markers = {name: aside if is_new[name] else plan.work for name in PROFILES}
        aside.mkdir(parents=True, exist_ok=True)
        write_text(aside / "README.md", card_text(folders, read_builds(folders, markers), plan.work))
        _put_in_place(plan, aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return counts


def _find_uneven(plan: DatasetPlan) -> dict[str, list[int]]:
    """Rows of the candidates of scenes, of whichever split, that no record is made of."""
    evenness = contests.ContestFilter()
    uneven = {}
    for scene in sorted(scene for scenes in plan.scenes.values() for scene in scenes):
        candidates = pq.read_table(_candidates_file(plan, scene), columns=contests.COLUMNS)
        uneven[scene] = evenness.find_uneven(candidates)
    return {scene: rows for scene, rows in uneven.items() if rows}


def _candidates(plan: DatasetPlan, scene: str, uneven: list[int]) -> pa.Table:
    return contests.leave_out(pq.read_table(_candidates_file(plan, scene)), uneven)


def _candidates_file(plan: DatasetPlan, scene: str) -> Path:
    return plan.work / "candidates" / plan.profile / scene / "candidates.parquet"


def _write_config(
    plan: DatasetPlan,
    config_name: str,
    key: str,
    schema: pa.Schema,
    table_of: Callable[[str, str], pa.Table],
    aside: Path,
) -> Counts:
    """Write one config and the marker that says what it holds to a folder aside, unless the dataset holds it already."""
    if (counts := _counts_of_written(plan, config_name, key)) is not None:
        return counts
    folder = aside / config_name
    folder.mkdir(parents=True)
    counts = {name: {} for name in ("question_type", *LEVEL_FIELDS)} | {"num_frame_sets": {"all": {}}}
    for split in SPLITS:
        scenes = plan.scenes[split]
        if not scenes:
            continue
        write_text(folder / f"{split}-scenes.txt", "".join(f"{scene}\n" for scene in scenes))
        bar = tqdm(scenes, desc=f"{config_name}/{split}", unit="scan")
        tables = (_counted(table_of(split, scene), split, counts) for scene in bar)
        _write_shards(folder, split, tables, Features.from_arrow_schema(schema).arrow_schema)
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    marker = {
        "key": key,
        "files": files,
        "counts": counts,
        "identity": plan.identity,
        "builder_version": BUILDER_VERSION,
        "thresholds": {
            "visibility": asdict(VisibilityRules(canvas_scale=plan.canvas_scale)),
            "questions": asdict(PROFILES[plan.profile]),
        },
    }
    write_text(aside / marker_name(config_name), json.dumps(marker, indent=1) + "\n")
    return counts


def _counts_of_written(plan: DatasetPlan, config_name: str, key: str) -> Counts | None:
    written = read_marker(plan.work, config_name)
    is_there = written.get("key") == key and is_whole(plan.out / config_name, written)
    return written["counts"] if is_there else None


def _put_in_place(plan: DatasetPlan, aside: Path) -> None:
    """Move into the dataset what was written aside: nothing is left to write then, so a full disk leaves no half of it."""
    plan.out.mkdir(parents=True, exist_ok=True)
    for name in CONFIG_DESCRIPTIONS:
        if (aside / name).is_dir():
            replace_folder(aside / name, plan.out / name)
            (aside / marker_name(name)).replace(plan.work / marker_name(name))
    (aside / "README.md").replace(plan.out / "README.md")


def _write_shards(folder: Path, split: str, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
    """Write tables in their order as `<split>-00000-of-0000N.parquet`, holding no more of them than a row group."""
    parts: list[Path] = []
    groups = _grouped(tables, ROWS_PER_GROUP, schema)
    for first in groups:
        parts.append(folder / f"{split}-{len(parts)}.part")
        with pq.ParquetWriter(
            parts[-1], schema, compression="zstd", write_page_index=True, use_content_defined_chunking=True
        ) as writer:
            for group in itertools.chain([first], itertools.islice(groups, _GROUPS_PER_SHARD - 1)):
                writer.write_table(group)
    for number, part in enumerate(parts):
        part.rename(folder / f"{split}-{number:05d}-of-{len(parts):05d}.parquet")


def _grouped(tables: Iterator[pa.Table], num_rows: int, schema: pa.Schema) -> Iterator[pa.Table]:
    """Join tables into ones of exactly `num_rows` rows, the last one shorter; `load_dataset` takes none without rows."""
    held: list[pa.Table] = []
    count = 0
    for table in tables:
        held.append(table.cast(schema))
        count += len(table)
        while count >= num_rows:
            joined = pa.concat_tables(held)
            yield joined.slice(0, num_rows)
            held, count = [joined.slice(num_rows)], count - num_rows
    if count:
        yield pa.concat_tables(held)


def _counted(table: pa.Table, split: str, counts: Counts) -> pa.Table:
    """Add a records table to the counts; annotations have nothing to count."""
    if "question_type" not in table.column_names:
        return table
    for column in ("question_type", *LEVEL_FIELDS):
        for value, count in Counter(table[column].to_pylist()).items():
            by_split = counts[column].setdefault(str(value), {})
            by_split[split] = by_split.get(split, 0) + count
    sets = counts["num_frame_sets"]["all"]
    sets[split] = sets.get(split, 0) + len(table["frame_set_id"].unique())
    return table


def annotation_rows(split: str, scene_name: str, canvas_scale: float, folder: Path) -> pa.Table:
    """Join a scan's annotation tables into rows of `ANNOTATION_SCHEMA`, one an instance and frame.

    Args:
        split: of the scene.
        scene_name: id of the scene.
        canvas_scale: resolution at which pixels were counted, relative to the picture.
        folder: what `write_annotations` wrote.
    """
    views = pq.read_table(folder / "views.parquet")
    columns: dict[str, Any] = {
        "scene_name": pa.array([scene_name] * len(views), pa.string()),
        "split": pa.array([split] * len(views), pa.string()),
        "canvas_scale": pa.array([canvas_scale] * len(views), pa.float32()),
    }
    for name, table_key in (("frames", "frame"), ("instances", "instance_id")):
        table = pq.read_table(folder / f"{name}.parquet")
        position = {value: k for k, value in enumerate(table[table_key].to_pylist())}
        rows = table.take(pa.array([position[value] for value in views[table_key].to_pylist()], pa.int64()))
        columns |= {column: rows[column] for column in rows.column_names}
    columns |= {name: views[name] for name in views.column_names}
    return pa.table({name: columns[name] for name in ANNOTATION_SCHEMA.names}).cast(ANNOTATION_SCHEMA)


__all__ = [
    "ANNOTATION_SCHEMA",
    "LEVEL_FIELDS",
    "ROWS_PER_GROUP",
    "Counts",
    "DatasetPlan",
    "annotation_rows",
    "write_dataset",
]
