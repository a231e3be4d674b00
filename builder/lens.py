"""The full lens model inside compiled loops: what `geometry.Camera` says, a point at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .geometry import Camera
from .raster import Canvas
from .raster_kernels import compiled

_PIXEL_ROUNDING = 1e-6
"""Pixels by which rounding may move a projected pixel border off a whole number."""


class Lens(NamedTuple):
    """A camera's numbers for the kernels; pixels, OpenCV distortion."""

    width: float
    height: float
    fx: float
    fy: float
    cx: float
    cy: float
    k1: float
    k2: float
    p1: float
    p2: float
    max_radius: float
    """Beyond it, at z = 1, nothing is in the image: see `Camera.max_radius`."""

    @classmethod
    def from_camera(cls, camera: Camera) -> Lens:
        """Copy a camera's numbers."""
        intrinsics = (float(camera.width), float(camera.height), camera.fx, camera.fy, camera.cx, camera.cy)
        return cls(*intrinsics, *camera.distortion, max_radius=camera.max_radius * (1 + 1e-9))


class Window(NamedTuple):
    """A canvas (`raster.Canvas`) for the kernels; canvas pixels."""

    width: float
    height: float
    fx: float
    fy: float
    cx: float
    cy: float
    near: float
    """Nothing nearer to the camera plane is seen, metres."""

    @classmethod
    def from_canvas(cls, canvas: Canvas, near: float) -> Window:
        """Copy a canvas' numbers."""
        size = (float(canvas.width), float(canvas.height))
        return cls(*size, canvas.fx, canvas.fy, canvas.cx, canvas.cy, near)


@compiled
def px_from_ray(lens: Lens, x: float, y: float) -> tuple[float, float]:
    """Project the ray (x, y, 1), camera axes, to distorted pixels."""
    r2 = x * x + y * y
    radial = 1.0 + r2 * (lens.k1 + r2 * lens.k2)
    x_lens = x * radial + 2.0 * lens.p1 * x * y + lens.p2 * (r2 + 2.0 * x * x)
    y_lens = y * radial + 2.0 * lens.p2 * x * y + lens.p1 * (r2 + 2.0 * y * y)
    return lens.fx * x_lens + lens.cx, lens.fy * y_lens + lens.cy


@compiled
def is_ray_in_image(lens: Lens, x: float, y: float) -> bool:
    """Tell whether the ray (x, y, 1), camera axes, meets the image, as `Camera.is_in_image` does."""
    if x * x + y * y > lens.max_radius * lens.max_radius:
        return False
    u, v = px_from_ray(lens, x, y)
    return 0.0 <= u < lens.width and 0.0 <= v < lens.height


@compiled
def project_points(
    xyz_world: NDArray[np.float32], cam_from_world: NDArray[np.float64], canvas: Window, lens: Lens
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Project points of shape (n, 3), in float64.

    Returns:
        For the points on the canvas: their indices; canvas pixels, shape (m, 2); z, metres; and whether each is in
        the image by the full lens model.
    """
    m = cam_from_world
    index, px = np.empty(len(xyz_world), np.int64), np.empty((len(xyz_world), 2), np.float64)
    depth, is_in_image = np.empty(len(xyz_world), np.float64), np.empty(len(xyz_world), np.bool_)
    n = 0
    for k in range(len(xyz_world)):
        x_world, y_world, z_world = xyz_world[k, 0], xyz_world[k, 1], xyz_world[k, 2]
        z = m[2, 0] * x_world + m[2, 1] * y_world + m[2, 2] * z_world + m[2, 3]
        if z < canvas.near:
            continue
        x = (m[0, 0] * x_world + m[0, 1] * y_world + m[0, 2] * z_world + m[0, 3]) / z
        y = (m[1, 0] * x_world + m[1, 1] * y_world + m[1, 2] * z_world + m[1, 3]) / z
        u, v = canvas.fx * x + canvas.cx, canvas.fy * y + canvas.cy
        if 0.0 <= u < canvas.width and 0.0 <= v < canvas.height:
            index[n], px[n, 0], px[n, 1], depth[n] = k, u, v, z
            is_in_image[n] = is_ray_in_image(lens, x, y)
            n += 1
    return index[:n], px[:n], depth[:n], is_in_image[:n]


def picture_cells(camera: Camera, canvas: Canvas) -> NDArray[np.uint16]:
    """Find which pixels of the picture that is shown each pixel of an undistorted canvas covers.

    A pixel that the lens moves out of the picture is moved to its border.

    Returns:
        Shape (4, height, width) of the canvas: x0, y0, x1, y1 in native pixels of the distorted picture, exclusive at x1
        and y1.
    """
    x = (np.arange(canvas.width + 1) - canvas.cx) / canvas.fx
    y = (np.arange(canvas.height + 1) - canvas.cy) / canvas.fy
    corners_x, corners_y = _project_grid(Lens.from_camera(camera), x, y)
    bounds = [_cell_bounds(corners_x, camera.width), _cell_bounds(corners_y, camera.height)]
    return np.array([bounds[0][0], bounds[1][0], bounds[0][1], bounds[1][1]], np.uint16)


def _cell_bounds(corners: NDArray[np.float64], size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whole pixels along one axis that the cells between grid corners of shape (h + 1, w + 1) cover."""
    around = (corners[:-1, :-1], corners[:-1, 1:], corners[1:, :-1], corners[1:, 1:])
    low = np.clip(np.floor(np.minimum.reduce(around) + _PIXEL_ROUNDING), 0, size - 1)
    return low, np.clip(np.ceil(np.maximum.reduce(around) - _PIXEL_ROUNDING), low + 1, size)


@compiled
def _project_grid(
    lens: Lens, x: NDArray[np.floating], y: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    px_x, px_y = np.empty((len(y), len(x))), np.empty((len(y), len(x)))
    for i in range(len(y)):
        for j in range(len(x)):
            # Pull in rays beyond the image's corners, where the polynomial may fold back.
            shrink = min(1.0, lens.max_radius / max(np.hypot(x[j], y[i]), 1e-12))
            px_x[i, j], px_y[i, j] = px_from_ray(lens, x[j] * shrink, y[i] * shrink)
    return px_x, px_y
