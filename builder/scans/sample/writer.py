"""Writes sample scans: furnished rooms in the on-disk format of ScanNet++, made up from a seed.

They let everybody run the whole pipeline without the licensed data. The files are those of the default download
(`files.py` draws the tree) without videos, depth and fisheye pictures; the phone's frames are there as extracted JPEGs,
and the DSLR's pictures as undistorted ones.
What is awkward in real scans is awkward here:

- every room: a group `REMOVE` and a group `SPLIT`, an `object`, labels with stray blanks or upper case, number and
  hyphen twins (`book`, `books`; `trash can`, `trashcan`), instances of fewer than 50 vertices (switch, sockets), vertices that
  two groups list (cushion and sofa, blanket and bed), a wall in two pieces, a leaning object with a tilted box, vertices without
  a label, holes, lenses with distortion, frames that were not registered, empty lines of 2D points, a blurred photograph;
- odd rooms (second, fourth, ...): `objectId` differs from `id` and has gaps;
- every third room (third, sixth, ...): true over-segments in `segments.json` instead of one segment a vertex;
- every fourth room: image names with the prefix `video/`, anonymised vertices in the mesh mask;
- after them one room without annotation, as ScanNet++'s own test scenes are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ...workers import run_jobs
from .. import files
from ..labels import clean_name, is_junk, is_structure
from .capture import write_dslr, write_json, write_lines, write_phone, write_pictures
from .layouts import KINDS, furnish
from .photo import vertex_colours
from .scanner import box_bounds
from .truth import IMAGE_SIZE, Quirks, SampleRoom, make_sample_room

UNLABELLED = -100
"""`label` of a vertex without a class in the semantic mesh."""

_SEMANTIC_MESH = "scans/mesh_aligned_0.05_semantic.ply"


def scene_names(seed: int, count: int) -> list[str]:
    """Ids of the scenes that a seed makes: ten hex digits each, as in ScanNet++."""
    return [hashlib.sha256(f"sample scan {seed} {k}".encode()).hexdigest()[:10] for k in range(count)]


def quirks_of(position: int) -> Quirks:
    """In what the files of the annotated scene at a position (from 0) differ from the plain form."""
    return Quirks(
        shifts_object_ids=position % 2 == 1,
        has_over_segments=position % 3 == 2,
        has_name_prefix=position % 4 == 3,
        has_mask=position % 4 == 3,
    )


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
    names = scene_names(seed, num_scans + 1)
    _refuse_foreign(root, names)
    kinds = list(KINDS)
    jobs = []
    for k, name in enumerate(names):
        quirks = quirks_of(k) if k < num_scans else Quirks(is_annotated=False)
        frames = num_frames if quirks.is_annotated else min(num_frames, 8)
        jobs.append((root, name, seed, kinds[k % len(kinds)], quirks, frames, pictures, image_size))
    for _ in tqdm(
        run_jobs(_write_one, jobs, num_proc, on_death=_died), desc="sample scans", unit="scan", total=len(jobs)
    ):
        pass
    _write_metadata(root, names, kinds)
    _write_splits(root, names)
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
        _write_scans(folder, room)
        write_phone(folder, room)
        write_dslr(folder, room)
        if pictures:
            write_pictures(folder, room)
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
    return room


def _write_one(job: tuple[Any, ...]) -> None:
    """Write a scene in a worker; its truth is not worth sending back."""
    write_sample_scan(*job)


def _died(job: tuple[Any, ...]) -> None:
    raise RuntimeError(f"The process that wrote the sample scan {job[1]} died, most likely for lack of memory.")


def _refuse_foreign(root: Path, names: list[str]) -> None:
    data = root / "data"
    foreign = sorted({path.name for path in data.iterdir()} - set(names)) if data.is_dir() else []
    if foreign:
        raise FileExistsError(
            f"{data} already holds other scenes ({foreign[0]}, {len(foreign)} in all); sample scans are written only into "
            "a folder of their own."
        )


@cache
def _class_names() -> tuple[str, ...]:
    """Names of `metadata/semantic_classes.txt`: the cleaned labels of all kinds of rooms without junk, by frequency."""
    counts: dict[str, int] = {}
    for kind in KINDS:
        for item in furnish(kind, 0).items:
            name = clean_name(item.label)
            counts[name] = counts.get(name, 0) + 1
    return tuple(sorted((name for name in counts if not is_junk(name)), key=lambda name: (-counts[name], name)))


def _write_scans(folder: Path, room: SampleRoom) -> None:
    """Write `scans/`: the meshes, the mask and the annotation, or the mesh alone."""
    colours = vertex_colours(room.surface, room.shares, room.lamps)
    _write_ply(folder / files.MESH, room, colours)
    if not room.quirks.is_annotated:
        return
    owner = room.vertex_instance
    names = _class_names()
    classes = [clean_name(instance.label) for instance in room.instances]
    label_of = np.array(
        [*(names.index(name) if name in names else UNLABELLED for name in classes), UNLABELLED], np.int32
    )
    labels = label_of[owner]
    palette = np.random.default_rng(0).integers(40, 230, (len(names) + 1, 3)).astype(np.uint8)
    _write_ply(folder / _SEMANTIC_MESH, room, palette[np.where(labels < 0, len(names), labels)], labels)
    (folder / files.MESH_MASK).write_text("".join(f"{index}\n" for index in room.masked), encoding="ascii")
    segments = {
        "params": {"kThresh": "0.0001", "segMinVerts": "20"},
        "sceneId": room.scene_name,
        "segIndices": room.segments.tolist(),
    }
    write_json(folder / files.SEGMENTS, segments)
    groups = [_group(room, index) for index in range(len(room.instances))]
    annotation = {"sceneId": room.scene_name, "appId": "stk.v1", "annId": "1", "segGroups": groups}
    write_json(folder / files.ANNOTATION, annotation)


def _group(room: SampleRoom, index: int) -> dict[str, Any]:
    instance = room.instances[index]
    low, high = box_bounds(instance.box)
    return {
        "id": instance.group_id,
        "objectId": instance.object_id,
        "index": index,
        "label": instance.label,
        "segments": np.unique(room.segments[instance.vertices]).tolist(),
        "obb": {
            "centroid": list(instance.box.centroid),
            "axesLengths": list(instance.box.lengths),
            "normalizedAxes": list(instance.box.axes),
            "min": low,
            "max": high,
        },
        "dominantNormal": list(instance.box.axes[3:6]),
    }


def _write_ply(
    path: Path, room: SampleRoom, colours: NDArray[np.uint8], labels: NDArray[np.int32] | None = None
) -> None:
    columns: list[tuple[str, str, str]] = [(axis, "<f4", "float") for axis in "xyz"]
    columns += [(name, "u1", "uchar") for name in ("red", "green", "blue", "alpha")]
    if labels is not None:
        columns.append(("label", "<i4", "int"))
    vertices = np.zeros(len(room.surface.vertices), [column[:2] for column in columns])
    for k, axis in enumerate("xyz"):
        vertices[axis] = room.surface.vertices[:, k]
    for k, name in enumerate(("red", "green", "blue")):
        vertices[name] = colours[:, k]
    vertices["alpha"] = 255
    if labels is not None:
        vertices["label"] = labels
    faces = np.zeros(len(room.faces), [("count", "u1"), ("indices", "<i4", 3)])
    faces["count"], faces["indices"] = 3, room.faces
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(vertices)}"]
    header += [f"property {kind} {name}" for name, _, kind in columns]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header", ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join(header).encode() + vertices.tobytes() + faces.tobytes())


def _write_metadata(root: Path, names: list[str], kinds: list[str]) -> None:
    """Write `metadata/`: class lists, the benchmark's lists, and the kind of each scene."""
    metadata = root / "metadata"
    (metadata / "semantic_benchmark").mkdir(parents=True, exist_ok=True)
    semantic = list(_class_names())
    countable = [name for name in semantic if not is_structure(name)]
    write_lines(metadata / "semantic_classes.txt", semantic)
    write_lines(metadata / "instance_classes.txt", countable)
    write_lines(metadata / "semantic_benchmark/top100.txt", semantic[:100])
    write_lines(
        metadata / "semantic_benchmark/top100_instance.txt", [name for name in semantic[:100] if name in countable]
    )
    rows = [f"{name},,{'' if name in countable else 'None'}" for name in semantic]
    write_lines(metadata / "semantic_benchmark/map_benchmark.csv", ["class,semantic_map_to,instance_map_to", *rows])
    types = {name: kinds[k % len(kinds)] for k, name in enumerate(names)}
    (metadata / "scene_types.json").write_text(json.dumps(types, indent=2) + "\n", encoding="utf-8")


def _write_splits(root: Path, names: list[str]) -> None:
    """Official split files: the last annotated scan is for validation if there are two, the last of all for tests."""
    annotated, hidden = names[:-1], names[-1:]
    cut = max(1, len(annotated) - 1)
    (root / "splits").mkdir(parents=True, exist_ok=True)
    for file, scenes in {
        files.OFFICIAL_SPLITS["train"]: annotated[:cut],
        files.OFFICIAL_SPLITS["test"]: annotated[cut:],
        "splits/nvs_test.txt": hidden,
        "splits/sem_test.txt": hidden,
        "splits/nvs_test_small.txt": hidden,
        "splits/nvs_test_iphone.txt": hidden,
    }.items():
        write_lines(root / file, scenes)
