"""`load_dataset("spatialmosaic", ...)`: generates from a ScanNet++ root, or reads a folder that was built before.

Making a builder replaces `open`, `os.path`, `Path` and the like in its module by stand-ins for remote files, so this
module touches no file itself: the build lives in `pipeline.py`, reading shards in `shard_source.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import datasets
import pyarrow as pa
from datasets.builder import Key

from .card import CONFIG_DESCRIPTIONS
from .schema import RECORD_SCHEMA
from .shard_source import build_into_cache, content_key, read_shard
from .splits import SPLITS
from .version import BUILDER_VERSION, source_digest
from .writer import ANNOTATION_SCHEMA

_VERSION = datasets.Version(BUILDER_VERSION.split(".dev")[0])

RECORD_FEATURES = datasets.Features.from_arrow_schema(RECORD_SCHEMA)
"""Features of the configs that hold questions."""
ANNOTATION_FEATURES = datasets.Features.from_arrow_schema(ANNOTATION_SCHEMA)
"""Features of the config `annotations`."""


@dataclass
class SpatialMosaicConfig(datasets.BuilderConfig):
    """What `load_dataset` passes on: the fields of `BuildConfig` that change the data.

    Attributes:
        size: `mini`, `full`, or a number of questions in all.
        scene_split: `default`, `official`, or `TRAIN.txt,TEST.txt`.
        seed: of everything random.
        canvas_scale: resolution of the visibility test relative to the picture.
        images: `iphone` or `dslr`.
        image_root: folder with the pictures, if they are not below `data_dir`.
    """

    size: str | int = "mini"
    scene_split: str = "default"
    seed: int = 0
    canvas_scale: float = 0.5
    images: str = "iphone"
    image_root: str | None = None

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: Any = None) -> str:
        """Make the cache folder's name depend on the content of the ScanNet++ root and of the scene lists too."""
        name = super().create_config_id(config_kwargs, custom_features)
        if not self.data_dir:
            return name
        return f"{name}-{content_key(self.data_dir, self.images, self.image_root, self.scene_split)}"


class SpatialMosaic(datasets.ArrowBasedBuilder):
    """SpatialMosaic (`train`) and SpatialMosaic-Bench (`test`), generated from `data_dir`, a ScanNet++ root."""

    BUILDER_CONFIG_CLASS = SpatialMosaicConfig
    BUILDER_CONFIGS = (
        *(
            SpatialMosaicConfig(name=name, version=_VERSION, description=text)
            for name, text in CONFIG_DESCRIPTIONS.items()
        ),
    )
    DEFAULT_CONFIG_NAME = "paper"

    def __init__(self, *args: Any, data_files: Any = None, **kwargs: Any) -> None:
        """Take what `load_dataset` gives; `data_files` has no meaning here and is dropped."""
        kwargs.setdefault("dataset_name", "spatialmosaic")
        kwargs["hash"] = kwargs.get("hash") or source_digest()
        super().__init__(*args, **kwargs)

    def _info(self) -> datasets.DatasetInfo:
        features = ANNOTATION_FEATURES if self.config.name == "annotations" else RECORD_FEATURES
        return datasets.DatasetInfo(features=features)

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        shards = build_into_cache(
            config_name=self.config.name,
            data_dir=self.config.data_dir,
            cache_dir=self._cache_dir_root,
            size=str(self.config.size),
            scene_split=self.config.scene_split,
            seed=self.config.seed,
            canvas_scale=self.config.canvas_scale,
            images=self.config.images,
            image_root=self.config.image_root,
            num_proc=dl_manager.download_config.num_proc or 1,
        )
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"shards": shards[split]})
            for split in SPLITS
            if shards[split]
        ]

    def _generate_tables(self, shards: list[str]) -> Iterator[tuple[Key, pa.Table]]:
        for number, shard in enumerate(shards):
            for group, table in enumerate(read_shard(shard)):
                yield Key(number, group), table
