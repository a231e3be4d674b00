"""Finds the records in a dataset folder, whoever wrote it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq


def record_files(folder: Path) -> dict[str, list[Path]]:
    """List the Parquet files of every config that holds questions, splits in alphabetical order.

    Args:
        folder: dataset folder, such as `spatialmosaic build` writes: one folder a config.

    Raises:
        FileNotFoundError: if it holds no records.
        ValueError: if a file is no Parquet file.
    """
    configs: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*/*.parquet")):
        try:
            names = pq.read_schema(path).names
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{path} is no Parquet file or is cut off ({error}); build or download it again."
            ) from error
        if "question_type" in names:
            configs.setdefault(path.parent.name, []).append(path)
    if not configs:
        raise FileNotFoundError(f"{folder} holds no records; pass a folder that `spatialmosaic build` wrote.")
    return configs
