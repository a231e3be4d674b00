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
import json
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..geometry import FloatArray
from ..schema import Frame, OrientedBox
from . import scannetpp
from .labels import clean_name, is_junk, is_structure
from .paint import Floats
from .photo import Photographer, Surface, bake_light, vertex_colours
from .rooms import KINDS, furnish
from .scanner import Walk, box_bounds, phone_camera, registered_frames, scan_room, walk_through

IMAGE_SIZE = (960, 720)
"""Width and height; half of ScanNet++'s, which keeps a sample small."""
JPEG_QUALITY = 90
UNLABELLED = -100
"""`label` of a vertex without a class in the semantic mesh."""

_SEMANTIC_MESH = "scans/mesh_aligned_0.05_semantic.ply"
_SEGMENT_CELL = 0.15
"""Side of an over-segment, metres."""


@dataclass(frozen=True, slots=True)
class Quirks:
    """In what a scene's files differ from the plain form."""

    shifts_object_ids: bool = False
    """`objectId` differs from `id` and has gaps."""
    has_over_segments: bool = False
    """`segments.json` joins vertices to segments."""
    has_name_prefix: bool = False
    """COLMAP's image names start with `video/`."""
    has_mask: bool = False
    """Some vertices are anonymised."""
    is_annotated: bool = True
    """False: only mesh and phone files."""


@dataclass(frozen=True, slots=True)
class SampleInstance:
    """An annotated object as the files state it."""

    group_id: int
    """`id`."""
    object_id: int
    label: str
    vertices: NDArray[np.int64]
    """Vertices that the annotation lists, ascending."""
    box: OrientedBox


@dataclass(frozen=True, slots=True)
class SampleRoom:
    """The truth of a sample scan: what a reader must return."""

    scene_name: str
    kind: str
    surface: Surface
    """What stands in the room: all faces, also where the scan has holes."""
    faces: NDArray[np.int32]
    """Shape (f, 3): the faces of the scan."""
    shares: Floats
    """Baked light, see `photo.bake_light`."""
    lamps: FloatArray
    """Shape (l, 3), metres."""
    instances: tuple[SampleInstance, ...]
    segments: NDArray[np.int64]
    """Shape (v,): segment of every vertex."""
    masked: NDArray[np.int64]
    """Anonymised vertices."""
    walk: Walk
    frames: tuple[Frame, ...]
    quirks: Quirks

    @property
    def vertex_instance(self) -> NDArray[np.int32]:
        """Shape (v,): index of the smallest instance that lists the vertex; -1 for none and for anonymised ones."""
        owner = np.full(len(self.surface.vertices), -1, np.int32)
        for index in sorted(range(len(self.instances)), key=lambda k: -len(self.instances[k].vertices)):
            owner[self.instances[index].vertices] = index
        owner[self.masked] = -1
        return owner


def make_sample_room(
    scene_name: str,
    seed: int,
    kind: str,
    quirks: Quirks | None = None,
    num_frames: int = 64,
    image_size: tuple[int, int] = IMAGE_SIZE,
) -> SampleRoom:
    """Make up a room with all its truth; writes nothing.

    Args:
        scene_name: ten hex digits.
        seed: decides layout, colours, noise and path.
        kind: a key of `rooms.KINDS`.
        quirks: how its files differ from the plain form.
        num_frames: registered frames, at least 2.
        image_size: (width, height), pixels.
    """
    if kind not in KINDS:
        raise ValueError(f"There is no sample room {kind!r}; expected one of {', '.join(KINDS)}.")
    if num_frames < 2:
        raise ValueError(f"Expected at least 2 frames, got {num_frames}.")
    quirks = quirks or Quirks()
    rng = _generator(seed, scene_name)
    room = furnish(kind, int(rng.integers(2**32)))
    scanned = scan_room(room, rng)
    walk = walk_through(room, phone_camera(image_size, rng), num_frames, rng)
    lamps = np.array(room.lamps)
    instances = []
    for k, (item, own, box) in enumerate(zip(room.items, scanned.owners, scanned.boxes, strict=True)):
        object_id = 2 * k + 5 + k // 7 if quirks.shifts_object_ids else k + 1
        instances.append(SampleInstance(k + 1, object_id, item.label, own, box))
    count = len(scanned.surface.vertices)
    masked = np.sort(rng.choice(count, 40, replace=False)) if quirks.has_mask else np.zeros(0, np.int64)
    segments = np.arange(count)
    if quirks.has_over_segments:
        segments = _over_segments(scanned.surface.vertices, scanned.owners)
    return SampleRoom(
        scene_name=scene_name,
        kind=kind,
        surface=scanned.surface,
        faces=scanned.surface.faces[scanned.is_scanned],
        shares=bake_light(scanned.surface, lamps, int(rng.integers(2**32))),
        lamps=lamps,
        instances=tuple(instances),
        segments=segments,
        masked=masked,
        walk=walk,
        frames=registered_frames(walk, scene_name, scannetpp.PICTURES),
        quirks=quirks,
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


def _generator(seed: int, key: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed} {key}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def _refuse_foreign(root: Path, names: list[str]) -> None:
    data = root / "data"
    foreign = sorted({path.name for path in data.iterdir()} - set(names)) if data.is_dir() else []
    if foreign:
        raise FileExistsError(
            f"{data} already holds other scenes ({foreign[0]}, {len(foreign)} in all); sample scans are written only into "
            "a folder of their own."
        )


def _over_segments(vertices: Floats, owners: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Join the vertices of a cell that the same objects own; a segment is called after its first vertex."""
    key = np.floor(vertices / _SEGMENT_CELL).astype(np.int64) @ (1, 1000, 1000000)
    for index, own in enumerate(owners):
        key[own] = key[own] * 31 + (index + 1) * 1_000_003
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return first[inverse]


@cache
def class_names() -> tuple[str, ...]:
    """Names of `metadata/semantic_classes.txt`: the cleaned labels of all kinds of rooms without junk, by frequency."""
    counts: dict[str, int] = {}
    for kind in KINDS:
        for item in furnish(kind, 0).items:
            name = clean_name(item.label)
            counts[name] = counts.get(name, 0) + 1
    return tuple(sorted((name for name in counts if not is_junk(name)), key=lambda name: (-counts[name], name)))


def _write_scans(folder: Path, room: SampleRoom) -> None:
    colours = vertex_colours(room.surface, room.shares, room.lamps)
    _write_ply(folder / scannetpp.MESH, room, colours)
    if not room.quirks.is_annotated:
        return
    owner = room.vertex_instance
    names = class_names()
    classes = [clean_name(instance.label) for instance in room.instances]
    label_of = np.array(
        [*(names.index(name) if name in names else UNLABELLED for name in classes), UNLABELLED], np.int32
    )
    labels = label_of[owner]
    palette = np.random.default_rng(0).integers(40, 230, (len(names) + 1, 3)).astype(np.uint8)
    _write_ply(folder / _SEMANTIC_MESH, room, palette[np.where(labels < 0, len(names), labels)], labels)
    (folder / scannetpp.MESH_MASK).write_text("".join(f"{index}\n" for index in room.masked), encoding="ascii")
    segments = {
        "params": {"kThresh": "0.0001", "segMinVerts": "20"},
        "sceneId": room.scene_name,
        "segIndices": room.segments.tolist(),
    }
    _write_json(folder / scannetpp.SEGMENTS, segments)
    groups = [_group(room, index) for index in range(len(room.instances))]
    annotation = {"sceneId": room.scene_name, "appId": "stk.v1", "annId": "1", "segGroups": groups}
    _write_json(folder / scannetpp.ANNOTATION, annotation)


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
    walk, camera = room.walk, room.walk.camera
    (folder / scannetpp.COLMAP_CAMERAS).parent.mkdir(parents=True, exist_ok=True)
    numbers = [camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion]
    lines = ["# Camera list with one line of data per camera:", "#   CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    lines += ["# Number of cameras: 1", f"1 OPENCV {camera.width} {camera.height} {' '.join(map(repr, numbers))}"]
    _write_lines(folder / scannetpp.COLMAP_CAMERAS, lines)
    lines = ["# Image list with two lines of data per image:"]
    lines += ["#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "#   POINTS2D[] as (X, Y, POINT3D_ID)"]
    lines += [f"# Number of images: {len(walk.registered)}, mean observations per image: 0"]
    prefix = "video/" if room.quirks.has_name_prefix else ""
    for image_id, number in enumerate(walk.registered, 1):
        pose = [*walk.quaternions[number], *walk.poses[number][:3, 3].tolist()]
        lines.append(f"{image_id} {' '.join(map(repr, pose))} 1 {prefix}frame_{number:06d}.jpg")
        # COLMAP lists keypoints that became no 3D point with the id -1; often there are none.
        lines.append("" if image_id % 2 else f"{camera.cx!r} {camera.cy!r} -1 10.5 20.5 -1")
    _write_lines(folder / scannetpp.COLMAP_IMAGES, lines)
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
    photographer = Photographer(room.surface, room.shares, room.lamps, room.walk.camera)
    (folder / scannetpp.PICTURES).mkdir(parents=True)
    for frame in room.frames:
        picture = Image.fromarray(photographer.take(frame.cam_from_world))
        picture.save(folder / scannetpp.PICTURES / f"{frame.name}.jpg", quality=JPEG_QUALITY)


def _write_metadata(root: Path, names: list[str], kinds: list[str]) -> None:
    metadata = root / "metadata"
    (metadata / "semantic_benchmark").mkdir(parents=True, exist_ok=True)
    semantic = list(class_names())
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
        scannetpp.OFFICIAL_SPLITS["train"]: annotated[:cut],
        scannetpp.OFFICIAL_SPLITS["test"]: annotated[cut:],
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
