"""Rooms small enough to be built in a fraction of a second, in ScanNet++'s on-disk format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from plyfile import PlyData, PlyElement

from spatialmosaic_builder.geometry import rigid_transform, rotation_from_quaternion

MESH = "scans/mesh_aligned_0.05.ply"
MASK = "scans/mesh_aligned_0.05_mask.txt"
SEGMENTS = "scans/segments.json"
ANNOTATION = "scans/segments_anno.json"
CAMERAS = "iphone/colmap/cameras.txt"
IMAGES = "iphone/colmap/images.txt"
PICTURES = "iphone/rgb"
UNDISTORTED = "dslr/nerfstudio/transforms_undistorted.json"
TRANSFORMS = "dslr/nerfstudio/transforms.json"
DSLR_IMAGES = "dslr/colmap/images.txt"

WIDTH, HEIGHT, FOCAL = 64, 48, 50.0
NUM_FRAMES = 8
_SIDE, _TALL = 5.0, 2.6
_THINGS = (
    *("chair", "table", "lamp", "chair", "sofa", "Plant", "monitor", "trash can", "trashcan", "book", "books"),
    *("bed", "chair", "REMOVE", "shelf", "lamp"),
)


def write_room(root: Path, scene_name: str, seed: int, has_quirks: bool = False) -> None:
    """Write one scene: a room of boxes, looked at from its middle.

    Args:
        root: ScanNet++ root.
        scene_name: ten hex digits.
        seed: where the boxes stand, and what the pictures show.
        has_quirks: over-segments, ids that differ from their place, prefixed names, no lens distortion, no
            pictures, and a fisheye where the other rooms have a pinhole.
    """
    rng = np.random.default_rng(seed)
    folder = root / "data" / scene_name
    for name in ("scans", "iphone/colmap", PICTURES, "dslr/nerfstudio", "dslr/colmap"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    blocks = [*_shell(), *(_box(k, rng) for k in range(len(_THINGS)))]
    labels = ["floor", *["wall"] * 4, *_THINGS]
    start = np.cumsum([0, *(len(points) for points, _ in blocks)])
    _write_mesh(folder / MESH, blocks, start)
    segment_of_vertex = np.arange(start[-1])
    if has_quirks:
        segment_of_vertex = segment_of_vertex // 4 * 3 + 7
    groups = []
    for k, (points, _) in enumerate(blocks):
        segments = sorted({*segment_of_vertex[start[k] : start[k + 1]].tolist()})
        groups.append(_group(k + 1, 3 * k + 5 if has_quirks else k + 1, labels[k], segments, points))
    (folder / SEGMENTS).write_text(json.dumps({"sceneId": scene_name, "segIndices": segment_of_vertex.tolist()}))
    (folder / ANNOTATION).write_text(json.dumps({"sceneId": scene_name, "annId": "1", "segGroups": groups}))
    (folder / MASK).write_text("".join(f"{index}\n" for index in rng.choice(start[-1], 9, replace=False)))
    _write_phone(folder, has_quirks, rng)
    _write_dslr(folder, has_quirks)


Block = tuple[np.ndarray, np.ndarray]
"""Vertices, shape (n, 3), and faces, shape (m, 3)."""


def _plate(origin: np.ndarray, u: np.ndarray, v: np.ndarray, n: int) -> Block:
    s, t = (x.ravel()[:, None] for x in np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n)))
    a = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    return origin + s * u + t * v, np.concatenate(
        [np.stack([a, a + 1, a + n], 1), np.stack([a + 1, a + n + 1, a + n], 1)]
    )


def _shell() -> list[Block]:
    x, y, z = _SIDE * np.eye(3)
    tall, o = z * _TALL / _SIDE, np.zeros(3)
    return [_plate(p, u, v, 9) for p, u, v in ((o, x, y), (o, x, tall), (o, y, tall), (x, y, tall), (y, x, tall))]


def _box(k: int, rng: np.random.Generator) -> Block:
    """A box at its own bearing from the middle of the room."""
    bearing, distance = 2 * np.pi * k / len(_THINGS), rng.uniform(1.2, 2.0)
    sides = np.diag(rng.uniform(0.2, 0.6, 3))
    centre = np.array(
        [_SIDE / 2 + distance * np.cos(bearing), _SIDE / 2 + distance * np.sin(bearing), rng.uniform(0.4, 1.6)]
    )
    low, high = centre - sides.sum(axis=0) / 2, centre + sides.sum(axis=0) / 2
    plates = [
        _plate(corner, sign * sides[a], sign * sides[b], 4)
        for corner, sign in ((low, 1), (high, -1))
        for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    faces = [faces + 16 * side for side, (_, faces) in enumerate(plates)]
    return np.concatenate([points for points, _ in plates]), np.concatenate(faces)


def _write_mesh(path: Path, blocks: list[Block], start: np.ndarray) -> None:
    points = np.concatenate([points for points, _ in blocks]).astype("<f4")
    triangles = np.concatenate([faces + first for (_, faces), first in zip(blocks, start[:-1], strict=True)])
    vertex = np.zeros(
        len(points), [*((axis, "<f4") for axis in "xyz"), *((c, "u1") for c in ("red", "green", "blue"))]
    )
    for k, axis in enumerate("xyz"):
        vertex[axis] = points[:, k]
    face = np.zeros(len(triangles), [("vertex_indices", "<i4", (3,))])
    face["vertex_indices"] = triangles
    elements = [PlyElement.describe(vertex, "vertex"), PlyElement.describe(face, "face")]
    PlyData(elements, byte_order="<").write(str(path))


def _group(group_id: int, object_id: int, label: str, segments: list[int], points: np.ndarray) -> dict[str, Any]:
    low, high = points.min(axis=0), points.max(axis=0)
    obb = {
        "centroid": ((low + high) / 2).tolist(),
        "axesLengths": (high - low).tolist(),
        "normalizedAxes": np.eye(3).ravel().tolist(),
        "min": low.tolist(),
        "max": high.tolist(),
    }
    names = {"id": group_id, "objectId": object_id, "index": group_id - 1, "label": label}
    return {**names, "segments": segments, "obb": obb, "dominantNormal": [0.0, 0.0, 1.0]}


def _poses() -> list[tuple[np.ndarray, np.ndarray]]:
    """Quaternions and translations, world to camera, that look around from the middle of the room, slightly down."""
    poses = []
    for k in range(NUM_FRAMES):
        # A turn about the world's z, then one about the camera's x that tips the view from down to nearly level.
        turn, tip = np.pi * k / NUM_FRAMES, np.radians(105) / 2
        q = np.outer([np.cos(tip), np.sin(tip)], [np.cos(turn), np.sin(turn)]).ravel()[[0, 2, 3, 1]] * (1, 1, -1, 1)
        poses.append((q, -rotation_from_quaternion(q) @ np.array([_SIDE / 2, _SIDE / 2, 1.4])))
    return poses


def _write_images(path: Path, name_of: Callable[[int], str]) -> None:
    lines = ["# Image list with two lines of data per image:"]
    for k, (q, translation) in enumerate(_poses()):
        pose = " ".join(f"{number:.17g}" for number in (*q, *translation))
        lines += [f"{k + 1} {pose} 1 {name_of(k)}", "" if k % 2 else "32.5 24.5 -1 10.5 20.5 -1"]
    path.write_text("".join(f"{line}\n" for line in lines))


def _write_phone(folder: Path, has_quirks: bool, rng: np.random.Generator) -> None:
    model, lens = ("PINHOLE", "") if has_quirks else ("OPENCV", " 0.02 -0.01 0.0005 -0.0005")
    numbers = f"{WIDTH} {HEIGHT} {FOCAL} {FOCAL} {WIDTH / 2} {HEIGHT / 2}{lens}"
    (folder / CAMERAS).write_text(f"# Camera list\n1 {model} {numbers}\n")
    _write_images(folder / IMAGES, lambda k: f"{'video/' if has_quirks else ''}frame_{10 * k:06d}.jpg")
    for k in range(0 if has_quirks else NUM_FRAMES):
        pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / PICTURES / f"frame_{10 * k:06d}.jpg", quality=50)


def _write_dslr(folder: Path, has_quirks: bool) -> None:
    """Write the poses in the JSON's own axes: its world is the mesh's y, x, -z, and its cameras are OpenGL's."""
    frames = []
    for k, (q, translation) in enumerate(_poses()):
        world_from_cam = np.linalg.inv(rigid_transform(rotation_from_quaternion(q), translation))
        matrix = np.diag([1, 1, -1, 1])[[1, 0, 2, 3]] @ world_from_cam @ np.diag([1, -1, -1, 1])
        frames.append(
            {"file_path": f"DSC{k:05d}.JPG", "transform_matrix": matrix.tolist(), "is_bad": has_quirks and k == 7}
        )
    lens = {"k1": 0.01, "k2": -0.002, "k3": 0.0, "k4": 0.0, "camera_model": "OPENCV_FISHEYE"}
    camera = {"w": WIDTH, "h": HEIGHT, "fl_x": FOCAL, "fl_y": FOCAL, "cx": WIDTH / 2, "cy": HEIGHT / 2}
    camera |= lens if has_quirks else {"camera_model": "PINHOLE"}
    path = folder / (TRANSFORMS if has_quirks else UNDISTORTED)
    path.write_text(json.dumps(camera | {"frames": frames[:6], "test_frames": frames[6:]}))
    _write_images(folder / DSLR_IMAGES, lambda k: f"DSC{k:05d}.JPG")
