"""Visibility by exact rays: what every frame shows of every instance, with the bands of the spec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from embreex import mesh_construction, rtcore_scene
from numpy.typing import NDArray

from .scan import Camera, Floats, Frame, Ints, Scan

Bools = NDArray[np.bool_]

BASE_SAMPLE, MIN_SAMPLE = 200_000, 2_000
DEPTH_TOLERANCE = 0.01
RATIO_LIMIT, RATIO_BAND = 0.9, 0.03
POINT_FLOOR = 10
GRID_WIDTH = 960
"""Rays a picture row; 960 is half of the real width, and full resolution of the test rooms."""
SURE_PIXELS, FEW_PIXELS = 4, 16
"""Half-resolution pixels: slivers of fewer than 4 can slip through another grid; boxes of fewer than 16 can lie anywhere
among the visible points."""
BORDER = 0.02
FEW_POINTS = 30
"""With fewer points in the image, which of them another sample would have is anybody's guess: the ratio is unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameView:
    """Per instance of one frame. `pixels` are half-resolution pixels; boxes are (x0, y0, x1, y1), native pixels, NaN if none.

    `pixels_low` is the least of four half-grids: a sliver of several pixels can slip through the engine's grid.
    `ratio_low` and `ratio_high` widen the 0.03 band to 3 standard errors: the sample is not the engine's.
    """

    points: Ints
    points_visible: Ints
    points_near: Ints
    pixels: Floats
    pixels_low: Floats
    box: Floats
    box_low: Floats
    box_high: Floats
    ratio: Floats
    ratio_low: Floats
    ratio_high: Floats
    visible: Bools
    visible_low: Bools
    visible_high: Bools
    mask: NDArray[np.uint8]
    low: Floats
    high: Floats


class Viewer:
    """Casts rays lazily, once per frame."""

    def __init__(
        self, scan: Scan, seed: int = 7, base_sample: int = BASE_SAMPLE, min_sample: int = MIN_SAMPLE
    ) -> None:
        self.scan = scan
        self._scene = rtcore_scene.EmbreeScene(robust=True)
        self._mesh = mesh_construction.TriangleMesh(
            self._scene, scan.vertices.astype(np.float32), scan.faces.astype(np.int32)
        )
        self._seed, self._base, self._min = seed, base_sample, min_sample
        self._frames: dict[str, FrameView] = {}
        self._grids: dict[Camera, tuple[Floats, int, float]] = {}
        self._sets: dict[tuple[str, ...], SetView] = {}

    @cached_property
    def sample(self) -> tuple[Floats, Ints]:
        """Points and their instance: the base sample first, then the top-up."""
        scan, rng = self.scan, np.random.default_rng(self._seed)
        labelled = np.flatnonzero(scan.face_owner >= 0)
        labelled = labelled[np.argsort(scan.face_owner[labelled], kind="stable")]
        triangles = scan.vertices[scan.faces[labelled]]
        area = np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1)
        owner = scan.face_owner[labelled]

        def draw(which: Ints, count: int) -> tuple[Floats, Ints]:
            edges = np.cumsum(area[which])
            where = (np.arange(count) + rng.random(count)) / count * edges[-1]
            chosen = which[np.minimum(np.searchsorted(edges, where, side="right"), len(which) - 1)]
            root, b = np.sqrt(rng.random(count)), rng.random(count)
            weights = np.stack([1 - root, root * (1 - b), root * b], 1)
            return np.einsum("nk,nkd->nd", weights, triangles[chosen]), owner[chosen]

        parts = [draw(np.arange(len(labelled)), self._base)]
        have = np.bincount(parts[0][1], minlength=len(scan.instances))
        starts = np.searchsorted(owner, np.arange(len(scan.instances) + 1))
        for i, count in enumerate(have):
            which = np.arange(starts[i], starts[i + 1])
            if count < self._min and len(which) and area[which].sum() > 0:
                parts.append(draw(which, self._min - int(count)))
        return np.concatenate([p for p, _ in parts]), np.concatenate([o for _, o in parts])

    def cast(self, origin: Floats, directions: Floats) -> tuple[Ints, Floats]:
        """Face index (-1: none) and ray parameter of the first hit."""
        rays = np.ascontiguousarray(directions, np.float32)
        origins = np.ascontiguousarray(np.broadcast_to(origin.astype(np.float32), rays.shape))
        out = self._scene.run(origins, rays, output=True)
        return out["primID"].astype(np.int64), out["tfar"].astype(float)

    def _hit_owner(self, faces: Ints) -> Ints:
        return np.where(faces >= 0, self.scan.face_owner[np.maximum(faces, 0)], -1)

    def _points(self, frame: Frame) -> tuple[Ints, Ints, Ints, NDArray[np.uint8], Floats]:
        points, owner = self.sample
        camera = frame.camera
        local = points @ frame.rotation.T + frame.translation
        depth = local[:, 2]
        front = np.flatnonzero(depth > 1e-6)
        xy = local[front, :2] / depth[front, None]
        trusted = (xy * xy).sum(1) < camera.max_radius2
        front, xy = front[trusted], xy[trusted]
        uv, size = camera.distort(xy), np.array([camera.width, camera.height], float)
        near = ((uv >= -BORDER * size) & (uv < (1 + BORDER) * size)).all(1)
        within = ((uv >= 0) & (uv < size)).all(1)
        inside, uv = front[within], uv[within]
        center = frame.center
        face, t = self.cast(center, points[inside] - center)
        first = self._hit_owner(face)
        seen = (face < 0) | (first == owner[inside]) | (depth[inside] <= depth[inside] * t + DEPTH_TOLERANCE)
        n = len(self.scan.instances)
        base = np.zeros(self._base, bool)
        shown = inside[seen]
        base[shown[shown < self._base]] = True
        counts = [np.bincount(owner[which], minlength=n) for which in (inside, shown, front[near])]
        extent = np.full((n, 4), np.nan)
        for k in range(4):
            (np.fmin if k < 2 else np.fmax).at(extent[:, k], owner[shown], uv[seen, k % 2])
        return counts[0], counts[1], counts[2], np.packbits(base), extent

    def _grid(self, camera: Camera) -> tuple[Floats, int, float]:
        if camera not in self._grids:
            step = max(1.0, camera.width / GRID_WIDTH)
            columns, rows = int(camera.width / step), int(camera.height / step)
            u, v = np.meshgrid((np.arange(columns) + 0.5) * step, (np.arange(rows) + 0.5) * step)
            xy = camera.undistort(np.stack([u.ravel(), v.ravel()], 1))
            self._grids[camera] = np.column_stack([xy, np.ones(len(xy))]), columns, step
        return self._grids[camera]

    def _pixels(self, frame: Frame) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        directions, columns, step = self._grid(frame.camera)
        face, _ = self.cast(frame.center, directions @ frame.rotation)
        shown = self._hit_owner(face)
        pixel = np.flatnonzero(shown >= 0)
        owner, row, column = shown[pixel], pixel // columns, pixel % columns
        n, rows = len(self.scan.instances), len(directions) // columns
        phase = row % 2 * 2 + column % 2
        across, down = np.zeros((4, n, columns), bool), np.zeros((4, n, rows), bool)
        across[phase, owner, column] = True
        down[phase, owner, row] = True
        ends = [(a.argmax(-1), a.shape[-1] - a[..., ::-1].argmax(-1)) for a in (across, down)]
        boxes = np.stack([ends[0][0], ends[1][0], ends[0][1], ends[1][1]], -1) * float(step)
        boxes[~across.any(-1)] = np.nan
        low, high = np.fmin.reduce(boxes), np.fmax.reduce(boxes)
        count = np.asarray(np.bincount(owner, minlength=n) * (step / 2) ** 2, np.float64)
        phases = np.bincount(phase * n + owner, minlength=4 * n).reshape(4, n)
        least = np.where(count >= SURE_PIXELS, phases.min(0), 0).astype(float)
        box = np.concatenate([low[:, :2], high[:, 2:]], 1)
        return count, least, box, low, high

    def frame(self, name: str) -> FrameView:
        """View of one frame, cached."""
        if name not in self._frames:
            frame = self.scan.frames[name]
            points, visible, near, mask, extent = self._points(frame)
            pixels, pixels_low, box, box_low, box_high = self._pixels(frame)
            few = (pixels < FEW_PIXELS)[:, None]
            box_low = np.where(few, np.fmin(box_low, np.tile(extent[:, :2], 2)), box_low)
            box_high = np.where(few, np.fmax(box_high, np.tile(extent[:, 2:], 2)), box_high)
            ratio = np.where(points > 0, 1 - visible / np.maximum(points, 1), 1.0)
            mean = (points - visible + 1) / (points + 2)
            band = np.maximum(RATIO_BAND, 3 * np.sqrt(mean * (1 - mean) / (points + 2)))
            few = points < FEW_POINTS
            low = np.where(few, np.where(near > 0, 0.0, 1.0), ratio - band)
            high = np.where(few, 1.0, ratio + band)
            corners = np.stack([i.corners for i in self.scan.instances]) @ frame.rotation.T + frame.translation
            self._frames[name] = FrameView(
                points, visible, near, pixels, pixels_low, box, box_low, box_high, ratio, low, high,
                (visible >= POINT_FLOOR) & (pixels >= 1) & (ratio < RATIO_LIMIT),
                (visible >= 2 * POINT_FLOOR) & (pixels_low >= 2) & (high < RATIO_LIMIT),
                (visible >= POINT_FLOOR / 2) & (low < RATIO_LIMIT),
                mask, corners.min(1), corners.max(1),
            )  # fmt: skip
        return self._frames[name]

    def set(self, names: Sequence[str]) -> SetView:
        """View of an ordered frame set, cached."""
        key = tuple(names)
        if key not in self._sets:
            self._sets[key] = SetView(self.scan, [self.frame(name) for name in key])
        return self._sets[key]


@dataclass(eq=False)
class SetView:
    """The frames of a set stacked: arrays are (frame, instance)."""

    scan: Scan
    views: list[FrameView]
    visible: Bools = field(init=False)
    visible_low: Bools = field(init=False)
    visible_high: Bools = field(init=False)
    eligible: Bools = field(init=False)
    eligible_low: Bools = field(init=False)
    eligible_high: Bools = field(init=False)

    def __post_init__(self) -> None:
        self.visible = np.stack([v.visible for v in self.views])
        self.visible_low = np.stack([v.visible_low for v in self.views])
        self.visible_high = np.stack([v.visible_high for v in self.views])
        self.eligible = np.logical_or.reduce([v.ratio < RATIO_LIMIT for v in self.views])
        self.eligible_low = np.logical_or.reduce([v.ratio_high < RATIO_LIMIT for v in self.views])
        self.eligible_high = np.logical_or.reduce([v.ratio_low < RATIO_LIMIT for v in self.views])

    @cached_property
    def overlaps(self) -> list[float]:
        """Equation 6 of every pair."""
        masks = [v.mask for v in self.views]
        pairs = [(a, b) for i, a in enumerate(masks) for b in masks[i + 1 :]]
        joint = [int(np.bitwise_count(a & b).sum()) for a, b in pairs]
        total = [int(np.bitwise_count(a | b).sum()) for a, b in pairs]
        return [j / t if t else 0.0 for j, t in zip(joint, total, strict=True)]

    @cached_property
    def empty(self) -> bool:
        """Whether a frame sees nothing."""
        return any(not v.mask.any() for v in self.views)
