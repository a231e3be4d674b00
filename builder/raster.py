"""Mesh and camera -> which surface is first at every pixel, how far away, and of which instance."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .geometry import Camera
from .point_kernels import sort_into_blocks, trace_points
from .raster_kernels import CHUNK_SIZE, LANES, MeshChunks, View, draw_mesh, split_into_chunks

MAX_INSTANCES = 4094
_ID_BITS = (8, 10, 12)
"""Bits of a z-buffer cell that tell the instance; fewer leave a finer depth: 0.1 mm, 0.4 mm or 1.5 mm at 3 m."""
_CELL_COLUMNS = 480
"""Cells across the canvas into which points are sorted; half or twice as many are slower."""
_CELL_HEIGHT = 2
"""Height of a cell in its widths."""
_MORTON_CELLS = 1 << 10


@dataclass(frozen=True, slots=True)
class Canvas:
    """The extended pinhole of Eq. 3, in pixels of its own scale.

    It has the camera's focal lengths, twice its width and height, and no lens distortion (beyond the image a
    distortion polynomial folds back). The undistorted image is its centre crop.

    Attributes:
        width: canvas pixels, as are all others.
        height: twice the image height at this scale.
        fx: horizontal focal length.
        fy: vertical focal length.
        cx: principal point x, from the left border of the canvas.
        cy: principal point y, from the top border of the canvas.
        crop: (x0, y0, x1, y1) of the image, exclusive at x1 and y1.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    crop: tuple[int, int, int, int]

    @classmethod
    def from_camera(cls, camera: Camera, scale: float) -> Canvas:
        """Make the canvas of a camera.

        Args:
            camera: its lens distortion is left out.
            scale: canvas pixels per image pixel. The image is scaled to whole pixels, so each axis may differ from it
                by less than a pixel over the image.

        Raises:
            ValueError: if the scaled image would have no pixel.
        """
        crop_width, crop_height = round(camera.width * scale), round(camera.height * scale)
        if crop_width < 1 or crop_height < 1:
            raise ValueError(f"canvas scale {scale} leaves no pixel of a {camera.width} x {camera.height} image")
        scale_x, scale_y = crop_width / camera.width, crop_height / camera.height
        # Half an image on each side, in whole pixels.
        margin_x, margin_y = (crop_width + 1) // 2, (crop_height + 1) // 2
        return cls(
            width=crop_width + 2 * margin_x,
            height=crop_height + 2 * margin_y,
            fx=camera.fx * scale_x,
            fy=camera.fy * scale_y,
            cx=camera.cx * scale_x + margin_x,
            cy=camera.cy * scale_y + margin_y,
            crop=(margin_x, margin_y, margin_x + crop_width, margin_y + crop_height),
        )

    def image_only(self) -> Canvas:
        """Return the centre crop: the undistorted image."""
        x0, y0, x1, y1 = self.crop
        width, height = x1 - x0, y1 - y0
        return replace(self, width=width, height=height, cx=self.cx - x0, cy=self.cy - y0, crop=(0, 0, width, height))


@dataclass(frozen=True, slots=True)
class ZBuffer:
    """What a canvas sees: depth and instance of the first surface at every pixel centre."""

    keys: NDArray[np.int32]
    """Shape (height, width + spare columns): packed cells, see `raster_kernels`."""
    id_bits: int
    """Low bits of a cell that hold instance + 1."""

    @property
    def instance(self) -> NDArray[np.int32]:
        """Shape (height, width): instance index; -1 for a surface of no instance and where nothing was drawn."""
        instance = self.keys[:, :-LANES] & ((1 << self.id_bits) - 1)
        instance -= 1
        return instance

    @property
    def depth(self) -> NDArray[np.float32]:
        """Shape (height, width): z in metres, infinite where nothing was drawn."""
        bits = self.keys[:, :-LANES] & (-1 << self.id_bits)
        with np.errstate(divide="ignore"):
            return np.float32(1) / bits.astype(np.int32).view(np.float32)


class Rasterizer:
    """Draws a labelled mesh into z-buffers: both sides of every triangle, one pass for depth and instance."""

    def __init__(
        self,
        vertices_world: NDArray[np.float32],
        faces: NDArray[np.int32],
        face_instance: NDArray[np.int32],
        num_instances: int,
        near: float,
    ) -> None:
        """Sort the mesh for drawing.

        Args:
            vertices_world: shape (v, 3), metres, finite.
            faces: shape (f, 3), vertex indices.
            face_instance: shape (f,), instance index of each face, -1 for none.
            num_instances: number of instances.
            near: nothing nearer to the camera plane is drawn, metres.

        Raises:
            ValueError: if there are more instances than a z-buffer cell can tell apart.
        """
        if num_instances > MAX_INSTANCES:
            raise ValueError(f"the rasterizer can tell {MAX_INSTANCES} instances apart, got {num_instances}")
        self.id_bits = next(bits for bits in _ID_BITS if num_instances <= (1 << bits) - 2)
        self._near = near
        order = np.argsort(morton_codes(vertices_world[faces].mean(axis=1)), kind="stable")
        faces = np.ascontiguousarray(faces[order], np.int32)
        local_faces, used, vertex_start = split_into_chunks(faces, len(vertices_world))
        vertices = np.asarray(vertices_world, np.float32)[used]
        centres, half_sizes = chunk_boxes(vertices, vertex_start[:-1])
        self._mesh = MeshChunks(
            vertices=np.ascontiguousarray(vertices.T),
            faces=local_faces,
            codes=(face_instance[order] + 1).astype(np.int32),
            vertex_start=vertex_start,
            face_start=np.append(np.arange(0, len(faces), CHUNK_SIZE), len(faces)).astype(np.int64),
            centres=centres,
            half_sizes=half_sizes,
        )

    def render(self, canvas: Canvas, cam_from_world: NDArray[np.float64], reuse: ZBuffer | None = None) -> ZBuffer:
        """Draw the mesh as a posed canvas sees it.

        Args:
            canvas: the pinhole.
            cam_from_world: shape (4, 4), OpenCV axes, metres.
            reuse: a z-buffer that is no longer needed; its memory is overwritten if its size fits.
        """
        shape = (canvas.height, canvas.width + LANES)
        keys = reuse.keys if reuse is not None and reuse.keys.shape == shape else np.empty(shape, np.int32)
        draw_mesh(keys, self._mesh, self._view(canvas, cam_from_world, 1.0), self.id_bits)
        return ZBuffer(keys, self.id_bits)

    def first_surfaces(
        self, canvas: Canvas, cam_from_world: NDArray[np.float64], px: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Find what a posed canvas sees first at given places: exact, with no pixels in between.

        Each triangle is tested against the points in the few cells of the picture that it touches, which gives what a
        ray through each point gives.

        Args:
            canvas: the pinhole.
            cam_from_world: shape (4, 4), OpenCV axes, metres.
            px: shape (n, 2), places on the canvas, x below its width and y below its height.

        Returns:
            Shape (n,): 1/z of the first surface, per metre, 0 where there is none; and its instance, -1 for none.
        """
        cells_per_px = _CELL_COLUMNS / canvas.width
        num_rows = math.ceil(canvas.height * cells_per_px / _CELL_HEIGHT)
        points = sort_into_blocks(px, cells_per_px, 1 / _CELL_HEIGHT, _CELL_COLUMNS, num_rows)
        inverse_depth, code = trace_points(points, self._mesh, self._view(canvas, cam_from_world, cells_per_px))
        return inverse_depth, code - 1

    def _view(self, canvas: Canvas, cam_from_world: NDArray[np.float64], scale: float) -> View:
        return View(
            cam_from_world=cam_from_world[:3].astype(np.float32),
            fx=np.float32(canvas.fx * scale),
            fy=np.float32(canvas.fy * scale),
            cx=np.float32(canvas.cx * scale),
            cy=np.float32(canvas.cy * scale),
            width=np.float32(canvas.width * scale),
            height=np.float32(canvas.height * scale),
            near=np.float32(self._near),
        )


def morton_codes(points: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Number points of shape (n, 3) along a Z-order curve through their bounding box: neighbours come close."""
    if not len(points):
        return np.zeros(0, np.uint32)
    low, high = points.min(axis=0), points.max(axis=0)
    cell_size = max(float((high - low).max()) / _MORTON_CELLS, 1e-9)
    cells = np.minimum((points - low) / np.float32(cell_size), _MORTON_CELLS - 1).astype(np.uint32)
    # Spread the ten bits of each coordinate to every third place, then interleave the three.
    for shift, mask in ((16, 0x030000FF), (8, 0x0300F00F), (4, 0x030C30C3), (2, 0x09249249)):
        cells = (cells | (cells << np.uint32(shift))) & np.uint32(mask)
    return cells[:, 0] | (cells[:, 1] << np.uint32(1)) | (cells[:, 2] << np.uint32(2))


def chunk_boxes(
    points: NDArray[np.float32], starts: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centres and half sides, both (chunks, 3), of the boxes around runs of points of shape (n, 3)."""
    if not len(starts):
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32)
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    return ((low + high) / 2).astype(np.float32), ((high - low) / 2).astype(np.float32)
