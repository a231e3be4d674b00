"""Tells from a few bytes whether big files of a scene are whole; `read_scan` finds the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import ScanError
from .files import ANNOTATION, MESH, SEGMENTS, SceneFiles

_MAX_HEADER = 1 << 16
_TAIL = 64
_NUM_BYTES = {
    **dict.fromkeys(("char", "uchar", "int8", "uint8"), 1),
    **dict.fromkeys(("short", "ushort", "int16", "uint16"), 2),
    **dict.fromkeys(("int", "uint", "float", "int32", "uint32", "float32"), 4),
    **dict.fromkeys(("double", "float64"), 8),
}


@dataclass(frozen=True, slots=True)
class MeshSize:
    """What a mesh's header says."""

    num_vertices: int
    num_faces: int


def check_scan_files(files: SceneFiles) -> MeshSize:
    """Check that mesh and annotation of a scene, which must be there, look whole.

    Raises:
        ScanError: if one is cut off. The message names the file.
    """
    for name in (SEGMENTS, ANNOTATION):
        _check_json_end(files.folder / name)
    return _read_mesh_size(files.folder / MESH)


def _check_json_end(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, _TAIL), 2)
        end = file.read().rstrip()
    if not end.endswith(b"}"):
        raise ScanError(f"damaged {path.name}", f"{path} is cut off or not JSON; download it again.")


def _read_mesh_size(path: Path) -> MeshSize:
    with path.open("rb") as file:
        head, end, _ = file.read(_MAX_HEADER).partition(b"end_header\n")
    rows = {name: (int(count), size) for name, count, size in _elements(head.decode("ascii", errors="replace"))}
    is_mesh = all(all(rows.get(name, (0, 0))) for name in ("vertex", "face"))
    if not end or not head.startswith(b"ply") or not is_mesh:
        raise ScanError("damaged mesh", f"{path} is no PLY file of vertices and faces; download it again.")
    expected = len(head) + len(end) + sum(count * size for count, size in rows.values())
    size = path.stat().st_size
    if b"format ascii" not in head and size < expected:
        detail = f"{path} is cut off: it has {size:,} bytes, its header announces {expected:,}; download it again."
        raise ScanError("damaged mesh", detail)
    return MeshSize(rows["vertex"][0], rows["face"][0])


def _elements(header: str) -> Iterator[tuple[str, str, int]]:
    """Yield name, number of rows, and bytes a row at least, of each element: lists are taken for triangles."""
    for name, count, properties in re.findall(r"^element (\w+) (\d+)\s((?:property .*\s)*)", header, re.MULTILINE):
        scalars = re.findall(r"^property (\w+) \w+\s*$", properties, re.MULTILINE)
        lists = re.findall(r"^property list (\w+) (\w+) \w+\s*$", properties, re.MULTILINE)
        size = sum(_NUM_BYTES.get(kind, 0) for kind in scalars)
        size += sum(_NUM_BYTES.get(length, 0) + 3 * _NUM_BYTES.get(kind, 0) for length, kind in lists)
        yield name, count, size
