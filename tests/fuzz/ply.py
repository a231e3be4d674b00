"""Ways to damage a mesh file: its header, its vertices, its faces."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

Rng = np.random.Generator
Edit = Callable[[bytes, Rng], bytes]

_VERTEX = np.dtype([("xyz", "<f4", (3,)), ("colour", "u1", (3,))])
_FACE = np.dtype([("count", "u1"), ("indices", "<i4", (3,))])
_END = b"end_header\n"


def _header_edit(change: Callable[[list[str], Rng], None]) -> Edit:
    """Make an edit of the bytes from one of the header's lines."""

    def edit(data: bytes, rng: Rng) -> bytes:
        at = data.index(_END)
        lines = data[:at].decode().splitlines()
        change(lines, rng)
        return "".join(f"{line}\n" for line in lines).encode() + data[at:]

    return edit


def _body_edit(change: Callable[[np.ndarray, np.ndarray, Rng], None]) -> Edit:
    """Make an edit of the bytes from one of the vertices and faces."""

    def edit(data: bytes, rng: Rng) -> bytes:
        at = data.index(_END) + len(_END)
        num_vertices, num_faces = (int(n) for n in re.findall(rb"element \w+ (\d+)", data[:at]))
        vertices = np.frombuffer(data, _VERTEX, num_vertices, at).copy()
        faces = np.frombuffer(data, _FACE, num_faces, at + vertices.nbytes).copy()
        change(vertices, faces, rng)
        return data[:at] + vertices.tobytes() + faces.tobytes()

    return edit


def _pick(rng: Rng, *values: float) -> float:
    return values[int(rng.integers(len(values)))]


def _change_count(lines: list[str], rng: Rng) -> None:
    at = _line(lines, rng, "element")
    count = int(lines[at].split()[2])
    other = _pick(rng, 0, 1, -1, count - 1, count + 1, count // 2, 2 * count, 10 * count, 2**31, 2**40, 2**63, 10**30)
    lines[at] = " ".join([*lines[at].split()[:2], str(int(other))])


def _change_type(lines: list[str], rng: Rng) -> None:
    at = _line(lines, rng, "property")
    kinds = [
        "char",
        "uchar",
        "short",
        "ushort",
        "int",
        "uint",
        "float",
        "double",
        "list uchar int",
        "list float int",
        "x",
    ]
    words = lines[at].split()
    lines[at] = f"property {rng.choice(kinds)} {words[-1]}"


def _rename(lines: list[str], rng: Rng) -> None:
    at = _line(lines, rng, "property")
    lines[at] = " ".join([*lines[at].split()[:-1], str(rng.choice(["x", "w", "vertex_index", "é", "count"]))])


def _change_format(lines: list[str], rng: Rng) -> None:
    lines[1] = f"format {rng.choice(['ascii', 'binary_big_endian', 'binary_middle_endian', ''])} 1.0"


def _line(lines: list[str], rng: Rng, word: str) -> int:
    return int(rng.choice([k for k, line in enumerate(lines) if line.startswith(word)]))


def _drop_line(lines: list[str], rng: Rng) -> None:
    del lines[int(rng.integers(len(lines)))]


def _repeat_line(lines: list[str], rng: Rng) -> None:
    lines.insert(int(rng.integers(len(lines))), lines[int(rng.integers(len(lines)))])


def _odd_coordinates(vertices: np.ndarray, faces: np.ndarray, rng: Rng) -> None:
    rows = rng.integers(len(vertices), size=int(_pick(rng, 1, 1, 50)))
    with np.errstate(over="ignore"):
        vertices["xyz"][rows, rng.integers(3)] = _pick(
            rng, np.nan, np.inf, -np.inf, 3e38, -3e38, 1e20, 1e6, 1e4, 1e-40
        )


def _odd_indices(vertices: np.ndarray, faces: np.ndarray, rng: Rng) -> None:
    rows = rng.integers(len(faces), size=int(_pick(rng, 1, 1, 50)))
    faces["indices"][rows, rng.integers(3)] = int(_pick(rng, -1, len(vertices), 2**31 - 1, -(2**31), 0))


def _odd_lengths(vertices: np.ndarray, faces: np.ndarray, rng: Rng) -> None:
    faces["count"][rng.integers(len(faces), size=int(_pick(rng, 1, len(faces))))] = int(_pick(rng, 0, 1, 2, 4, 255))


def _scale(vertices: np.ndarray, faces: np.ndarray, rng: Rng) -> None:
    vertices["xyz"] *= np.float32(_pick(rng, 0, 1e-30, 1e-3, 1e3, 1e8, 1e30))


def _move(vertices: np.ndarray, faces: np.ndarray, rng: Rng) -> None:
    vertices["xyz"] += np.float32(_pick(rng, 1e2, 1e5, 1e30))


def _collapse(vertices: np.ndarray, faces: np.ndarray, rng: Rng) -> None:
    faces["indices"] = faces["indices"][:, :1]


def _shuffle(vertices: np.ndarray, faces: np.ndarray, rng: Rng) -> None:
    vertices[:] = vertices[rng.permutation(len(vertices))]


EDITS: dict[str, Edit] = {
    "count changed": _header_edit(_change_count),
    "type changed": _header_edit(_change_type),
    "property renamed": _header_edit(_rename),
    "format changed": _header_edit(_change_format),
    "header line dropped": _header_edit(_drop_line),
    "header line repeated": _header_edit(_repeat_line),
    "odd coordinates": _body_edit(_odd_coordinates),
    "odd indices": _body_edit(_odd_indices),
    "odd list lengths": _body_edit(_odd_lengths),
    "mesh scaled": _body_edit(_scale),
    "mesh moved": _body_edit(_move),
    "faces without area": _body_edit(_collapse),
    "vertices shuffled": _body_edit(_shuffle),
}
