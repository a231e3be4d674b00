"""Writes a built dataset in other forms, a few thousand records at a time: the authors' JSON, JSON lines, Parquet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from .authors import conversation, evaluation_record
from .config import ExportConfig
from .shards import aside_path
from .splits import SPLITS

_ROWS_AT_ONCE = 5_000
_SUFFIXES = {"authors": ".json", "jsonl": ".jsonl", "parquet": ".parquet"}

Rows = Iterator[dict[str, Any]]


def export(config: ExportConfig) -> dict[Path, int]:
    """Write each split of a config as one file.

    Args:
        config: what to write, and where: a file's name where one split is written, a folder otherwise.

    Returns:
        The number of records by file.

    Raises:
        FileNotFoundError: if the dataset holds no such config or split.
        FileExistsError: if a file is there already and `overwrite` is not set.
        ValueError: if two splits should go into one file, or the config holds no questions for the authors' layout.
    """
    shards = _shards_by_split(config)
    files = _files(config, list(shards))
    taken = [path for path in files.values() if path.exists()]
    if taken and not config.overwrite:
        raise FileExistsError(f"{taken[0]} is there already; pass --overwrite to replace it, or name another --out.")
    written = {}
    for split, paths in shards.items():
        written[files[split]] = _write_aside(files[split], paths, _WRITERS[config.format], split)
    return written


def _shards_by_split(config: ExportConfig) -> dict[str, list[Path]]:
    folder = config.dataset / config.config
    wanted = SPLITS if config.split == "all" else (config.split,)
    shards = {split: sorted(folder.glob(f"{split}-*.parquet")) for split in wanted}
    shards = {split: paths for split, paths in shards.items() if paths}
    if not shards:
        what = "records" if config.split == "all" else f"{config.split} records"
        raise FileNotFoundError(f"{folder} holds no {what}; pass a folder that `spatialmosaic build` wrote.")
    if config.format == "authors" and "question_type" not in pq.read_schema(next(iter(shards.values()))[0]).names:
        raise ValueError(f"--config {config.config} holds no questions; the authors' layout is one of questions.")
    return shards


def _files(config: ExportConfig, splits: list[str]) -> dict[str, Path]:
    suffix = _SUFFIXES[config.format]
    out = config.out or Path("exports", f"{config.config}-{config.format}")
    if out.suffix != suffix:
        return {split: out / f"{split}{suffix}" for split in splits}
    if len(splits) > 1:
        raise ValueError(
            f"--out {out} is one file but there are the splits {', '.join(splits)}; add --split, or name a folder."
        )
    return {splits[0]: out}


def _write_aside(path: Path, shards: list[Path], write: Callable[[Path, str, list[Path]], int], split: str) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = aside_path(path)
    try:
        count = write(aside, split, shards)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return count


def _tables(shards: list[Path], split: str) -> Iterator[pa.Table]:
    """Yield the shards in small tables, with a progress bar over their rows."""
    total = sum(pq.read_metadata(path).num_rows for path in shards)
    with tqdm(total=total, desc=split, unit="record") as bar:
        for path in shards:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                    yield pa.Table.from_batches([batch])
                    bar.update(len(batch))


def _rows(shards: list[Path], split: str) -> Rows:
    for table in _tables(shards, split):
        yield from table.to_pylist()


def _write_authors(path: Path, split: str, shards: list[Path]) -> int:
    """Write one JSON list, an element a line: conversations for train, flat records for test."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for record in _rows(shards, split):
            sample = conversation(record) if split == "train" else evaluation_record(record, count)
            file.write(("[\n" if not count else ",\n") + json.dumps(sample, ensure_ascii=False))
            count += 1
        file.write("\n]\n" if count else "[]\n")
    return count


def _write_jsonl(path: Path, split: str, shards: list[Path]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for record in _rows(shards, split):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count


def _write_parquet(path: Path, split: str, shards: list[Path]) -> int:
    count = 0
    with pq.ParquetWriter(path, pq.read_schema(shards[0]), compression="zstd", write_page_index=True) as writer:
        for table in _tables(shards, split):
            writer.write_table(table)
            count += len(table)
    return count


_WRITERS = {"authors": _write_authors, "jsonl": _write_jsonl, "parquet": _write_parquet}
