"""Reads a dataset folder and what lies beside it, and writes its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..annotations import read_annotations
from ..config import ReportConfig
from ..findings import read_findings
from ..pipeline import work_folder
from ..rules import PROFILES
from .page import COLUMNS, choose_samples, write_page


def write_report(config: ReportConfig) -> Path:
    """Write the page of a built dataset, all of its profiles together; returns the HTML file.

    Raises:
        FileNotFoundError: if the folder holds no records or their annotations are gone.
        ValueError: if a file beside the dataset cannot be read, or belongs to another version.
    """
    shards = {profile: sorted((config.dataset / profile).glob("*.parquet")) for profile in PROFILES}
    shards = {profile: paths for profile, paths in shards.items() if paths}
    if not shards:
        raise FileNotFoundError(f"{config.dataset} holds no records; pass a folder that `spatialmosaic build` wrote.")
    work = work_folder(config.dataset)
    annotations = work / "annotations"
    if not annotations.is_dir():
        raise FileNotFoundError(f"{annotations} is gone, so boxes cannot be drawn; run `spatialmosaic build` again.")
    records = {name: _read(paths, columns=list(COLUMNS)) for name, paths in shards.items()}
    samples = [
        row for name in shards for row in _read_samples(shards[name], records[name], config.samples, config.seed)
    ]
    return write_page(
        records,
        samples,
        image_root=config.image_root,
        annotations_of=lambda scene: read_annotations(scene, annotations / scene),
        out=config.out,
        findings={name: read_findings(work, name) for name in shards},
    )


def _read(paths: list[Path], **options: Any) -> pa.Table:
    return pa.concat_tables([pq.read_table(path, partitioning=None, **options) for path in paths])


def _read_samples(paths: list[Path], records: pa.Table, samples_per_type: int, seed: int) -> list[dict[str, Any]]:
    """Whole records of the chosen rows, in the order of their choice: the rest of a large dataset stays on disk."""
    ids = records["id"].take(pa.array(choose_samples(records, samples_per_type, seed), pa.int64())).to_pylist()
    rows = {row["id"]: row for row in _read(paths, filters=pc.field("id").isin(ids)).to_pylist()}
    return [rows[name] for name in ids]
