"""Attaches pictures to records at use time: what is stored and pushed holds relative paths only."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, DatasetDict, Features, Image, IterableDataset, IterableDatasetDict, List

from .scans.files import source_of

AnyDataset = TypeVar("AnyDataset", Dataset, DatasetDict, IterableDataset, IterableDatasetDict)


def attach_images(records: AnyDataset, image_root: str | Path) -> AnyDataset:
    """Add a column `images` that decodes each record's frames when a row is read.

    Args:
        records: a dataset with the column `image_paths`.
        image_root: the folder that `image_paths` are relative to: your ScanNet++ root, or what
            `spatialmosaic prepare-images` filled.

    Returns:
        The records with `images`, a list of PIL images in the order of `frames`. Select it away before you push: the
        column holds your own absolute paths.

    Raises:
        FileNotFoundError: if `image_root` is not a folder, or lacks the first picture.
    """
    root = Path(image_root).resolve()
    if not root.is_dir():
        raise FileNotFoundError(f"{image_root} is not a folder; pass the folder that holds the pictures' data/.")
    if isinstance(records, DatasetDict | IterableDatasetDict):
        return type(records)({split: attach_images(part, root) for split, part in records.items()})
    if isinstance(records, Dataset) and len(records):
        _require_picture(root, records["image_paths"][0][0])
    features = Features({**records.features, "images": List(Image())}) if records.features else None
    arrow = records.with_format("arrow").map(
        _with_images, fn_kwargs={"prefix": f"{root.as_posix()}/"}, batched=True, batch_size=10_000, features=features
    )
    return arrow.with_format(None)


def _require_picture(root: Path, image_path: str) -> None:
    """Fail early where pictures are still in a video: else the first row that is read would, with less to say."""
    if not (root / image_path).is_file():
        raise FileNotFoundError(
            f"{root / image_path} is missing; make the pictures with `spatialmosaic prepare-images ROOT --image-root DIR "
            f"--images {source_of(image_path).name}` and pass DIR, or pass the ScanNet++ root that has them."
        )


def _with_images(table: pa.Table, prefix: str) -> pa.Table:
    paths = table["image_paths"].combine_chunks()
    absolute = pc.binary_join_element_wise(pa.scalar(prefix), pc.cast(paths.flatten(), pa.string()), pa.scalar(""))
    images = pa.StructArray.from_arrays([pa.nulls(len(absolute), pa.binary()), absolute], ["bytes", "path"])
    offsets = pc.subtract(paths.offsets, paths.offsets[0])
    return table.append_column("images", pa.ListArray.from_arrays(offsets, images))
