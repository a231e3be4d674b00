"""Raw readers: mesh, annotation, cameras and poses of one ScanNet++ scan."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import inflect
import numpy as np
from numpy.typing import NDArray
from plyfile import PlyData

from .tri import Tri

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_VERTICES = 50
JUNK = frozenset("remove split object unknown unlabeled unlabelled unannotated reflection".split()) | {""}
STRUCTURE = frozenset("wall floor ceiling windowframe doorframe pillar beam ledge".split())
"""Named by the spec; its list ends in dots, so what only looks like structure is uncertain, not wrong."""
MAYBE_STRUCTURE = frozenset(
    "windowsill column stair staircase doorway baseboard skirtingboard roof pipe railing banister partition balcony "
    "blindrail electricalduct structure shelfledge".split()
)
MAYBE_SUFFIXES = ("wall", "floor", "ceiling", "beam", "pillar", "ledge", "sill", "column")

_ENGINE = inflect.engine()


@lru_cache(maxsize=100_000)
def category_key(label: str) -> str:
    """Key under which twins in number, blank, hyphen and case fall together."""
    text = unicodedata.normalize("NFC", label).strip().lower()
    words = re.split(r"[\s\-_]+", text)
    last = words[-1]
    if last and not last.endswith("ss"):
        words[-1] = _ENGINE.singular_noun(last) or last
    return "".join(words)


@dataclass(frozen=True, slots=True)
class Camera:
    """Pinhole with the OPENCV distortion; pixel centres at +0.5."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0

    def distort(self, xy: Floats) -> Floats:
        """Normalised undistorted coordinates -> pixels."""
        x, y = xy[:, 0], xy[:, 1]
        r2 = x * x + y * y
        radial = 1 + self.k1 * r2 + self.k2 * r2 * r2
        xd = x * radial + 2 * self.p1 * x * y + self.p2 * (r2 + 2 * x * x)
        yd = y * radial + self.p1 * (r2 + 2 * y * y) + 2 * self.p2 * x * y
        return np.stack([self.fx * xd + self.cx, self.fy * yd + self.cy], 1)

    def undistort(self, uv: Floats) -> Floats:
        """Pixels -> normalised undistorted coordinates, by fixed-point iteration."""
        target = (uv - [self.cx, self.cy]) / [self.fx, self.fy]
        xy = target.copy()
        for _ in range(30):
            x, y = xy[:, 0], xy[:, 1]
            r2 = x * x + y * y
            radial = 1 + self.k1 * r2 + self.k2 * r2 * r2
            dx = 2 * self.p1 * x * y + self.p2 * (r2 + 2 * x * x)
            dy = self.p1 * (r2 + 2 * y * y) + 2 * self.p2 * x * y
            xy = np.stack([(target[:, 0] - dx) / radial, (target[:, 1] - dy) / radial], 1)
        return xy

    @property
    def max_radius2(self) -> float:
        """Squared radius beyond which the polynomial is not trusted: 1.1 x the farthest border pixel, undistorted."""
        u = np.linspace(0, self.width, 65)
        v = np.linspace(0, self.height, 65)
        edges = [np.stack([u, np.full_like(u, y)], 1) for y in (0.0, float(self.height))]
        edges += [np.stack([np.full_like(v, x), v], 1) for x in (0.0, float(self.width))]
        return 1.1**2 * float((self.undistort(np.concatenate(edges)) ** 2).sum(1).max())


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A posed picture, world to camera."""

    name: str
    camera: Camera
    rotation: Floats
    translation: Floats

    @property
    def center(self) -> Floats:
        return -self.rotation.T @ self.translation


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """An annotated object; `group_size` counts its vertices before, `owned` after the smallest-owner rule."""

    id: int
    label: str
    key: str
    group_size: int
    owned: int
    corners: Floats
    center: Floats
    lengths: Floats

    @property
    def large_enough(self) -> Tri:
        """At least 50 vertices, under both readings of which vertices are its own."""
        sizes = (self.owned, self.group_size)
        return Tri(self.owned >= MIN_VERTICES, min(sizes) >= MIN_VERTICES, max(sizes) >= MIN_VERTICES)


def _rotation(qw: float, qx: float, qy: float, qz: float) -> Floats:
    q = np.array([qw, qx, qy, qz]) / np.sqrt(qw * qw + qx * qx + qy * qy + qz * qz)
    w, v = q[0], q[1:]
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    rotation: Floats = np.eye(3) + 2 * w * cross + 2 * cross @ cross
    return rotation


def read_colmap(folder: Path) -> dict[str, Frame]:
    """Frames of a COLMAP text model by file stem, without those whose pose is not finite."""
    cameras: dict[int, Camera] = {}
    for line in (folder / "cameras.txt").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        number, model, width, height, *values = line.split()
        params = [float(v) for v in values]
        if model not in {"OPENCV", "PINHOLE"} or len(params) != {"OPENCV": 8, "PINHOLE": 4}[model]:
            raise ValueError(f"{folder}: camera model {model} with {len(params)} parameters")
        cameras[int(number)] = Camera(int(width), int(height), *params)
    frames: dict[str, Frame] = {}
    lines = [line for line in (folder / "images.txt").read_text().splitlines() if not line.startswith("#")]
    for line in lines[::2]:
        if not line.strip():
            continue
        _, *pose, camera, name = line.split()
        numbers = [float(v) for v in pose]
        if np.isfinite(numbers).all() and any(numbers[:4]):
            stem = Path(name).stem
            frames[stem] = Frame(stem, cameras[int(camera)], _rotation(*numbers[:4]), np.array(numbers[4:]))
    return frames


def read_undistorted(path: Path) -> dict[str, Frame]:
    """Frames of `transforms_undistorted.json` by file stem, brought back to the mesh frame."""
    data = json.loads(path.read_text())
    camera = Camera(int(data["w"]), int(data["h"]), data["fl_x"], data["fl_y"], data["cx"], data["cy"])
    swap = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]], float)
    frames: dict[str, Frame] = {}
    for entry in [*data["frames"], *data.get("test_frames", [])]:
        matrix = np.array(entry["transform_matrix"], float)
        if np.isfinite(matrix).all():
            inverse = np.linalg.inv(swap @ matrix @ np.diag([1.0, -1.0, -1.0, 1.0]))
            stem = Path(entry["file_path"]).stem
            frames[stem] = Frame(stem, camera, inverse[:3, :3], inverse[:3, 3])
    return frames


@dataclass(frozen=True, eq=False)
class Scan:
    """Everything the checker needs of one scan; `owner` and `face_owner` hold instance indices, -1 for none."""

    scene: str
    source: str
    vertices: Floats
    faces: Ints
    owner: Ints
    face_owner: Ints
    instances: tuple[Instance, ...]
    frames: dict[str, Frame]

    @cached_property
    def index(self) -> dict[int, int]:
        """Instance id -> index."""
        return {instance.id: i for i, instance in enumerate(self.instances)}

    @cached_property
    def members(self) -> dict[str, Ints]:
        """Category key -> indices of its instances."""
        groups: dict[str, list[int]] = {}
        for i, instance in enumerate(self.instances):
            groups.setdefault(instance.key, []).append(i)
        return {key: np.array(group) for key, group in groups.items()}

    @cached_property
    def oversize(self) -> dict[str, Tri]:
        """Category key -> whether one of its boxes spans over 60 % of the labelled scene."""
        clouds = [
            self.vertices[self.owner >= 0],
            self.vertices,
            *[np.concatenate([i.corners for i in self.instances])],
        ]
        scene = [float(np.linalg.norm(np.ptp(cloud, axis=0))) for cloud in clouds if len(cloud)]
        spans = {k: max(float(np.linalg.norm(self.instances[i].lengths)) for i in m) for k, m in self.members.items()}
        return {
            k: Tri(s > 0.6 * scene[0], s > 0.6 * 1.02 * max(scene), s > 0.6 * 0.98 * min(scene))
            for k, s in spans.items()
        }

    def subject(self, key: str) -> Tri:
        """Whether a category may be asked about at all."""
        if key in JUNK or key in STRUCTURE or key not in self.members:
            return Tri(False, False, False)
        doubtful = key in MAYBE_STRUCTURE or key.endswith(MAYBE_SUFFIXES)
        return Tri(True, not doubtful, True) & ~self.oversize[key]


def _box(obb: dict[str, Any]) -> tuple[Floats, Floats, Floats]:
    center = np.array(obb["centroid"], float)
    lengths = np.array(obb["axesLengths"], float)
    axes = np.array(obb["normalizedAxes"], float).reshape(3, 3)
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], float)
    return center + (signs * lengths / 2) @ axes, center, lengths


def _face_owner(owner: Ints, faces: Ints) -> Ints:
    a, b, c = owner[faces].T
    return np.where((a == b) | (a == c), a, np.where(b == c, b, -1))


def load_scan(root: Path, scene: str, source: str = "iphone") -> Scan:
    """Read a scan from the raw files."""
    folder = root / "data" / scene
    ply = PlyData.read(str(folder / "scans" / "mesh_aligned_0.05.ply"))
    vertices = np.stack([np.asarray(ply["vertex"][axis], float) for axis in "xyz"], 1)
    faces = np.stack(list(ply["face"].data[ply["face"].properties[0].name])).astype(np.int64)
    segments = np.array(json.loads((folder / "scans" / "segments.json").read_text())["segIndices"], np.int64)
    groups = json.loads((folder / "scans" / "segments_anno.json").read_text())["segGroups"]
    owned_by = [np.flatnonzero(np.isin(segments, np.array(g["segments"], np.int64))) for g in groups]
    owner = np.full(len(vertices), -1, np.int64)
    for i in sorted(range(len(groups)), key=lambda i: -len(owned_by[i])):
        owner[owned_by[i]] = i
    owned = np.bincount(owner[owner >= 0], minlength=len(groups))
    instances = tuple(
        Instance(
            int(g["objectId"]), g["label"], category_key(g["label"]), len(owned_by[i]), int(owned[i]), *_box(g["obb"])
        )
        for i, g in enumerate(groups)
    )
    if source == "dslr":
        frames = read_undistorted(folder / "dslr" / "nerfstudio" / "transforms_undistorted.json")
    else:
        frames = read_colmap(folder / "iphone" / "colmap")
    return Scan(scene, source, vertices, faces, owner, _face_owner(owner, faces), instances, frames)
