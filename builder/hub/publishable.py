"""What a table must not hold to be published: pictures, and where things lie on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import BuildError
from ..writer import ROWS_PER_GROUP

_ABSOLUTE = r"^(/|~|\\|[A-Za-z]:[\\/]|file:)"
_INLINE_BYTES = r"^data:"


def refuse_unfit(path: Path, include_images: bool) -> None:
    """Refuse a Parquet file that must not, or should not, be published.

    Args:
        path: the file.
        include_images: whether it may hold pictures.

    Raises:
        BuildError: if it holds pictures or other bytes, absolute paths, or was not written for the Hub's viewer.
    """
    try:
        with pq.ParquetFile(path) as file:
            _refuse_unreadable_by_viewer(path, file)
            if not include_images:
                for name, kind in _leaves(file.schema_arrow):
                    if _holds_bytes(kind):
                        raise BuildError(
                            f"{path} holds pictures or other bytes in the column {name}; ScanNet++ may not be redistributed. "
                            "Leave the column out, or pass --include-images and --rights if the pictures are yours."
                        )
                _refuse_inline_bytes(path, file)
            _refuse_absolute_paths(path, file)
    except (pa.ArrowException, OSError) as error:
        raise BuildError(f"{path} is no Parquet file or is cut off ({error}); build it again.") from error


def _refuse_unreadable_by_viewer(path: Path, file: pq.ParquetFile) -> None:
    """The Hub's viewer wants small row groups with a page index, and downloads want compression."""
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        column = group.column(0)
        if column.compression != "ZSTD" or group.num_rows > ROWS_PER_GROUP or not column.has_offset_index:
            raise BuildError(
                f"{path} was not written by `spatialmosaic build`: it lacks zstd compression, a page index, or row groups of "
                f"{ROWS_PER_GROUP:,} rows at most; build it again."
            )


def _leaves(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    """Every column's leaf types."""
    pending = [(field.name, field.type) for field in schema]
    while pending:
        name, kind = pending.pop()
        if pa.types.is_nested(kind):
            pending += [(name, kind.field(k).type) for k in range(kind.num_fields)]
            if pa.types.is_list(kind) and pa.types.is_uint8(kind.value_type):
                yield name, pa.binary()
        else:
            yield name, kind


def _holds_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _refuse_absolute_paths(path: Path, file: pq.ParquetFile) -> None:
    for name, value in _strings_like(file, _ABSOLUTE):
        raise BuildError(
            f"{path} holds an absolute path in the column {name} ({value}); it says where things lie on one machine, and means "
            "nothing on another: make it relative to the image root."
        )


def _refuse_inline_bytes(path: Path, file: pq.ParquetFile) -> None:
    for name, _ in _strings_like(file, _INLINE_BYTES):
        raise BuildError(
            f"{path} holds pictures or other bytes in the column {name}, written as text; ScanNet++ may not be redistributed. "
            "Leave the column out, or pass --include-images and --rights if the pictures are yours."
        )


def _strings_like(file: pq.ParquetFile, pattern: str) -> Iterator[tuple[str, str]]:
    """Column and value of every string that matches a pattern, however deep it lies."""
    for batch in file.iter_batches(batch_size=ROWS_PER_GROUP):
        pending = [(field.name, batch.column(k)) for k, field in enumerate(batch.schema)]
        while pending:
            name, array = pending.pop()
            if pa.types.is_struct(array.type):
                pending += [(name, part) for part in array.flatten()]
            elif pa.types.is_nested(array.type):
                pending.append((name, array.flatten()))
            elif pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
                values = pc.unique(array)
                for value in values.filter(pc.match_substring_regex(values, pattern)):
                    yield name, str(value)
