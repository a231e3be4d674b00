"""Writes sample scans: furnished rooms in the on-disk format of ScanNet++, made up from a seed.

They let everybody run the whole pipeline without the licensed data. The files are those of the default download
(`scannetpp.py` draws the tree), without the videos, depth and DSLR pictures; frames are there as extracted JPEGs.
What is awkward in real scans is awkward here:

- every room: a group `REMOVE` and a group `SPLIT`, an `object`, labels with stray blanks or upper case, number and
  hyphen twins (`book`, `books`; `trash can`, `trashcan`), instances of fewer than 50 vertices (switch, sockets), vertices that
  two groups list (cushion and sofa, blanket and bed), a wall in two pieces, a leaning object with a tilted box, vertices without
  a label, holes, a lens with distortion, frames that were not registered, empty lines of 2D points;
- odd rooms (second, fourth, ...): `objectId` differs from `id` and has gaps;
- every third room from the third: true over-segments in `segments.json` instead of one segment a vertex;
- every fourth room: image names with the prefix `video/`, anonymised vertices in the mesh mask;
- after them one room without annotation, as ScanNet++'s own test scenes are.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from .layouts import KINDS
from .sample_files import write_metadata, write_phone, write_pictures, write_scans, write_splits
from .sample_room import IMAGE_SIZE, Quirks, SampleRoom, make_sample_room

__all__ = ["Quirks", "SampleRoom", "make_sample_room", "write_sample_scan", "write_sample_scans"]


def write_sample_scans(
    root: Path,
    num_scans: int = 4,
    seed: int = 0,
    num_frames: int = 64,
    pictures: bool = True,
    num_proc: int = 1,
    image_size: tuple[int, int] = IMAGE_SIZE,
) -> list[str]:
    """Write annotated sample scans of clearly different rooms and one scan without annotation.

    The same arguments give the same bytes, for any `num_proc`. Sample scans of an earlier call are replaced; a folder
    that holds other scenes is refused, so real data cannot be touched.

    Args:
        root: becomes a ScanNet++ root with `data`, `metadata` and `splits`.
        num_scans: number of annotated scans; their kinds take turns.
        seed: decides everything that is random.
        num_frames: registered frames a scan.
        pictures: whether to render the JPEGs; everything else is written in any case.
        num_proc: processes.
        image_size: (width, height) of the frames, pixels.

    Returns:
        Ids of the annotated scans, in the order of their kinds.

    Raises:
        FileExistsError: if `root` holds scenes that these arguments would not write.
    """
    if num_scans < 1:
        raise ValueError(f"Expected at least 1 scan, got {num_scans}.")
    names = [hashlib.sha256(f"sample scan {seed} {k}".encode()).hexdigest()[:10] for k in range(num_scans + 1)]
    _refuse_foreign(root, names)
    kinds = list(KINDS)
    jobs = []
    for k, name in enumerate(names):
        quirks = Quirks(
            shifts_object_ids=k % 2 == 1,
            has_over_segments=k % 3 == 2,
            has_name_prefix=k % 4 == 3,
            has_mask=k % 4 == 3,
            is_annotated=k < num_scans,
        )
        frames = num_frames if quirks.is_annotated else min(num_frames, 8)
        jobs.append((root, name, seed, kinds[k % len(kinds)], quirks, frames, pictures, image_size))
    if num_proc == 1:
        for job in jobs:
            write_sample_scan(*job)
    else:
        # A forked child would inherit Embree's and OpenCV's threads in an undefined state.
        with ProcessPoolExecutor(num_proc, mp_context=get_context("spawn")) as pool:
            for future in [pool.submit(write_sample_scan, *job) for job in jobs]:
                future.result()
    write_metadata(root, names, kinds)
    write_splits(root, names)
    return names[:-1]


def write_sample_scan(
    root: Path,
    scene_name: str,
    seed: int,
    kind: str,
    quirks: Quirks | None = None,
    num_frames: int = 64,
    pictures: bool = True,
    image_size: tuple[int, int] = IMAGE_SIZE,
) -> SampleRoom:
    """Write one scene to `<root>/data/<scene_name>` and return its truth.

    The scene is written aside and renamed when it is complete; a scene of that name is replaced. For the arguments see
    `make_sample_room`.
    """
    room = make_sample_room(scene_name, seed, kind, quirks, num_frames, image_size)
    target = root / "data" / scene_name
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{scene_name}-", dir=root) as aside:
        folder = Path(aside) / scene_name
        write_scans(folder, room)
        write_phone(folder, room)
        if pictures:
            write_pictures(folder, room)
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
    return room


def _refuse_foreign(root: Path, names: list[str]) -> None:
    data = root / "data"
    foreign = sorted({path.name for path in data.iterdir()} - set(names)) if data.is_dir() else []
    if foreign:
        raise FileExistsError(
            f"{data} already holds other scenes ({foreign[0]}, {len(foreign)} in all); sample scans are written only into "
            "a folder of their own."
        )
