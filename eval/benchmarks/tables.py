"""Finds and reads the records of a benchmark: a dataset folder, a file, or a dataset on the Hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import EvalError


def read_table(data: str, config: str, split: str) -> pa.Table:
    """Read the records of a split as they are stored.

    Args:
        data: a folder with one folder of Parquet files a config, a Parquet, JSON or JSON-lines file, or a Hub name.
        config: name of the config; a file has none.
        split: name of the split; a file has none.

    Raises:
        EvalError: nothing of the kind is there, or it cannot be read.
    """
    path = Path(data)
    if path.is_dir():
        return _read_folder(path, config, split)
    if path.is_file():
        return _read_file(path)
    if path.suffix or data.startswith((".", "/")) or data.count("/") > 1:
        raise EvalError(f"{data} is no folder and no file; pass the folder that `spatialmosaic build` wrote.")
    return _read_hub(data, config, split)


def _read_folder(folder: Path, config: str, split: str) -> pa.Table:
    paths = sorted((folder / config).glob(f"{split}-*.parquet")) or sorted(folder.glob(f"{split}-*.parquet"))
    if not paths:
        there = sorted({path.parent.name for path in folder.glob("*/*.parquet")})
        found = f"; its configs are {', '.join(there)}" if there else ""
        raise EvalError(
            f"{folder} holds no records of the config {config!r} and the split {split!r}{found}. "
            "Choose others with --config and --split, or pass another folder."
        )
    return pa.concat_tables([_read_file(path) for path in paths])


def _read_file(path: Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path, partitioning=None)
        text = path.read_text(encoding="utf-8")
        rows = (
            json.loads(text)
            if text.lstrip().startswith("[")
            else [json.loads(line) for line in text.splitlines() if line]
        )
        return pa.Table.from_pylist([_with_text(row) for row in rows])
    except (OSError, ValueError, TypeError, AttributeError, pa.ArrowException) as error:
        raise EvalError(f"{path} cannot be read ({error}); export or download it again.") from error


def _with_text(row: dict[str, Any]) -> dict[str, Any]:
    """Numbers as text where other records have text: Arrow columns hold one type."""
    texts = ("id", "ground_truth", "mc_answer", "bbox_2d_diag")
    return {name: str(value) if name in texts and value is not None else value for name, value in row.items()}


def _read_hub(name: str, config: str, split: str) -> pa.Table:
    from datasets import load_dataset

    try:
        return load_dataset(name, config, split=split).data.table
    except (OSError, RuntimeError, ValueError) as error:
        raise EvalError(f"{name} is no folder or file here, and cannot be loaded from the Hub ({error}).") from error
