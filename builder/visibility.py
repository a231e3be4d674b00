"""Scan -> annotations: what each frame shows of each instance, and how much the frames overlap (Sec. 3.1, C.1).

One pass a frame: the mesh is drawn once on the extended canvas (Eq. 3), and every sampled point is compared with the
first surface at its pixel. `D_i(u)` is the depth drawn at pixel `u`, and the first surface belongs to instance `n`
exactly where `D_i(u) = D_{n,i}(u)`: one picture of depth and instance replaces a depth map for each instance (Eq. 1).
`raster_pyrender` draws those depth maps all the same, as the reference.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .annotations import Annotations
from .config import RendererName
from .geometry import Camera
from .lens import Lens, Window, picture_cells, project_points
from .overlap import overlaps, pack_visible
from .points import face_instances, sample_points, tighten_boxes
from .raster import Canvas
from .raster_kernels import compiled
from .renderers import make_renderer
from .rules import VisibilityRules
from .schema import Frame, Scan, Skip

logger = logging.getLogger(__name__)

_NUM_COUNTS = 4
"""Counts of an instance's points: in the image, visible there, visible there by identity, visible on the canvas."""


def annotate(scan: Scan, rules: VisibilityRules, seed: int, renderer: RendererName = "numba") -> Annotations:
    """Compute the visibility of every instance in every frame, and the overlap of every pair of frames.

    Frames in whose image no point of the base sample is visible are dropped, with a skip.

    Args:
        scan: the labelled mesh and its posed frames.
        rules: how points are sampled and tested.
        seed: seeds the sample of points.
        renderer: `numba`, the engine, or `pyrender`, the paper's depth maps to the letter: slow, a reference.

    Raises:
        ValueError: if there are more instances than the rasteriser can tell apart.
        RuntimeError: if pyrender is asked for, and it or EGL is missing.
    """
    counter = ViewCounter(scan, rules, seed, renderer)
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
        tight_boxes=tighten_boxes(scan.instances, counter.points, rules.tight_box_percentiles),
        frames=tuple(frames),
        points_in_view=points[..., 0],
        visible_points=points[..., 1],
        visible_points_id=points[..., 2],
        visible_points_canvas=points[..., 3],
        visible_pixels=np.array([view.pixels for view in views], np.float32).reshape(shape),
        bbox_2d=np.array([view.boxes for view in views], np.int32).reshape(*shape, 4),
        overlap=overlaps(np.stack([view.mask for view in views])) if views else np.zeros((0, 0), np.float32),
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
    """Counts what frames show of a scan; keeps the points and what the renderer made of the mesh between frames."""

    def __init__(self, scan: Scan, rules: VisibilityRules, seed: int, renderer: RendererName = "numba") -> None:
        """Sample the points and hand the mesh to the renderer."""
        face_instance = face_instances(scan.faces, scan.vertex_instance)
        self.points = sample_points(scan, face_instance, rules, seed)
        self._num_instances = len(scan.instances)
        self._rules = rules
        self._renderer = make_renderer(renderer, scan, face_instance, rules)
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
        """Count the points and pixels that a frame shows of each instance."""
        projection, points = self._projection(frame.camera), self.points
        window = Window.from_canvas(projection.canvas, self._rules.near)
        index, px, z, is_in_image = project_points(points.xyz_world, frame.cam_from_world, window, projection.lens)
        owner = points.instance[index]
        is_visible, is_own = self._renderer.compare(projection.canvas, frame.cam_from_world, px, z, owner)
        counts = _count_points(owner, is_in_image, is_visible, is_own, self._num_instances)
        flags = np.zeros(len(points.instance), np.bool_)
        flags[index] = is_visible & is_in_image

        on_canvas = np.flatnonzero(np.bincount(owner)).astype(np.int32)
        picture = self._renderer.picture(projection.image, frame.cam_from_world, on_canvas)
        num_pixels, boxes = _measure_pixels(picture, projection.cells, self._num_instances)
        image_per_canvas = frame.camera.width * frame.camera.height / picture.size
        return ViewCounts(
            points=counts,
            pixels=(num_pixels * image_per_canvas).astype(np.float32),
            boxes=boxes,
            mask=pack_visible(flags[: points.num_base]),
        )

    def _make_projection(self, camera: Camera) -> _Projection:
        canvas = Canvas.from_camera(camera, self._renderer.point_scale)
        image = Canvas.from_camera(camera, self._rules.canvas_scale).image_only()
        return _Projection(canvas, image, Lens.from_camera(camera), picture_cells(camera, image))


@dataclass(frozen=True, slots=True)
class _Projection:
    """What a camera needs for every frame it took."""

    canvas: Canvas
    """Extended canvas at the renderer's point scale."""
    image: Canvas
    """Undistorted image at the canvas scale."""
    lens: Lens
    cells: NDArray[np.uint16]
    """See `picture_cells`."""


@compiled
def _count_points(
    owner: NDArray[np.int32],
    is_in_image: NDArray[np.bool_],
    is_visible: NDArray[np.bool_],
    is_own: NDArray[np.bool_],
    num_instances: int,
) -> NDArray[np.int32]:
    """Count each instance's points in four ways; see `ViewCounts.points`."""
    counts = np.zeros((num_instances, _NUM_COUNTS), np.int32)
    for k in range(len(owner)):
        counts[owner[k], 0] += is_in_image[k]
        counts[owner[k], 1] += is_in_image[k] & is_visible[k]
        counts[owner[k], 2] += is_in_image[k] & is_own[k]
        counts[owner[k], 3] += is_visible[k]
    return counts


@compiled
def _measure_pixels(
    instances: NDArray[np.int32], cells: NDArray[np.uint16], num_instances: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Count each instance's pixels in a picture of instances, and find the box of the cells they cover.

    Returns:
        Shapes (instances,) and (instances, 4).
    """
    num_pixels = np.zeros(num_instances, np.int64)
    boxes = np.empty((num_instances, 4), np.int32)
    boxes[:, :2] = np.iinfo(np.int32).max
    boxes[:, 2:] = -1
    height, width = instances.shape
    for row in range(height):
        of_row = instances[row]
        left, top, right, bottom = cells[0, row], cells[1, row], cells[2, row], cells[3, row]
        start = 0
        while start < width:
            instance, stop = of_row[start], start + 1
            while stop < width and of_row[stop] == instance:
                stop += 1
            if instance >= 0:
                x0, y0, x1, y1 = left[start], top[start], right[start], bottom[start]
                for column in range(start, stop):
                    x0, y0 = min(x0, left[column]), min(y0, top[column])
                    x1, y1 = max(x1, right[column]), max(y1, bottom[column])
                num_pixels[instance] += stop - start
                box = boxes[instance]
                box[0], box[1] = min(box[0], x0), min(box[1], y0)
                box[2], box[3] = max(box[2], x1), max(box[3], y1)
            start = stop
    for box in boxes:
        if box[2] < 0:
            box[:] = -1
    return num_pixels, boxes
