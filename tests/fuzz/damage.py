"""Ways to damage a scan: each is a function of a file and a random generator."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import ply, structure, text
from .rooms import ANNOTATION, CAMERAS, DSLR_IMAGES, IMAGES, MASK, MESH, PICTURES, SEGMENTS, TRANSFORMS, UNDISTORTED

Rng = np.random.Generator
Edit = Callable[[bytes, Rng], bytes]

PICTURE = f"{PICTURES}/frame_000010.jpg"
SCAN_FILES = (MESH, MASK, SEGMENTS, ANNOTATION, CAMERAS, IMAGES, PICTURE)
DSLR_FILES = (UNDISTORTED, TRANSFORMS, DSLR_IMAGES)
TEXTS = (MASK, SEGMENTS, ANNOTATION, CAMERAS, IMAGES, *DSLR_FILES)
LISTS = ("train.txt", "test.txt")
"""Split lists: which scenes are built."""


@dataclass(frozen=True)
class Damage:
    """One way to damage one file."""

    kind: str
    file: str
    """Relative to the scene folder, or one of `LISTS`."""
    apply: Callable[[Path, Rng], None]
    """Damages the file at a path. Hard links lead to it, so it must be replaced, never written into."""


def catalogue() -> list[Damage]:
    """Every kind of damage to every file that it fits."""
    edits = [
        *((kind, edit, (*SCAN_FILES, *DSLR_FILES, *LISTS)) for kind, edit in text.BYTES.items()),
        *((kind, edit, (*TEXTS, *LISTS)) for kind, edit in text.TEXT.items()),
        *((kind, edit, (MASK, CAMERAS, IMAGES, DSLR_IMAGES)) for kind, edit in text.NUMBERS.items()),
        *((kind, edit, (SEGMENTS, ANNOTATION, UNDISTORTED, TRANSFORMS)) for kind, edit in structure.JSON.items()),
        *((kind, edit, (ANNOTATION,)) for kind, edit in structure.OBJECTS.items()),
        *((kind, edit, (UNDISTORTED,)) for kind, edit in structure.MATRICES.items()),
        *((kind, edit, (MESH,)) for kind, edit in ply.EDITS.items()),
        *((kind, edit, (IMAGES, DSLR_IMAGES)) for kind, edit in text.POSES.items()),
        *((kind, edit, LISTS) for kind, edit in text.NAMES.items()),
    ]
    damages = [Damage(kind, file, _replacing(edit)) for kind, edit, files in edits for file in files]
    damages += [Damage(kind, file, act) for kind, act in _PLACE.items() for file in (*SCAN_FILES, *DSLR_FILES, *LISTS)]
    damages += [Damage(kind, file, act) for kind, act in _AMONG_FILES.items() for file in (*SCAN_FILES, *DSLR_FILES)]
    damages += [
        Damage(kind, folder, act) for kind, act in _PLACE.items() for folder in ("scans", "iphone", "dslr", PICTURES)
    ]
    return damages


def _replacing(edit: Edit) -> Callable[[Path, Rng], None]:
    def apply(path: Path, rng: Rng) -> None:
        if not path.exists():
            return
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(edit(data, rng))

    return apply


# Places


def _delete(path: Path, rng: Rng | None = None) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _to_folder(path: Path, rng: Rng) -> None:
    _delete(path)
    path.mkdir()
    if rng.random() < 0.5:
        (path / "x").write_text("x")


def _to_file(path: Path, rng: Rng) -> None:
    _delete(path)
    path.write_text("x")


def _to_dangling_link(path: Path, rng: Rng) -> None:
    _delete(path)
    path.symlink_to(path.parent / "nowhere")


def _to_loop(path: Path, rng: Rng) -> None:
    _delete(path)
    path.symlink_to(path.name)


_PLACE: dict[str, Callable[[Path, Rng], None]] = {
    "missing": _delete,
    "folder in its place": _to_folder,
    "word in its place": _to_file,
    "dangling link": _to_dangling_link,
    "link to itself": _to_loop,
}


def _scene_folder(path: Path) -> Path:
    return next(folder for folder in path.parents if folder.parent.name == "data")


def _swap_inside(path: Path, rng: Rng) -> None:
    """Exchange a file with another of the scene."""
    others = [_scene_folder(path) / name for name in (*SCAN_FILES, *DSLR_FILES)]
    other = [one for one in others if one != path and one.exists()][int(rng.integers(7))]
    if path.exists():
        aside = path.with_name("aside")
        path.rename(aside)
        other.rename(path)
        aside.rename(other)


def _take_from_another_scene(path: Path, rng: Rng) -> None:
    folder = _scene_folder(path)
    donor = next(other for other in sorted(folder.parent.iterdir()) if other.name != folder.name)
    _delete(path)
    if (donor / path.relative_to(folder)).exists():
        shutil.copyfile(donor / path.relative_to(folder), path)


_AMONG_FILES: dict[str, Callable[[Path, Rng], None]] = {
    "swapped with another": _swap_inside,
    "of another scene": _take_from_another_scene,
}
