"""The file side of the `datasets` builder: a build in the cache folder, and its Parquet shards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .config import BuildConfig
from .pipeline import build
from .randomness import digest
from .scans.files import list_scenes
from .splits import SPLITS


def content_key(data_dir: str) -> str:
    """Hash of the names, sizes and times of the files below a ScanNet++ root that the data depend on."""
    return digest([(scene.scene_name, scene.fingerprint()) for scene in list_scenes(Path(data_dir))])[:16]


def build_into_cache(
    config_name: str,
    data_dir: str | None,
    cache_dir: str,
    size: str,
    scene_split: str,
    seed: int,
    canvas_scale: float,
    num_proc: int,
) -> dict[str, list[str]]:
    """Build below the `datasets` cache and return the shards of a config by split.

    Raises:
        ValueError: if `data_dir` is not given.
    """
    if not data_dir:
        raise ValueError(
            'Pass the ScanNet++ root: load_dataset("spatialmosaic", "paper", data_dir="/path/to/scannetpp"); or run '
            "`spatialmosaic build` first and call load_dataset in the folder that holds spatialmosaic/."
        )
    root = Path(data_dir)
    name = digest(root.resolve(), size, scene_split, seed, canvas_scale)[:16]
    out = Path(cache_dir) / "spatialmosaic" / "builds" / name / "spatialmosaic"
    config = BuildConfig(
        root, out, size=size, split=scene_split, num_proc=num_proc, seed=seed, canvas_scale=canvas_scale
    )
    build(config)
    return {split: [str(path) for path in sorted((out / config_name).glob(f"{split}-*.parquet"))] for split in SPLITS}


def read_shard(path: str) -> Iterator[pa.Table]:
    """Yield the row groups of a shard."""
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number)
