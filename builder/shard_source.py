"""The file side of the `datasets` builder: a build in the cache folder, and its Parquet shards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq

from .config import DEFAULT_PROFILE, BuildConfig, Images, Profile
from .pipeline import build
from .randomness import digest
from .rules import PROFILES
from .scans.files import SceneFiles, list_scenes
from .splits import SPLITS, split_scenes


def content_key(data_dir: str, images: str, image_root: str | None, scene_split: str) -> str:
    """Hash of what the data depend on: names, sizes and times of the scenes' files, and which scene is in which split."""
    scenes = list_scenes(Path(data_dir), images, Path(image_root) if image_root else None)
    lists = split_scenes(scene_split, Path(data_dir), [scene.scene_name for scene in scenes if scene.is_annotated])
    return digest(lists, [(scene.scene_name, _fingerprint(scene)) for scene in scenes])[:16]


def _fingerprint(scene: SceneFiles) -> list[tuple[str, int, int]] | str:
    try:
        return scene.fingerprint()
    except OSError as error:
        # The build skips this scene, and says so.
        return str(error)


def build_into_cache(
    config_name: str,
    data_dir: str | None,
    cache_dir: str,
    size: str,
    scene_split: str,
    seed: int,
    canvas_scale: float,
    images: str,
    image_root: str | None,
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
    config = BuildConfig(
        Path(data_dir),
        profile=cast(Profile, config_name if config_name in PROFILES else DEFAULT_PROFILE),
        images=cast(Images, images),
        image_root=Path(image_root) if image_root else None,
        size=size,
        split=scene_split,
        num_proc=num_proc,
        seed=seed,
        canvas_scale=canvas_scale,
    )
    # Profiles share a folder, and so its annotations.
    name = digest(json.dumps(replace(config, profile=DEFAULT_PROFILE).identity()))[:16]
    out = Path(cache_dir) / "spatialmosaic" / "builds" / name / "spatialmosaic"
    build(replace(config, out=out))
    return {split: [str(path) for path in sorted((out / config_name).glob(f"{split}-*.parquet"))] for split in SPLITS}


def read_shard(path: str) -> Iterator[pa.Table]:
    """Yield the row groups of a shard."""
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number)
