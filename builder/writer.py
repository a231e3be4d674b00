"""Merges the scans' files into the dataset folder: Parquet files a config and split, scene lists, and the card."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features
from tqdm import tqdm

from .annotations import FRAMES_SCHEMA, INSTANCES_SCHEMA, VIEWS_SCHEMA
from .card import write_card
from .merge import Quota, Stock, finish_records, plan_quotas
from .randomness import digest
from .schema import RECORD_SCHEMA
from .shards import replace_folder, write_text
from .splits import SPLITS
from .version import source_digest

LEVEL_FIELDS = ("overlap_level", "occ_level", "vis_level", "gt_scenario")
"""Diagnostic columns that are counted in the report."""
_ROWS_PER_GROUP = 50_000
_ROWS_PER_SHARD = 500_000

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
    stocks: dict[str, Stock]
    """What each scene offers."""
    keys: dict[str, str]
    """Key of each scene's candidates: they change whenever the records could."""
    identity: dict[str, Any]
    """The configuration, for the card."""


def write_dataset(plan: DatasetPlan) -> Counts:
    """Write the configs `<profile>` and `annotations`, and the card; does nothing where they are up to date."""
    key = digest("dataset", source_digest(), json.dumps(plan.identity), plan.scenes, sorted(plan.keys.items()))
    quotas = {
        split: plan_quotas(
            {scene: plan.stocks[scene] for scene in plan.scenes[split]}, plan.questions[split], plan.seed
        )
        for split in SPLITS
    }

    def records(split: str, scene: str) -> pa.Table:
        folder = plan.work / "candidates" / plan.profile / scene
        return finish_records(pq.read_table(folder / "candidates.parquet"), quotas[split][scene], split, plan.seed)

    def annotations(split: str, scene: str) -> pa.Table:
        return annotation_rows(split, scene, plan.canvas_scale, plan.work / "annotations" / scene)

    counts = _write_config(plan, plan.profile, key, RECORD_SCHEMA, records)
    _write_config(plan, "annotations", key, ANNOTATION_SCHEMA, annotations)
    write_card(plan.out, plan.profile, counts, plan.identity)
    return counts


def _write_config(
    plan: DatasetPlan,
    config_name: str,
    key: str,
    schema: pa.Schema,
    table_of: Callable[[str, str], pa.Table],
) -> Counts:
    """Write one config aside, then rename it into place. The marker beside the annotations says what it holds."""
    folder, marker = plan.out / config_name, plan.work / f"{config_name}.written.json"
    try:
        written = json.loads(marker.read_text(encoding="utf-8"))
        if written["key"] == key and all((folder / name).stat().st_size == n for name, n in written["files"].items()):
            return written["counts"]
    except (OSError, ValueError, KeyError):
        pass
    aside = plan.work / f".writing-{config_name}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    counts: Counts = {}
    for split in SPLITS:
        scenes = plan.scenes[split]
        if not scenes:
            continue
        write_text(aside / f"{split}-scenes.txt", "".join(f"{scene}\n" for scene in scenes))
        bar = tqdm(scenes, desc=f"{config_name}/{split}", unit="scan")
        tables = (_counted(table_of(split, scene), split, counts) for scene in bar)
        _write_shards(aside, split, tables, Features.from_arrow_schema(schema).arrow_schema)
    plan.out.mkdir(parents=True, exist_ok=True)
    replace_folder(aside, folder)
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    write_text(marker, json.dumps({"key": key, "files": files, "counts": counts}, indent=1) + "\n")
    return counts


def _write_shards(folder: Path, split: str, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
    """Write tables in their order as `<split>-00000-of-0000N.parquet`."""
    parts: list[Path] = []
    for shard in _grouped(tables, _ROWS_PER_SHARD, schema):
        parts.append(folder / f"{split}-{len(parts)}.part")
        with pq.ParquetWriter(
            parts[-1], schema, compression="zstd", write_page_index=True, use_content_defined_chunking=True
        ) as writer:
            writer.write_table(shard, row_group_size=_ROWS_PER_GROUP)
    for number, part in enumerate(parts):
        part.rename(folder / f"{split}-{number:05d}-of-{len(parts):05d}.parquet")


def _grouped(tables: Iterator[pa.Table], num_rows: int, schema: pa.Schema) -> Iterator[pa.Table]:
    """Join tables into ones of exactly `num_rows` rows, the last one shorter; never none at all."""
    held: list[pa.Table] = []
    count = 0
    is_first = True
    for table in tables:
        held.append(table.cast(schema))
        count += len(table)
        while count >= num_rows:
            joined = pa.concat_tables(held)
            yield joined.slice(0, num_rows)
            is_first = False
            held, count = [joined.slice(num_rows)], count - num_rows
    if count or is_first:
        yield pa.concat_tables(held)


def _counted(table: pa.Table, split: str, counts: Counts) -> pa.Table:
    """Add a records table to the counts; annotations have nothing to count."""
    if "question_type" not in table.column_names:
        return table
    for column in ("question_type", *LEVEL_FIELDS):
        for value, count in Counter(table[column].to_pylist()).items():
            by_split = counts.setdefault(column, {}).setdefault(str(value), {})
            by_split[split] = by_split.get(split, 0) + count
    sets = counts.setdefault("num_frame_sets", {}).setdefault("all", {})
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


__all__ = ["ANNOTATION_SCHEMA", "LEVEL_FIELDS", "Counts", "DatasetPlan", "Quota", "annotation_rows", "write_dataset"]
