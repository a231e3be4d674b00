"""Writes sample scans: furnished rooms in the on-disk format of ScanNet++, made up from a seed.

They let everybody run the whole pipeline without the licensed data. The files are those of the default download
(`files.py` draws the tree), without the videos, depth and DSLR pictures; frames are there as extracted JPEGs.
What is awkward in real scans is awkward here:

- every room: a group `REMOVE` and a group `SPLIT`, an `object`, labels with stray blanks or upper case, number and
  hyphen twins (`book`, `books`; `trash can`, `trashcan`), instances of fewer than 50 vertices (switch, sockets), vertices that
  two groups list (cushion and sofa, blanket and bed), a wall in two pieces, a leaning object with a tilted box, vertices without
  a label, holes, a lens with distortion, frames that were not registered, empty lines of 2D points;
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
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ...workers import run_jobs
from .. import files
from ..labels import clean_name, is_junk, is_structure
from .layouts import KINDS, furnish
from .photo import Photographer, vertex_colours
from .scanner import box_bounds
from .truth import IMAGE_SIZE, Quirks, SampleRoom, make_sample_room

JPEG_QUALITY = 90
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
        _write_phone(folder, room)
        if pictures:
            _write_pictures(folder, room)
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
    _write_json(folder / files.SEGMENTS, segments)
    groups = [_group(room, index) for index in range(len(room.instances))]
    annotation = {"sceneId": room.scene_name, "appId": "stk.v1", "annId": "1", "segGroups": groups}
    _write_json(folder / files.ANNOTATION, annotation)


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


def _write_phone(folder: Path, room: SampleRoom) -> None:
    """Write `iphone/` without its pictures: the COLMAP model, the poses of all video frames, the EXIF records."""
    walk, camera = room.walk, room.walk.camera
    (folder / files.IPHONE_CAMERAS).parent.mkdir(parents=True, exist_ok=True)
    numbers = [camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion]
    lines = ["# Camera list with one line of data per camera:", "#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    lines += ["# Number of cameras: 1", f"1 OPENCV {camera.width} {camera.height} {' '.join(map(repr, numbers))}"]
    _write_lines(folder / files.IPHONE_CAMERAS, lines)
    lines = ["# Image list with two lines of data per image:"]
    lines += ["#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "#   POINTS2D[] as (X, Y, POINT3D_ID)"]
    lines += [f"# Number of images: {len(walk.registered)}, mean observations per image: 0"]
    prefix = "video/" if room.quirks.has_name_prefix else ""
    for image_id, number in enumerate(walk.registered, 1):
        pose = [*walk.quaternions[number], *walk.poses[number][:3, 3].tolist()]
        lines.append(f"{image_id} {' '.join(map(repr, pose))} 1 {prefix}frame_{number:06d}.jpg")
        # COLMAP lists keypoints that became no 3D point with the id -1; often there are none.
        lines.append("" if image_id % 2 else f"{camera.cx!r} {camera.cy!r} -1 10.5 20.5 -1")
    _write_lines(folder / files.IPHONE_IMAGES, lines)
    lines = ["# 3D point list with one line of data per point:"]
    lines += ["#   POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)"]
    lines += ["# Number of points: 0, mean track length: 0"]
    _write_lines(folder / "iphone/colmap/points3D.txt", lines)
    times = [round(5213.25 + number / 60, 6) for number in range(len(walk.poses))]
    poses = {f"frame_{k:06d}": _phone_record(room, k, time) for k, time in enumerate(times)}
    _write_json(folder / "iphone/pose_intrinsic_imu.json", poses)
    exif = {str(time): {"PixelXDimension": camera.width, "PixelYDimension": camera.height} for time in times}
    _write_json(folder / "iphone/exif.json", exif)


def _phone_record(room: SampleRoom, number: int, time: float) -> dict[str, Any]:
    aligned = np.linalg.inv(room.walk.poses[number])
    # The raw pose lives in the phone's own world: Y up, OpenGL camera axes, an arbitrary origin.
    arkit_from_mesh = np.array([[1.0, 0, 0, -1.7], [0, 0, 1, -1.4], [0, -1, 0, 0.6], [0, 0, 0, 1]])
    raw = arkit_from_mesh @ aligned @ np.diag([1.0, -1, -1, 1])
    return {
        "timestamp": time,
        "pose": raw.tolist(),
        "aligned_pose": aligned.tolist(),
        "intrinsic": room.walk.camera.matrix.tolist(),
        "imu": {"rotate_rate": [0.0, 0.0, 0.0], "acceleration": [0.0, 0.0, 0.0], "gravity": [0.0, -1.0, 0.0]},
    }


def _write_pictures(folder: Path, room: SampleRoom) -> None:
    """Render the registered frames into `iphone/rgb`."""
    photographer = Photographer(room.surface, room.shares, room.lamps, room.walk.camera)
    (folder / files.IPHONE.pictures).mkdir(parents=True)
    for frame in room.frames:
        picture = Image.fromarray(photographer.take(frame.cam_from_world))
        picture.save(folder / files.IPHONE.pictures / f"{frame.name}.jpg", quality=JPEG_QUALITY)


def _write_metadata(root: Path, names: list[str], kinds: list[str]) -> None:
    """Write `metadata/`: class lists, the benchmark's lists, and the kind of each scene."""
    metadata = root / "metadata"
    (metadata / "semantic_benchmark").mkdir(parents=True, exist_ok=True)
    semantic = list(_class_names())
    countable = [name for name in semantic if not is_structure(name)]
    _write_lines(metadata / "semantic_classes.txt", semantic)
    _write_lines(metadata / "instance_classes.txt", countable)
    _write_lines(metadata / "semantic_benchmark/top100.txt", semantic[:100])
    _write_lines(
        metadata / "semantic_benchmark/top100_instance.txt", [name for name in semantic[:100] if name in countable]
    )
    rows = [f"{name},,{'' if name in countable else 'None'}" for name in semantic]
    _write_lines(metadata / "semantic_benchmark/map_benchmark.csv", ["class,semantic_map_to,instance_map_to", *rows])
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
        _write_lines(root / file, scenes)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, separators=(",", ":")), encoding="utf-8")
