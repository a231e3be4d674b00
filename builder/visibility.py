"""Scan -> annotations: what each frame shows of each instance, and how much the frames overlap (Sec. 3.1, C.1).

One pass a frame: the mesh is drawn once on the extended canvas (Eq. 3), and every sampled point is compared with the
first surface at its pixel. `D_i(u)` is the depth drawn at pixel `u`, and the first surface belongs to instance `n`
exactly where `D_i(u) = D_{n,i}(u)`: one picture of depth and instance replaces a depth map for each instance (Eq. 1).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .annotations import Annotations
from .geometry import Camera
from .lens import Lens, is_ray_in_image, picture_cells
from .overlap import overlaps, pack_visible
from .points import SurfacePoints, face_instances, sample_points
from .raster import Canvas, Rasterizer, ZBuffer, chunk_boxes
from .raster_kernels import View, box_misses_view, compiled
from .rules import VisibilityRules
from .schema import Frame, Scan, Skip

logger = logging.getLogger(__name__)

_CHUNK_SIZE = 256
"""Points that are culled together."""
_NUM_COUNTS = 4
"""Counts of an instance's points: in the image, visible there, visible there by identity, visible on the canvas."""


def annotate(scan: Scan, rules: VisibilityRules, seed: int) -> Annotations:
    """Compute the visibility of every instance in every frame, and the overlap of every pair of frames.

    Frames in whose image no point of the base sample is visible are dropped, with a skip.

    Args:
        scan: the labelled mesh and its posed frames.
        rules: how points are sampled and tested.
        seed: seeds the sample of points.

    Raises:
        ValueError: if there are more instances than the rasteriser can tell apart.
    """
    counter = ViewCounter(scan, rules, seed)
    views: list[ViewCounts] = []
    frames: list[Frame] = []
    skips: list[Skip] = []
    for frame in scan.frames:
        where = f"{scan.scene_name}/{frame.name}"
        if not counter.covers_image(frame.camera):
            detail = f"{where}: the undistorted image of this camera is larger than the extended canvas of Eq. 3."
            skips.append(Skip("lens is too wide", where, detail))
            continue
        view = counter.count(frame)
        if view.mask.any():
            views.append(view)
            frames.append(frame)
        else:
            detail = f"{where}: no point of a labelled surface is visible in the image; check its pose."
            skips.append(Skip("frame sees nothing", where, detail))
    logger.info("%s: %d frames annotated, %d dropped", scan.scene_name, len(frames), len(skips))

    shape = (len(views), len(scan.instances))
    points = np.array([view.points for view in views], np.int32).reshape(*shape, _NUM_COUNTS)
    return Annotations(
        scene_name=scan.scene_name,
        instances=scan.instances,
        frames=tuple(frames),
        points_in_view=points[..., 0],
        visible_points=points[..., 1],
        visible_points_id=points[..., 2],
        visible_points_canvas=points[..., 3],
        visible_pixels=np.array([view.pixels for view in views], np.float32).reshape(shape),
        bbox_2d=np.array([view.boxes for view in views], np.int32).reshape(*shape, 4),
        overlap=overlaps(np.array([view.mask for view in views], np.uint64).reshape(len(views), -1)),
        skips=(*scan.skips, *skips),
    )


@dataclass(frozen=True, slots=True)
class ViewCounts:
    """What one frame shows."""

    points: NDArray[np.int32]
    """Shape (instances, 4): points in the image, visible there, visible there by identity, visible on the canvas."""
    pixels: NDArray[np.float32]
    """Shape (instances,): native pixels of the image."""
    boxes: NDArray[np.int32]
    """Shape (instances, 4): x0, y0, x1, y1 in native pixels of the picture that is shown, -1 without pixels."""
    mask: NDArray[np.uint64]
    """Packed visibility of the base sample in the image (C.1)."""


class ViewCounter:
    """Counts what frames show of a scan; keeps the sorted mesh, the points and the last z-buffer between frames."""

    def __init__(self, scan: Scan, rules: VisibilityRules, seed: int) -> None:
        """Sample the points and sort the mesh."""
        face_instance = face_instances(scan.faces, scan.vertex_instance)
        self.points = sample_points(scan, face_instance, rules, seed)
        self._chunks = _PointChunks.from_points(self.points)
        self._num_instances = len(scan.instances)
        self._rules = rules
        self._rasterizer = Rasterizer(scan.vertices_world, scan.faces, face_instance, self._num_instances, rules.near)
        self._z_buffer: ZBuffer | None = None
        # Two, because a scan's frames share one camera or come in order of their cameras, and the maps are large.
        self._projection = lru_cache(maxsize=2)(self._make_projection)

    def covers_image(self, camera: Camera) -> bool:
        """Tell whether the extended canvas holds all that a camera's image shows, its lens considered."""
        x, y = np.meshgrid([0, camera.width / 2, camera.width], [0, camera.height / 2, camera.height])
        rays = camera.cam_rays_from_px(np.stack([x.ravel(), y.ravel()], axis=1))
        canvas = self._projection(camera).canvas
        px = rays[:, :2] * (canvas.fx, canvas.fy) + (canvas.cx, canvas.cy)
        return bool(((px >= 0) & (px <= (canvas.width, canvas.height))).all())

    def count(self, frame: Frame) -> ViewCounts:
        """Draw a frame's canvas and count points and pixels."""
        projection = self._projection(frame.camera)
        canvas = projection.canvas
        self._z_buffer = z_buffer = self._rasterizer.render(canvas, frame.cam_from_world, self._z_buffer)

        counts = np.zeros((self._num_instances, _NUM_COUNTS), np.int32)
        is_visible = np.zeros(len(self.points.instance), np.uint8)
        view = canvas.view(frame.cam_from_world, self._rules.near, np.float64)
        tolerance = self._rules.depth_tolerance
        _count_points(
            z_buffer.keys, z_buffer.id_bits, self._chunks, view, projection.lens, tolerance, counts, is_visible
        )

        num_pixels = np.zeros(self._num_instances, np.int64)
        boxes = np.empty((self._num_instances, 4), np.int32)
        x0, y0, x1, y1 = canvas.crop
        crop = z_buffer.keys[y0:y1, x0:x1]
        _measure_pixels(crop, z_buffer.id_bits, projection.cells, num_pixels, boxes)
        image_per_canvas = frame.camera.width * frame.camera.height / crop.size
        return ViewCounts(
            points=counts,
            pixels=(num_pixels * image_per_canvas).astype(np.float32),
            boxes=boxes,
            mask=pack_visible(is_visible[: self.points.num_base]),
        )

    def _make_projection(self, camera: Camera) -> _Projection:
        canvas = Canvas.from_camera(camera, self._rules.canvas_scale)
        return _Projection(canvas, Lens.from_camera(camera), picture_cells(camera, canvas))


@dataclass(frozen=True, slots=True)
class _Projection:
    """What a camera needs for every frame it took."""

    canvas: Canvas
    lens: Lens
    cells: NDArray[np.uint16]
    """See `picture_cells`."""


class _PointChunks(NamedTuple):
    """Points with boxes around runs of them."""

    xyz_world: NDArray[np.float32]
    instance: NDArray[np.int32]
    start: NDArray[np.int64]
    """Shape (chunks + 1,)."""
    centres: NDArray[np.float32]
    half_sizes: NDArray[np.float32]

    @classmethod
    def from_points(cls, points: SurfacePoints) -> _PointChunks:
        num_points = len(points.instance)
        start = np.append(np.arange(0, num_points, _CHUNK_SIZE), num_points).astype(np.int64)
        return cls(points.xyz_world, points.instance, start, *chunk_boxes(points.xyz_world, start[:-1]))


@compiled
def _count_points(
    keys: NDArray[np.int32],
    id_bits: int,
    points: _PointChunks,
    view: View,
    lens: Lens,
    tolerance: float,
    counts: NDArray[np.int32],
    is_visible: NDArray[np.uint8],
) -> None:
    """Test every point against the first surface at its pixel of the canvas (Eq. 1), in float64.

    Adds to `counts`, shape (instances, 4), and sets `is_visible` for the points visible in the image.
    """
    id_mask = (1 << id_bits) - 1
    m = view.cam_from_world
    for chunk in range(len(points.centres)):
        if box_misses_view(view, points.centres[chunk], points.half_sizes[chunk]):
            continue
        for k in range(points.start[chunk], points.start[chunk + 1]):
            px, py, pz = points.xyz_world[k]
            z = m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3]
            if z < view.near:
                continue
            x = (m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3]) / z
            y = (m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3]) / z
            u, v = view.fx * x + view.cx, view.fy * y + view.cy
            if not (0.0 <= u < view.width and 0.0 <= v < view.height):
                continue
            key = keys[int(v), int(u)]
            instance = points.instance[k]
            is_own = key == 0 or (key & id_mask) == instance + 1
            inverse_depth = np.float64(np.int32(key & ~id_mask).view(np.float32))
            # depth(p) <= D(u) + tolerance, without a division
            is_clear = is_own or z * inverse_depth <= 1.0 + tolerance * inverse_depth
            counts[instance, 3] += is_clear
            if is_ray_in_image(lens, x, y):
                counts[instance, 0] += 1
                counts[instance, 1] += is_clear
                counts[instance, 2] += is_own
                is_visible[k] = is_clear


@compiled
def _measure_pixels(
    keys: NDArray[np.int32],
    id_bits: int,
    cells: NDArray[np.uint16],
    num_pixels: NDArray[np.int64],
    boxes: NDArray[np.int32],
) -> None:
    """Count each instance's pixels of the centre crop and find the box of the picture's pixels they cover.

    Adds to `num_pixels`, shape (instances,), and writes `boxes`, shape (instances, 4).
    """
    id_mask = (1 << id_bits) - 1
    boxes[:, :2] = np.iinfo(np.int32).max
    boxes[:, 2:] = -1
    height, width = keys.shape
    for row in range(height):
        stop = 0
        while stop < width:
            start, code = stop, keys[row, stop] & id_mask
            while stop < width and (keys[row, stop] & id_mask) == code:
                stop += 1
            if code == 0:
                continue
            num_pixels[code - 1] += stop - start
            box = boxes[code - 1]
            for column in range(start, stop):
                box[0] = min(box[0], cells[0, row, column])
                box[1] = min(box[1], cells[1, row, column])
                box[2] = max(box[2], cells[2, row, column])
                box[3] = max(box[3], cells[3, row, column])
    for box in boxes:
        if box[2] < 0:
            box[:] = -1
